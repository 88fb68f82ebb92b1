"""Data at all kinds of places, through the real command line."""

import shutil

import pytest

from tests.conftest import draw_classes
from tests.e2e.conftest import assert_user_error, call, call_json
from tests.videos import film_classes
from tfl.data.readers import READERS


def test_every_format_is_explained():
    told = call_json("data", "formats")
    assert [item["name"] for item in told] == list(READERS.names())
    assert all(item["summary"] and item["example"] for item in told)
    text = call("data", "formats").stdout
    for name in READERS.names():
        assert f"\n{name}: " in f"\n{text}"


@pytest.fixture
def photos(tmp_path):
    return draw_classes(tmp_path / "photos", per_class=3)


def test_archives_and_addresses_go_through_the_commands(photos, bucket, tmp_path):
    archive = shutil.make_archive(tmp_path / "photos", "zip", photos)
    address = bucket.upload(photos)
    cache = {"TFL_CACHE": str(tmp_path / "cache")}
    for place, reader in ((archive, "archive"), (address, "remote")):
        described = call_json("data", "describe", place, **cache)
        assert (described["reader"], described["source"], described["examples"]) == (reader, place, 9)
        assert call("data", "check", place, **cache).returncode == 0
    same = call("data", "diff", archive, address, **cache)
    assert same.returncode == 0, same.stderr
    bucket.put("photos/red/red-00.png", (photos / "red" / "red-01.png").read_bytes())
    assert call("data", "diff", archive, address, **cache).returncode == 1


def test_videos_go_through_the_commands(tmp_path):
    clips = film_classes(tmp_path / "clips", per_class=5)
    cache = {"TFL_CACHE": str(tmp_path / "cache")}
    described = call_json("data", "describe", clips, "--frame-rate", 2, **cache)
    assert (described["reader"], described["examples"], described["groups"]) == ("video_folder", 90, 15)
    assert "--frame-rate 2.0" in call("data", "describe", clips, "--frame-rate", 2, **cache).stdout
    assert call("data", "check", clips, **cache).returncode == 0
    assert_user_error(call("data", "check", clips, "--frame-rate", "-1", **cache), "frame_rate", "[0, 1000]")
    assert_user_error(call("run", clips, "--frame-rate", "-1", cwd=tmp_path, **cache), "frame_rate", "[0, 1000]")


def test_mistakes_about_places(tmp_path, bucket):
    cache = {"TFL_CACHE": str(tmp_path / "cache"), "cwd": tmp_path}
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    assert_user_error(call("data", "check", "bad.zip", **cache), "bad.zip", "not a readable ZIP archive")
    assert_user_error(
        call("data", "check", "s3://no-such-bucket-2/x", **cache), "s3://no-such-bucket-2/x does not exist"
    )
    assert_user_error(call("run", "s3://no-such-bucket-2/x", **cache), "s3://no-such-bucket-2/x does not exist")
    assert not (tmp_path / "runs").exists()
