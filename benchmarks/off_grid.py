"""What 8-bit and half-precision weights do to a network's answers, and whether its weights were 8-bit before.

    python benchmarks/off_grid.py RUN [--precision fp16,w8,int16x8] [--draws 1] [--out FOLDER]

Weights that were stored in 8 bits once lie on a grid of 255 levels per output channel, and storing them so again
changes nothing. So RUN's network is exported twice: as it is, and with every weight of its convolutions and dense
layers moved by up to half a step of that grid, at random, which is where weights lie that were trained in float; this
once per draw. Each artefact is verified against the float network that it was made of. The result is a Markdown table
on standard output.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE
from tfl.compress.rewrite import rewrite_bundle
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.data.store import open_rows
from tfl.tasks import TASKS

LEVELS = 127


def copied(source: RunFolder, place: Path) -> RunFolder:
    """Copy what a run needs to be exported."""
    shutil.copytree(source.path, place, ignore=shutil.ignore_patterns("work", "logs", "artifacts", "exports.json"))
    return RunFolder(place)


def moved(folder: RunFolder, *, seed: int = 0) -> float:
    """Move the weights off their grid and return the new float network's metric on the test split."""
    from tfl.targets._keras import load_keras_model
    from tfl.training.bundle_writer import predict_rows

    bundle, manifest = Bundle.load(folder.bundle_dir / BUNDLE_FILE), Manifest.load(folder.manifest_file)
    model, generator = load_keras_model(folder.bundle_dir, bundle), np.random.default_rng(seed)
    for variable in model.weights:
        if variable.path.endswith("kernel"):
            variable.assign(_moved(np.asarray(variable), generator, is_depthwise="depthwise" in variable.path))
    examples = manifest.of_split("test")
    pixels = open_rows(examples, manifest.root, bundle.preprocessing, cache_dir=folder.work_dir, progress=Progress())
    outputs = predict_rows(model, pixels, bundle.preprocessing, progress=Progress())
    truth, task = tuple(manifest.label_indices(examples)), TASKS.get(bundle.task)
    metric = task.metric_of(truth, outputs)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.keras"
        model.save(file)
        rewrite_bundle(
            folder.bundle_dir, bundle, file, rows=pixels, outputs=outputs, truth=truth, metrics={task.metric: metric}
        )
    HeldOut.of_examples(Path(manifest.root), examples, truth, outputs).save(folder.predictions_file)
    return metric


def _moved(kernel: Any, generator: np.random.Generator, *, is_depthwise: bool) -> Any:
    others = (0, 1) if is_depthwise else tuple(range(kernel.ndim - 1))
    step = np.abs(kernel).max(axis=others, keepdims=True) / LEVELS
    return (kernel + step * generator.uniform(-0.5, 0.5, kernel.shape)).astype(np.float32)


def main() -> int:
    from tfl.model import load

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--precision", default="fp16,w8,int16x8")
    parser.add_argument("--target", default="openvino,tflite,onnx")
    parser.add_argument("--draws", type=int, default=1, help="how often the weights are moved anew")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    place = arguments.out or Path(tempfile.mkdtemp(prefix="off-grid-"))
    print("| weights | artefact | MB | largest difference | mean | decisions that differ | metric | verified |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for draw in range(arguments.draws + 1):
        title = f"moved, draw {draw}" if draw else "as they are"
        folder = copied(RunFolder(arguments.run), place / f"draw-{draw}")
        if draw:
            moved(folder, seed=draw - 1)
        cells = load(folder.path).export(arguments.target.split(","), arguments.precision.split(",")).cells
        for cell in cells:
            proof = cell.verification
            if proof is None or proof.held_out is None or proof.metric is None or proof.float_metric is None:
                continue
            found = proof.held_out
            print(
                f"| {title} | {cell.name} | {cell.size_bytes / 1e6:.2f} | {found.max_difference:.3f} "
                f"| {found.mean_difference:.4f} | {found.flipped} of {found.sample_count} "
                f"| {proof.float_metric:.4f} -> {proof.metric:.4f} | {'yes' if proof.passed else 'NO'} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
