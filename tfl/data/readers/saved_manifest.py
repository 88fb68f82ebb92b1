"""A version of data that tfl saved: `manifest.json` of a run, or what `tfl data relabel apply` wrote."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

from tfl.core.errors import DataError, IntegrityError
from tfl.data.manifest import Manifest
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions

#: Its first line is one JSON object without the examples, which begins so.
_BEGIN = b'{"schema"'
_HEAD_BYTES = 1 << 16


class SavedManifest(Reader):
    """The examples with the labels of that version; splits that tfl gave are given again, from the content."""

    summary = "a manifest that tfl saved: a version of data, with labels, groups and digests of the files"
    example = """
runs/photos-1/manifest.json          of a run
photos-2.json                        written by: tfl data relabel apply REVIEW.csv --out photos-2.json
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        file = Path(location)
        with contextlib.suppress(OSError):
            if file.suffix.casefold() == ".json" and file.is_file():
                with file.open("rb") as stream:
                    head = stream.read(_HEAD_BYTES)
                return head.startswith(_BEGIN) and b'"root"' in head and b'"reader"' in head
        return False

    def kind_of(self, location: Location, options: ReadOptions = NO_OPTIONS) -> str:
        try:
            with Path(location).open(encoding="utf-8") as stream:
                # All but the examples, which are the last value, stands in the first line.
                head = json.loads(stream.readline().rstrip().rstrip(",") + "}")
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise DataError(f"The saved manifest {location} can't be read: {error}.") from error
        return str(head.get("kind", self.kind))

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        file = Path(location)
        options.refuse(f"{file}, a saved manifest,")
        try:
            there = file.is_file()
        except OSError as error:
            raise DataError(f"The saved manifest {file} can't be read: {error.strerror or error}.") from error
        if not there:
            raise DataError(f"The saved manifest {file} does not exist.")
        try:
            manifest = Manifest.load(file)
        except IntegrityError as error:
            raise DataError(f"{file} is no manifest that tfl saved: {error.message}") from error
        if not Path(manifest.root).is_dir():
            raise DataError(
                f"{file} is about the files below {manifest.root}, which is not there.",
                hint="Put the data back, or read them anew from where they are.",
            )
        examples = tuple(
            example if example.given_split else replace(example, split=None) for example in manifest.examples
        )
        return replace(manifest, examples=examples, reader="saved_manifest", source=str(file.resolve()))


READER = SavedManifest()
