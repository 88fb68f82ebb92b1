"""A folder with one sub-folder of pictures per class, or with `train`, `val` and `test` folders of such."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from tfl.core.errors import DataError, closest
from tfl.data.formats import FORMATS
from tfl.data.manifest import Example, Manifest, SplitName
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._splits import SPLIT_NAMES, with_a_test

#: Left behind by operating systems, network drives and archive programs; never data.
_DROPPINGS = frozenset(
    {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
)
_PICTURE_ENDINGS = frozenset().union(*FORMATS.values())
_NAMED = 10


class ImageFolder(Reader):
    """Class per folder; given split folders are respected and never split again."""

    summary = "a folder with one sub-folder of pictures per class; train, val and test folders are respected"
    example = """
photos/
  cat/  1.jpg  2.jpg  ...
  dog/  a.png  b.png  ...

or, with splits that are kept as they are:

photos/
  train/  cat/  1.jpg ...   dog/  a.png ...
  val/    cat/  7.jpg ...   dog/  g.png ...
"""

    def recognizes(self, location: Location) -> bool:
        with contextlib.suppress(OSError):
            return Path(location).is_dir()
        return False

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        location = Path(location)
        options.refuse(f"{location}, a folder of classes,")
        try:
            _require_folder(location)
            return _read(location)
        except OSError as error:
            place = error.filename or location
            raise DataError(f"The data can't be read: {place}: {error.strerror or error}.") from error


def _read(location: Path) -> Manifest:
    meanings = _split_meanings(location)
    examples: list[Example] = []
    empty: list[Path] = []
    unused = _loose_pictures(location)
    for place in [location / name for name in meanings] or [location]:
        if meanings:
            unused += _loose_pictures(place)
        for folder in _folders(place):
            files, links = _walk(folder, below=folder.relative_to(location).as_posix())
            unused += links
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
    _require_classes(location, labels, [folder for folder in empty if folder.name not in labels])
    return Manifest(
        root=str(location.resolve()),
        reader="image_folder",
        labels=labels,
        examples=tuple(sorted(examples, key=lambda example: example.path)),
        split_names=meanings,
        unused=tuple(_told(path.relative_to(location).as_posix()) for path in sorted(unused)),
    )


def _split_meanings(location: Path) -> dict[str, SplitName]:
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
            hint=f"Sort the pictures into one folder per class ({location / without[0]}/CLASS/picture.jpg), "
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


def _loose_pictures(place: Path) -> list[Path]:
    return [
        item
        for item in place.iterdir()
        if item.suffix.casefold() in _PICTURE_ENDINGS and not _hidden(item.name) and item.is_file()
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


def _require_folder(location: Path) -> None:
    if location.is_dir():
        return
    if location.exists():
        raise DataError(f"{location} is a file; data are a folder with one sub-folder of pictures per class.")
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


def _require_classes(location: Path, labels: tuple[str, ...], empty: list[Path]) -> None:
    layout = f"Sort the pictures into one folder per class: {location}/CLASS/picture.jpg"
    names = _listed(_told(folder.relative_to(location).as_posix()) for folder in empty)
    if empty and labels:
        raise DataError(
            f"{location}: {names}: the class {_plural('folder', empty)} {_plural('holds', empty, 'hold')} no files.",
            hint="Add pictures, or delete what is empty.",
        )
    if len(labels) >= 2:
        return
    if labels:
        raise DataError(
            f"{location} has one class only, '{labels[0]}'; a classifier needs at least two.",
            hint="Add a folder with pictures of another class, for example of everything else.",
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


READER = ImageFolder()
