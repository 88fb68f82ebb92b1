"""Data at an address, on real servers of this machine: fetched once, again where changed, and errors that help."""

import shutil
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conftest import draw_classes
from tfl.core.errors import DataError, MissingExtraError
from tfl.core.files import cache_dir
from tfl.data.loading import read_manifest
from tfl.data.readers import READERS

pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path):
    return draw_classes(tmp_path / "photos", per_class=2)


def paths_of(manifest):
    return [example.path for example in manifest.examples]


def contents(manifest):
    return {path.name: path.read_bytes() for path in manifest.sources(manifest.examples)}


def times(manifest):
    return {
        example.path: path.stat().st_mtime_ns
        for example, path in zip(manifest.examples, manifest.sources(manifest.examples), strict=True)
    }


def test_a_folder_in_s3_is_read_as_the_local_one(bucket, photos):
    address = bucket.upload(photos)
    manifest = read_manifest(address)
    local = read_manifest(photos)
    assert (manifest.reader, manifest.source) == ("remote", address)
    assert paths_of(manifest) == paths_of(local)
    assert contents(manifest) == contents(local)
    assert str(cache_dir() / "data") in manifest.root


def test_a_whole_bucket_and_a_folder_with_a_slash_are_read(bucket, photos):
    for label in ("blue", "red"):
        bucket.upload(photos / label)
    bucket.put("green/", b"")
    bucket.put("green/a b%20#+ü.png", (photos / "green" / "green-00.png").read_bytes())
    for address in (bucket.address, f"{bucket.address}/"):
        assert "green/a b%20#+ü.png" in paths_of(read_manifest(address))


def test_a_path_object_made_of_an_address_is_understood(bucket, photos):
    assert paths_of(read_manifest(Path(bucket.upload(photos)))) == paths_of(read_manifest(photos))


def test_only_what_changed_is_fetched_and_what_is_gone_is_removed(bucket, photos):
    address = bucket.upload(photos)
    first = read_manifest(address)
    before = times(first)
    assert times(read_manifest(address)) == before, "nothing changed, nothing is fetched"
    bucket.put("photos/red/red-00.png", (photos / "red" / "red-01.png").read_bytes())
    bucket.put("photos/red/new.png", (photos / "red" / "red-01.png").read_bytes())
    bucket.client.delete_object(Bucket=bucket.name, Key="photos/blue/blue-00.png")
    manifest = read_manifest(address)
    after = times(manifest)
    assert "blue/blue-00.png" not in after
    assert {path for path, time in after.items() if before.get(path) != time} == {"red/red-00.png", "red/new.png"}
    assert contents(manifest)["red-00.png"] == (photos / "red" / "red-01.png").read_bytes()


def test_a_class_that_is_gone_remotely_leaves_no_empty_folder(bucket, photos):
    address = bucket.upload(photos)
    read_manifest(address)
    for index in range(2):
        bucket.client.delete_object(Bucket=bucket.name, Key=f"photos/blue/blue-0{index}.png")
    assert read_manifest(address).labels == ("green", "red")


def test_a_file_that_is_altered_in_the_cache_is_fetched_again(bucket, photos):
    address = bucket.upload(photos)
    first = read_manifest(address)
    expected = contents(first)
    first.sources(first.examples)[0].write_bytes(b"cut")
    first.sources(first.examples)[1].unlink()
    assert contents(read_manifest(address)) == expected


def test_an_archive_in_s3_is_read_and_fetched_again_when_it_changed(bucket, photos, tmp_path):
    address = bucket.upload(shutil_zip(tmp_path, photos))
    manifest = read_manifest(address)
    assert (manifest.reader, manifest.source) == ("remote", address)
    assert paths_of(manifest) == paths_of(read_manifest(photos))
    (photos / "red" / "red-00.png").unlink()
    bucket.upload(shutil_zip(tmp_path, photos))
    assert "red/red-00.png" not in paths_of(read_manifest(address))


def shutil_zip(tmp_path, photos):
    return Path(shutil.make_archive(tmp_path / "a", "zip", photos))


@pytest.mark.parametrize("root", ["", "images/"])
def test_a_manifest_file_in_s3_brings_the_pictures_it_lists(bucket, photos, root):
    bucket.upload(photos, below=f"set/{root}")
    bucket.put("set/other/big.bin", b"not listed")
    rows = "".join(f"photos/{path},{path.split('/')[0]}\n" for path in paths_of(read_manifest(photos)))
    bucket.put("set/list.csv", f"path,label\n{rows}photos/red/none.png,red\n".encode())
    manifest = read_manifest(f"{bucket.address}/set/list.csv")
    assert contents(manifest) == contents(read_manifest(photos))
    assert [problem.rule for problem in manifest.problems] == ["missing_file"]
    assert not list(cache_dir().rglob("big.bin"))


def test_a_name_that_is_file_and_folder_is_told(bucket, photos):
    address = bucket.upload(photos)
    listed = {key["Key"] for key in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]}
    bucket.put("photos/red/red-00.png/odd.png", b"x")
    with pytest.raises(DataError, match="both a file and a folder"):
        read_manifest(address)
    bucket.client.delete_object(Bucket=bucket.name, Key="photos/red/red-00.png/odd.png")
    assert len(read_manifest(address).examples) == len(listed)


@pytest.mark.parametrize("key", ["photos/../../outside.png", "photos//twice.png", "photos/a\\b.png"])
def test_keys_that_are_no_local_paths_are_refused(bucket, photos, key):
    address = bucket.upload(photos)
    bucket.put(key, b"x")
    with pytest.raises(DataError, match="can't be the path of a local file"):
        read_manifest(address)
    assert not list(cache_dir().rglob("outside.png"))


def test_a_bucket_that_is_not_there_is_told(bucket):
    with pytest.raises(DataError, match=r"s3://no-such-bucket-1/photos does not exist"):
        read_manifest("s3://no-such-bucket-1/photos")
    with pytest.raises(DataError, match=r"no files below s3://.*/nothing"):
        read_manifest(f"{bucket.address}/nothing")
    with pytest.raises(DataError, match=r"nothing\.zip does not exist"):
        read_manifest(f"{bucket.address}/nothing.zip")
    with pytest.raises(DataError, match="names no bucket"):
        read_manifest("s3:///photos")


def test_a_server_that_can_not_be_reached_is_told(bucket, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(DataError, match=r"can't be reached(.|\n)*Check the network"):
        read_manifest("s3://photos/x")
    with pytest.raises(DataError, match=r"can't be reached(.|\n)*Check the network"):
        read_manifest(f"http://127.0.0.1:{port}/photos.zip")


def test_missing_credentials_are_told(bucket, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"no permission(.|\n)*AWS_ACCESS_KEY_ID"):
        read_manifest(f"{bucket.address}/photos")


def test_an_archive_on_a_web_server_is_fetched_once(web, photos):
    address, folder, requests = web
    shutil.make_archive(folder / "my photos", "gztar", photos)
    manifest = read_manifest(f"{address}/my%20photos.tar.gz")
    assert paths_of(manifest) == paths_of(read_manifest(photos))
    requests.clear()
    assert read_manifest(f"{address}/my%20photos.tar.gz") == manifest
    assert {command for command, _ in requests} == {"HEAD"}


def test_a_signature_is_neither_lost_nor_kept(web, photos):
    address, folder, requests = web
    shutil.make_archive(folder / "a", "zip", photos)
    manifest = read_manifest(f"{address}/a.zip?signature=secret")
    assert ("GET", "/a.zip?signature=secret") in requests
    assert manifest.source == f"{address}/a.zip"


def test_a_manifest_file_on_a_web_server_brings_its_pictures(web, photos):
    address, folder, _ = web
    shutil.copytree(photos, folder / "set" / "data")
    (folder / "set" / "data" / "red" / "red-00.png").rename(folder / "set" / "data" / "red" / "r #0?.png")
    rows = "blue/blue-00.png,blue\nred/r #0?.png,red\nred/none.png,red\n"
    (folder / "set" / "list.csv").write_text(f"path,label\n{rows}")
    manifest = read_manifest(f"{address}/set/list.csv")
    assert paths_of(manifest) == ["blue/blue-00.png", "red/r #0?.png"]
    assert [problem.path for problem in manifest.problems] == ["red/none.png"]


def test_what_a_web_server_has_not_or_can_not_list_is_told(web):
    address, _, _ = web
    with pytest.raises(DataError, match=r"gone\.zip does not exist"):
        read_manifest(f"{address}/gone.zip")
    with pytest.raises(DataError, match="lists no folders"):
        read_manifest(f"{address}/photos")


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(DataError, match="holds a password") as caught:
        read_manifest("https://me:hunter2@127.0.0.1/photos.zip")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["S3://b/x", "gs://b", "az://c/x", "abfs://c@a.dfs.core.windows.net/x", "https://h/x.zip"]
)
def test_addresses_are_recognized_without_being_reached(address):
    assert [name for name in READERS.names() if READERS.get(name).recognizes(address)] == ["remote"]


def test_a_connection_that_breaks_leaves_no_half_file(tmp_path):
    class Breaking(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(b"PK only the beginning")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(DataError, match=r"a\.zip can't be reached"):
        read_manifest(f"http://127.0.0.1:{server.server_address[1]}/a.zip")
    server.shutdown()
    server.server_close()
    assert [path.name for path in cache_dir().rglob("*") if path.is_file()] == ["fetched.jsonl"]


@pytest.mark.parametrize(
    ("status", "words"), [(403, "no permission"), (401, "no permission"), (500, "can't be reached")]
)
def test_what_a_web_server_refuses_is_told(status, words):
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(status)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(DataError, match=words):
        read_manifest(f"http://127.0.0.1:{server.server_address[1]}/list.csv")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("address", "package"), [("s3://b/x", "s3fs"), ("gs://b/x", "gcsfs"), ("az://b/x", "adlfs")])
def test_a_missing_package_is_told_with_what_installs_it(address, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}(.|\n)*pip install \"tfl\[remote\]\""):
        read_manifest(address)


def test_a_run_is_named_after_the_last_part_of_an_address(bucket, photos, tmp_path, monkeypatch):
    from tfl.core.config import resolve_config
    from tfl.pipeline import resolve_out

    monkeypatch.chdir(tmp_path)
    for address, name in (("s3://b/my photos", "my-photos"), ("s3://b", "b"), ("https://h/a.zip?sig=x", "a.zip")):
        config = resolve_config({}, {"data.path": address, "model.backbone": "embedded:sketchnet"})
        assert resolve_out(config).name == f"{name}-sketchnet-1"


def test_the_python_interface_takes_addresses(bucket, photos):
    import tfl

    address = bucket.upload(photos)
    data = tfl.load_data(address)
    assert data.path == address
    assert len(data.manifest.examples) == 6
