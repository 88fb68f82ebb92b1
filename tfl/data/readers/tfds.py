"""Data sets that TensorFlow Datasets has prepared on this machine; nothing is ever downloaded."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from tfl.core.errors import DataError, IntegrityError, UserError, closest
from tfl.core.extras import require
from tfl.core.files import cache_dir, fresh_folder, sha256_file, sha256_text
from tfl.data.manifest import Example, Manifest, Problem, SplitName
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._splits import SPLIT_NAMES, with_a_test

_ADDRESS = re.compile(r"tfds:(?P<name>\w[\w-]*)(?:/(?P<config>\w[^/:]*))?(?::(?P<version>\d+\.\d+\.\d+))?")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_FILES = ("dataset_info.json", "features.json")
_MANIFEST = ".manifest.json"
#: How encoded pictures begin; TFDS keeps most as one of the first two.
_SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}


class TensorflowDatasets(Reader):
    """The pictures are written to the cache as they are stored, without decoding them."""

    summary = "tfds:NAME, a data set that TensorFlow Datasets has prepared on this machine"
    example = """
tfds:beans              the newest version that is there
tfds:beans:1.0.0        this version
tfds:NAME/CONFIG        this configuration

Prepare it once, where there is a network: tfds build beans
It is looked for in $TFDS_DATA_DIR or ~/tensorflow_datasets. Its splits are kept; where it has several pictures or
labels for each example, name them with --path-column and --label-column.
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        return str(location).startswith("tfds:")

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        address = str(location)
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise DataError(
                f"{address} is no address of a data set of TensorFlow Datasets.",
                hint="Write tfds:NAME, tfds:NAME:1.0.0, tfds:NAME/CONFIG or tfds:NAME/CONFIG:1.0.0.",
            )
        options.refuse_frames(address)
        if options.split_column or options.label_separator:
            raise UserError(f"{address}: its splits and labels are told by itself; leave out what names them.")
        prepared = _prepared(address, match["name"], match["config"] or "", match["version"] or "")
        chosen = (options.path_column, options.label_column, options.group_column)
        key = sha256_text(str(prepared), *(sha256_file(prepared / name) for name in _FILES), *chosen)
        place = cache_dir() / "data" / "tfds" / key[:32]
        manifest = _kept(place)
        if manifest is None:
            with fresh_folder(place) as fresh:
                manifest = _written(address, prepared, fresh, options)
                manifest.save(fresh / _MANIFEST)
        return replace(manifest, root=str(place.resolve()), source=address)


def _data_dir() -> Path:
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets").expanduser()


def _prepared(address: str, name: str, config: str, version: str) -> Path:
    """Return the folder of one version."""
    home = _data_dir()
    how = f"Prepare it where there is a network: tfds build {name}{f'/{config}' if config else ''} --data_dir {home}"
    try:
        if not (home / name).is_dir():
            there = sorted(item.name for item in home.iterdir() if item.is_dir()) if home.is_dir() else []
            raise DataError(f"{address} is not prepared in {home}.{closest(name, there)}", hint=how)
        place = home / name / config
        configs = sorted(item.name for item in (home / name).iterdir() if item.is_dir() and _versions(item))
        if not config and not _versions(place) and configs:
            if len(configs) > 1:
                raise DataError(
                    f"{address} has several configurations: {', '.join(configs)}.",
                    hint=f"Name one: tfds:{name}/{configs[0]}",
                )
            place /= configs[0]
        versions = _versions(place)
        if not versions or version not in ("", *versions):
            known = f"; there are: {', '.join(versions or configs)}" if versions or configs else ""
            raise DataError(f"{address} is not prepared in {home}{known}.", hint=how)
        return (place / (version or versions[-1])).resolve()
    except OSError as error:
        raise DataError(f"{home} can't be read: {error.strerror or error}.") from error


def _versions(place: Path) -> list[str]:
    """Return the prepared versions, the newest last."""
    found = [
        item.name
        for item in (place.iterdir() if place.is_dir() else ())
        if _VERSION.fullmatch(item.name) and all((item / name).is_file() for name in _FILES)
    ]
    return sorted(found, key=lambda name: [int(part) for part in name.split(".")])


def _kept(place: Path) -> Manifest | None:
    with contextlib.suppress(IntegrityError, UserError):
        if (place / _MANIFEST).is_file():
            return Manifest.load(place / _MANIFEST)
    return None


@dataclass(frozen=True)
class _Chosen:
    """Which features are what."""

    image: str
    label: str
    group: str
    others: tuple[str, ...]


def _written(address: str, prepared: Path, place: Path, options: ReadOptions) -> Manifest:
    tensorflow = require("tensorflow", purpose="reading a data set of TensorFlow Datasets")
    tfds = require("tensorflow_datasets", purpose="reading a data set of TensorFlow Datasets")
    # It warns of its own calls to itself.
    talkative = logging.getLogger("absl")
    level = talkative.level
    talkative.setLevel(logging.ERROR)
    try:
        builder = tfds.builder_from_directory(str(prepared))
        features = builder.info.features
        chosen = _choose(address, tfds, features, options)
        meanings, unused = _meanings(address, builder)
        splits = list(meanings) or [name for name in builder.info.splits if name not in unused]
        examples: list[Example] = []
        problems: list[Problem] = []
        for split in splits:
            for index, row in enumerate(_rows(tfds, builder, split, chosen)):
                example = _example(place, split, index, row, features, chosen)
                if isinstance(example, Problem):
                    problems.append(example)
                else:
                    given = split if meanings else None
                    examples.append(replace(example, split=meanings.get(split), given_split=given))
    except (tensorflow.errors.OpError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{address} can't be read from {prepared}: {error}.", hint="Prepare it again: tfds build --overwrite"
        ) from error
    finally:
        talkative.setLevel(level)
    labels = tuple(sorted({label for example in examples for label in example.all_labels}))
    if len(labels) < 2:
        raise DataError(f"{address} has {len(labels)} classes in '{chosen.label}'; a classifier needs at least two.")
    return Manifest(
        root=str(place),
        reader="tfds",
        labels=labels,
        examples=tuple(sorted(examples, key=lambda example: example.path)),
        split_names=meanings,
        unused=tuple(f"{name} (split)" for name in unused),
        problems=tuple(problems),
    )


def _choose(address: str, tfds: Any, features: Any, options: ReadOptions) -> _Chosen:
    kinds = tfds.features
    labels = {name: item for name, item in features.items() if _is_label(kinds, item)}
    images = [name for name, item in features.items() if isinstance(item, kinds.Image)]
    image = _one_of(address, "picture", "path", images, options.path_column, usual="image")
    # A text or a number may be asked for as the label, and is then listed.
    plain = [
        name
        for name, item in features.items()
        if isinstance(item, kinds.Tensor) and name not in labels and item.shape == ()
    ]
    asked = options.label_column
    label = _one_of(address, "label", "label", [*labels, *plain] if asked else [*labels], asked, usual="label")
    group = options.group_column
    if group and group not in features:
        raise DataError(f"{address} has no feature '{group}'.{closest(group, features)}", hint=_has(features))
    others = [name for name in (*labels, *plain) if name != label and features[name].shape == ()]
    kind = np.dtype(features[image].np_dtype).name
    if kind not in ("uint8", "uint16"):
        raise DataError(f"{address}: '{image}' holds {kind} values, which are no pictures.")
    return _Chosen(image, label, group, tuple(name for name in others if name != group))


def _is_label(kinds: Any, item: Any) -> bool:
    return isinstance(getattr(item, "feature", item) if isinstance(item, kinds.Sequence) else item, kinds.ClassLabel)


def _one_of(address: str, what: str, flag: str, found: list[str], asked: str, *, usual: str) -> str:
    if asked in found:
        return asked
    if asked:
        raise DataError(f"{address} has no {what} '{asked}'.{closest(asked, found)}", hint=_has(found))
    if usual in found or len(found) == 1:
        return usual if usual in found else found[0]
    if not found:
        raise DataError(f"{address} has no {what}s, so no classifier can be trained on it.")
    raise DataError(f"{address} has several {what}s: {', '.join(found)}.", hint=f"Name one: --{flag}-column {found[0]}")


def _has(names: Any) -> str:
    return f"It has: {', '.join(names) or 'none'}."


def _meanings(address: str, builder: Any) -> tuple[dict[str, SplitName], list[str]]:
    """Say what each split is for, and which are not used."""
    names = [name for name, split in builder.info.splits.items() if split.num_examples]
    known = {name: SPLIT_NAMES[name.casefold()] for name in names if name.casefold() in SPLIT_NAMES}
    if "train" in known.values() and len(known) > 1:
        return with_a_test(known), [name for name in names if name not in known]
    if len(names) != 1 and "train" not in names:
        raise DataError(
            f"{address} has the splits {', '.join(names) or 'of no name'}, of which none is for training.",
            hint="A data set with 'train', or with one split, can be used.",
        )
    only = "train" if "train" in names else names[0]
    return {}, [name for name in names if name != only]


def _rows(tfds: Any, builder: Any, split: str, chosen: _Chosen) -> Iterator[Mapping[str, Any]]:
    wanted = dict.fromkeys({chosen.image, chosen.label, *chosen.others} | ({chosen.group} - {""}), True)
    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        read_config=tfds.ReadConfig(try_autocache=False),
        decoders=tfds.decode.PartialDecoding(wanted, decoders={chosen.image: tfds.decode.SkipDecoding()}),
    )
    yield from tfds.as_numpy(dataset)


def _example(
    place: Path, split: str, index: int, row: Mapping[str, Any], features: Any, chosen: _Chosen
) -> Example | Problem:
    values = row[chosen.label]
    many = getattr(values, "ndim", 0) > 0
    labels = tuple(sorted({_text(features[chosen.label], value) for value in (values if many else [values])} - {""}))
    if not labels:
        return Problem(rule="bad_row", path=f"{split}/{index}", message=f"{split} {index}: there is no label")
    data = bytes(row[chosen.image])
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if data.startswith(start)), ".img")
    label = "|".join(labels)
    path = f"{split}/{quote(label, safe=' ()+,=&|')[:100]}/{index:07d}{suffix}"
    file = place / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return Example(
        path=path,
        label=label,
        labels=labels if many else (),
        group=_text(features[chosen.group], row[chosen.group]) if chosen.group else "",
        attributes={name: _text(features[name], row[name]) for name in chosen.others},
    )


def _text(feature: Any, value: Any) -> str:
    """Return a value as text, a class by its name; an unknown class as nothing."""
    names = getattr(getattr(feature, "feature", feature), "int2str", None)
    if names is not None:
        return str(names(int(value))) if int(value) >= 0 else ""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


READER = TensorflowDatasets()
