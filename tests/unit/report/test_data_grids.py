"""Grids show the very pixels that training and service see, of training samples alone, and never trample a file."""

import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

import tfl
from tests.conftest import COLOURS, draw_classes
from tests.e2e.conftest import assert_user_error, call, call_json
from tfl.core.augmentation import PRESETS, AugmentConfig
from tfl.core.errors import ConfigError, DataError, NotFoundError, UserError
from tfl.data.loading import read_manifest
from tfl.data.preprocess import ImagePreprocessing, normalize
from tfl.report.data_grids import (
    RESIZE_METHODS,
    augment_columns,
    choose_examples,
    draw_columns,
    draw_data,
    original_column,
    read_originals,
    resize_columns,
    save_png,
    visible,
)

CONTRACT = ImagePreprocessing(height=40, width=56, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def shown(colours):
    manifest = read_manifest(colours)
    examples = choose_examples(manifest, 4)
    return colours, examples, read_originals(examples, manifest.root, CONTRACT)


def test_examples_are_of_as_many_classes_as_can_be(colours):
    manifest = read_manifest(colours)
    assert [item.label for item in choose_examples(manifest, 4)] == ["blue", "green", "red", "blue"]
    assert [item.label for item in choose_examples(manifest, 2)] == ["blue", "green"]
    assert len(choose_examples(manifest, 1000)) == len(manifest.examples)
    with pytest.raises(UserError, match="samples: must be at least 1"):
        choose_examples(manifest, 0)


def test_only_training_samples_are_shown(tmp_path):
    for split in ("train", "val"):
        draw_classes(tmp_path / split, per_class=3)
    manifest = read_manifest(tmp_path)
    assert {item.path.split("/")[0] for item in choose_examples(manifest, 100)} == {"train"}
    shutil.rmtree(tmp_path / "train")
    held_out = dataclasses.replace(
        manifest, examples=tuple(item for item in manifest.examples if item.given_split == "val")
    )
    with pytest.raises(DataError, match="no training samples"):
        choose_examples(held_out, 1)


def test_each_method_shows_what_the_contract_gives(shown):
    folder, examples, originals = shown
    columns = resize_columns(originals, CONTRACT, RESIZE_METHODS, augmentation=AugmentConfig(), seed=0)
    assert [column.title for column in columns] == ["crop (the model's)", "squish", "pad", "random_resized_crop"]
    for column, method in zip(columns, ("crop", "squish", "pad"), strict=False):
        contract = dataclasses.replace(CONTRACT, resize=method)
        for tile, item in zip(column.tiles, examples, strict=True):
            np.testing.assert_array_equal(np.asarray(tile.picture), contract.read(folder / item.path))
    assert all(tile.picture.size == (56, 40) for column in columns for tile in column.tiles)


def test_views_are_those_of_training_and_go_back_to_colours(shown):
    pytest.importorskip("keras")
    _, examples, originals = shown
    arguments = {"augmentation": PRESETS["standard"], "views": 2, "seed": 4}
    columns = augment_columns(examples, originals, CONTRACT, **arguments)
    again = augment_columns(examples, originals, CONTRACT, **arguments)
    for first, second in zip(columns, again, strict=True):
        for one, same in zip(first.tiles, second.tiles, strict=True):
            np.testing.assert_array_equal(np.asarray(one.picture), np.asarray(same.picture))
    for item, tile in zip(examples, columns[0].tiles, strict=True):
        brightest = int(np.asarray(tile.picture).mean(axis=(0, 1)).argmax())
        assert brightest == int(np.argmax(COLOURS[item.label]))
    assert not np.array_equal(np.asarray(columns[0].tiles[0].picture), np.asarray(columns[1].tiles[0].picture))


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_what_is_normalized_comes_back_exactly(channels):
    contract = ImagePreprocessing(
        height=16, width=16, channels=channels, scale=1 / 255, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(visible(normalize(pixels, contract), contract), pixels)


def test_mixed_views_say_the_shares(shown):
    pytest.importorskip("keras")
    _, examples, originals = shown
    values = AugmentConfig(mixup=1.0, crop_scale=(0.4, 0.9))
    columns = augment_columns(examples, originals, CONTRACT, augmentation=values, views=3, seed=0)
    captions = [tile.caption for column in columns for tile in column.tiles]
    for caption in captions:
        shares = [float(part.split()[0]) for part in caption.split(" + ")]
        assert sum(shares) == pytest.approx(1.0, abs=0.011)
    assert any(" + " in caption for caption in captions)


def test_the_grid_holds_every_tile_whole(shown):
    _, examples, originals = shown
    columns = [
        original_column(examples, originals),
        *resize_columns(originals, CONTRACT, ["squish", "pad"], augmentation=AugmentConfig(), seed=0),
    ]
    paper = np.asarray(draw_columns(columns, title="one two three " * 30))
    narrow = np.asarray(draw_columns(columns, title=""))
    assert paper.shape[1] == narrow.shape[1]
    assert paper.shape[0] > narrow.shape[0]
    for row, item in enumerate(examples):
        # Rows are 168 + 20 + 10 pixels apart; this looks at the middle of the tile of `squish`, which fills its width.
        middle = narrow.shape[0] - 14 + 10 - (len(examples) - row) * 198 + 84
        seen = narrow[middle - 20 : middle + 20, 14 + 178 + 20 : 14 + 178 + 148].mean(axis=(0, 1))
        np.testing.assert_allclose(seen, COLOURS[item.label], atol=12)


def test_mistakes_are_told(colours, shown):
    _, examples, originals = shown
    manifest = read_manifest(colours)
    with pytest.raises(UserError, match="no way to resize 'cropp'") as raised:
        resize_columns(originals, CONTRACT, ["cropp"], augmentation=AugmentConfig(), seed=0)
    assert "'crop'" in str(raised.value)
    with pytest.raises(UserError, match="every knob is off"):
        draw_data(manifest, "embedded:sketchnet", augmentation=PRESETS["none"])
    with pytest.raises(UserError, match="views: must be at least 1"):
        augment_columns(examples, originals, CONTRACT, augmentation=PRESETS["light"], views=0, seed=0)
    with pytest.raises(NotFoundError, match="sketchnet"):
        draw_data(manifest, "embedded:sketchnt", methods=["crop"])


def test_a_damaged_picture_is_named(tmp_path):
    folder = draw_classes(tmp_path / "data", per_class=2)
    (folder / "blue" / "blue-00.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"blue-00\.png: not a picture"):
        draw_data(read_manifest(folder), "embedded:sketchnet", methods=["crop"])


def test_a_file_is_whole(tmp_path):
    save_png(Image.new("RGB", (9, 7), "red"), tmp_path / "deep" / "picture.png")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["picture.png"]
    with Image.open(tmp_path / "deep" / "picture.png") as image:
        assert (image.format, image.size) == ("PNG", (9, 7))


def test_the_python_calls_return_pictures(colours):
    pytest.importorskip("keras")
    data = tfl.load_data(colours)
    resized = data.show_resize(["crop", "pad"], samples=2)
    everything = data.show_resize(samples=2)
    assert everything.width - resized.width == 2 * 178
    drawn = data.show_augment("none", augment={"rotation": 0.2}, samples=2, views=3)
    assert drawn.width - resized.width == 178
    with pytest.raises(ConfigError, match=r"augment\.rotation: must be in"):
        data.show_augment(augment={"rotation": 2})


def test_the_command_draws_says_where_and_does_not_trample(colours, tmp_path):
    done = call("data", "show", colours, "--resize", "crop,random_resized_crop", "--samples", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Picture: data-show.png"
    with Image.open(tmp_path / "data-show.png") as image:
        assert image.width == 2 * 14 + 3 * 178 - 10
    before = (tmp_path / "data-show.png").read_bytes()
    assert_user_error(call("data", "show", colours, cwd=tmp_path), "data-show.png exists already", "--overwrite")
    assert (tmp_path / "data-show.png").read_bytes() == before
    document = call_json("data", "show", colours, "--overwrite", cwd=tmp_path)
    assert document["path"] == "data-show.png"
    assert [item["label"] for item in document["samples"]] == ["blue", "green", "red", "blue"]
    assert document["width"] == 2 * 14 + 5 * 178 - 10
    assert_user_error(call("data", "show", colours, "--out", "x.jpg", cwd=tmp_path), "--out must end in .png", "x.jpg")


def test_the_command_knows_knobs_and_nothing_else(colours, tmp_path):
    pytest.importorskip("keras")
    arguments = ["data", "show", colours, "--set", "augment.rotation=0.2", "--views", "2", "--out", "a.png"]
    assert call_json(*arguments, cwd=tmp_path)["width"] == 2 * 14 + 3 * 178 - 10
    assert call_json(*arguments, "--augment", "--overwrite", cwd=tmp_path)["path"] == "a.png"
    wrong = call("data", "show", colours, "--set", "train.epochs=3", "--out", "b.png", cwd=tmp_path)
    assert_user_error(wrong, "--set train.epochs", "only knobs of augmentation")
    wrong = call("data", "show", colours, "--set", "augment.rotatoin=1", "--out", "b.png", cwd=tmp_path)
    assert_user_error(wrong, "augment.rotatoin: unknown key", "rotation")
    assert not (tmp_path / "b.png").exists()
