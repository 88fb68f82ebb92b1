"""The manifest: which examples there are, with label, split and digest. It is saved in every run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tfl.core.errors import UserError, closest
from tfl.core.files import sha256_text, write_atomic
from tfl.core.records import Record
from tfl.core.tables import folded, html_table

SplitName = Literal["train", "validation", "test"]
#: Of an example, in a file.
_ALWAYS = frozenset({"path", "label"})
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Example(Record):
    """One labelled sample: a file, or a text that stands in a table.

    Attributes:
        path: POSIX path below the manifest's root; of a text in a table the table's, a colon and the line.
        label: Class name as the data spell it.
        split: The split it belongs to, or None before splitting.
        given_split: The split folder or column value the data came with, such as `val`, or None.
        sha256: Digest of the file's bytes, or of the text in UTF-8; empty before the check has read it.
        group: What must stay on one side of a split: a patient, a video, a shoot. Empty where each file is its own.
        labels: All labels of an example of multi-label data, of which `label` is the text; empty elsewhere.
        attributes: Further columns of a manifest file, by name; `evaluate` scores by their values.
        text: The sample itself where it stands in a table; empty where it is a file.
    """

    path: str
    label: str
    split: SplitName | None = None
    given_split: str | None = None
    sha256: str = ""
    group: str = ""
    labels: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""

    def source(self, root: Path) -> Path | str:
        """Return what a preprocessing contract reads: the file, or the text itself.

        Args:
            root: Of the manifest.
        """
        return self.text or root / self.path

    @property
    def all_labels(self) -> tuple[str, ...]:
        """The one label, or all labels of an example of multi-label data."""
        return self.labels or (self.label,)


@dataclass(frozen=True, kw_only=True)
class Problem(Record):
    """Something a reader saw that does not stop it: the check makes a finding of it.

    Attributes:
        rule: One of the check's rules.
        path: The file or the line it is about.
        message: What is wrong.
    """

    rule: str
    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Manifest(Record):
    """All examples of a data set.

    Attributes:
        root: Absolute path of the folder that the examples' paths are relative to.
        reader: Name of the reader that made it.
        labels: Class names, sorted; the index is the model's output index.
        examples: In a fixed order (sorted by path).
        split_names: How the data's own split names map to tfl's: `{"val": "test"}`. Empty when tfl split.
        unused: Pictures and linked folders that the reader saw and could not place in a class.
        problems: What else the reader saw: bad rows, missing files, unknown columns.
        source: Where the data came from, as the person wrote it, when `root` is only where they were unpacked.
        parent: Fingerprint of the version that this one was made from by relabelling.
        kind: Name of the kind of data, such as `image`.
    """

    root: str
    reader: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    split_names: dict[str, SplitName]
    unused: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    source: str = ""
    parent: str = ""
    kind: str = "image"

    def _repr_html_(self) -> str:
        splits = [*dict.fromkeys(item.split or "" for item in self.examples)]
        counted = Counter((label, item.split or "") for item in self.examples for label in item.all_labels)
        rows = [(label, *(counted[label, split] for split in splits)) for label in self.counts()]
        caption = f"{self.source or self.root}: {len(self.examples)} examples in {len(self.labels)} classes"
        table = html_table(("class", *(split or "not split yet" for split in splits)), rows, caption=caption)
        problems = [(item.rule, item.path, item.message) for item in self.problems]
        return table + folded(f"{len(problems)} problems", ("rule", "where", "what"), problems)

    def save(self, path: Path) -> None:
        """Write the manifest as JSON with one example per line, atomically.

        One example at a time is held as text, so a million of them cost no memory beside the manifest itself.
        """
        write_atomic(path, self._write)

    def _write(self, file: Path) -> None:
        head = replace(self, examples=()).to_dict()
        del head["examples"]
        encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
        with file.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(encode(head)[:-1] + ',\n"examples": [')
            for index, example in enumerate(self.examples):
                stream.write(",\n" if index else "\n")
                # What is empty is left out: a million of them are read and written in half the time.
                fields = {name: value for name, value in example.to_dict().items() if value or name in _ALWAYS}
                stream.write(encode(fields))
            stream.write("\n]}\n")

    @property
    def is_multi_label(self) -> bool:
        """Whether an example may have several labels, or none."""
        return any(item.labels for item in self.examples)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every example's path, label, split and digest."""
        return sha256_text(*(f"{item.path}\t{item.label}\t{item.split or ''}\t{item.sha256}" for item in self.examples))

    def of_split(self, split: SplitName) -> tuple[Example, ...]:
        """Return the examples of one split, in the manifest's order."""
        return tuple(item for item in self.examples if item.split == split)

    def resolve_split(self, name: str) -> SplitName:
        """Map a split's name, tfl's or the data's own, to tfl's.

        Raises:
            UserError: There is no such split.
        """
        if name in self.split_names:
            return self.split_names[name]
        if name in SPLITS:
            return name
        allowed = [*SPLITS, *self.split_names]
        raise UserError(
            f"Unknown split '{name}'.{closest(name, allowed)} Allowed: {', '.join(dict.fromkeys(allowed))}."
        )

    def sources(self, examples: tuple[Example, ...]) -> list[Path | str]:
        """Return what a preprocessing contract reads: the absolute paths of examples, or their texts."""
        root = Path(self.root)
        return [item.source(root) for item in examples]

    @property
    def is_at_hand(self) -> bool:
        """Whether every file that an example needs is there."""
        return are_at_hand(self.sources(self.examples))

    def label_indices(self, examples: tuple[Example, ...]) -> list[int]:
        """Return the class index of each example."""
        index = {label: position for position, label in enumerate(self.labels)}
        return [index[item.label] for item in examples]

    def counts(self) -> dict[str, int]:
        """Return the number of examples per class, in the order of `labels`."""
        counted = Counter(label for item in self.examples for label in item.all_labels)
        return {label: counted[label] for label in self.labels}

    def without(self, paths: set[str]) -> Manifest:
        """Return the manifest without the examples of these paths, and without classes left empty."""
        kept = tuple(item for item in self.examples if item.path not in paths)
        labels = {item.label for item in kept}
        return replace(self, examples=kept, labels=tuple(label for label in self.labels if label in labels))


def are_at_hand(sources: Iterable[Path | str]) -> bool:
    """Say whether every source is a text or a file that is there."""
    return all(isinstance(source, str) or source.is_file() for source in sources)
