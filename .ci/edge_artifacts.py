"""Train a small model on drawn pictures and export it, with the answers of this installation beside it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

work = Path(sys.argv[1])
generator = np.random.default_rng(0)
for name, colour in {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}.items():
    for index in range(24):
        size = generator.integers(60, 140, size=2)
        noise = generator.integers(-40, 40, size=(*size, 3))
        pixels = np.clip(np.asarray(colour) + noise, 0, 255).astype(np.uint8)
        path = work / "data" / name / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=85)
tfl = Path(sys.executable).with_name("tfl")
run = work / "run"
command = [tfl, "run", work / "data", "--out", run, "--epochs", "5", "--seconds", "0.1", "--precision", "fp32,int8"]
subprocess.run([*command, "--target", "openvino,tflite,onnx"], check=True)
command = [tfl, "export", run, "--precision", "int8", "--fuse-preprocessing", "normalize"]
subprocess.run([*command, "--target", "openvino,tflite,onnx"], check=True)
pictures = [str(work / "data" / name / "3.jpg") for name in ("red", "green", "blue")]
answers = {}
for artifact in sorted((run / "bundle" / "artifacts").iterdir()):
    output = subprocess.run([tfl, "predict", artifact, *pictures, "--json"], check=True, capture_output=True).stdout
    answers[artifact.name] = json.loads(output)["predictions"]
(work / "answers.json").write_text(json.dumps({"pictures": pictures, "answers": answers}))
