"""The picture of a recommendation."""

import numpy as np
from PIL import Image

from tests.unit.bench.test_choice import OPTIONS, pick
from tfl.bench.choice import Bounds
from tfl.report.choice_chart import draw_choice


def test_the_bounds_shut_out_a_part_of_both_panels(tmp_path):
    draw_choice(pick(Bounds()), tmp_path / "free.png")
    draw_choice(pick(Bounds(max_latency_ms=5.0, max_memory_bytes=110_000_000)), tmp_path / "bound.png")
    shaded = []
    for name in ("free", "bound"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        # Orange at 13 % on white.
        shaded.append((np.abs(pixels - (246, 238, 222)).max(axis=2) <= 3).mean())
    assert shaded[0] < 0.001
    assert shaded[1] > 0.05


def test_one_option_alone_can_be_drawn(tmp_path):
    draw_choice(pick(Bounds(max_latency_ms=1.0), OPTIONS[:1]), tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.format == "PNG"
