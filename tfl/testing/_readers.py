"""What a reader promises."""

from __future__ import annotations

from pathlib import Path

from tfl.data.kinds import KINDS
from tfl.data.loading import find_kind, read_manifest
from tfl.data.manifest import Manifest
from tfl.data.readers import READERS, Location, Reader
from tfl.testing._statements import require_all


def check_reader(name: str, location: Location) -> Manifest:
    """Hold a reader against everything it promises, on a small data set of its format.

    The format must be recognized and read the same every time, also when the reader is not named, and the kind of
    data be known beforehand; the manifest must be whole, sorted and relative to an absolute root, and survive JSON;
    splits must be given to all examples or to none; and a place that does not exist must not be recognized.

    Args:
        name: Of the reader plug-in, built in or from an entry point.
        location: A data set of its format with at least two classes, in which nothing is wrong.

    Returns:
        The manifest.

    Raises:
        VerificationError: Names every promise that was broken.
        DataError: The location can't be read.
    """
    reader = READERS.get(name)
    manifest = reader.read(location)
    statements = {
        "it is a Reader": isinstance(reader, Reader),
        "its summary is one line": bool(reader.summary) and "\n" not in reader.summary,
        "its example shows the format": bool(reader.example.strip()),
        "the format is recognized": reader.recognizes(location),
        "what is read is the same every time": reader.read(location) == manifest,
        "the reader is found when it is not named": read_manifest(location) == manifest,
        "the kind of data is known before they are read": reader.kind_of(location) == manifest.kind
        and find_kind(location) == manifest.kind
        and manifest.kind in KINDS.names(),
        "each example is a file below the root, or has its text": all(
            isinstance(source, Path) or source.strip() for source in manifest.sources(manifest.examples)
        ),
        "a place that does not exist is not recognized": not reader.recognizes(Path("no such place") / name),
        **_manifest_statements(manifest),
        **_split_statements(manifest),
    }
    require_all(statements, who=name, contract="readers")
    return manifest


def _manifest_statements(manifest: Manifest) -> dict[str, bool]:
    paths = [example.path for example in manifest.examples]
    return {
        "the paths are sorted, each once": paths == sorted(set(paths)),
        "the paths are POSIX, and below the root": all(
            "\\" not in path and not Path(path).is_absolute() and ".." not in Path(path).parts for path in paths
        ),
        "the root is absolute": Path(manifest.root).is_absolute(),
        "the files are there": manifest.is_at_hand,
        "the labels are sorted, two at least, and those of the examples": manifest.labels
        == tuple(sorted({example.label for example in manifest.examples}))
        and len(manifest.labels) >= 2,
        "the manifest survives JSON": Manifest.from_dict(manifest.to_dict()) == manifest,
    }


def _split_statements(manifest: Manifest) -> dict[str, bool]:
    given = {example.given_split for example in manifest.examples}
    if given == {None}:
        return {
            "without given splits, no example has one": not manifest.split_names
            and {example.split for example in manifest.examples} == {None}
        }
    return {
        "given splits are all mapped, train among them": given == set(manifest.split_names)
        and "train" in manifest.split_names.values(),
        "each example has the split that its own split's name means": all(
            example.given_split is not None and example.split == manifest.split_names[example.given_split]
            for example in manifest.examples
        ),
    }
