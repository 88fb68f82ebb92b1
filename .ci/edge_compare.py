"""Predict in the installation without TensorFlow and compare with what the training machine answered, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

work = Path(sys.argv[1])
expected = json.loads((work / "answers.json").read_text())
tfl = work / "venv" / "bin" / "tfl"
wrong = []
for name, asked in expected.items():
    command = [tfl, "predict", work / name, *asked["inputs"], "--json"]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    if json.loads(output)["predictions"] != asked["predictions"]:
        wrong.append(name)
    print(f"{name}: {'differs' if name in wrong else 'the same answers'}")
if len(expected) != 9 + 6 or wrong:
    sys.exit(f"edge predictions differ or are missing: {wrong or list(expected)}")
