"""Near duplicates: what a person would call the same picture is found, different pictures are not."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

pytest.importorskip("imagehash")

from tests.conftest import draw_classes
from tfl.core.errors import DataError
from tfl.data.check import check, require_clean
from tfl.data.check.near import Look, look_of, near_groups
from tfl.data.loading import read_manifest
from tfl.data.split import assign_splits


def scene(seed, size=160):
    """A picture with shapes of all sizes, as photos have."""
    generator = np.random.default_rng(seed)
    values = np.zeros((size, size, 3), dtype=np.float32)
    for weight, side in ((4, 4), (2, 10), (1, 40)):
        grid = Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8))
        values += weight * np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
    return Image.fromarray((values / 7).astype(np.uint8))


def saved(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES = {
    "compressed": lambda image: saved(image, 40),
    "smaller": lambda image: image.resize((80, 80), Image.Resampling.LANCZOS),
    "larger": lambda image: image.resize((400, 400), Image.Resampling.BICUBIC),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "paler": lambda image: ImageEnhance.Color(image).enhance(0.5),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "squeezed": lambda image: image.resize((160, 150)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(change):
    looks = [look_of(scene(seed)) for seed in range(12)]
    groups = near_groups([*looks, look_of(CHANGES[change](scene(5)))])
    assert groups == [(5, 12)]


def test_different_pictures_are_not_accused():
    assert near_groups([look_of(scene(seed)) for seed in range(300)]) == []


def test_plain_and_small_pictures_say_nothing():
    assert look_of(Image.new("RGB", (200, 200), (200, 30, 30))) is None
    assert look_of(scene(0).resize((40, 40))) is None


def test_what_links_two_copies_joins_them():
    grey = look_of(scene(0)).grey
    hashes = [0, 0b1111111, 0b11111111000000000, 1 << 63 | (1 << 62) - 1]
    assert near_groups([Look(value, grey) for value in hashes]) == [(0, 1)]
    # Fourteen bits apart, but seven from the one between them.
    assert near_groups([Look(value, grey) for value in (0, 0b11111111111111, 0b1111111)]) == [(0, 1, 2)]


def test_every_pair_up_to_seven_bits_apart_is_found():
    generator = np.random.default_rng(0)
    grey = look_of(scene(0)).grey
    for _ in range(100):
        first = int(generator.integers(0, 2**63))
        flips = generator.choice(64, size=7, replace=False)
        second = first ^ sum(1 << int(bit) for bit in flips)
        assert near_groups([Look(first, grey), Look(second, grey)]) == [(0, 1)]


@pytest.fixture
def photos(tmp_path):
    for side, label, seeds in (("train", "a", range(6)), ("train", "b", range(6, 12)), ("test", "a", range(12, 15))):
        folder = tmp_path / side / label
        folder.mkdir(parents=True)
        for seed in seeds:
            scene(seed).save(folder / f"{seed}.png")
    (tmp_path / "test" / "b").mkdir()
    for seed in range(15, 18):
        scene(seed).save(tmp_path / "test" / "b" / f"{seed}.png")
    return tmp_path


def rules(report, *names):
    return [(item.rule, item.path) for item in report.findings if item.rule in names]


NEAR = ("near_duplicate", "near_leakage", "near_conflict")


def test_clean_data_are_clean(photos):
    report, _ = check(read_manifest(photos))
    assert rules(report, *NEAR, "not_checked") == []
    assert report.duplicate_groups == ()


def test_a_near_copy_on_the_other_side_is_leakage(photos):
    saved(scene(2), 50).save(photos / "test" / "a" / "copy.jpg")
    report, _ = check(read_manifest(photos))
    assert rules(report, *NEAR) == [("near_leakage", "train/a/2.png"), ("near_duplicate", "test/a/copy.jpg")]
    assert report.duplicate_groups == (("test/a/copy.jpg", "train/a/2.png"),)
    with pytest.raises(DataError, match="other side of a split"):
        require_clean(report)
    require_clean(report, allow=frozenset({"near_leakage"}))


def test_a_near_copy_in_another_class_is_told(photos):
    saved(scene(2), 50).save(photos / "train" / "b" / "copy.jpg")
    report, _ = check(read_manifest(photos))
    assert ("near_conflict", "train/b/copy.jpg") in rules(report, *NEAR)
    require_clean(report)


def test_splits_keep_near_copies_together(tmp_path):
    for label, seeds in (("a", range(12)), ("b", range(12, 24))):
        (tmp_path / label).mkdir()
        for seed in seeds:
            scene(seed).save(tmp_path / label / f"{seed}.png")
            saved(scene(seed), 60).save(tmp_path / label / f"{seed}-again.jpg")
    report, manifest = check(read_manifest(tmp_path))
    assert len(report.duplicate_groups) == 24
    for seed in range(5):
        split = assign_splits(manifest, seed=seed, duplicate_groups=report.duplicate_groups)
        side = {item.path.split("/")[1].split(".")[0]: item.split for item in split.examples}
        assert all(side[str(number)] == side[f"{number}-again"] for number in range(24))


def test_pictures_that_are_all_alike_are_told_once_and_not_taken_for_copies(tmp_path):
    for label, step in (("a", 0), ("b", 1)):
        (tmp_path / label).mkdir()
        for number in range(30):
            ImageEnhance.Brightness(scene(0)).enhance(1 + (2 * number + step) / 400).save(
                tmp_path / label / f"{number}.png"
            )
    report, _ = check(read_manifest(tmp_path))
    ((rule, path),) = rules(report, *NEAR)
    assert (rule, path) == ("near_duplicate", "a/0.png")
    assert report.duplicate_groups == ()


def test_noise_of_one_colour_is_not_accused(tmp_path):
    report, _ = check(read_manifest(draw_classes(tmp_path, per_class=30, size=(80, 120))))
    assert rules(report, *NEAR) == []


def test_near_copies_within_one_group_are_no_finding(tmp_path):
    for label, seeds in (("a", range(4)), ("b", range(4, 8))):
        (tmp_path / label).mkdir()
        for seed in seeds:
            scene(seed).save(tmp_path / label / f"{seed}.png")
    for quality in (60, 70):
        scene(0).save(tmp_path / "a" / f"0-{quality}.jpg", quality=quality)
    manifest = read_manifest(tmp_path)

    def with_groups(groups):
        examples = tuple(replace(item, group=groups(item.path)) for item in manifest.examples)
        return rules(check(replace(manifest, examples=examples))[0], *NEAR)

    assert with_groups(lambda path: path[:3]) == [], "all of the first are one video"
    assert with_groups(lambda path: path) == [("near_duplicate", "a/0-60.jpg")]
    assert with_groups(lambda path: "") == [("near_duplicate", "a/0-60.jpg")]
