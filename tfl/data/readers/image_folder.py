"""A folder with one sub-folder of pictures per class, or with `train`, `val` and `test` folders of such."""

from __future__ import annotations

import os
from pathlib import Path

from tfl.core.errors import DataError, closest
from tfl.data.manifest import Example, Manifest, SplitName
from tfl.data.readers._base import Reader

#: What the data may call a split, folded, and what it means when all three kinds are there.
_SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
#: Left behind by operating systems and archive programs; never data.
_DROPPINGS = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


class ImageFolder(Reader):
    """Class per folder; given split folders are respected and never split again."""

    summary = "a folder with one sub-folder of pictures per class; train, val and test folders are respected"

    def recognizes(self, location: Path) -> bool:
        return location.is_dir()

    def read(self, location: Path) -> Manifest:
        _require_folder(location)
        folders = _folders(location)
        splits = {folder.name: _SPLIT_NAMES[folder.name.casefold()] for folder in folders if _is_split(folder)}
        if splits and len(splits) == len(folders) and "train" in splits.values():
            meanings = _meanings(splits, location)
            examples = [
                example
                for folder in folders
                for example in _examples(location, folder, given=folder.name, split=meanings[folder.name])
            ]
        else:
            meanings = {}
            examples = _examples(location, location, given=None, split=None)
        labels = tuple(sorted({example.label for example in examples}))
        _require_classes(location, labels, folders)
        return Manifest(
            root=str(location.resolve()),
            reader="image_folder",
            labels=labels,
            examples=tuple(sorted(examples, key=lambda example: example.path)),
            split_names=meanings,
        )


def _is_split(folder: Path) -> bool:
    return folder.name.casefold() in _SPLIT_NAMES


def _meanings(splits: dict[str, SplitName], location: Path) -> dict[str, SplitName]:
    """Say what each split folder is for. Without a test folder, `val` is what is scored, and nothing chooses on it."""
    if len(set(splits.values())) != len(splits):
        raise DataError(
            f"{location}: several folders mean the same split: {', '.join(sorted(splits))}.",
            hint="Keep one folder per split.",
        )
    if set(splits.values()) == {"train"}:
        raise DataError(
            f"{location}: there is a '{next(iter(splits))}' folder but no 'val' or 'test' beside it.",
            hint="Name the folder itself, and tfl splits it.",
        )
    if "test" in splits.values():
        return dict(splits)
    return {name: "test" if meaning == "validation" else meaning for name, meaning in splits.items()}


def _examples(root: Path, place: Path, *, given: str | None, split: SplitName | None) -> list[Example]:
    return [
        Example(path=file.relative_to(root).as_posix(), label=folder.name, split=split, given_split=given)
        for folder in _folders(place)
        for file in _files(folder)
    ]


def _folders(place: Path) -> list[Path]:
    return sorted(item for item in place.iterdir() if item.is_dir() and not _hidden(item.name))


def _files(folder: Path) -> list[Path]:
    found = []
    # Linked folders are not followed, so that a link to a parent can't go round for ever.
    for place, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not _hidden(name))
        found += [Path(place) / name for name in sorted(files) if not _hidden(name)]
    return [file for file in found if file.is_file()]


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _DROPPINGS


def _require_folder(location: Path) -> None:
    if location.is_dir():
        return
    if location.exists():
        raise DataError(f"{location} is a file; data are a folder with one sub-folder of pictures per class.")
    beside = [item.name for item in location.parent.iterdir() if item.is_dir()] if location.parent.is_dir() else []
    raise DataError(f"The data folder {location} does not exist.{closest(location.name, beside)}")


def _require_classes(location: Path, labels: tuple[str, ...], folders: list[Path]) -> None:
    layout = f"Sort the pictures into one folder per class: {location}/CLASS/picture.jpg"
    if len(labels) >= 2:
        return
    if labels:
        raise DataError(
            f"{location} has one class only, '{labels[0]}'; a classifier needs at least two.",
            hint="Add a folder with pictures of another class, for example of everything else.",
        )
    if folders:
        names = ", ".join(folder.name for folder in folders[:5])
        raise DataError(f"The folders of {location} ({names}) hold no files.", hint=layout)
    if any(item.is_file() and not _hidden(item.name) for item in location.iterdir()):
        raise DataError(f"{location} holds files but no class folders, so their classes are not known.", hint=layout)
    raise DataError(f"The data folder {location} is empty.", hint=layout)


READER = ImageFolder()
