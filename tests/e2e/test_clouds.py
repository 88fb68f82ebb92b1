"""Google Cloud Storage and Azure, as far as reading needs them, spoken by a server of this machine."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from tests.conftest import draw_classes
from tests.e2e.conftest import assert_user_error, call, call_json

WHEN = "Mon, 01 Jan 2024 00:00:00 GMT"


class Cloud(BaseHTTPRequestHandler):
    """Answers from `server.files`: name -> bytes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        self.server.asked.append(self.path)
        query = dict(parse_qsl(url.query))
        body, headers = self.answer(unquote(url.path), query)
        self.send_response(404 if body is None else 206 if "Content-Range" in headers else 200)
        for name, value in {"Content-Length": str(len(body or b"")), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET" and body:
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass

    def digest(self, name):
        return base64.b64encode(hashlib.md5(self.server.files[name]).digest()).decode()


class Google(Cloud):
    def item(self, name):
        data = self.server.files[name]
        return {"name": name, "bucket": "b", "size": str(len(data)), "etag": self.digest(name), "generation": "1"}

    def answer(self, path, query):
        files = self.server.files
        _, _, name = path.partition("/b/b/o")
        if "/b/b/o" not in path or (name and name[1:] not in files):
            return None, {}
        if not name:
            found = [self.item(key) for key in files if key.startswith(query.get("prefix", ""))]
            return json.dumps({"items": found}).encode(), {"Content-Type": "application/json"}
        name = name[1:]
        return files[name] if query.get("alt") == "media" else json.dumps(self.item(name)).encode(), {}


class Azure(Cloud):
    def answer(self, path, query):
        files = self.server.files
        if query.get("comp") == "list":
            blobs = "".join(
                f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{WHEN}</Last-Modified>"
                f"<Etag>{self.digest(name)}</Etag><Content-Length>{len(data)}</Content-Length>"
                "<BlobType>BlockBlob</BlobType></Properties></Blob>"
                for name, data in files.items()
                if name.startswith(query.get("prefix", ""))
            )
            head = "<?xml version='1.0' encoding='utf-8'?><EnumerationResults ContainerName='b'><Blobs>"
            listed = f"{head}{blobs}</Blobs><NextMarker/></EnumerationResults>"
            return listed.encode(), {"Content-Type": "application/xml"}
        name = path.removeprefix("/account/b/")
        if name not in files:
            return None, {"x-ms-error-code": "BlobNotFound"}
        headers = {"ETag": self.digest(name), "Last-Modified": WHEN, "x-ms-blob-type": "BlockBlob"}
        if self.command == "GET":
            headers["Content-Range"] = f"bytes 0-{len(files[name]) - 1}/{len(files[name])}"
        return files[name], headers


@pytest.fixture(params=["gs", "az"])
def cloud(request, tmp_path):
    """The scheme, the server, and what the environment must say."""
    pytest.importorskip({"gs": "gcsfs", "az": "adlfs"}[request.param])
    server = ThreadingHTTPServer(("127.0.0.1", 0), {"gs": Google, "az": Azure}[request.param])
    server.asked = []
    photos = draw_classes(tmp_path / "photos", per_class=2)
    server.files = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in sorted(photos.rglob("*.png"))}
    server.files["photos/red/ü 1.png"] = server.files["photos/red/red-00.png"]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    key = base64.b64encode(b"key").decode()
    yield (
        request.param,
        server,
        {
            "TFL_CACHE": str(tmp_path / "cache"),
            "STORAGE_EMULATOR_HOST": address,
            "FSSPEC_GS_TOKEN": "anon",
            # The stand-in speaks the JSON interface alone, not the one for zonal buckets.
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;AccountName=account;AccountKey={key};"
            f"BlobEndpoint={address}/account;",
        },
    )
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_folder_is_read_and_only_changes_are_fetched(cloud, tmp_path):
    scheme, server, environment = cloud
    described = call_json("data", "describe", f"{scheme}://b/photos", **environment)
    assert (described["reader"], described["class_counts"]) == ("remote", {"blue": 2, "green": 2, "red": 3})
    kept = {path.name: path.read_bytes() for path in (tmp_path / "cache").rglob("*.png")}
    assert kept == {name.rpartition("/")[2]: data for name, data in server.files.items()}
    server.asked.clear()
    server.files["photos/red/red-01.png"] = server.files["photos/blue/blue-00.png"]
    assert call_json("data", "describe", f"{scheme}://b/photos", **environment) == described
    assert {name for name in server.files for path in server.asked if unquote(urlsplit(path).path).endswith(name)} == {
        "photos/red/red-01.png"
    }
    assert_user_error(call("data", "describe", f"{scheme}://b/none.zip", **environment), "none.zip does not exist")
