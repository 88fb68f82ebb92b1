"""What all tests share: where real data may lie, and drawn pictures that are easy to tell apart."""

import functools
import http.server
import os
import threading
import uuid
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# How long an example takes depends on the machine and on what else it does.
settings.register_profile("tfl", deadline=None)
settings.load_profile("tfl")

#: Upright look -> how it is stored under each EXIF orientation.
STORED_TURNS = MappingProxyType(
    {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
)

COLOURS = {"blue": (40, 60, 200), "green": (50, 190, 60), "red": (210, 50, 40)}


#: What takes long to make, and is made once in each worker that needs it -> the fixtures that come with it.
_COSTLY = MappingProxyType({"finished_run": ("finished_run",), "tiny_bundle": ("tiny_bundle", "tiny_artifacts")})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Begin with the files that hold slow tests, so that no worker sits over one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@functools.cache
def scope_of(file):
    """The costly thing that a file of tests needs, or the file."""
    text = (Path(__file__).resolve().parents[1] / file).read_text(encoding="utf-8")
    return next((name for name, fixtures in _COSTLY.items() if any(word in text for word in fixtures)), file)


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep a file's tests in one worker, and with them those of the files that need the same costly thing."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return scope_of(super()._split_scope(nodeid))

    return Together(config, log)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep the person's own cache out of the tests, and the tests out of it."""
    before = os.environ.get("TFL_CACHE")
    os.environ["TFL_CACHE"] = str(tmp_path_factory.mktemp("tfl-cache"))
    yield
    if before is None:
        del os.environ["TFL_CACHE"]
    else:
        os.environ["TFL_CACHE"] = before


@pytest.fixture(scope="session")
def real_data():
    """The folder with real weights and photos; a test that asks for it is skipped without."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TFL_TEST_DATA", default))
    if not (folder / "img_hymenoptera").is_dir():
        pytest.skip("no real data in ../shared/data or $TFL_TEST_DATA")
    return folder


def draw_classes(folder, *, per_class=24, size=(48, 72), seed=0, names=tuple(COLOURS)):
    """Write noisy pictures of one colour per class, of varied size."""
    generator = np.random.default_rng(seed)
    for name in names:
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            height, width = generator.integers(*size, size=2)
            pixels = np.asarray(COLOURS[name]) + generator.integers(-40, 41, (height, width, 3))
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(place / f"{name}-{index:02d}.png")
    return folder


@pytest.fixture(scope="session")
def colours(tmp_path_factory):
    """A folder of three classes with 24 pictures each; not to be changed."""
    return draw_classes(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="session")
def s3_endpoint():
    """The address of a real S3 server on this machine, with nothing in it."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Bucket:
    """A bucket on the server, reached as a person would: through the environment."""

    def __init__(self, endpoint):
        boto3 = pytest.importorskip("boto3")
        self.name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.address = f"s3://{self.name}"
        self.client = boto3.client("s3", endpoint_url=endpoint)
        self.client.create_bucket(Bucket=self.name)

    def put(self, key, data):
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def upload(self, place, *, below=""):
        """Put a file, or all files below a folder, and return the address."""
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file():
                self.put(f"{below}{path.relative_to(place.parent).as_posix()}", path.read_bytes())
        return f"{self.address}/{below}{place.name}"


@pytest.fixture
def bucket(s3_endpoint, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Bucket(s3_endpoint)


@pytest.fixture
def web(tmp_path):
    """A web server on this machine that serves the folder `tmp_path/web`: (address, folder, requests it got)."""
    folder = tmp_path / "web"
    folder.mkdir()
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            requests.append((self.command, self.path))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder, requests
    server.shutdown()
    server.server_close()
    thread.join()
