"""Data sets of TensorFlow Datasets: those that are prepared, as they are stored, and never a download."""

import sys

import numpy as np
import pytest
from PIL import Image

from tests.conftest import COLOURS
from tests.tensorflow_data_sets import encoded, prepare_tfds
from tfl.core.errors import DataError, MissingExtraError, UserError
from tfl.core.files import cache_dir
from tfl.data.loading import read_manifest
from tfl.data.readers import ReadOptions

tfds = pytest.importorskip("tensorflow_datasets")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "tfds"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_labels_and_splits_are_as_they_are_stored(data_dir, kind):
    manifest = read_manifest(prepare_tfds(data_dir, kind=kind))
    assert (manifest.reader, manifest.source, manifest.labels) == ("tfds", "tfds:tiny", tuple(sorted(COLOURS)))
    assert manifest.split_names == {"train": "train", "validation": "validation", "test": "test"}
    assert {split: len(manifest.of_split(split)) for split in manifest.split_names} == {
        "train": 18,
        "validation": 9,
        "test": 9,
    }
    stored = {
        encoded(colour, seed, kind).getvalue(): label
        for label, (index, colour) in zip(COLOURS, enumerate(COLOURS.values()), strict=True)
        for seed in range(index, 18, 3)
    }
    train = manifest.of_split("train")
    assert {
        path.read_bytes(): example.label for example, path in zip(train, manifest.sources(train), strict=True)
    } == stored
    assert all(Image.open(path).format == kind for path in manifest.sources(train))


def test_what_was_written_is_found_again_until_the_data_set_changes(data_dir):
    first = read_manifest(prepare_tfds(data_dir))
    (place,) = (cache_dir() / "data" / "tfds").iterdir()
    before = place.stat().st_mtime_ns
    assert read_manifest("tfds:tiny") == first
    assert place.stat().st_mtime_ns == before
    prepare_tfds(data_dir, version="1.1.0", splits={"train": 9})
    newer = read_manifest("tfds:tiny")
    assert (len(newer.examples), newer.split_names) == (9, {})
    assert read_manifest("tfds:tiny:1.0.0").examples == first.examples


def test_versions_are_compared_as_numbers(data_dir):
    for version, count in (("1.9.0", 6), ("1.10.0", 12)):
        prepare_tfds(data_dir, version=version, splits={"train": count})
    assert len(read_manifest("tfds:tiny").examples) == 12


def test_one_configuration_is_taken_and_of_several_one_must_be_named(data_dir):
    prepare_tfds(data_dir, config="small", splits={"train": 6})
    assert len(read_manifest("tfds:tiny").examples) == 6
    prepare_tfds(data_dir, config="large", splits={"train": 12})
    with pytest.raises(DataError, match=r"several configurations: large, small\.\nName one: tfds:tiny/large"):
        read_manifest("tfds:tiny")
    assert len(read_manifest("tfds:tiny/large").examples) == 12
    assert len(read_manifest("tfds:tiny/small:1.0.0").examples) == 6


def test_further_features_are_attributes_and_one_may_be_the_group(data_dir):
    features = {
        "patient": tfds.features.Text(),
        "age": np.int32,
        "weight": tfds.features.Scalar(np.float32),
        "site": tfds.features.ClassLabel(names=["north", "south"]),
        "scan": tfds.features.Image(shape=(None, None, 3)),
    }

    def row(split, index):
        return {
            "patient": f"p{index // 2}",
            "age": index,
            "weight": index / 2,
            "site": index % 2,
            "scan": encoded((9, 9, 9), index),
        }

    prepare_tfds(data_dir, features=features, row=row, splits={"train": 6})
    manifest = read_manifest("tfds:tiny", options=ReadOptions(group_column="patient"))
    assert sorted(
        (item.group, item.attributes["age"], item.attributes["weight"], item.attributes["site"])
        for item in manifest.examples
    ) == [(f"p{index // 2}", str(index), str(index / 2), ("north", "south")[index % 2]) for index in range(6)]
    other = read_manifest("tfds:tiny", options=ReadOptions(path_column="scan", label_column="site"))
    assert other.labels == ("north", "south")
    pictures = {path.read_bytes() for path in other.sources(other.examples)}
    assert pictures == {encoded((9, 9, 9), index).getvalue() for index in range(6)}
    with pytest.raises(DataError, match=r"no label 'sit'\. Did you mean 'site'\?"):
        read_manifest("tfds:tiny", options=ReadOptions(label_column="sit"))


def test_several_labels_of_one_picture_are_kept(data_dir):
    features = {"tags": tfds.features.Sequence(tfds.features.ClassLabel(names=["sky", "sea", "sand"]))}
    prepare_tfds(
        data_dir,
        features=features,
        row=lambda split, index: {"tags": [0, 2] if index % 2 else [1]},
        splits={"train": 4},
    )
    manifest = read_manifest("tfds:tiny", options=ReadOptions(label_column="tags"))
    assert manifest.is_multi_label
    assert sorted(item.labels for item in manifest.examples) == [("sand", "sky")] * 2 + [("sea",)] * 2


@pytest.mark.parametrize(
    ("splits", "meanings", "unused"),
    [
        ({"train": 6, "test": 3, "extra": 3}, {"train": "train", "test": "test"}, ("extra (split)",)),
        ({"train": 6, "val": 3}, {"train": "train", "val": "test"}, ()),
        ({"train": 6}, {}, ()),
        ({"test": 6}, {}, ()),
        ({"train": 6, "unlabelled": 3}, {}, ("unlabelled (split)",)),
    ],
)
def test_splits_mean_what_they_mean_elsewhere(data_dir, splits, meanings, unused):
    manifest = read_manifest(prepare_tfds(data_dir, splits=splits))
    assert (manifest.split_names, manifest.unused) == (meanings, unused)


def test_splits_without_any_for_training_are_told(data_dir):
    prepare_tfds(data_dir, splits={"north": 6, "south": 6})
    with pytest.raises(DataError, match="the splits north, south, of which none is for training"):
        read_manifest("tfds:tiny")


def test_labels_of_all_kinds_become_safe_folders(data_dir):
    names = ("a/../../b", "c d", "é\\f")
    manifest = read_manifest(prepare_tfds(data_dir, labels=names, splits={"train": 6}))
    assert set(manifest.labels) == set(names)
    assert all(
        path.is_file() and len(example.path.split("/")) == 3
        for example, path in zip(manifest.examples, manifest.sources(manifest.examples), strict=True)
    )


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tfds:tinny", r"Did you mean 'tiny'\?(.|\n)*tfds build tinny --data_dir"),
        ("tfds:tiny:2.0.0", r"there are: 1\.0\.0(.|\n)*tfds build tiny"),
        ("tfds:tiny/none", "tfds build tiny/none"),
        ("tfds:../tiny", "is no address"),
        ("tfds:", "is no address"),
    ],
)
def test_what_is_not_prepared_is_told_with_how_to_prepare_it(data_dir, address, words):
    prepare_tfds(data_dir, splits={"train": 3})
    before = sorted(data_dir.rglob("*"))
    with pytest.raises(DataError, match=words):
        read_manifest(address)
    assert sorted(data_dir.rglob("*")) == before


def test_no_data_dir_at_all_is_told(data_dir):
    with pytest.raises(DataError, match=r"tfds:mnist is not prepared in .*tfds"):
        read_manifest("tfds:mnist")


def test_damaged_files_leave_nothing_in_the_cache(data_dir):
    prepare_tfds(data_dir)
    (file,) = (data_dir / "tiny" / "1.0.0").glob("*train.tfrecord*")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"tfds:tiny can't be read(.|\n)*tfds build"):
        read_manifest("tfds:tiny")
    assert not list((cache_dir() / "data" / "tfds").iterdir())


def test_a_damaged_note_is_written_again(data_dir):
    first = read_manifest(prepare_tfds(data_dir))
    next(cache_dir().rglob(".manifest.json")).write_text("{")
    assert read_manifest("tfds:tiny") == first


def test_what_makes_no_sense_here_is_refused(data_dir):
    prepare_tfds(data_dir)
    for options in (ReadOptions(split_column="x"), ReadOptions(frame_rate=2)):
        with pytest.raises(UserError, match="tfds:tiny"):
            read_manifest("tfds:tiny", options=options)


def test_a_missing_package_is_told(data_dir, monkeypatch):
    prepare_tfds(data_dir)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(MissingExtraError, match=r"tfl\[tfds\]"):
        read_manifest("tfds:tiny")
