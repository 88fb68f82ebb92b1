"""The page about engines without tfl: its code, as it stands there, answers as tfl does."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import call_json

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plain-engines.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
#: The engine's module -> the artefact that its block opens.
ENGINES = {
    "onnxruntime": "onnx-int8",
    "openvino": "openvino-fp32",
    "ai_edge_litert": "tflite-int8",
    "tensorflow": "saved_model-fp32",
}
#: The engine's processes may share the work out in other ways; what a wrong input moves is far more.
CLOSE = 2e-3


@pytest.fixture(scope="module")
def place(finished_run, tmp_path_factory):
    """A folder with a copy of the run and a photo-like picture that lies on its side."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(finished_run[0], folder / "run")
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(noise).resize((200, 120), Image.Resampling.BICUBIC).save(folder / "new.jpg", exif=tags)
    return folder


@pytest.mark.parametrize("module", ENGINES)
def test_the_code_of_the_page_answers_as_tfl_does(place, module):
    pytest.importorskip("openvino")
    (block,) = [code for code in BLOCKS if re.search(rf"^(import|from) {module}", code, flags=re.MULTILINE)]
    code = f"{BLOCKS[0]}\n{block}\nprint(json.dumps([record['labels'], np.asarray(answer).tolist()]))"
    blocked = f"import sys\nsys.modules['tfl'] = None\n{code}"
    ended = subprocess.run([sys.executable, "-c", blocked], cwd=place, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    labels, (answer,) = json.loads(ended.stdout.splitlines()[-1])
    folder = place / "run" / "bundle" / "artifacts" / ENGINES[module]
    (told,) = call_json("predict", folder, place / "new.jpg", "--top", len(labels))["predictions"]
    ranking = {item["label"]: item["probability"] for item in told["ranking"]}
    assert max(abs(ranking[label] - given) for label, given in zip(labels, answer, strict=True)) < CLOSE


def test_the_golden_batch_is_called_as_the_page_says(place):
    with np.load(place / "run" / "bundle" / "artifacts" / "onnx-int8" / "golden.npz") as golden:
        assert {"rows", "outputs"} <= set(golden)
        assert golden["rows"].dtype == np.uint8
