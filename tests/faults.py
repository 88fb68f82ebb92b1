"""Kinds of faults that data have, each planted into clean data: what the check must find and call by name."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

SIDE = 96
CLASSES = ("cat", "dog", "owl")
_TINTS = {"cat": (1.0, 0.75, 0.6), "dog": (0.6, 1.0, 0.75), "owl": (0.7, 0.7, 1.0)}


def scene(seed, size=(SIDE, SIDE), label="cat"):
    """A picture with shapes of all sizes, as photos have, tinted by class."""
    generator = np.random.default_rng(seed)
    values = np.zeros((size[1], size[0], 3), dtype=np.float32)
    for weight, side in ((3, 4), (2, 12), (2, 48)):
        grid = Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8))
        values += weight * np.asarray(grid.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    return Image.fromarray(np.clip(values / 7 * np.asarray(_TINTS[label]), 0, 255).astype(np.uint8))


def folders(folder, per_class=12, first=0, classes=CLASSES):
    """Write one folder per class."""
    for row, label in enumerate(classes):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            seed = first + 1000 * row + index
            scene(seed, label=label).save(folder / label / f"{seed:04d}.jpg", quality=92)
    return folder


def with_splits(folder):
    """Write train, val and test folders."""
    for first, (name, count) in zip((0, 100, 200), {"train": 12, "val": 4, "test": 4}.items(), strict=True):
        folders(folder / name, count, first)
    return folder


def with_table(folder):
    """Write pictures and a CSV file with splits and groups."""
    folders(folder / "images")
    rows = []
    for label in CLASSES:
        for index, file in enumerate(sorted((folder / "images" / label).iterdir())):
            split = ("train", "train", "val", "test")[index % 4]
            rows.append([file.relative_to(folder).as_posix(), label, split, f"{label}-{split}-{index}"])
    write_rows(folder, rows)
    return folder


def rows_of(folder):
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))[1:]


def write_rows(folder, rows):
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["path", "label", "split", "group"], *rows])


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: What a person would call it.
        rule: The rule that must find it.
        path: What the finding must be about: a file, a class, a line or a group.
        plant: Puts it into clean data.
        clean: Writes the clean data.
        also: Rules that rightly find something too.
    """

    name: str
    rule: str
    path: str
    plant: Callable[[Path], object]
    clean: Callable[[Path], Path] = folders
    also: frozenset[str] = frozenset()


def _bytes(path, change):
    def plant(folder):
        file = folder / path
        file.write_bytes(change(file.read_bytes()))

    return plant


def _save(path, image, **options):
    return lambda folder: image().save(folder / path, **options)


def _changed(change, source="cat/0003.jpg", target="cat/new.jpg", **options):
    return lambda folder: change(Image.open(folder / source).convert("RGB")).save(folder / target, **options)


def _copy(source, target):
    def plant(folder):
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / source, folder / target)

    return plant


def _png_with_wrong_pixels(folder):
    scene(5007).save(folder / "cat" / "new.png")
    data = bytearray((folder / "cat" / "new.png").read_bytes())
    data[data.index(b"IDAT") + 40] ^= 0xFF
    (folder / "cat" / "new.png").write_bytes(bytes(data))


def _png_with_wrong_checksum(folder):
    """The pixels decode as they were: nothing but the checksum tells."""
    scene(5007).save(folder / "cat" / "new.png")
    data = bytearray((folder / "cat" / "new.png").read_bytes())
    start = data.index(b"IDAT")
    data[start + 4 + int.from_bytes(data[start - 4 : start])] ^= 0xFF
    (folder / "cat" / "new.png").write_bytes(bytes(data))


def _half_a_png(folder):
    scene(5007).save(folder / "cat" / "new.png")
    data = (folder / "cat" / "new.png").read_bytes()
    (folder / "cat" / "new.png").write_bytes(data[: len(data) // 2])


def _keep(label, count, split=""):
    def plant(folder):
        for file in sorted((folder / split / label).iterdir())[count:]:
            file.unlink()

    return plant


def _without_class(label, split):
    return lambda folder: shutil.rmtree(folder / split / label)


def _renamed_class(label, *names):
    def plant(folder):
        files = sorted((folder / label).iterdir())
        share = len(files) // len(names)
        for number, name in enumerate(names):
            (folder / name).mkdir(exist_ok=True)
            for file in files[number * share : (number + 1) * share]:
                shutil.move(file, folder / name / file.name)
        if label not in names:
            (folder / label).rmdir()

    return plant


def _rows(change):
    return lambda folder: write_rows(folder, change(rows_of(folder)))


def _relabelled(rows, before, after):
    return [[path, after if label == before else label, split, group] for path, label, split, group in rows]


def _big_group(rows):
    return [
        [*row[:3], "litter" if row[0] in ("images/cat/0000.jpg", "images/cat/0003.jpg") else row[3]] for row in rows
    ]


def _animation(folder):
    frames = [scene(seed) for seed in (5007, 5008, 5009)]
    frames[0].save(folder / "cat" / "new.gif", save_all=True, append_images=frames[1:])


def _turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(5007, (120, 96)).save(folder / "cat" / "new.jpg", exif=exif)


def _sixteen_bits():
    grey = np.asarray(scene(5007).convert("L"), dtype=np.uint16)
    return Image.fromarray(grey * 257)


def _alpha():
    image = scene(5007).convert("RGBA")
    image.putalpha(scene(5008).convert("L").point(lambda value: 128 + value // 2))
    return image


def _link_to_folder(folder):
    folders(folder.parent / "elsewhere", 2, 500, ("cat",))
    (folder / "cat" / "linked").symlink_to(folder.parent / "elsewhere" / "cat")


def _only_cats_can_be_read(folder):
    for label in ("dog", "owl"):
        for file in (folder / label).iterdir():
            file.write_bytes(b"")


def _twelve_copies(folder):
    first, *others = sorted((folder / "owl").iterdir())
    for file in others:
        shutil.copy(first, file)


def _dim(image):
    return ImageEnhance.Brightness(image).enhance(0.12)


def _blurred():
    return ImageOps.autocontrast(scene(5007, (400, 400)).filter(ImageFilter.GaussianBlur(16)))


def _pale(image):
    return Image.blend(image, Image.new("RGB", image.size, "white"), 0.97)


FAULTS = (
    Fault("a file of 0 bytes", "unreadable", "cat/0000.jpg", _bytes("cat/0000.jpg", lambda data: b"")),
    Fault("half a JPEG", "unreadable", "cat/0000.jpg", _bytes("cat/0000.jpg", lambda data: data[: len(data) // 2])),
    Fault("half a PNG", "unreadable", "cat/new.png", _half_a_png),
    Fault("a JPEG's head alone", "unreadable", "cat/0000.jpg", _bytes("cat/0000.jpg", lambda data: data[:300])),
    Fault("a PNG with a changed byte", "unreadable", "cat/new.png", _png_with_wrong_pixels),
    Fault("a PNG with a wrong checksum", "unreadable", "cat/new.png", _png_with_wrong_checksum),
    Fault("a text called .jpg", "unreadable", "cat/0000.jpg", _bytes("cat/0000.jpg", lambda data: b"a note")),
    Fault(
        "a web page called .jpg", "unreadable", "cat/0000.jpg", _bytes("cat/0000.jpg", lambda data: b"<html>404</html>")
    ),
    Fault(
        "a HEIC photo called .jpg",
        "unreadable",
        "cat/0000.jpg",
        _bytes("cat/0000.jpg", lambda data: b"\0\0\0\x18ftypheic" + data),
    ),
    Fault(
        "a link that leads nowhere",
        "unreadable",
        "cat/new.jpg",
        lambda folder: (folder / "cat" / "new.jpg").symlink_to(folder / "gone.jpg"),
    ),
    Fault(
        "a PNG called .jpg", "wrong_extension", "cat/new.jpg", _save("cat/new.jpg", lambda: scene(5007), format="PNG")
    ),
    Fault(
        "a JPEG called .png", "wrong_extension", "cat/new.png", _save("cat/new.png", lambda: scene(5007), format="JPEG")
    ),
    Fault("an animation", "animated", "cat/new.gif", _animation),
    Fault("16 bits per channel", "deep_colour", "cat/new.png", _save("cat/new.png", _sixteen_bits)),
    Fault("CMYK colours", "cmyk", "cat/new.jpg", _save("cat/new.jpg", lambda: scene(5007).convert("CMYK"))),
    Fault("transparency", "transparency", "cat/new.png", _save("cat/new.png", _alpha)),
    Fault("a palette", "palette", "cat/new.png", _save("cat/new.png", lambda: scene(5007).quantize(256))),
    Fault("a photo stored on its side", "rotated", "cat/new.jpg", _turned),
    Fault(
        "a thumbnail",
        "tiny",
        "cat/new.jpg",
        _save("cat/new.jpg", lambda: scene(5007, (24, 24))),
        also=frozenset({"not_compared"}),
    ),
    Fault(
        "over 50 million pixels",
        "giant",
        "cat/new.png",
        _save("cat/new.png", lambda: scene(5007).resize((7200, 7200), Image.Resampling.NEAREST), compress_level=1),
    ),
    Fault("a strip", "extreme_aspect", "cat/new.jpg", _save("cat/new.jpg", lambda: scene(5007, (480, 96)))),
    Fault("a photo taken in the dark", "dark", "cat/new.png", _save("cat/new.png", lambda: _dim(scene(5007)))),
    Fault("an overexposed photo", "bright", "cat/new.png", _save("cat/new.png", lambda: _pale(scene(5007)))),
    Fault(
        "a blurred photo",
        "blurry",
        "cat/new.png",
        _save("cat/new.png", _blurred),
    ),
    Fault(
        "an empty picture", "uniform", "cat/new.png", _save("cat/new.png", lambda: Image.new("RGB", (96, 96), "grey"))
    ),
    Fault("a copy", "duplicate", "cat/new.jpg", _copy("cat/0003.jpg", "cat/new.jpg")),
    Fault("a copy in a folder below", "duplicate", "cat/old/1.jpg", _copy("cat/0003.jpg", "cat/old/1.jpg")),
    Fault("a copy saved again as JPEG", "near_duplicate", "cat/0003.jpg", _changed(lambda image: image, quality=50)),
    Fault(
        "a copy of twice the size",
        "near_duplicate",
        "cat/0003.jpg",
        _changed(lambda image: image.resize((192, 192), Image.Resampling.BICUBIC)),
    ),
    Fault(
        "a brighter copy",
        "near_duplicate",
        "cat/0003.jpg",
        _changed(lambda image: ImageEnhance.Brightness(image).enhance(1.1)),
    ),
    Fault("a grey copy", "near_duplicate", "cat/0003.jpg", _changed(lambda image: image.convert("L"))),
    Fault(
        "the same picture in train and test",
        "leakage",
        "train/cat/0003.jpg",
        _copy("train/cat/0003.jpg", "test/cat/new.jpg"),
        with_splits,
    ),
    Fault(
        "nearly the same picture in train and test",
        "near_leakage",
        "train/cat/0003.jpg",
        _changed(lambda image: image, "train/cat/0003.jpg", "test/cat/new.jpg", quality=50),
        with_splits,
        also=frozenset({"near_duplicate"}),
    ),
    Fault("one picture, two classes", "label_conflict", "dog/new.jpg", _copy("cat/0003.jpg", "dog/new.jpg")),
    Fault(
        "nearly the same picture, two classes",
        "near_conflict",
        "dog/new.jpg",
        _changed(lambda image: image, target="dog/new.jpg", quality=50),
        also=frozenset({"near_duplicate"}),
    ),
    Fault("a group on both sides", "group_leakage", "litter", _rows(_big_group), with_table),
    Fault("a rare class", "imbalance", "owl", _keep("owl", 2), also=frozenset({"few"})),
    Fault("a small class", "few", "owl", _keep("owl", 6)),
    Fault("a class of one picture", "too_few", "owl", _keep("owl", 1), also=frozenset({"imbalance"})),
    Fault(
        "a class of copies of one picture",
        "too_few",
        "owl",
        _twelve_copies,
        also=frozenset({"duplicate", "imbalance"}),
    ),
    Fault("a class absent from val", "missing_in_split", "owl", _without_class("owl", "val"), with_splits),
    Fault("a class absent from train", "missing_in_train", "owl", _without_class("owl", "train"), with_splits),
    Fault(
        "one class that can be read",
        "one_class",
        "cat",
        _only_cats_can_be_read,
        also=frozenset({"unreadable", "too_few"}),
    ),
    Fault(
        "classes that differ by case",
        "label_spelling",
        "cat",
        _renamed_class("cat", "Cat", "cat"),
        also=frozenset({"few"}),
    ),
    Fault(
        "classes that differ by a space",
        "label_spelling",
        "big_cat",
        _renamed_class("cat", "big cat", "big_cat"),
        also=frozenset({"few"}),
    ),
    Fault(
        "a class with a Cyrillic letter",
        "label_look_alike",
        "c\u0430t",
        _renamed_class("cat", "cat", "c\u0430t"),
        also=frozenset({"few"}),
    ),
    Fault(
        "a class with a letter that no one sees",
        "label_look_alike",
        "cat\u200b",
        _renamed_class("cat", "cat", "cat\u200b"),
        also=frozenset({"few"}),
    ),
    Fault(
        "a class called like a split",
        "split_like_class",
        "test",
        _rows(lambda rows: _relabelled(rows, "owl", "test")),
        with_table,
    ),
    Fault(
        "a picture outside of the classes",
        "unused",
        "loose.jpg",
        _copy("cat/0003.jpg", "loose.jpg"),
    ),
    Fault("a linked folder", "unused", "cat/linked", _link_to_folder),
    Fault(
        "a line whose file is not there",
        "missing_file",
        "images/cat/gone.jpg",
        _rows(lambda rows: [*rows, ["images/cat/gone.jpg", "cat", "train", ""]]),
        with_table,
    ),
    Fault("a line with a cell too few", "bad_row", "labels.csv:38", _rows(lambda rows: [*rows, ["a.jpg"]]), with_table),
    Fault(
        "a line without a label",
        "bad_row",
        "images/cat/0000.jpg",
        _rows(lambda rows: [[rows[0][0], "", *rows[0][2:]], *rows[1:]]),
        with_table,
    ),
    Fault(
        "a path that leads out of the data",
        "bad_row",
        "labels.csv:38",
        _rows(lambda rows: [*rows, ["../../secret.jpg", "cat", "train", ""]]),
        with_table,
    ),
    Fault(
        "a file listed twice with two labels",
        "bad_row",
        "images/cat/0000.jpg",
        _rows(lambda rows: [*rows, [rows[0][0], "dog", *rows[0][2:]]]),
        with_table,
    ),
    Fault(
        "a file listed twice",
        "duplicate_row",
        "images/cat/0000.jpg",
        _rows(lambda rows: [*rows, rows[0]]),
        with_table,
    ),
)
