"""How many label errors a review finds: wrong labels are planted in a table of texts, and `tfl data review` looks.

    python benchmarks/planted_labels.py TRAIN.csv [--text-column text] [--label-column category] [--share 0.05]
        [--seed 1] [--set NAME=VALUE ...]

A share of the rows gets another class, drawn evenly. The run is trained for one epoch, since the review judges by heads
of its own. Printed are, for the first 50, 200 and as many as were planted, and for all that are named `label_error`,
how many are planted ones. The table's own wrong labels count as false alarms.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
from pathlib import Path


def plant(options: argparse.Namespace, place: Path) -> set[tuple[str, str]]:
    """Write the table with wrong labels, and return the texts that have one, with it."""
    with options.train.open(encoding="utf-8-sig", newline="") as file:
        rows = [(row[options.text_column], row[options.label_column]) for row in csv.DictReader(file)]
    labels = sorted({label for _, label in rows})
    draw = random.Random(options.seed)
    chosen = draw.sample(range(len(rows)), round(options.share * len(rows)))
    for index in chosen:
        text, label = rows[index]
        rows[index] = (text, draw.choice([other for other in labels if other != label]))
    with place.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return {(rows[index][0].strip(), rows[index][1]) for index in chosen}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--label-column", default="category")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()

    import tfl
    from tfl.data.manifest import Manifest

    settings = {name: json.loads(value) for name, _, value in (text.partition("=") for text in options.set)}
    settings = {"train.fine_tune_epochs": 1, "data.allow": ["label_conflict", "near_conflict"], **settings}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "planted.csv"
        planted = plant(options, table)
        model = tfl.fit(table, out=Path(folder) / "run", settings=settings)
        review = model.review(most=10**6)
        manifest = Manifest.load(model.run.manifest_file)
        texts = {example.path: example.text.strip() for example in manifest.examples}
    named = [(texts[item.path], item.label) in planted for item in review.items if item.kind == "label_error"]
    print(f"{len(planted)} planted, {len(named)} named, judged at an accuracy of {review.accuracy:.3f}")
    for count in sorted({50, 200, len(planted), len(named)}):
        if count <= len(named):
            hits = sum(named[:count])
            print(f"first {count}: {hits} planted, precision {hits / count:.3f}, recall {hits / len(planted):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
