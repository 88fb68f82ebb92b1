"""Texts: scikit-learn's TF-IDF with logistic regression, and tfl's embedded default, side by side in one run.

    python benchmarks/text_baseline.py TRAIN.csv TEST.csv [--text-column text] [--label-column category]
        [--sides words,default,strong,tfl] [--export openvino:int8,onnx:fp32,...] [--quantize openvino,onnx,...]
        [--set NAME=VALUE ...]
        [--rounds 5] [--singles 200] [--seed 0] [--out FOLDER] [--json FILE]

All sides learn from TRAIN and are scored on TEST, which chooses nothing:

- words: `TfidfVectorizer()` and `LogisticRegression()` as they come;
- default: the same with `ngram_range=(1, 2)`;
- strong: sublinear TF-IDF of words 1-2, of `char_wb` 2-5, or of both, with C 1, 10 or 30; the best on a seventh of
  TRAIN, then learned again from all of TRAIN;
- tfl: `tfl.fit` with the defaults of the task, which keeps a part of TRAIN from learning to choose the epoch; then,
  for each `--export`, the artefact, and for each target of `--quantize` what the ladder of `tfl quantize` ends with.

`train s` is the fit of what is kept, libraries already imported; the search of `strong` is told apart, and all of
`tfl.fit` is counted: reading and checking the data, training, the bundle and its evaluation. `texts/s` is the best of
`--rounds` rounds over all of TEST at once, and `ms` the median over single texts, both from the text to the
probabilities. `MB` is what is kept: a pickle of the pipeline, the model file of tfl. Data that the check of
tfl stops at need `--set 'data.allow=["RULE"]'`. Exit status 1 when tfl's accuracy
is under that of `default`, or under the lower end of the interval of `strong`.
"""

from __future__ import annotations

import argparse
import csv
import json
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STRENGTHS = (1.0, 10.0, 30.0)
SIDES = ("words", "default", "strong", "tfl")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one side."""

    side: str
    how: str
    accuracy: float
    low: float
    high: float
    train_s: float
    search_s: float
    texts_per_s: float
    single_ms: float
    size_bytes: int


@dataclass(frozen=True)
class Table:
    """The texts and labels of one file."""

    texts: list[str]
    labels: list[str]


def read_table(path: Path, options: argparse.Namespace) -> Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return Table([row[options.text_column] for row in rows], [row[options.label_column] for row in rows])


def timed(answer: Callable[[Sequence[str]], Any], texts: list[str], options: argparse.Namespace) -> tuple[float, float]:
    """Return texts per second of the best round over all, and the median of single texts in milliseconds."""
    rounds = []
    for _ in range(options.rounds):
        begin = time.perf_counter()
        answer(texts)
        rounds.append(time.perf_counter() - begin)
    singles = []
    for text in texts[: options.singles]:
        begin = time.perf_counter()
        answer([text])
        singles.append(time.perf_counter() - begin)
    return len(texts) / min(rounds), statistics.median(singles) * 1e3


def measured(
    side: str,
    how: str,
    answers: Sequence[str],
    test: Table,
    answer: Callable[[Sequence[str]], Any],
    options: argparse.Namespace,
    *,
    train_s: float,
    size_bytes: int,
    search_s: float = 0.0,
) -> Row:
    from tfl.tasks import wilson_interval

    right = sum(found == label for found, label in zip(answers, test.labels, strict=True))
    low, high = wilson_interval(right, len(test.labels))
    per_s, single_ms = timed(answer, test.texts, options)
    return Row(
        side=side,
        how=how,
        accuracy=right / len(test.labels),
        low=low,
        high=high,
        train_s=train_s,
        search_s=search_s,
        texts_per_s=per_s,
        single_ms=single_ms,
        size_bytes=size_bytes,
    )


def vectorizers() -> dict[str, Callable[[], Any]]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    def words() -> Any:
        return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)

    def characters() -> Any:
        return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)

    return {"words 1-2": words, "char_wb 2-5": characters, "both": lambda: make_union(words(), characters())}


def search(train: Table, seed: int) -> tuple[str, float]:
    """Return the vectorizer and the strength that are best on a seventh of the training texts."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    texts, held, labels, truth = train_test_split(
        train.texts, train.labels, test_size=1 / 7, stratify=train.labels, random_state=seed
    )
    best = (0.0, "", 0.0)
    for name, make in vectorizers().items():
        vectorizer = make()
        learned, asked = vectorizer.fit_transform(texts), vectorizer.transform(held)
        for strength in STRENGTHS:
            score = LogisticRegression(C=strength, max_iter=1000).fit(learned, labels).score(asked, truth)
            best = max(best, (score, name, strength))
    return best[1], best[2]


def run_sklearn(side: str, train: Table, test: Table, options: argparse.Namespace) -> Row:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    begin, how = time.perf_counter(), side
    if side == "strong":
        name, strength = search(train, options.seed)
        how = f"{name}, C={strength:g}"
        pipeline = make_pipeline(vectorizers()[name](), LogisticRegression(C=strength, max_iter=1000))
    else:
        how = "words 1" if side == "words" else "words 1-2"
        ngrams = (1, 1) if side == "words" else (1, 2)
        pipeline = make_pipeline(TfidfVectorizer(ngram_range=ngrams), LogisticRegression())
    search_s, begin = time.perf_counter() - begin, time.perf_counter()
    pipeline.fit(train.texts, train.labels)
    train_s = time.perf_counter() - begin
    size = len(pickle.dumps(pipeline))
    answers = pipeline.predict(test.texts).tolist()
    return measured(
        side,
        how,
        answers,
        test,
        pipeline.predict_proba,
        options,
        train_s=train_s,
        search_s=search_s if side == "strong" else 0.0,
        size_bytes=size,
    )


def write_split(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(table.texts, table.labels, strict=True))


def row_of_model(side: str, how: str, model: Any, test: Table, options: argparse.Namespace, **known: Any) -> Row:
    answers = [model.labels[place] for place in model.predict_proba(test.texts).argmax(axis=1)]
    return measured(side, how, answers, test, model.predict_proba, options, **known)


def run_tfl(train: Table, test: Table, options: argparse.Namespace, place: Path) -> list[Row]:
    # What tfl imports when it trains is loaded already in the other sides' case.
    import keras  # noqa: F401

    import tfl

    data = place / "data"
    data.mkdir(parents=True)
    write_split(train, data / "train.csv")
    write_split(test, data / "test.csv")
    settings = {name: json.loads(value) for name, _, value in (text.partition("=") for text in options.set)}
    begin = time.perf_counter()
    model = tfl.fit(data, out=place / "run", settings={"seed": options.seed, **settings})
    train_s = time.perf_counter() - begin
    file = next((place / "run" / "bundle").glob("model.keras"))
    rows = [row_of_model("tfl", "bundle", model, test, options, train_s=train_s, size_bytes=file.stat().st_size)]
    evaluated = model.evaluate().accuracy
    if abs(evaluated - rows[0].accuracy) > 1e-9:
        raise SystemExit(f"tfl evaluates itself at {evaluated:.4f}, and its answers are {rows[0].accuracy:.4f} right.")
    for cell in options.export.split(",") if options.export else []:
        target, _, precision = cell.partition(":")
        made = model.export([target], [precision]).cells[-1]
        if made.status != "ok":
            print(
                f"{made.name}: {made.reason or (made.failure.message if made.failure else made.status)}",
                file=sys.stderr,
            )
            continue
        artifact = tfl.load(place / "run" / made.artifact_dir)
        known = {"train_s": train_s, "size_bytes": made.size_bytes}
        rows.append(row_of_model("tfl", artifact.name, artifact, test, options, **known))
        artifact.close()
    for target in options.quantize.split(",") if options.quantize else []:
        rows += quantized_rows(model, target, test, options, train_s=train_s)
    return rows


def quantized_rows(model: Any, target: str, test: Table, options: argparse.Namespace, *, train_s: float) -> list[Row]:
    """Climb the ladder of a target, and measure what it chose; the tries are told as they went."""
    import tfl

    begin = time.perf_counter()
    (ladder,) = model.quantize([target]).ladders
    search_s = time.perf_counter() - begin
    for tried in ladder.climb.tries if ladder.climb else ():
        fall = f"drop {tried.drop.drop:.4f}" if tried.drop else tried.reason
        print(f"{target}: {tried.rung}: {tried.status}, {fall}, {tried.seconds:.0f} s", file=sys.stderr)
    cell = ladder.cell
    if cell is None or cell.status != "ok" or not cell.artifact_dir:
        print(f"{target}: nothing was chosen", file=sys.stderr)
        return []
    artifact = tfl.load(model.run.path / cell.artifact_dir)
    how = f"{artifact.name}, ladder: {ladder.climb.chosen if ladder.climb else ''}"
    known = {"train_s": train_s, "search_s": search_s, "size_bytes": cell.size_bytes}
    row = row_of_model("tfl", how, artifact, test, options, **known)
    artifact.close()
    return [row]


def table_of(rows: list[Row]) -> str:
    lines = [
        "| side | how | accuracy (95 %) | train s | search s | texts/s | ms | MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.side} | {row.how} | {row.accuracy:.4f} ({row.low:.4f} to {row.high:.4f}) | {row.train_s:.1f} "
        f"| {row.search_s:.0f} | {row.texts_per_s:.0f} | {row.single_ms:.2f} | {row.size_bytes / 1e6:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--label-column", default="category")
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--export", default="")
    parser.add_argument("--quantize", default="")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--singles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    train, test = read_table(options.train, options), read_table(options.test, options)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for side in options.sides.split(","):
            if side == "tfl":
                rows += run_tfl(train, test, options, options.out or Path(folder))
            else:
                rows.append(run_sklearn(side, train, test, options))
            print(f"{side} done", file=sys.stderr)
    print(table_of(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    bundle = next((row for row in rows if row.side == "tfl"), None)
    others = {row.side: row for row in rows if row.side != "tfl"}
    if bundle is None:
        return 0
    beaten = [row.accuracy for side, row in others.items() if side == "default"]
    beaten += [row.low for side, row in others.items() if side == "strong"]
    return int(any(bundle.accuracy < least for least in beaten))


if __name__ == "__main__":
    sys.exit(main())
