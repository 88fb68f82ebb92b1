"""Predict in the installation without TensorFlow and compare with what the training machine answered, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

work = Path(sys.argv[1])
expected = json.loads((work / "answers.json").read_text())
tfl = work / "venv" / "bin" / "tfl"
wrong = []
for name, answers in expected["answers"].items():
    folder = work / "run" / "bundle" / "artifacts" / name
    output = subprocess.run(
        [tfl, "predict", folder, *expected["pictures"], "--json"], check=True, capture_output=True
    ).stdout
    if json.loads(output)["predictions"] != answers:
        wrong.append(name)
    print(f"{name}: {'differs' if name in wrong else 'the same answers'}")
if len(expected["answers"]) != 9 or wrong:
    sys.exit(f"edge predictions differ or are missing: {wrong or list(expected['answers'])}")
