"""Texts: each sample is a cell of a table, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfl.core.errors import UserError
from tfl.data.encodings import read_text
from tfl.data.kinds._base import EXCERPT, Kind

if TYPE_CHECKING:
    from tfl.data.check.examine_texts import TextExaminer


#: Control characters that no one sees, as Unicode's pictures of them.
_SHOWN = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}


class TextKind(Kind):
    """Rows of a table with a column of texts, or files of plain text."""

    noun = "text"
    nouns = "texts"
    source = "text"
    example = '"A TEXT OF YOUR OWN"'
    elsewhere = "by other people, about other things or of another time"
    task = "text_classification"
    is_drawn = False

    def examiner(self) -> TextExaminer:
        from tfl.data.check.examine_texts import TextExaminer

        return TextExaminer()

    def excerpt(self, source: Path | str, *, most: int = EXCERPT) -> str:
        try:
            text = read_text(source).strip()
        except UserError:
            return ""
        part = text if len(text) <= most else f"{text[: most - 3]}..."
        return part.translate(_SHOWN)


KIND = TextKind()
