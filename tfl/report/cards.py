"""A page of pictures or texts with a word on each: one self-contained HTML file, for findings and for reviews."""

from __future__ import annotations

import base64
import functools
import io
from dataclasses import dataclass
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.decode import decode
from tfl.data.preprocess import ImagePreprocessing
from tfl.report.html import make_environment

_TEMPLATE = "cards.html.j2"
_THUMBNAIL_PIXELS = 176
_THUMBNAIL_QUALITY = 80
_DRAFT = ImagePreprocessing(height=_THUMBNAIL_PIXELS, width=_THUMBNAIL_PIXELS, resize="pad", jpeg_draft=True)


@dataclass(frozen=True)
class Card:
    """One or two pictures side by side, or texts one below the other, with a title and a sentence."""

    pictures: tuple[Path, ...]
    title: str
    text: str
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Cards of one kind.

    Attributes:
        name: Of the anchor.
        title: Above the cards.
        severity: `error`, `warning` or `info`; empty shows none.
        text: What to do.
        cards: Those shown.
        count: How many there are in all.
    """

    name: str
    title: str
    severity: str
    text: str
    cards: tuple[Card, ...]
    count: int


@dataclass(frozen=True)
class NextStep:
    """A sentence and a command to paste, or an empty text."""

    text: str
    command: str = ""


@dataclass(frozen=True)
class Page:
    """All of it.

    Attributes:
        title: Of the page.
        subtitle: Where it comes from.
        answer: The one sentence to read first.
        state: `good`, `bad` or empty, the colour of the answer.
        steps: What to do next.
        sections: In the order of reading.
    """

    title: str
    subtitle: str
    answer: str
    state: str
    steps: tuple[NextStep, ...]
    sections: tuple[Section, ...]


def render_cards(page: Page) -> str:
    """Return the page as one self-contained HTML document; every value is escaped.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    environment = make_environment()
    environment.filters["thumbnail"] = functools.lru_cache(maxsize=None)(_thumbnail)
    return str(environment.get_template(_TEMPLATE).render(page=page))


def _thumbnail(path: Path) -> str:
    """Return a small JPEG as a `data:` address; empty where there is no picture."""
    try:
        image = decode(path, draft_for=_DRAFT)
    except DataError:
        return ""
    image.thumbnail((_THUMBNAIL_PIXELS, _THUMBNAIL_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_THUMBNAIL_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
