"""How the letters of a text file are written as bytes: found out, and said where it is not plain UTF-8."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from tfl.core.errors import DataError
from tfl.core.extras import require

#: Byte order marks; that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
#: What is guessed from; more takes longer and tells no more.
_SAMPLE_BYTES = 1 << 16
#: In UTF-16 without a mark, Latin letters have a zero in every second byte; other files have hardly any.
_ZEROS = 0.2
#: What files are in that were not written as Unicode: the code pages of Windows and what East Asian systems used.
_GUESSED = (
    *(f"cp125{number}" for number in (2, 0, 1, 3, 4, 5, 6, 7, 8)),
    *("gb18030", "big5", "cp932", "euc_jp", "euc_kr", "koi8_r", "mac_roman", "cp437", "cp850"),
)
#: Of code pages that fit about as well, it is the one that most files are in: those of Western Europe differ in a few
#: letters only, which a short sample does not tell apart. Czech and Polish samples do not fit into it at all.
_USUAL, _CLOSE = "cp1252", 0.15
#: A byte that can't be decoded, as `surrogateescape` marks it.
_ESCAPED = frozenset(map(chr, range(0xDC80, 0xDD00)))


@dataclass(frozen=True)
class Encoding:
    """How a file's bytes are read.

    Attributes:
        name: Of Python's codec.
        said: What a person should know of it; empty for plain UTF-8.
    """

    name: str = "utf-8"
    said: str = ""


UTF8 = Encoding()


def detect_encoding(file: Path) -> Encoding:
    """Find out a file's encoding from all of its bytes.

    A byte order mark decides; then UTF-8, where most lines that are not ASCII are valid in it, so that one line of
    another encoding spoils itself alone; then the best guess of charset-normalizer from the lines that are not.

    Raises:
        DataError: No encoding fits.
        MissingExtraError: The file is not Unicode, and charset-normalizer is not installed.
        OSError: The file can't be read.
    """
    with file.open("rb") as stream:
        head = stream.read(_SAMPLE_BYTES)
        known = _by_mark(head)
        if known is not None:
            return known
        stream.seek(0)
        valid, bad, sample, first = 0, 0, b"", 0
        for number, line in enumerate(stream, 1):
            if line.isascii():
                continue
            try:
                line.decode()
                valid += 1
            except UnicodeDecodeError:
                bad, first = bad + 1, first or number
                sample += line[: _SAMPLE_BYTES - len(sample)]
    if not bad:
        return UTF8
    if valid >= bad:
        lines = "line is" if bad == 1 else "lines are"
        return Encoding("utf-8", f"UTF-8, but {bad} {lines} not, the first of them line {first}")
    return _guessed(sample, str(file), first)


def decode_text(data: bytes, *, name: str) -> tuple[str, Encoding]:
    """Decode the bytes of a file that is one text.

    Args:
        data: All of them.
        name: What messages call the file.

    Raises:
        DataError: No encoding fits.
        MissingExtraError: The bytes are not Unicode, and charset-normalizer is not installed.
    """
    encoding = _by_mark(data[:_SAMPLE_BYTES]) or UTF8
    try:
        return data.decode(encoding.name), encoding
    except UnicodeDecodeError as error:
        if encoding is not UTF8:
            raise DataError(f"{name}: begins as {encoding.said}, but is not: {error.reason}.") from error
        encoding = _guessed(data[error.start :][:_SAMPLE_BYTES], name, data.count(b"\n", 0, error.start) + 1)
    text = data.decode(encoding.name, errors="replace")
    return text, encoding


def read_text(source: Path | str) -> str:
    """Return a text that stands in a table as it is, and that of a file decoded.

    Raises:
        DataError: The file can't be read, or no encoding fits.
        MissingExtraError: The file is not Unicode, and charset-normalizer is not installed.
    """
    if isinstance(source, str):
        return source
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DataError(f"{source} can't be read: {error.strerror or error}.") from error
    return decode_text(data, name=str(source))[0]


def has_undecoded(text: str) -> bool:
    """Say whether a text holds bytes that its file's encoding does not have."""
    return not text.isascii() and not _ESCAPED.isdisjoint(text)


def _by_mark(head: bytes) -> Encoding | None:
    for mark, name, said in _MARKS:
        if head.startswith(mark):
            return Encoding(name, said)
    if head and head.count(0) >= len(head) * _ZEROS:
        odd, even = head[1::2].count(0), head[::2].count(0)
        if odd > 3 * even:
            return Encoding("utf-16-le", "UTF-16 without a byte order mark")
        if even > 3 * odd:
            return Encoding("utf-16-be", "UTF-16 without a byte order mark")
    return None


def _guessed(sample: bytes, name: str, line: int) -> Encoding:
    charset = require("charset_normalizer", purpose=f"guessing the encoding of {name}, which is not UTF-8,")
    matches = charset.from_bytes(sample, cp_isolation=list(_GUESSED), enable_fallback=False)
    best = matches.best()
    if best is None:
        raise DataError(
            f"{name} is not UTF-8 near line {line}, and no other encoding fits.",
            hint="Save it again as UTF-8, or convert it with iconv.",
        )
    usual = any(_USUAL in item.could_be_from_charset and item.chaos <= best.chaos + _CLOSE for item in matches)
    codec = _USUAL if usual else best.encoding
    return Encoding(codec, f"{codec}, a guess from the letters; it is not UTF-8")
