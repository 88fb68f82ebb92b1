"""Stored pixels are the contract's, bit for bit, and never stale."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tfl.core.errors import DataError
from tfl.core.progress import Progress
from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.data.preprocess import ImagePreprocessing, normalize
from tfl.data.store import open_rows

CONTRACT = ImagePreprocessing(height=20, width=28)


class Recorder(Progress):
    """Keeps the counts that it is told."""

    def __init__(self):
        super().__init__()
        self.counts = []

    def update(self, text, *, done=None, total=None):
        self.counts.append((done, total))


@pytest.fixture(scope="module")
def manifest(colours):
    return check(read_manifest(colours))[1]


def store(manifest, folder, *, contract=CONTRACT, examples=None, progress=None):
    examples = manifest.examples if examples is None else examples
    return open_rows(examples, manifest.root, contract, cache_dir=folder, progress=progress or Progress())


@pytest.mark.parametrize("resize", ["crop", "pad", "squish"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_every_picture_has_the_bits_of_the_contract(resize, interpolation, manifest, tmp_path):
    contract = ImagePreprocessing(height=18, width=25, resize=resize, interpolation=interpolation)
    pixels = store(manifest, tmp_path, contract=contract)
    assert isinstance(pixels, np.memmap)
    assert pixels.dtype == np.uint8
    files = manifest.sources(manifest.examples)
    np.testing.assert_array_equal(pixels, np.stack([contract.read(file) for file in files]))
    np.testing.assert_array_equal(normalize(pixels, contract), contract.load_batch(files))


def test_the_order_is_that_of_the_examples(manifest, tmp_path):
    forward = store(manifest, tmp_path)
    backward = store(manifest, tmp_path, examples=manifest.examples[::-1])
    np.testing.assert_array_equal(backward, forward[::-1])
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_stored_is_used_again_and_what_changed_is_not(manifest, tmp_path):
    first, again = Recorder(), Recorder()
    store(manifest, tmp_path, progress=first)
    assert first.counts == [(number, 72) for number in range(1, 73)]
    store(manifest, tmp_path, progress=again)
    assert again.counts == []
    for change in (
        {"contract": dataclasses.replace(CONTRACT, width=27)},
        {"contract": dataclasses.replace(CONTRACT, resize="pad")},
        {"contract": dataclasses.replace(CONTRACT, interpolation="bicubic")},
        {"examples": (dataclasses.replace(manifest.examples[0], sha256="f" * 64), *manifest.examples[1:])},
        {"examples": manifest.examples[1:]},
    ):
        changed = Recorder()
        store(manifest, tmp_path, progress=changed, **change)
        assert changed.counts, change


def test_scale_and_channels_do_not_store_the_pixels_twice(manifest, tmp_path):
    store(manifest, tmp_path)
    other = dataclasses.replace(CONTRACT, scale=1 / 255, mean=(0.5, 0.5, 0.5), channels="bgr")
    store(manifest, tmp_path, contract=other)
    assert len(list(tmp_path.iterdir())) == 1


def test_stored_pixels_can_not_be_written(manifest, tmp_path):
    pixels = store(manifest, tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_a_picture_that_broke_since_the_check_is_named_and_nothing_is_kept(tmp_path):
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (30, 30), (number, 0, ord(label))).save(tmp_path / "data" / label / f"{number}.png")
    _, manifest = check(read_manifest(tmp_path / "data"))
    (tmp_path / "data" / "b" / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"b/1\.png: the file is empty"):
        store(manifest, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_pictures_are_an_empty_array(manifest, tmp_path):
    assert store(manifest, tmp_path, examples=()).shape == (0, 20, 28, 3)


@pytest.fixture(scope="module")
def sharded(manifest, tmp_path_factory):
    """The same pictures in shards of 10 and as one array."""
    place = tmp_path_factory.mktemp("shards")
    whole = store(manifest, place / "whole")
    parts = open_rows(
        manifest.examples,
        manifest.root,
        CONTRACT,
        cache_dir=place / "parts",
        progress=Progress(),
        shard_bytes=10 * 20 * 28 * 3,
    )
    return parts, np.asarray(whole), place / "parts"


def test_shards_are_indexed_as_one_array(sharded):
    parts, whole, place = sharded
    assert len(list(place.iterdir())) == 8
    assert (len(parts), parts.shape, parts.dtype) == (72, whole.shape, whole.dtype)
    np.testing.assert_array_equal(np.asarray(parts), whole)
    chosen = np.random.default_rng(0).integers(-72, 72, 50)
    np.testing.assert_array_equal(parts[chosen], whole[chosen])
    np.testing.assert_array_equal(parts[list(chosen)], whole[chosen])
    for cut in (slice(5, 37), slice(None, None, -3), slice(70, 100), slice(9, 9)):
        np.testing.assert_array_equal(parts[cut], whole[cut])
    mask = np.arange(72) % 7 == 0
    np.testing.assert_array_equal(parts[mask], whole[mask])
    for index in (0, 9, 10, 71, -1, np.int64(30)):
        np.testing.assert_array_equal(parts[index], whole[index])
    for wrong in (72, -73, np.asarray([3, 72])):
        with pytest.raises(IndexError):
            parts[wrong]


def test_an_interruption_costs_one_shard(manifest, tmp_path):
    class Stopping(Progress):
        def update(self, text, *, done=None, total=None):
            if done == 35:
                raise KeyboardInterrupt

    options = {"cache_dir": tmp_path, "shard_bytes": 10 * 20 * 28 * 3}
    with pytest.raises(KeyboardInterrupt):
        open_rows(manifest.examples, manifest.root, CONTRACT, progress=Stopping(), **options)
    assert len(list(tmp_path.iterdir())) == 3
    rest = Recorder()
    open_rows(manifest.examples, manifest.root, CONTRACT, progress=rest, **options)
    assert rest.counts == [(number, 72) for number in range(31, 73)]
