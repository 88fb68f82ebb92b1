"""Which folders are classes, which are splits, and what is neither."""

import os

import pytest
from PIL import Image

from tests.conftest import draw_classes
from tfl.core.errors import DataError, NotFoundError
from tfl.data.check import check, require_clean
from tfl.data.loading import read_manifest


def put(folder, *paths):
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (number, 9 * number % 256, 77)).save(folder / path, format="PNG")
    return folder


def paths_of(manifest):
    return [example.path for example in manifest.examples]


def test_sub_folders_of_a_class_belong_to_it(tmp_path):
    manifest = read_manifest(put(tmp_path, "a/1.png", "a/more/2.png", "a/more/deep/3.png", "b/1.png"))
    assert paths_of(manifest) == ["a/1.png", "a/more/2.png", "a/more/deep/3.png", "b/1.png"]
    assert [example.label for example in manifest.examples] == ["a", "a", "a", "b"]
    assert manifest.split_names == {}
    assert {(example.split, example.given_split) for example in manifest.examples} == {(None, None)}


def test_what_systems_leave_behind_is_no_data(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png")
    for name in (".DS_Store", "a/.DS_Store", "a/Thumbs.db", "a/desktop.ini", "b/._1.png"):
        (tmp_path / name).write_bytes(b"x")
    put(tmp_path, "__MACOSX/a/1.png", "a/@eaDir/1.png", ".ipynb_checkpoints/1.png", "b/.thumbnails/1.png")
    manifest = read_manifest(tmp_path)
    assert paths_of(manifest) == ["a/1.png", "b/1.png"]
    assert manifest.unused == ()


def test_a_file_that_is_no_picture_is_listed_and_not_dropped(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "notes.txt").write_text("hello")
    manifest = read_manifest(tmp_path)
    assert "a/notes.txt" in paths_of(manifest)
    report, _ = check(manifest)
    assert ("unreadable", "a/notes.txt") in {(item.rule, item.path) for item in report.findings}


def test_pictures_outside_every_class_are_told(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/2.png", "val/b/2.png", "train/loose.png", "cover.JPG")
    (tmp_path / "README.md").write_text("about")
    manifest = read_manifest(tmp_path)
    assert manifest.unused == ("cover.JPG", "train/loose.png")
    report, _ = check(manifest)
    assert [item.path for item in report.findings if item.rule == "unused"] == ["cover.JPG", "train/loose.png"]


def test_links_lead_to_files_and_never_round_in_circles(tmp_path):
    put(tmp_path / "data", "a/1.png", "b/1.png")
    put(tmp_path, "elsewhere.png")
    (tmp_path / "data" / "a" / "linked.png").symlink_to(tmp_path / "elsewhere.png")
    (tmp_path / "data" / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "data" / "a" / "round").symlink_to(tmp_path / "data", target_is_directory=True)
    manifest = read_manifest(tmp_path / "data")
    assert paths_of(manifest) == ["a/1.png", "a/gone.png", "a/linked.png", "b/1.png"]
    assert manifest.unused == ("a/round",)
    report, _ = check(manifest)
    assert [(item.path, item.message) for item in report.findings if item.rule == "unreadable"] == [
        ("a/gone.png", "can't be read: No such file or directory")
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    assert paths_of(read_manifest(tmp_path)) == ["a/1.png", "b/1.png"]


def test_names_are_kept_as_they_are_spelt(tmp_path):
    composed, decomposed = "K\u00e4se", "Kase\u0308"
    put(tmp_path, f"{composed}/\u56fe \u7247 1.png", f"{decomposed}/x'\"&<.png", "x/" + "\u00fc" * 100 + ".png")
    manifest = read_manifest(tmp_path)
    assert set(manifest.labels) == {composed, decomposed, "x"}
    assert type(manifest).from_dict(manifest.to_dict()) == manifest
    for file in manifest.sources(manifest.examples):
        assert file.is_file()
    report, _ = check(manifest)
    assert "unreadable" not in {item.rule for item in report.findings}


def test_a_very_long_path_is_read(tmp_path):
    deep = "/".join(["d" * 100] * 8)
    manifest = read_manifest(put(tmp_path, f"a/{deep}/1.png", "a/2.png", "b/1.png", "b/2.png"))
    assert f"a/{deep}/1.png" in paths_of(manifest)
    assert check(manifest)[0].errors == 0


def test_names_that_are_not_unicode_are_told(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png")
    try:
        (tmp_path / "a" / os.fsdecode(b"K\xe4se.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    with pytest.raises(DataError, match="The names of 1 file are not Unicode") as raised:
        read_manifest(tmp_path)
    assert "a/K\\udce4se.png" in raised.value.message
    assert str(raised.value).encode()


def test_a_name_too_long_for_the_system_is_an_error_of_its_own(tmp_path):
    with pytest.raises(DataError, match="File name too long"):
        read_manifest(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("folders", "meanings"),
    [
        (("train", "val", "test"), {"train": "train", "val": "validation", "test": "test"}),
        (("train", "val"), {"train": "train", "val": "test"}),
        (("train", "test"), {"train": "train", "test": "test"}),
        (("Training", "Validation"), {"Training": "train", "Validation": "test"}),
        (("TRAIN", "valid", "Testing"), {"TRAIN": "train", "valid": "validation", "Testing": "test"}),
    ],
)
def test_given_splits_and_what_they_mean(folders, meanings, tmp_path):
    manifest = read_manifest(put(tmp_path, *(f"{name}/{label}/{name}.png" for name in folders for label in "ab")))
    assert manifest.split_names == meanings
    assert {(item.given_split, item.split) for item in manifest.examples} == set(meanings.items())
    assert manifest.labels == ("a", "b")


def test_classes_may_be_called_like_splits(tmp_path):
    manifest = read_manifest(put(tmp_path, "train/1.png", "bus/1.png", "tram/1.png"))
    assert manifest.labels == ("bus", "train", "tram")
    assert manifest.split_names == {}


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["train/a/1.png", "val/a/1.png", "extra/1.png"], "others beside them (extra)"),
        (["train/a/1.png", "train/b/1.png", "test/1.png"], "test: the split folder holds no class folders"),
        (["train/1.png", "test/1.png"], "test, train: the split folders hold no class folders"),
        (["train/a/1.png", "train/b/1.png"], "there is a 'train' folder but no 'val' or 'test'"),
        (["val/a/1.png", "val/b/1.png", "test/a/1.png"], "there is no 'train' folder beside test, val"),
        (["train/a/1.png", "val/a/1.png", "valid/a/1.png"], "several folders mean the same split"),
        (["train/a/1.png", "val/a/1.png"], "has one class only, 'a'"),
        (["a/1.png"], "has one class only, 'a'"),
    ],
)
def test_layouts_that_are_not_clear_are_told(paths, words, tmp_path):
    with pytest.raises(DataError) as raised:
        read_manifest(put(tmp_path, *paths))
    assert words in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize("empty", ["c", "train/c"])
def test_a_class_folder_without_files_is_told(empty, tmp_path):
    if "/" in empty:
        put(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/2.png", "val/b/2.png")
    else:
        put(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / empty).mkdir()
    with pytest.raises(DataError, match=f"{empty}: the class folder holds no files"):
        read_manifest(tmp_path)


def test_an_empty_folder_in_val_is_a_warning_only(tmp_path):
    put(tmp_path, *(f"train/{label}/{number}.png" for label in "ab" for number in range(3)), "val/a/9.png")
    (tmp_path / "val" / "b").mkdir()
    report, _ = check(read_manifest(tmp_path))
    assert [item.path for item in report.findings if item.rule == "missing_in_split"] == ["b"]


def test_an_unknown_reader_names_the_closest(tmp_path):
    with pytest.raises(NotFoundError, match=r"Unknown reader 'image_foldr'\. Did you mean 'image_folder'"):
        read_manifest(tmp_path, reader="image_foldr")


def test_a_reader_asked_for_by_name_says_what_a_file_is_not(tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="is a file; data are a folder"):
        read_manifest(tmp_path / "photos.zip", reader="image_folder")


def test_a_class_whose_pictures_are_all_damaged_is_named(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=3)
    for file in (data / "red").iterdir():
        file.write_bytes(file.read_bytes()[:60])
    report, _ = check(read_manifest(data))
    assert ("too_few", "red") in {(item.rule, item.path) for item in report.findings}
    with pytest.raises(DataError, match="class 'red' has 0 usable training pictures"):
        require_clean(report, allow=frozenset({"unreadable"}))
