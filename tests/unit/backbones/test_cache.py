"""The cache: what is put there is recorded, what is altered is noticed, a download is whole or absent."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from tfl.backbones import _cache
from tfl.core.errors import IntegrityError, JobError, UserError

BODY = bytes(range(256)) * 500


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        length = len(BODY) + 100 if self.path == "/short" else len(BODY)
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def address(monkeypatch, caches):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_download_is_checked_and_put_in_place(address, tmp_path, algorithm):
    checksum = hashlib.new(algorithm, BODY, usedforsecurity=False).hexdigest()
    target = tmp_path / "deep" / "weights.h5"
    _cache.download(f"{address}/file", target, checksum=checksum, advice="by hand")
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("path", "checksum", "said"),
    [
        ("/file", "0" * 32, "checksum"),
        ("/file", "0" * 64, "checksum"),
        ("/short", "", "broke off"),
        ("/missing", "", "404"),
    ],
)
def test_download_that_went_wrong_leaves_nothing(address, tmp_path, path, checksum, said):
    target = tmp_path / "place" / "weights.h5"
    with pytest.raises(JobError, match=said) as caught:
        _cache.download(address + path, target, checksum=checksum, advice="put it at X by hand")
    assert "put it at X by hand" in str(caught.value)
    assert not target.parent.exists() or not list(target.parent.iterdir())


def test_download_without_a_network_touches_no_folder(caches, tmp_path):
    with pytest.raises(JobError, match="can't be downloaded"):
        _cache.download("https://example.com/x", tmp_path / "place" / "x", checksum="", advice="by hand")
    assert not (tmp_path / "place").exists()


def test_a_file_that_was_altered_is_noticed(caches, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"one")
    assert _cache.check(path) == hashlib.sha256(b"one").hexdigest(), "files that tfl did not put there are not judged"
    _cache.remember(path, origin="https://example.com/weights.h5")
    assert _cache.check(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"two")
    with pytest.raises(IntegrityError, match=r"altered.*example\.com"):
        _cache.check(path)


@pytest.mark.parametrize("change", ["content", "new file", "missing file"])
def test_a_folder_that_was_altered_is_noticed(caches, tmp_path, change):
    folder = tmp_path / "module"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"values")
    _cache.remember(folder, origin="x.tar.gz")
    _cache.check(folder)
    if change == "content":
        (folder / "variables" / "data").write_bytes(b"other")
    elif change == "new file":
        (folder / "assets").write_bytes(b"")
    else:
        (folder / "variables" / "data").unlink()
    with pytest.raises(IntegrityError, match="altered"):
        _cache.check(folder)


def test_the_record_keeps_what_was_there_before(caches, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
        _cache.remember(tmp_path / name, origin=name)
    assert {file.origin for file in _cache.recorded().files.values()} == {"a", "b"}
    assert _cache.record_file() == caches["TFL_CACHE"] / "digests.json"


def test_a_damaged_record_is_an_error_not_a_licence(caches, tmp_path):
    (tmp_path / "a").write_text("a")
    _cache.remember(tmp_path / "a", origin="a")
    _cache.record_file().write_text("{")
    with pytest.raises(IntegrityError, match="JSON"):
        _cache.check(tmp_path / "a")


def test_a_cache_that_can_not_be_made_says_which_setting_to_change(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(JobError, match="TFL_CACHE"):
        _cache.remember(tmp_path / "file", origin="x")


def test_links_are_not_copied(tmp_path):
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "saved_model.pb").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="symbolic link"):
        _cache.copy_folder(folder, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
