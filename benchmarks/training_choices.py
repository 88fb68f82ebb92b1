"""What each setting of training brings: the defaults against one change at a time, cross-validated on one set of data.

    python benchmarks/training_choices.py DATA --keras-home FOLDER [--backbone keras_applications:MobileNetV2]
        [--only "NAME; ..."] [--folds 5] [--repeats 1] [--out FILE.json] [--work FOLDER]

All pictures below DATA are folded by their classes, whatever folders `train` and `val` they lie in, near copies on one
side. Every setting is trained on the same cuts from the same seed, its epoch is chosen on a part of its own training
side, and each picture is answered by the model that has not seen it. The table gives accuracy and log loss over all of
them, the paired difference to the defaults with its standard error over the pictures, and the seconds of a fold. What
is frozen is computed by the first setting that needs it, so the first row's seconds are the only cold ones.

`--work` keeps the folds: what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

FINE_TUNE = {"train.fine_tune_epochs": 8, "train.fine_tune_layers": 30}
CHOICES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "instant only": {"train.epochs": 0},
    "no instant start": {"train.instant": False},
    "no views": {"train.augmented_views": 0},
    "1 view": {"train.augmented_views": 1},
    "6 views": {"train.augmented_views": 6},
    "standard augmentation": {"train.augmentation": "standard"},
    "strong augmentation": {"train.augmentation": "strong"},
    "kept in float32": {"train.cache_dtype": "float32"},
    "weight decay 0.01": {"train.weight_decay": 0.01},
    "weight decay 0.1": {"train.weight_decay": 0.1},
    "sgd": {"train.optimizer": "sgd", "train.learning_rate": 0.03},
    "cosine": {"train.schedule": "cosine"},
    "one cycle": {"train.schedule": "one_cycle"},
    "label smoothing 0.1": {"train.label_smoothing": 0.1},
    "average 0.95": {"train.ema": 0.95},
    "a tenth of the rate": {"train.learning_rate": 0.0003},
    "ten times the rate": {"train.learning_rate": 0.03},
    "rate found": {"train.learning_rate": "find"},
    "head in batches of 32": {"train.head_batch_size": 32},
    "fine-tuned": FINE_TUNE,
    "fine-tuned, decay 0.8": {**FINE_TUNE, "train.layer_decay": 0.8},
    "fine-tuned, in two stages": {**FINE_TUNE, "train.unfreeze": [10, 30]},
    "fine-tuned, one cycle": {**FINE_TUNE, "train.schedule": "one_cycle"},
    "fine-tuned, no views": {**FINE_TUNE, "train.augmented_views": 0},
    "fine-tuned, no cache": {**FINE_TUNE, "train.cache": "off"},
    "fine-tuned, BatchNorm learns": {**FINE_TUNE, "train.batch_norm": "learn"},
}


def one_set(path: Path) -> tuple[Any, tuple[tuple[str, ...], ...]]:
    """Read the pictures as one set without splits; return it and its groups of near copies."""
    from tfl.data.check import check
    from tfl.data.loading import read_manifest

    report, manifest = check(read_manifest(str(path)))
    examples = tuple(dataclasses.replace(item, split=None, given_split=None) for item in manifest.examples)
    return dataclasses.replace(manifest, examples=examples, split_names={}), report.duplicate_groups


def answers_of(name: str, options: argparse.Namespace, manifest: Any, groups: Any) -> dict[str, Any]:
    """Cross-validate one setting and return what it says to each picture."""
    from tfl.core.config import resolve_config
    from tfl.core.progress import Progress
    from tfl.core.run_folder import RunFolder
    from tfl.training.cross_validation import PREDICTIONS_FILE, Predictions, cross_validate_run

    base = {"data.path": options.data, "model.backbone": options.backbone, "out": str(Path(options.work) / "run")}
    base |= {"cross_validation.folds": options.folds, "cross_validation.repeats": options.repeats}
    folder = RunFolder(Path(options.work) / name.replace(" ", "-").replace(",", ""))
    config = resolve_config({}, base | CHOICES[name])
    record = cross_validate_run(manifest, config, folder, duplicate_groups=groups, progress=Progress())
    predictions = Predictions.load(folder.folds_dir / PREDICTIONS_FILE)
    truth = np.asarray(predictions.truth)
    right = predictions.outputs.argmax(axis=1) == truth
    loss = -np.log(np.clip(predictions.outputs[np.arange(len(truth)), truth].astype(np.float64), 1e-7, 1.0))
    seconds = statistics.median(item.seconds for item in record.folds)
    return {"right": right.astype(int).tolist(), "loss": loss.tolist(), "seconds": seconds}


def difference(values: list[float], base: list[float]) -> str:
    """Return the paired difference and its standard error."""
    gains = np.asarray(values, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    return f"{gains.mean():+.4f} ± {gains.std(ddof=1) / len(gains) ** 0.5:.4f}"


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the Markdown table."""
    base = results["defaults"]
    lines = ["| setting | accuracy | difference | log loss | difference | s a fold |", "|---|---|---|---|---|---|"]
    for name, found in results.items():
        gains = ["", ""] if found is base else [difference(found[key], base[key]) for key in ("right", "loss")]
        lines.append(
            f"| {name} | {np.mean(found['right']):.4f} | {gains[0]} | {np.mean(found['loss']):.4f} | {gains[1]}"
            f" | {found['seconds']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--keras-home", default=os.environ.get("KERAS_HOME", ""))
    parser.add_argument("--backbone", default="keras_applications:MobileNetV2")
    parser.add_argument(
        "--only", default="", help="Names of settings, with semicolons between; the defaults always run."
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", help="A JSON file with what each setting said to each picture.")
    parser.add_argument("--work", help="Where the folds are kept.")
    options = parser.parse_args()
    if options.keras_home:
        os.environ["KERAS_HOME"] = options.keras_home
    wanted = [name.strip() for name in options.only.split(";") if name.strip()] or list(CHOICES)
    unknown = sorted({*wanted} - {*CHOICES})
    if unknown:
        parser.error(f"no such setting: {', '.join(unknown)}. Allowed: {'; '.join(CHOICES)}")
    with tempfile.TemporaryDirectory() as place:
        options.work = options.work or place
        manifest, groups = one_set(Path(options.data))
        results: dict[str, dict[str, Any]] = {}
        for name in dict.fromkeys(["defaults", *wanted]):
            results[name] = answers_of(name, options, manifest, groups)
            print(table(results).splitlines()[-1], flush=True)
    print(f"\n{len(manifest.examples)} pictures, {options.folds} folds, {options.repeats} repeats\n\n{table(results)}")
    if options.out:
        Path(options.out).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
