"""What a teacher adds: the same student without one, with its answers, and with its answers and features.

    python benchmarks/distillation.py DATA --keras-home FOLDER [--out FOLDER] [--seeds 5] [--epochs 10] [--minutes 12]

DATA is a folder with a folder of photos per class, or `train` and `val` with such folders; the Keras home holds the
ImageNet weights of MobileNetV2. The teacher is a run of MobileNetV2. The student is the embedded network, whose layers
all learn: from the labels alone (`alpha` 0), from the teacher's answers (`alpha` 0.9), and from these and its features
(weight 1), with the same seed, the same order of the same augmented photos and the same number of epochs; none is
ended early. No seed is begun that would, at the pace so far, end after `--minutes`; the same command with the same
`--out` goes on. The interval is Student's, at 95 %, of the paired differences over the seeds: it says how much the
order and the augmentation matter, and not how much the choice of the test photos does.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Literal

TEACHER, STUDENT = "keras_applications:MobileNetV2", "embedded:sketchnet"
#: Share of the teacher's answers in the loss, and weight of its features.
LESSONS = {"labels": (0.0, 0.0), "answers": (0.9, 0.0), "answers and features": (0.9, 1.0)}
LEARNING_RATE = 1e-3
Figures = dict[str, float]


def teach(folder: Path, arguments: argparse.Namespace) -> Path:
    from tfl.core.config import resolve_config
    from tfl.pipeline import TRAINING_STAGES, run

    settings = {
        "data.path": str(arguments.data),
        "out": str(folder / "teacher"),
        "model.backbone": TEACHER,
        "train.augmentation": "standard",
        "train.patience": max(10, arguments.epochs),
        "data.allow": [name for name in arguments.allow.split(",") if name],
    }
    run(resolve_config({}, settings), stages=TRAINING_STAGES, if_exists=begun(folder / "teacher"))
    return folder / "teacher"


def begun(folder: Path) -> Literal["resume", "refuse"]:
    """Go on with what an interrupted benchmark left in its `--out`."""
    return "resume" if (folder / "run.json").is_file() else "refuse"


def learn(teacher: Path, out: Path, *, lesson: str, seed: int, epochs: int) -> Figures:
    from tfl.compress.distill import DistillSettings
    from tfl.distillation import distill_run

    alpha, features = LESSONS[lesson]
    start = time.perf_counter()
    settings = DistillSettings(
        student=STUDENT, alpha=alpha, features=features, seed=seed, epochs=epochs, learning_rate=LEARNING_RATE
    )
    made = distill_run(teacher, settings, out=out, if_exists=begun(out))
    return {
        "teacher": made.teacher_metric,
        "head": made.alone_metric,
        "student": made.student_metric,
        "test_samples": made.paired.sample_count,
        "epochs": made.epochs,
        "best_epoch": made.best_epoch,
        "seconds": round(time.perf_counter() - start, 1),
    }


def interval(differences: list[float]) -> tuple[float, float, float]:
    """Return the mean and the limits of Student's interval at 95 %."""
    from scipy.stats import t

    mean, count = statistics.fmean(differences), len(differences)
    half = float(t.ppf(0.975, count - 1)) * statistics.stdev(differences) / math.sqrt(count)
    return mean, mean - half, mean + half


def show(found: dict[str, list[Figures]]) -> None:
    """Print the table; the first lesson is what the others are compared with."""
    alone, *_ = found.values()
    count = len(alone)
    print(f"\nTeacher {alone[0]['teacher']:.4f}; a head alone on the student's frozen backbone {alone[0]['head']:.4f};")
    print(f"{alone[0]['test_samples']:.0f} test photos, {count} seeds.\n")
    print("| the student learns from | accuracy | by seed | gain, paired, 95 % |")
    print("|---|---|---|---|")
    for name, rows in found.items():
        values = [row["student"] for row in rows]
        gain = ""
        if rows is not alone and count > 1:
            pairs = zip(alone, rows, strict=True)
            mean, low, high = interval([with_it["student"] - without["student"] for without, with_it in pairs])
            gain = f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
        by_seed = ", ".join(f"{value:.3f}" for value in values)
        print(f"| {name} | {statistics.fmean(values):.4f} | {by_seed} | {gain} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keras-home", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--allow", default="", help="rules of the data check that may be broken, comma-separated")
    arguments = parser.parse_args()
    if arguments.keras_home:
        os.environ["KERAS_HOME"] = str(arguments.keras_home.resolve())
    begin = time.perf_counter()
    folder = arguments.out or Path(tempfile.mkdtemp())
    teacher = teach(folder, arguments)
    found: dict[str, list[Figures]] = {name: [] for name in LESSONS}
    first = time.perf_counter()
    for seed in range(arguments.seeds):
        now = time.perf_counter()
        if seed and (now - begin) + (now - first) / seed > 60.0 * arguments.minutes:
            break
        for number, name in enumerate(LESSONS):
            row = learn(teacher, folder / f"{seed}-{number}", lesson=name, seed=seed, epochs=arguments.epochs)
            found[name].append(row)
            print(json.dumps({"from": name, "seed": seed, **row}), flush=True)
    show(found)


if __name__ == "__main__":
    main()
