"""Folders of files per class, or with `train`, `val` and `test` folders of such: what their readers share."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tfl.core.errors import DataError, closest
from tfl.data.manifest import Example, Manifest, SplitName
from tfl.data.readers._splits import SPLIT_NAMES, with_a_test

#: Left behind by operating systems, network drives and archive programs; never data.
_DROPPINGS = frozenset(
    {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
)
#: Entries of a folder that are looked at to see what it holds.
_LOOKED_AT = 2000
_NAMED = 10


@dataclass(frozen=True)
class Samples:
    """What the class folders hold.

    Attributes:
        kind: Name of the kind of data.
        nouns: What samples are called.
        name: Such as a file is called in an example.
        endings: Of the names of such files.
        takes_all: Whether every file of a class folder is a sample, whatever its name ends in; the check then says
            of one that is none. Otherwise it is told as not used.
    """

    kind: str
    nouns: str
    name: str
    endings: frozenset[str]
    takes_all: bool

    def take(self, name: str) -> bool:
        """Say whether a file of a class folder is a sample."""
        return self.takes_all or Path(name).suffix.casefold() in self.endings


def read_classes(location: Path, *, reader: str, samples: Samples) -> Manifest:
    """List the files of class folders, or of split folders with class folders.

    Args:
        location: The folder.
        reader: Name of the reader.
        samples: What the class folders hold.

    Raises:
        DataError: It is no such folder.
    """
    try:
        _require_folder(location, samples)
        return _read(location, reader, samples)
    except OSError as error:
        place = error.filename or location
        raise DataError(f"The data can't be read: {place}: {error.strerror or error}.") from error


def count_endings(folder: Path, *endings: Iterable[str]) -> list[int]:
    """Count the files below a folder by what their names end in, among the first 2,000 entries.

    Args:
        folder: Where to look.
        endings: Of each kind that is counted.
    """
    counts = [0] * len(endings)
    groups = [tuple(group) for group in endings]
    waiting, seen = deque([folder]), 0
    while waiting and seen < _LOOKED_AT:
        with os.scandir(waiting.popleft()) as entries:
            for entry in entries:
                seen += 1
                if seen > _LOOKED_AT:
                    break
                if _hidden(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    name = entry.name.casefold()
                    counts = [count + name.endswith(group) for count, group in zip(counts, groups, strict=True)]
    return counts


def has_folders(folder: Path) -> bool:
    """Say whether there are folders in a folder."""
    return bool(_folders(folder))


def _read(location: Path, reader: str, samples: Samples) -> Manifest:
    meanings = _split_meanings(location, samples)
    examples: list[Example] = []
    empty: list[Path] = []
    unused = _loose(location, samples)
    for place in [location / name for name in meanings] or [location]:
        if meanings:
            unused += _loose(place, samples)
        for folder in _folders(place):
            files, links = _walk(folder, below=folder.relative_to(location).as_posix())
            unused += links
            unused += [location / file for file in files if not samples.take(file)]
            files = [file for file in files if samples.take(file)]
            examples += [
                Example(
                    path=file,
                    label=folder.name,
                    split=meanings.get(place.name) if meanings else None,
                    given_split=place.name if meanings else None,
                )
                for file in files
            ]
            if not files:
                empty.append(folder)
    _require_unicode(example.path for example in examples)
    labels = tuple(sorted({example.label for example in examples}))
    _require_classes(location, labels, [folder for folder in empty if folder.name not in labels], samples)
    return Manifest(
        root=str(location.resolve()),
        reader=reader,
        labels=labels,
        examples=tuple(sorted(examples, key=lambda example: example.path)),
        split_names=meanings,
        unused=tuple(_told(path.relative_to(location).as_posix()) for path in sorted(unused)),
        kind=samples.kind,
    )


def _split_meanings(location: Path, samples: Samples) -> dict[str, SplitName]:
    """Say what each split folder is for; empty where the folders are classes.

    Without a test folder, `val` is what is scored, and nothing chooses on it.
    """
    folders = _folders(location)
    named = {folder.name: SPLIT_NAMES[folder.name.casefold()] for folder in folders if _is_split(folder)}
    with_classes = [name for name in named if _folders(location / name)]
    if not with_classes and (len(named) < len(folders) or not any(_walk(folder)[0] for folder in folders)):
        return {}
    others = [_told(folder.name) for folder in folders if folder.name not in named]
    if others:
        raise DataError(
            f"{location} has split folders ({', '.join(named)}) and others beside them "
            f"({_listed(others)}), so it is not clear which are the classes.",
            hint="Keep the split folders alone, or rename them if they are classes.",
        )
    without = [name for name in named if name not in with_classes]
    if without:
        raise DataError(
            f"{location}: {_listed(without)}: the split {_plural('folder', without)} "
            f"{_plural('holds', without, 'hold')} no class folders.",
            hint=f"Sort the {samples.nouns} into one folder per class ({location / without[0]}/CLASS/{samples.name}), "
            "or move the folder elsewhere.",
        )
    if len(set(named.values())) != len(named):
        raise DataError(
            f"{location}: several folders mean the same split: {', '.join(named)}.", hint="Keep one folder per split."
        )
    if "train" not in named.values():
        raise DataError(
            f"{location}: there is no 'train' folder beside {_listed(named)}.",
            hint="Add one, or name a folder itself, and tfl splits it.",
        )
    if len(named) == 1:
        raise DataError(
            f"{location}: there is a '{next(iter(named))}' folder but no 'val' or 'test' beside it.",
            hint=f"Use {location / next(iter(named))} itself, and tfl splits it.",
        )
    return with_a_test(named)


def _is_split(folder: Path) -> bool:
    return folder.name.casefold() in SPLIT_NAMES


def _folders(place: Path) -> list[Path]:
    return sorted(item for item in place.iterdir() if item.is_dir() and not _hidden(item.name))


def _loose(place: Path, samples: Samples) -> list[Path]:
    return [
        item
        for item in place.iterdir()
        if item.suffix.casefold() in samples.endings and not _hidden(item.name) and item.is_file()
    ]


def _walk(folder: Path, *, below: str = "") -> tuple[list[str], list[Path]]:
    """Return the files below a class folder as `below/...`, and the linked folders that were not entered.

    The kind of an entry comes with the listing, so a million files cost no system call each.
    """
    files: list[str] = []
    links: list[Path] = []
    waiting = [(str(folder), f"{below}/" if below else "")]
    while waiting:
        place, prefix = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if _hidden(entry.name):
                    continue
                if entry.is_symlink():
                    # Linked folders are not followed, so that a link to a parent can't go round for ever. A link
                    # that leads nowhere is kept: the check says so.
                    if _leads_to_folder(entry):
                        links.append(Path(entry.path))
                    else:
                        files.append(prefix + entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{prefix}{entry.name}/"))
                elif entry.is_file(follow_symlinks=False):
                    # Pipes and devices are not files.
                    files.append(prefix + entry.name)
    return files, links


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return entry.is_dir()
    return False


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _DROPPINGS


def _require_folder(location: Path, samples: Samples) -> None:
    if location.is_dir():
        return
    if location.exists():
        raise DataError(f"{location} is a file; data are a folder with one sub-folder of {samples.nouns} per class.")
    beside = [item.name for item in location.parent.iterdir() if item.is_dir()] if location.parent.is_dir() else []
    raise DataError(f"The data folder {location} does not exist.{closest(location.name, beside)}")


def _require_unicode(paths: Iterable[str]) -> None:
    bad = [_told(path) for path in paths if _told(path) != path]
    if bad:
        raise DataError(
            f"The names of {len(bad)} {_plural('file', bad)} are not Unicode (UTF-8), so they can't be recorded:\n"
            + "\n".join(f"  {path}" for path in bad[:_NAMED]),
            hint="Rename them. Old ZIP archives often cause it; unpack them again with the right encoding.",
        )


def _told(path: str) -> str:
    """Escape the bytes of a name that are not UTF-8."""
    return path.encode(errors="backslashreplace").decode()


def _require_classes(location: Path, labels: tuple[str, ...], empty: list[Path], samples: Samples) -> None:
    layout = f"Sort the {samples.nouns} into one folder per class: {location}/CLASS/{samples.name}"
    names = _listed(_told(folder.relative_to(location).as_posix()) for folder in empty)
    if empty and labels:
        raise DataError(
            f"{location}: {names}: the class {_plural('folder', empty)} {_plural('holds', empty, 'hold')} no files.",
            hint=f"Add {samples.nouns}, or delete what is empty.",
        )
    if len(labels) >= 2:
        return
    if labels:
        raise DataError(
            f"{location} has one class only, '{labels[0]}'; a classifier needs at least two.",
            hint=f"Add a folder with {samples.nouns} of another class, for example of everything else.",
        )
    if empty:
        raise DataError(f"The folders of {location} ({names}) hold no files.", hint=layout)
    if any(item.is_file() and not _hidden(item.name) for item in location.iterdir()):
        raise DataError(f"{location} holds files but no class folders, so their classes are not known.", hint=layout)
    raise DataError(f"The data folder {location} is empty.", hint=layout)


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more


def _plural(one: str, items: list[str] | list[Path], many: str = "") -> str:
    return one if len(items) == 1 else many or f"{one}s"
