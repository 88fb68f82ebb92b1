"""Colours: told apart from their paper in both themes, and no two by one name or one code."""

import pytest

from tfl.report import palette
from tfl.report.confusion_chart import _RIGHT_DEPTH, _WRONG_DEPTH

THEMES = ("light", "dark")
BLUE, VERMILION = palette.SERIES[:2]


def channels(code):
    return tuple(int(code[start : start + 2], 16) / 255 for start in (1, 3, 5))


def contrast(one, other):
    """WCAG 2.2's contrast of two sRGB colours."""

    def luminance(colour):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def over(colour, paper, depth):
    return tuple(depth * part + (1 - depth) * back for part, back in zip(colour, paper, strict=True))


def test_contrast_is_that_of_the_standard():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert contrast(channels("#767676"), (1, 1, 1)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_marks_and_text_stand_out_from_the_paper(theme):
    paper = channels(getattr(palette.PAPER, theme))
    text = (*palette.LABELS, palette.TEXT, palette.RIGHT_TEXT, palette.WRONG_TEXT)
    marks = {item.name: contrast(channels(getattr(item, theme)), paper) for item in palette.SERIES}
    words = {item.name: contrast(channels(getattr(item, theme)), paper) for item in text}
    assert {name: value for name, value in marks.items() if value < 3} == {}
    assert {name: value for name, value in words.items() if value < 4.5} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_numbers_can_be_read_on_cells_and_bars(theme):
    paper, text, on_bar = (channels(getattr(item, theme)) for item in (palette.PAPER, palette.TEXT, palette.ON_BAR))
    blue, vermilion = (channels(getattr(item, theme)) for item in (BLUE, VERMILION))
    assert contrast(on_bar, blue) >= 4.5
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        assert contrast(text, over(blue, paper, share * _RIGHT_DEPTH)) >= 4.5
        assert contrast(text, over(vermilion, paper, share * _WRONG_DEPTH)) >= 4.5


def test_a_colour_is_known_by_its_code():
    assert len({item.light for item in palette.PALETTE}) == len(palette.PALETTE)
    assert len({item.name for item in palette.PALETTE}) == len(palette.PALETTE)
    assert all(item.light == item.light.lower() and len(item.light) == 7 for item in palette.PALETTE)
