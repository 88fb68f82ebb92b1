"""One text of a data set: what it is like, and what is wrong with it alone."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from tfl.data.check.examine import Seen

#: Letters of scripts that put no spaces between words: each counts as one.
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORDS = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+")
#: All but tab and line ends; C1 controls are what is left of letters of another encoding.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|&(?:[a-zA-Z]{2,8}|#\d{1,6});")
_LINK = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+", re.IGNORECASE)
#: UTF-8 read as Windows-1252: the first byte of a pair is one of these letters, the next an accent or a mark.
_GARBLED = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]"
)
_LOST = "\ufffd"
#: Ends of sentences and quotation marks say nothing about whether two texts are the same; smileys do.
_EDGES = " .,;!?\u2026\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"
_SHOWN = 40
#: Upper ends of the classes of length, in words.
_LENGTHS = (5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class TextSeen(Seen):
    """What one text turned out to be.

    Attributes:
        plain: Of the text, what `plain_text` leaves; empty where there is no text.
        words: How many, a letter of Chinese or Japanese counting as one.
        language: ISO 639 code; empty where it can't be told.
    """

    plain: str = ""
    words: int = 0
    language: str = ""

    @property
    def is_usable(self) -> bool:
        return bool(self.plain)


def look_at_text(text: str) -> TextSeen:
    """Describe a text, all but its language; what is wrong with it becomes a fault, never an error."""
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    if not text.strip():
        return TextSeen(digest, (("empty_text", "the text is empty"),))
    return TextSeen(digest, tuple(_faults(text)), plain_text(text), len(_WORDS.findall(text)))


def plain_text(text: str) -> str:
    """Return what texts have in common that say the same.

    Compatibility forms are one (Unicode NFKC), capitals are small, each run of spaces is one, and marks at both ends
    are gone. All else counts: smileys, digits, accents.
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded.strip(_EDGES) or folded or text


def length_class(words: int) -> str:
    """Return the class of a length, such as `11-20 words`."""
    low = 1
    for high in _LENGTHS:
        if words <= high:
            return f"{low}-{high} words"
        low = high + 1
    return f"over {_LENGTHS[-1]} words"


def cleaned(text: str, rule: str) -> str:
    """Return a text with what a rule found put right, where one way is right; otherwise as it is.

    Args:
        text: Of an example.
        rule: That it broke.
    """
    if rule == "control_characters":
        return _CONTROLS.sub("", text)
    return _ungarbled(text) if rule == "broken_characters" else text


def _faults(text: str) -> Iterator[tuple[str, str]]:
    controls = _CONTROLS.findall(text)
    if controls:
        names = ", ".join(sorted({f"U+{ord(mark):04X}" for mark in controls})[:3])
        yield "control_characters", f"holds {_counted(len(controls), 'control character')} ({names})"
    if not text.isascii():
        if _LOST in text:
            yield "broken_characters", f"holds {_counted(text.count(_LOST), 'letter')} that were lost (U+FFFD)"
        elif _GARBLED.search(text) and (right := _ungarbled(text)) != text:
            yield "broken_characters", f"was read in the wrong encoding: '{_part(text)}' is '{_part(right)}'"
    tag = _TAG.search(text)
    if tag:
        yield "markup", f"holds markup, such as '{_part(tag[0])}'"
    if not _WORDS.search(text.translate(_DIGITS)) and _is_plain(text):
        yield "no_words", f"has no words: '{_part(text)}'"
    elif _LINK.search(text) and not _WORDS.search(_LINK.sub("", text)):
        yield "no_words", f"is a link alone: '{_part(text)}'"


_DIGITS = dict.fromkeys(map(ord, "0123456789_"))


def _is_plain(text: str) -> bool:
    """Say whether a text is made of digits, marks and spaces alone; pictures and smileys can say something."""
    return not any(unicodedata.category(mark) in ("So", "Sk", "Lo", "Lm") for mark in text) and len(text.strip()) > 0


def _ungarbled(text: str) -> str:
    """Return a text that was UTF-8 and read as Windows-1252 as it was; unchanged where it can't have been."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _part(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[: _SHOWN - 3]}..."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
