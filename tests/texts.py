"""Texts that are easy to tell apart by class, and none of which is nearly another."""

import csv
import random
import re

#: Class -> words that its texts are about.
TOPICS = {
    "delivery": (
        "parcel",
        "courier",
        "late",
        "address",
        "tracking",
        "doorstep",
        "shipment",
        "warehouse",
        "delayed",
        "van",
    ),
    "payment": (
        "card",
        "refund",
        "invoice",
        "charged",
        "bank",
        "transfer",
        "euro",
        "receipt",
        "declined",
        "fee",
        "balance",
    ),
    "quality": ("broken", "scratched", "sturdy", "colour", "cheap", "zip", "stitching", "faded", "warranty", "leather"),
}
_OTHERS = re.findall(
    r"\w+",
    "today yesterday again never always after before while because although my our their this that some every "
    "morning evening friend shop order people think said wrote called asked hoped waited opened looked found kept "
    "very quite rather hardly often maybe surely really truly simply nearly almost still already finally",
)


def sentence(topic, seed):
    """A sentence of a topic, another for each seed."""
    words = random.Random(f"{topic} {seed}")
    chosen = words.sample(TOPICS[topic], 3) + words.sample(_OTHERS, 9)
    words.shuffle(chosen)
    return f"{' '.join(chosen).capitalize()}."


def sentences(per_class=12, first=0, topics=tuple(TOPICS)):
    """Rows of text and class."""
    return [(sentence(topic, first + index), topic) for topic in topics for index in range(per_class)]


def write_table(file, rows, header=("text", "label"), **options):
    """Write rows as CSV, or as tabs by the file's name, and return the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    delimiter = "\t" if file.suffix == ".tsv" else ","
    with file.open("w", newline="", **{"encoding": "utf-8", **options}) as stream:
        csv.writer(stream, delimiter=delimiter).writerows([header, *rows])
    return file


def write_folders(folder, rows):
    """Write each text to a file of its class's folder."""
    for number, (text, label) in enumerate(rows):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number:03d}.txt").write_text(text, encoding="utf-8")
    return folder
