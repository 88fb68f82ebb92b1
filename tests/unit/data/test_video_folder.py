"""Pictures from videos: at the right times, upright, on one side of a split, and damaged ones told."""

import numpy as np
import pytest
from PIL import Image

from tests.conftest import COLOURS, draw_classes
from tests.videos import SIZE, film, film_classes, time_of
from tfl.core.errors import DataError, MissingExtraError, UserError
from tfl.data.check import check, require_clean, skip_bad
from tfl.data.loading import read_manifest
from tfl.data.readers import ReadOptions
from tfl.data.split import assign_splits

av = pytest.importorskip("av")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def clips(tmp_path):
    film(tmp_path / "clips" / "red" / "a.mp4", colour=COLOURS["red"])
    film(tmp_path / "clips" / "blue" / "b.mp4", colour=COLOURS["blue"])
    return tmp_path / "clips"


def times_of(manifest, video):
    return [
        float(example.attributes["time_s"]) for example in manifest.examples if example.attributes["video"] == video
    ]


def pictures_of(manifest, video):
    return [
        np.asarray(Image.open(path).convert("RGB"))
        for example, path in zip(manifest.examples, manifest.sources(manifest.examples), strict=True)
        if example.attributes["video"] == video
    ]


def test_one_picture_a_second_with_its_label_group_and_time(clips):
    manifest = read_manifest(clips)
    assert manifest.reader == "video_folder"
    assert manifest.source == str(clips)
    assert [example.path for example in manifest.examples] == [
        f"{video}/00000{second}.000.jpg" for video in ("blue/b.mp4", "red/a.mp4") for second in range(3)
    ]
    for example in manifest.examples:
        assert example.group == example.attributes["video"] == example.path.rpartition("/")[0]
        assert example.label == example.path.split("/")[0]


@pytest.mark.parametrize(
    "codec_and_name",
    [
        ("mpeg4", "a.mp4"),
        ("mpeg4", "a.avi"),
        ("mpeg4", "a.mkv"),
        ("libx264", "a.mov"),
        ("libvpx-vp9", "a.webm"),
        ("mpeg2video", "a.mpg"),
        ("mpeg2video", "a.ts"),
    ],
    ids=lambda item: item[1] + "-" + item[0],
)
@pytest.mark.parametrize(("rate", "expected"), [(1, (0, 1, 2)), (2, (0, 0.5, 1, 1.5, 2, 2.5)), (0.5, (0, 2))])
def test_pictures_are_of_the_times_they_claim(clips, codec_and_name, rate, expected):
    codec, name = codec_and_name
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    film(clips / "red" / name, codec=codec, per_second=25, colour=COLOURS["red"])
    manifest = read_manifest(clips, options=ReadOptions(frame_rate=rate))
    times = times_of(manifest, f"red/{name}")
    # A frame of 25 a second may be up to 40 ms after the time that is asked for.
    np.testing.assert_allclose(times, expected, atol=0.041)
    for picture, time_s in zip(pictures_of(manifest, f"red/{name}"), times, strict=True):
        # One frame is 0.8 of a grey level, and the codec is off by about one; neighbours asked for are 10 apart.
        assert abs(time_of(picture) - time_s) < 0.12
        np.testing.assert_allclose(picture[-8:, :24].mean((0, 1)), COLOURS["red"], atol=12)


def test_uneven_times_are_read_from_the_file(clips):
    shown = (0, 0.1, 0.2, 1.7, 1.8, 4.0, 4.1, 5.2)
    film(clips / "red" / "v.mkv", times_s=shown, per_second=10)
    manifest = read_manifest(clips)
    assert times_of(manifest, "red/v.mkv") == [0, 1.7, 4.0, 5.2]
    for picture, time_s in zip(pictures_of(manifest, "red/v.mkv"), (0, 1.7, 4.0, 5.2), strict=True):
        assert abs(time_of(picture) - time_s) < 0.12


def test_a_long_video_is_sampled_over_its_whole_length(clips):
    film(clips / "red" / "long.mp4", seconds=10, per_second=50)
    times = times_of(read_manifest(clips, options=ReadOptions(frame_rate=50)), "red/long.mp4")
    assert 280 <= len(times) <= 300
    assert times[0] == 0
    assert times[-1] > 9.9


@pytest.mark.parametrize(("rotation", "corner"), [(90, "bottom"), (-90, "top"), (180, "right")])
def test_a_video_is_turned_as_its_file_says(clips, rotation, corner):
    film(clips / "red" / "r.mp4", rotation=rotation, colour=COLOURS["red"])
    (first, *_) = pictures_of(read_manifest(clips), "red/r.mp4")
    width, height = SIZE
    assert first.shape[:2] == ((height, width) if rotation == 180 else (width, height))
    # The red half is on the left as it is stored; turned a quarter to the left, it is at the bottom.
    where = {"bottom": first[-20:-4], "top": first[4:20], "right": first[:, -20:-4]}[corner]
    np.testing.assert_allclose(where.mean((0, 1)), COLOURS["red"], atol=12)


def test_pixels_that_are_not_square_become_so(clips):
    film(clips / "red" / "wide.mp4", aspect=2)
    (first, *_) = pictures_of(read_manifest(clips), "red/wide.mp4")
    assert first.shape == (SIZE[1], 2 * SIZE[0], 3)


def test_pictures_are_taken_once_and_again_when_a_video_or_the_rate_changes(clips):
    manifest = read_manifest(clips)
    before = [path.stat().st_mtime_ns for path in manifest.sources(manifest.examples)]
    assert read_manifest(clips) == manifest
    assert [path.stat().st_mtime_ns for path in manifest.sources(manifest.examples)] == before
    film(clips / "red" / "a.mp4", seconds=5)
    again = read_manifest(clips)
    assert len(times_of(again, "red/a.mp4")) == 5
    assert [path.stat().st_mtime_ns for path in again.sources(again.examples)][:3] == before[:3]
    assert len(read_manifest(clips, options=ReadOptions(frame_rate=2)).examples) == 16
    assert read_manifest(clips) == again


def test_given_splits_are_kept_and_own_ones_never_cut_a_video(tmp_path):
    for seed, side in enumerate(("train", "val", "test")):
        film_classes(tmp_path / "given" / side, per_class=1, seed=seed)
    manifest = read_manifest(tmp_path / "given")
    assert {example.given_split for example in manifest.examples} == {"train", "val", "test"}
    assert all(example.path.startswith(f"{example.given_split}/") for example in manifest.examples)
    film_classes(tmp_path / "own", per_class=5)
    report, manifest = check(read_manifest(tmp_path / "own"))
    require_clean(report)
    sides = {}
    for example in assign_splits(manifest).examples:
        sides.setdefault(example.group, set()).add(example.split)
    assert all(len(found) == 1 for found in sides.values())
    assert {side for found in sides.values() for side in found} == {"train", "validation", "test"}


def test_parts_of_videos_have_their_own_labels(clips):
    film(clips / "c.mp4", seconds=6)
    (clips / "parts.csv").write_text("path,label,start,end\nc.mp4,walk,0,2.5\nc.mp4,jump,2.5,\nred/a.mp4,walk,,\n")
    manifest = read_manifest(clips / "parts.csv")
    found = {(item.label, item.attributes["video"], float(item.attributes["time_s"])) for item in manifest.examples}
    assert found == {
        *(("walk", "c.mp4", float(time)) for time in (0, 1, 2)),
        *(("jump", "c.mp4", time) for time in (2.5, 3.5, 4.5, 5.5)),
        *(("walk", "red/a.mp4", float(time)) for time in (0, 1, 2)),
    }
    assert {item.group for item in manifest.examples} == {"c.mp4", "red/a.mp4"}
    jumps = [
        Image.open(path)
        for item, path in zip(manifest.examples, manifest.sources(manifest.examples), strict=True)
        if item.label == "jump"
    ]
    assert [abs(time_of(image) - time) < 0.12 for image, time in zip(jumps, (2.5, 3.5, 4.5, 5.5), strict=True)] == [
        True
    ] * 4


def test_a_folder_with_one_list_of_videos_and_a_group_column(clips):
    (clips / "list.csv").write_text("clip,label,patient,camera\nred/a.mp4,red,p1,x\nblue/b.mp4,blue,p2,y\n")
    manifest = read_manifest(clips)
    assert {(item.group, item.attributes["camera"]) for item in manifest.examples} == {("p1", "x"), ("p2", "y")}


def test_bad_times_and_missing_videos_are_told_with_their_rows(clips):
    rows = "red/a.mp4,red,,\nblue/b.mp4,blue,,\nred/a.mp4,red,one,2\nred/a.mp4,red,2,1\nred/a.mp4,red,90,95\n"
    rows += "none.mp4,red,,\n"
    (clips / "list.csv").write_text(f"path,label,start,end\n{rows}")
    manifest = read_manifest(clips / "list.csv")
    told = [(problem.rule, problem.message) for problem in manifest.problems]
    assert [rule for rule, _ in told] == ["missing_file", "bad_row", "bad_row", "unreadable"]
    assert "start: must be seconds. Received: 'one'" in told[1][1]
    assert "Received: 2 to 1 s" in told[2][1]
    assert "holds no pictures from 90 s to 95 s" in told[3][1]


def test_damaged_videos_are_findings_and_can_be_skipped(clips):
    whole = (clips / "red" / "a.mp4").read_bytes()
    (clips / "red" / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (clips / "red" / "text.mp4").write_text("no video")
    (clips / "red" / "empty.mp4").touch()
    manifest = read_manifest(clips)
    assert {problem.path: problem.rule for problem in manifest.problems} == {
        f"red/{name}.mp4": "unreadable" for name in ("half", "text", "empty")
    }
    assert read_manifest(clips) == manifest, "what is damaged is not decoded again"
    report, manifest = check(manifest)
    with pytest.raises(DataError, match=r"text\.mp4: can't be decoded"):
        require_clean(report)
    kept, told = skip_bad(manifest, report)
    assert len(kept.examples) == 6
    assert len(told) == 3


@pytest.mark.parametrize("damage", ["zeros", "cut"])
@pytest.mark.parametrize(("name", "codec"), [("d.avi", "mpeg4"), ("d.mkv", "libx264"), ("d.mp4", "mpeg4")])
def test_a_video_that_is_damaged_gives_what_is_before_and_a_finding(clips, name, codec, damage):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    path = film(clips / "red" / name, seconds=11, per_second=25, codec=codec, noise=1)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + middle // 4] = bytes(middle // 4)
    path.write_bytes(data if damage == "zeros" else data[:middle])
    manifest = read_manifest(clips)
    assert [(problem.rule, problem.path) for problem in manifest.problems] == [("unreadable", f"red/{name}")]
    times = times_of(manifest, f"red/{name}")
    # The index of an MP4 file is at its end.
    assert bool(times) == ((name, damage) != ("d.mp4", "cut"))
    for picture, time_s in zip(pictures_of(manifest, f"red/{name}"), times, strict=True):
        assert abs(time_of(picture) - time_s) < 0.12


def test_all_videos_damaged_is_an_error(tmp_path):
    for label in ("a", "b"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        (tmp_path / "clips" / label / "x.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"0 classes(.|\n)*b/x\.mp4: can't be decoded"):
        read_manifest(tmp_path / "clips")


def test_what_is_no_video_is_left_out_and_told(clips):
    (clips / "red" / "notes.txt").write_text("x")
    assert read_manifest(clips).unused == ("red/notes.txt",)


def test_pictures_are_not_taken_for_videos(tmp_path):
    photos = draw_classes(tmp_path / "photos", per_class=2)
    assert read_manifest(photos).reader == "image_folder"
    with pytest.raises(UserError, match=r"frame_rate.*has no videos"):
        read_manifest(photos, options=ReadOptions(frame_rate=2))
    (photos / "a.csv").write_text("path,label\nred/red-00.png,red\nblue/blue-00.png,blue\n")
    assert read_manifest(photos / "a.csv").reader == "manifest_file"
    with pytest.raises(UserError, match=r"frame_rate.*has no videos"):
        read_manifest(photos / "a.csv", options=ReadOptions(frame_rate=2))


def test_columns_are_refused_for_a_folder_and_rates_out_of_range(clips):
    with pytest.raises(UserError, match="label_column"):
        read_manifest(clips, options=ReadOptions(label_column="x"))
    for rate in (-1, float("nan"), 2000):
        with pytest.raises(UserError, match=r"frame_rate: must be in \[0, 1000\]"):
            ReadOptions(frame_rate=rate)


def test_a_missing_package_is_told(clips, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"tfl\[video\]"):
        read_manifest(clips)
