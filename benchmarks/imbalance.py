"""Rare classes: nothing done, weighted, drawn more often, and both, on handwritten digits made 10 : 1.

    python benchmarks/imbalance.py [--seeds 5] [--frequent 100] [--rare 10] [--fine-tune 0] [--out FILE.json]

Scikit-learn's digits come with the package, so nothing is downloaded. For each seed five of the ten classes are drawn
to be rare; training and validation together get `--frequent` and `--rare` pictures of a class. The test split is what
lies after the first `--frequent` of each class, about 80. Each way is a run of its own from check to training, on
the embedded backbone; what is compared is from the same pictures and the same seed. The table gives means over the
seeds, in brackets the standard deviation, and the range of the paired differences to `natural`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.core.config import resolve_config
from tfl.data.digits import write_digits
from tfl.pipeline import run

WAYS = {
    "natural": {},
    "weights": {"train.class_weights": "balanced"},
    "oversampling": {"train.sampling": "balanced"},
    "both": {"train.class_weights": "balanced", "train.sampling": "balanced"},
}
MEASURES = ("macro F1", "recall of rare", "recall of frequent")


def lay_out(digits: Path, folder: Path, *, seed: int, frequent: int, rare: int) -> list[int]:
    """Link pictures to `train` and `test` folders and return the rare classes."""
    generator = np.random.default_rng(seed)
    rare_classes = sorted(generator.choice(10, 5, replace=False).tolist())
    for label in range(10):
        files = generator.permutation(sorted((digits / str(label)).iterdir()))
        count = rare if label in rare_classes else frequent
        for split, chosen in (("train", files[:count]), ("test", files[frequent:])):
            place = folder / split / str(label)
            place.mkdir(parents=True)
            for file in chosen:
                shutil.copy2(file, place / Path(file).name)
    return rare_classes


def score(data: Path, out: Path, rare: list[int], settings: dict[str, object]) -> dict[str, float]:
    """Train once and score the test split."""
    from sklearn.metrics import f1_score, recall_score

    config = resolve_config({}, {"data.path": str(data), "out": str(out), **settings})
    outcome = run(config, stages=("check", "split", "train"))
    held_out = HeldOut.load(outcome.folder.predictions_file, data)
    if held_out.outputs is None:
        raise SystemExit(f"{outcome.folder.path} holds no outputs")
    answers = held_out.outputs.argmax(axis=1)
    recalls = recall_score(held_out.truth, answers, average=None, labels=range(10))
    return {
        "macro F1": float(f1_score(held_out.truth, answers, average="macro")),
        "recall of rare": float(recalls[rare].mean()),
        "recall of frequent": float(np.delete(recalls, rare).mean()),
    }


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Return the Markdown table."""
    head = [f"{name} | difference" for name in MEASURES]
    lines = [f"| way | {' | '.join(head)} |", "|---|" + "---|---|" * len(MEASURES)]
    for way, rows in results.items():
        cells = []
        for name in MEASURES:
            values = [row[name] for row in rows]
            gains = [row[name] - base[name] for row, base in zip(rows, results["natural"], strict=True)]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.3f} ({spread:.3f})")
            cells.append("" if way == "natural" else f"{min(gains):+.3f} to {max(gains):+.3f}")
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--frequent", type=int, default=100)
    parser.add_argument("--rare", type=int, default=10)
    parser.add_argument("--fine-tune", type=int, default=0, help="epochs of the second stage")
    parser.add_argument("--out", type=Path, help="JSON file with all figures")
    arguments = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as temporary:
        digits = Path(temporary, "digits")
        write_digits(digits)
        for seed in range(arguments.seeds):
            data = Path(temporary, f"data-{seed}")
            rare = lay_out(digits, data, seed=seed, frequent=arguments.frequent, rare=arguments.rare)
            for way, settings in WAYS.items():
                out = Path(temporary, f"{way}-{seed}")
                fixed = {"seed": seed, "train.augmented_views": 1, "train.fine_tune_epochs": arguments.fine_tune}
                results[way].append(score(data, out, rare, {**fixed, **settings}))
                shutil.rmtree(out)
    print(table(results))
    if arguments.out:
        document = {"arguments": {**vars(arguments), "out": str(arguments.out)}, "results": results}
        arguments.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
