"""How near the sizes that `tfl models` estimates from the number of weights are to real exports.

    python benchmarks/export_sizes.py                       # MobileNetV2, ResNet50 and EfficientNetB0
    python benchmarks/export_sizes.py DenseNet121 --target onnx

Each network of keras.applications gets random weights, which take as much room as trained ones, and a head of two
classes, and is exported in fp32, fp16 and int8; int8 is calibrated on noise. The figure is the size of the model files
against 4, 2 or 1 byte for each weight of the backbone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from tfl.backbones import SOURCES
from tfl.bundle import Calibration
from tfl.catalogue import BYTES_PER_WEIGHT
from tfl.core.errors import TflError
from tfl.targets import TARGETS, export_artifacts, stage_saved_model
from tfl.training.bundle_writer import write_bundle

NETWORKS = ("MobileNetV2", "ResNet50", "EfficientNetB0")
TARGET_NAMES = ("tflite", "onnx", "openvino")
PICTURES = 8


def make_bundle(network: str, folder: Path) -> tuple[int, np.ndarray]:
    """Write a bundle with random weights; return the backbone's number of weights, and pictures of noise."""
    import keras

    backbone = SOURCES.get("keras_applications").load(f"{network}@none")
    contract = backbone.info.preprocessing
    answer = keras.layers.Dense(2, activation="softmax")(backbone.model.output)
    model = keras.Model(backbone.model.input, answer)
    shape = (PICTURES, *contract.input.shape[1:])
    rows = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_bundle(
        *(folder, model, backbone),
        task="image_classification",
        labels=("no", "yes"),
        rows=rows,
        outputs=np.asarray(model.predict_on_batch(contract.prepare(rows)), dtype=np.float32),
        truth=[index % 2 for index in range(PICTURES)],
        metrics={},
        data_fingerprint="0" * 64,
    )
    return int(backbone.model.count_params()), rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--target", nargs="+", default=TARGET_NAMES, choices=TARGETS.names())
    asked = parser.parse_args()
    print("| network | file | estimated MB | exported MB | difference |\n|---|---|---|---|---|", flush=True)
    for network in asked.networks:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            weights, rows = make_bundle(network, place / "bundle")
            staged = stage_saved_model(place / "bundle", place / "staged")
            for target in asked.target:
                made = export_artifacts(
                    place / "bundle",
                    {precision: place / target / precision for precision in BYTES_PER_WEIGHT},
                    target=target,
                    saved_model_dir=staged,
                    calibration=Calibration(split="train", sample_count=len(rows), seed=0, fingerprint="0" * 64),
                    calibration_rows=rows,
                )
                for precision, artifact in made.items():
                    estimated = weights * BYTES_PER_WEIGHT[precision]
                    if isinstance(artifact, TflError):
                        told = artifact.message.splitlines()[0]
                        print(f"| {network} | {target} {precision} | {estimated / 1e6:.2f} | {told} | |", flush=True)
                        continue
                    size = artifact.size_bytes
                    figures = f"{estimated / 1e6:.2f} | {size / 1e6:.2f} | {size / estimated - 1:+.1%}"
                    print(f"| {network} | {target} {precision} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
