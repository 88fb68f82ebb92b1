"""Tiles beside a grid's PNG: the same pictures and words, and nothing else gets into a page through them."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from tfl.core.config import RunConfig
from tfl.report.html import render_page
from tfl.report.parts import Figure, Page, Section
from tfl.report.picture_grids import draw_tiles
from tfl.report.tiles import ShownTile, ShownTiles, Tile, read_tiles, tiles_file, under_heat

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
RED = np.full((30, 60, 3), (200, 0, 0), dtype=np.uint8)


@pytest.fixture
def png(tmp_path):
    heat = np.linspace(0.0, 1.0, 12, dtype=np.float32).reshape(3, 4)
    tiles = [
        Tile(RED, r"✓ a\$b 0.90", right=True),
        Tile(RED, "✗ <script>alert(1)</script> 0.50\nis bee", right=False, heat=heat),
        Tile(None, "✓ gone 0.70", right=True),
    ]
    path = tmp_path / "grid.png"
    draw_tiles(tiles, path)
    return path


def page_of(png):
    section = Section(name="one", title="One", words=(), tables=(), figures=(Figure("Answers", "Some of them.", png),))
    return render_page(Page(title="A page", subtitle="", answer=("Yes.",), warning="", sections=(section,)))


def opened(data):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_they_hold_the_pictures_and_the_words(png):
    first, second, third = read_tiles(png)
    assert (first.caption, first.is_right, second.is_right) == ("✓ a$b 0.90", True, False)
    assert opened(first.picture).shape == RED.shape
    assert np.abs(opened(first.picture).astype(int) - RED).max() < 6
    assert (first.heated, third.picture, third.heated) == ("", "", "")
    assert opened(second.heated).shape == RED.shape


def test_they_are_not_taken_for_a_record_of_the_folder(png):
    # Ladders are read by this ending, and their grids lie beside them.
    assert tiles_file(png).is_file()
    assert list(png.parent.glob("*.json")) == []


def test_a_heat_map_is_brightest_where_it_is_largest():
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[:, 3] = 1.0
    laid = under_heat(np.full((40, 40, 3), 100, dtype=np.uint8), heat)
    assert laid[20, 39].sum() > laid[20, 0].sum() + 100


def test_a_page_shows_them_in_the_place_of_the_grid(png):
    source = page_of(png)
    assert source.count("<img") == 3
    assert source.count("data:image/jpeg;base64,") == 3
    assert "data:image/png" not in source
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 0.50\nis bee" in source
    assert "<script>alert" not in source
    assert "the file can't be read any more" in source


@pytest.mark.parametrize("kept", [None, "{", json.dumps(RunConfig().to_dict())])
def test_without_them_a_page_shows_the_grid(png, kept):
    if kept is None:
        tiles_file(png).unlink()
    else:
        tiles_file(png).write_text(kept, encoding="utf-8")
    assert read_tiles(png) == ()
    assert page_of(png).count("<img") == 1


@pytest.mark.parametrize("data", ["not base64!", base64.b64encode(b"<svg onload=alert(1)>").decode(), '/9j/"onerror='])
def test_what_is_no_jpeg_does_not_come_in(png, data):
    ShownTiles(tiles=(ShownTile(caption="x", is_right=True, picture=data),)).save(tiles_file(png))
    assert read_tiles(png) == ()
