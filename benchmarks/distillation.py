"""What a teacher adds: the same student with and without one, seed by seed.

    python benchmarks/distillation.py DATA --keras-home FOLDER [--out FOLDER] [--seeds 5] [--epochs 20]

DATA is a folder with a folder of photos per class, or `train` and `val` with such folders; the Keras home holds the
ImageNet weights of MobileNetV2. The teacher is a run of MobileNetV2. The student is the embedded network, whose layers
all learn: once from the labels alone (`alpha` 0) and once with the teacher's answers, with the same seed, the same
order of the same augmented photos and the same number of epochs. The interval is Student's, at 95 %, of the paired
differences over the seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
from pathlib import Path

TEACHER, STUDENT = "keras_applications:MobileNetV2", "embedded:sketchnet"
ALPHAS = {"labels": 0.0, "teacher": 0.9}
LEARNING_RATE = 1e-3


def teach(folder: Path, arguments: argparse.Namespace) -> Path:
    from tfl.core.config import resolve_config
    from tfl.pipeline import TRAINING_STAGES, run

    settings = {
        "data.path": str(arguments.data),
        "out": str(folder / "teacher"),
        "model.backbone": TEACHER,
        "train.augmentation": "standard",
    }
    run(resolve_config({}, settings), stages=TRAINING_STAGES)
    return folder / "teacher"


def learn(teacher: Path, out: Path, *, alpha: float, seed: int, epochs: int) -> dict[str, float]:
    from tfl.compress.distill import DistillSettings
    from tfl.distillation import distill_run

    settings = DistillSettings(student=STUDENT, alpha=alpha, seed=seed, epochs=epochs, learning_rate=LEARNING_RATE)
    made = distill_run(teacher, settings, out=out)
    return {
        "teacher": made.teacher_metric,
        "alone": made.alone_metric,
        "student": made.student_metric,
        "teacher_parameters": made.teacher_parameters,
        "student_parameters": made.student_parameters,
        "epochs": made.epochs,
    }


def interval(differences: list[float]) -> tuple[float, float, float]:
    """Return the mean and the limits of Student's interval at 95 %."""
    from scipy.stats import t

    mean, count = statistics.fmean(differences), len(differences)
    half = float(t.ppf(0.975, count - 1)) * statistics.stdev(differences) / math.sqrt(count)
    return mean, mean - half, mean + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keras-home", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.keras_home:
        os.environ["KERAS_HOME"] = str(arguments.keras_home.resolve())
    folder = arguments.out or Path(tempfile.mkdtemp())
    teacher = teach(folder, arguments)
    found: dict[str, list[float]] = {name: [] for name in ALPHAS}
    for seed in range(arguments.seeds):
        for name, alpha in ALPHAS.items():
            row = learn(teacher, folder / f"{name}-{seed}", alpha=alpha, seed=seed, epochs=arguments.epochs)
            found[name].append(row["student"])
            print(json.dumps({"from": name, "seed": seed, **row}), flush=True)
    mean, low, high = interval([two - one for one, two in zip(found["labels"], found["teacher"], strict=True)])
    for name, values in found.items():
        print(f"student from {name}: {statistics.fmean(values):.4f} on average")
    print(f"the teacher adds {mean:+.4f} ({low:+.4f} to {high:+.4f}) over {arguments.seeds} seeds")


if __name__ == "__main__":
    main()
