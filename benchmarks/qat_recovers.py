"""What training with quantization simulated gives back where quantization after training fails.

A small network learns scikit-learn's digits. Then each channel of its convolutions is multiplied by a power of two and
the kernel behind it divided by the same: the function stays as it is, but one range of a whole tensor can't hold
channels that differ by a factor of up to 256. Both ways to int8 start from that network and are scored on the same test
split, as exported.

    python benchmarks/qat_recovers.py [FOLDER]
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

EPOCHS = 10
LEARNING_RATE = 1e-4
#: Channels are multiplied by 2 to the power of up to this, and down to its negative.
SPREAD = 4


def base_run(folder: Path) -> Path:
    """Train on the digits as any run does, for the data, the splits and the records."""
    from tfl.core.config import resolve_config
    from tfl.data.digits import write_digits
    from tfl.pipeline import TRAINING_STAGES, run

    write_digits(folder / "digits")
    settings = {
        "data.path": str(folder / "digits"),
        "out": str(folder / "run"),
        "model.image_size": 32,
        "train.epochs": 1,
        "train.augmentation": "none",
    }
    run(resolve_config({}, settings), stages=TRAINING_STAGES)
    return folder / "run"


def network(seed: int = 0):
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="first")(image)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="second")(x)
    x = layers.Conv2D(48, 3, padding="same", activation="relu", name="third")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="answer")(x), name="digits")


def rescale(model, *, seed: int = 0) -> None:
    """Multiply channels and divide the kernels behind them, which ReLU lets through: the function stays."""
    generator = np.random.default_rng(seed)
    names = ("first", "second", "third", "answer")
    for name, behind in itertools.pairwise(names):
        kernel, bias = model.get_layer(name).get_weights()
        factors = 2.0 ** generator.integers(-SPREAD, SPREAD + 1, bias.shape)
        model.get_layer(name).set_weights([kernel * factors, bias * factors])
        kernel, bias = model.get_layer(behind).get_weights()
        model.get_layer(behind).set_weights([kernel / factors[:, None], bias])


def put_into(run_dir: Path, model) -> float:
    """Make the run's model another one; returns its accuracy on the test split."""
    from tfl.bench.held_out import HeldOut
    from tfl.bundle import Bundle
    from tfl.compress.rewrite import rewrite_bundle
    from tfl.core.progress import Progress
    from tfl.core.run_folder import RunFolder
    from tfl.data.manifest import Manifest
    from tfl.data.store import open_rows
    from tfl.tasks import TASKS
    from tfl.training.bundle_writer import predict_rows

    folder = RunFolder(run_dir)
    bundle, manifest = Bundle.open(folder.bundle_dir), Manifest.load(folder.manifest_file)
    examples = manifest.of_split("test")
    pixels = open_rows(examples, manifest.root, bundle.preprocessing, cache_dir=folder.work_dir, progress=Progress())
    outputs = predict_rows(model, pixels, bundle.preprocessing, progress=Progress())
    truth, task = tuple(manifest.label_indices(examples)), TASKS.get(bundle.task)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.keras"
        model.save(file)
        metric = task.metric_of(truth, outputs)
        rewrite_bundle(
            folder.bundle_dir, bundle, file, rows=pixels, outputs=outputs, truth=truth, metrics={task.metric: metric}
        )
    HeldOut.of_examples(Path(manifest.root), examples, truth, outputs).save(folder.predictions_file)
    return metric


def train(run_dir: Path, model) -> None:
    import keras

    from tfl.bundle import Bundle
    from tfl.core.progress import Progress
    from tfl.core.run_folder import RunFolder
    from tfl.data.manifest import Manifest
    from tfl.data.preprocess import normalize
    from tfl.data.store import open_rows

    folder = RunFolder(run_dir)
    bundle, manifest = Bundle.open(folder.bundle_dir), Manifest.load(folder.manifest_file)
    examples = manifest.of_split("train")
    pixels = open_rows(examples, manifest.root, bundle.preprocessing, cache_dir=folder.work_dir, progress=Progress())
    inputs = normalize(np.asarray(pixels), bundle.preprocessing)
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(inputs, np.asarray(manifest.label_indices(examples)), batch_size=32, epochs=20, verbose=0)


def metrics(cells) -> dict[str, float]:
    """Accuracy of each artefact on the test split; a failed verification has one too."""
    return {cell.name: cell.verification.metric for cell in cells if cell.verification is not None}


def main() -> None:
    from tfl.compress.records import CompressSettings
    from tfl.compression import compress_run
    from tfl.core.run_folder import RunFolder
    from tfl.exports import cells_of
    from tfl.model import load

    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="qat-"))
    run_dir, model = base_run(place), network()
    train(run_dir, model)
    probe = np.random.default_rng(1).uniform(-1, 1, (16, 32, 32, 3)).astype(np.float32)
    before = np.asarray(model(probe))
    plain = put_into(run_dir, model)
    load(run_dir).export(("tflite", "openvino"), ("int8",))
    easy = metrics(cells_of(RunFolder(run_dir)))
    rescale(model)
    changed = float(np.abs(before - np.asarray(model(probe))).max())
    hard = put_into(run_dir, model)
    load(run_dir).export(("tflite", "openvino"), ("int8",))
    after_training = metrics(cells_of(RunFolder(run_dir)))
    settings = CompressSettings(method="qat", epochs=EPOCHS, learning_rate=LEARNING_RATE)
    made = compress_run(run_dir, settings, out=place / "qat", if_exists="overwrite")
    in_training = metrics(cells_of(RunFolder(place / "qat")))
    recovered = {
        name: (in_training[f"{name}-int8-qat"] - after_training[f"{name}-int8"])
        / (hard - after_training[f"{name}-int8"])
        for name in ("tflite", "openvino")
        if hard > after_training[f"{name}-int8"]
    }
    print(
        json.dumps(
            {
                "float32": plain,
                "int8 before rescaling": easy,
                "largest change of an answer by rescaling": changed,
                "float32 rescaled": hard,
                "int8 after training": after_training,
                "int8 simulated": made.metric_simulated,
                "float32 with the weights of the simulation": made.metric_after,
                "int8 trained": in_training,
                "share of the loss that is recovered": recovered,
                "seconds of training": made.seconds,
                "cells": {cell.name: cell.status for cell in cells_of(RunFolder(place / "qat"))},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
