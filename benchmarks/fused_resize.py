"""How far resizing inside a model file is from the contract's own, on photos, and how long each takes.

    python benchmarks/fused_resize.py DATA [--photos 100] [--size 224] [--interpolation bilinear] [--resize crop]

Every engine that a fused artefact runs in resizes the same decoded photos; differences are in levels of 255. The last
row is TFLite's RESIZE_BILINEAR, which tfl does not use for this because it is not anti-aliased.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfl.data.decode import Pixels
from tfl.data.preprocess import FILTERS, ImagePreprocessing, load_picture, resize
from tfl.targets._fused_graph import resample_in_graph, resampling_function

OPSET = 17
Resizer = Callable[[Pixels], Any]


def engines(contract: ImagePreprocessing) -> dict[str, Resizer]:
    """Return what resizes a batch of one, by engine."""
    import onnxruntime
    import openvino
    import tensorflow as tf
    import tf2onnx

    function, spec = resampling_function(contract, name="image")
    model = openvino.convert_model(function.get_concrete_function(spec))
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    onnx_model, _ = tf2onnx.convert.from_function(function, input_signature=[spec], opset=OPSET)
    session = onnxruntime.InferenceSession(onnx_model.SerializeToString(), providers=["CPUExecutionProvider"])

    def without_antialias(pixels: Pixels) -> Any:
        height, width = pixels.shape[1:3]
        ratio = min(height / contract.height, width / contract.width)
        box = (round(contract.height * ratio), round(contract.width * ratio))
        top, left = (height - box[0]) // 2, (width - box[1]) // 2
        cut = pixels[:, top : top + box[0], left : left + box[1]] if contract.resize == "crop" else pixels
        return tf.round(tf.image.resize(cut, (contract.height, contract.width), antialias=False))

    # Compiled, as a SavedModel is.
    graph = tf.function(lambda image: resample_in_graph(image, contract), input_signature=[spec], autograph=False)
    return {
        "TensorFlow": lambda pixels: graph(pixels).numpy(),
        "OpenVINO": lambda pixels: compiled(pixels)[0],
        "ONNX Runtime": lambda pixels: session.run(None, {"image": pixels})[0],
        "RESIZE_BILINEAR, not anti-aliased": lambda pixels: without_antialias(pixels).numpy(),
    }


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return the answer and the fastest of three calls in milliseconds; the first one of a shape compiles."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        answer = call()
        took.append((time.perf_counter() - start) * 1e3)
    return answer, min(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--interpolation", choices=sorted(FILTERS), default="bilinear")
    parser.add_argument("--resize", choices=["crop", "squish", "pad"], default="crop")
    options = parser.parse_args()
    contract = ImagePreprocessing(
        height=options.size,
        width=options.size,
        resize=options.resize,
        interpolation=options.interpolation,
        jpeg_draft=True,
    )
    files = sorted(file for file in options.data.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = [files[int(at)] for at in np.linspace(0, len(files) - 1, min(options.photos, len(files)))]
    photos = [load_picture(file, contract) for file in chosen]
    expected, own_ms = zip(
        *(timed(lambda photo=photo: resize(Image.fromarray(photo), contract)) for photo in photos), strict=True
    )
    portrait = sum(photo.shape[0] > photo.shape[1] for photo in photos)
    print(f"{len(photos)} photos, {portrait} of them upright, {options.resize}, {options.interpolation}\n")
    print("| engine | largest difference | mean | pixels that differ | ms, median |")
    print("|---|---|---|---|---|")
    print(f"| Pillow, the contract | | | | {np.median(own_ms):.2f} |")
    for name, resizer in engines(contract).items():
        off, took_ms = [], []
        for photo, right in zip(photos, expected, strict=True):
            found, ms = timed(lambda resizer=resizer, photo=photo: resizer(photo[None]))
            off.append(np.abs(np.asarray(found)[0].astype(int) - right))
            took_ms.append(ms)
        levels = np.stack(off)
        print(
            f"| {name} | {levels.max()} | {levels.mean():.4f} | {(levels > 0).mean():.2%} | {np.median(took_ms):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
