"""Texts as sources: what a word of a command line names, and the characters of a file."""

from __future__ import annotations

from pathlib import Path

from tfl.core.errors import DataError, NotFoundError

#: A word that ends so is meant as a file.
_FILE_ENDINGS = (".txt", ".md")


def text_source(argument: str) -> Path | str:
    """Return the file that a word of a command line names, or else the word itself, which is the text.

    Raises:
        NotFoundError: It looks like a file's name, and there is no such file.
    """
    try:
        if Path(argument).is_file():
            return Path(argument)
    except (OSError, ValueError):
        # A text may be longer than any file's name, or hold what no name may.
        return argument
    if argument.lower().endswith(_FILE_ENDINGS) and not any(character.isspace() for character in argument):
        raise NotFoundError(
            f"{argument}: there is no such file.", hint="A text of several words is taken as it is, in quotation marks."
        )
    return argument


def read_text(source: str | Path, *, name: str = "") -> str:
    """Return a text that can be encoded, or the characters of a UTF-8 file, without a byte order mark.

    Args:
        source: The text, or the file.
        name: What a message calls it; the path by default.

    Raises:
        DataError: The file can't be read or is not UTF-8, or the source is neither a text nor a path.
    """
    if isinstance(source, str):
        # A lone surrogate, as a lenient decoder leaves it, is no text in any encoding.
        return source.encode("utf-8", errors="replace").decode("utf-8")
    if not isinstance(source, Path):
        raise DataError(
            f"{name or 'the text'}: must be a str, or the path of a text file. Received: {type(source).__name__}."
        )
    name = name or str(source)
    try:
        return source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{name}: can't be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: not UTF-8 at byte {error.start} (0x{error.object[error.start]:02x}).",
            hint="Save the file as UTF-8, or pass its text.",
        ) from error
