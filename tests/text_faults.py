"""Kinds of faults that texts have, each planted into clean data: what the check must find and call by name."""

import csv

from tests.faults import Fault
from tests.texts import sentence, sentences, write_folders, write_table

_GERMAN = (
    "Mein Paket ist leider immer noch nicht angekommen, obwohl ich es letzte Woche bestellt habe.",
    "Der Fahrer hat gestern nicht geklingelt und das Paket einfach wieder mitgenommen.",
    "Wann wird meine Bestellung endlich geliefert, ich warte schon seit zwei Wochen darauf?",
)
_SPLITS = (("train", 0, 12), ("val", 100, 4), ("test", 200, 4))


def table(folder):
    """Write a table of 36 texts of three classes."""
    write_table(folder / "texts.csv", sentences())
    return folder


def tables(folder):
    """Write a table for each split."""
    for name, first, count in _SPLITS:
        write_table(folder / f"{name}.csv", sentences(count, first))
    return folder


def files(folder):
    """Write a folder of files per class."""
    return write_folders(folder, sentences())


def _rows(change, file="texts.csv", **options):
    def plant(folder):
        with (folder / file).open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        write_table(folder / file, change(rows), header, **options)

    return plant


def _added(text, label="quality", file="texts.csv"):
    return _rows(lambda rows: [*rows, [text, label]], file)


def _words(count):
    return " ".join(sentence("quality", seed).rstrip(".") for seed in range(500, 500 + count // 12))


def _half_encoded(folder):
    text = (folder / "quality" / "024.txt").read_text(encoding="utf-8")
    (folder / "quality" / "024.txt").write_bytes(f"Caf\u00e9, na\u00efve: {text}".encode("cp1252"))


_NEW = "texts.csv:38"
_COPY = sentence("delivery", 0)
_NEAR = f"Hello! {_COPY}"

TEXT_FAULTS = (
    Fault("a row without a text", "empty_text", _NEW, _added(" "), table),
    Fault(
        "a file without a text",
        "empty_text",
        "quality/024.txt",
        lambda folder: (folder / "quality" / "024.txt").write_bytes(b" \n"),
        files,
    ),
    Fault("a row without a label", "bad_row", _NEW, _added("There is no label here.", ""), table),
    Fault("a row with a cell too many", "bad_row", _NEW, _rows(lambda rows: [*rows, ["a", "b", "c"]]), table),
    Fault(
        "letters read in the wrong encoding",
        "broken_characters",
        _NEW,
        _added("The caf\u00c3\u00a9 doesn\u00e2\u20ac\u2122t deliver there."),
        table,
    ),
    Fault("letters that were lost", "broken_characters", _NEW, _added("The caf\ufffd does not deliver there."), table),
    Fault("a zero byte", "control_characters", _NEW, _added("The zip broke\0 on the first day."), table),
    Fault("a text of HTML", "markup", _NEW, _added("The <b>zip</b> broke<br />on the first day."), table),
    Fault("a link alone", "no_words", _NEW, _added("https://example.org/reviews/17?from=mail"), table),
    Fault("marks alone", "no_words", _NEW, _added("--- 12/10 ---"), table, also=frozenset({"not_compared"})),
    Fault("many rows in one text", "giant_text", _NEW, _added(_words(3000)), table, also=frozenset({"long_text"})),
    Fault("a text of 300 words", "long_text", _NEW, _added(_words(300)), table),
    Fault(
        "three texts in another language",
        "language_mix",
        _NEW,
        _rows(lambda rows: [*rows, *([text, "delivery"] for text in _GERMAN)]),
        table,
    ),
    Fault(
        "a table in Windows-1252",
        "encoding",
        "texts.csv",
        _rows(lambda rows: [*rows, ["Caf\u00e9, d\u00e9j\u00e0 vu, tr\u00e8s bon!", "quality"]], encoding="cp1252"),
        table,
    ),
    Fault("a file in Windows-1252", "encoding", "quality/024.txt", _half_encoded, files),
    Fault(
        "columns called like nothing",
        "guessed_columns",
        "texts.csv",
        lambda folder: write_table(folder / "texts.csv", sentences(), ("column_1", "column_2")),
        table,
    ),
    Fault("a copy in capitals", "duplicate", _NEW, _added(_COPY.upper(), "delivery"), table),
    Fault("a copy with a greeting", "near_duplicate", "texts.csv:2", _added(_NEAR, "delivery"), table),
    Fault("one text, two classes", "label_conflict", _NEW, _added(f" {_COPY[:-1]}!"), table),
    Fault(
        "nearly the same text, two classes",
        "near_conflict",
        _NEW,
        _added(_NEAR),
        table,
        also=frozenset({"near_duplicate"}),
    ),
    Fault("the same text in train and test", "leakage", "train.csv:2", _added(_COPY, "delivery", "test.csv"), tables),
    Fault(
        "nearly the same text in train and test",
        "near_leakage",
        "train.csv:2",
        _added(_NEAR, "delivery", "test.csv"),
        tables,
        also=frozenset({"near_duplicate"}),
    ),
    Fault(
        "a part without labels",
        "unused",
        "val.csv",
        lambda folder: write_table(folder / "val.csv", [[text] for text, _ in sentences(4, 100)], ("text",)),
        tables,
    ),
    Fault(
        "a file of another kind",
        "unused",
        "quality/notes.csv",
        lambda folder: (folder / "quality" / "notes.csv").write_text("a,b"),
        files,
    ),
)
