"""What all tests share: where real data may lie, and drawn pictures that are easy to tell apart."""

import os
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
