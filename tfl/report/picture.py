"""A picture on disk that a notebook shows."""

from __future__ import annotations

import dataclasses
import html
from pathlib import Path

#: Of a grid's answers, so many are told one by one; the count is of all.
_MOST_TOLD = 12


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG; the last expression of a notebook's cell shows it, with words for those who can't see it.

    Attributes:
        path: The PNG.
        words: What is seen; by default `description` takes them from what was written beside the PNG.
    """

    path: Path
    words: str = ""

    @property
    def description(self) -> str:
        """What is seen: of a chart its main figures, of a grid how many answers are right and which they are."""
        return self.words or _of_chart(self.path) or _of_grid(self.path) or f"The picture {self.path.name}."

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()

    def _repr_html_(self) -> str:
        # Notebooks show an image/png without the text that may be given with it.
        from tfl.report.html import embedded

        words = html.escape(self.description)
        return f'<img src="{embedded(self.path)}" alt="{words}" style="max-width:100%;background:#fff">'


def _of_chart(path: Path) -> str:
    from tfl.report._style import twin
    from tfl.report.inlined import described

    return described(twin(path))


def _of_grid(path: Path) -> str:
    from tfl.report.tiles import read_tiles

    tiles = read_tiles(path)
    if not tiles:
        return ""
    right = sum(tile.is_right for tile in tiles)
    told = "; ".join(", ".join(tile.caption.split("\n")) for tile in tiles[:_MOST_TOLD])
    more = f"; and {len(tiles) - _MOST_TOLD} more" if len(tiles) > _MOST_TOLD else ""
    noun = "picture" if len(tiles) == 1 else "pictures"
    return f"{len(tiles)} {noun} with answers, {right} of them right: {told}{more}."
