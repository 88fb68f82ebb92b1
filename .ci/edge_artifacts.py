"""Train small models on drawn pictures and made-up texts and export them, with this installation's answers beside."""

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
topics = {"delivery": "parcel courier late address", "payment": "card refund invoice bank"}
rows = [
    f"{' '.join(generator.permutation(words.split()))} number {generator.integers(1000)},{label}"
    for label, words in topics.items()
    for _ in range(30)
]
(work / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")
text_run = work / "text-run"
command = [tfl, "run", work / "texts.csv", "--out", text_run, "--seconds", "0.1", "--precision", "fp32,int8"]
subprocess.run([*command, "--target", "openvino,tflite,onnx", "--allow", "near_duplicate"], check=True)
pictures = [str(work / "data" / name / "3.jpg") for name in ("red", "green", "blue")]
texts = ["where is my parcel, courier?", "a refund to my card 😀", "שלום bank", "late"]
answers = {}
for place, inputs in ((run, pictures), (text_run, texts)):
    for artifact in sorted((place / "bundle" / "artifacts").iterdir()):
        output = subprocess.run([tfl, "predict", artifact, *inputs, "--json"], check=True, capture_output=True).stdout
        name = str(artifact.relative_to(work))
        answers[name] = {"inputs": inputs, "predictions": json.loads(output)["predictions"]}
(work / "answers.json").write_text(json.dumps(answers))
