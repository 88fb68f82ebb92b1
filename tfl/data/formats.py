"""The kinds of picture files that are read, how damage in them shows, and what others are called."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

#: What is read, the common first, with the endings of each format's names. Others are refused: Pillow would
#: run Ghostscript on an EPS file from anywhere.
FORMATS: dict[str, frozenset[str]] = {
    "JPEG": frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
    "PNG": frozenset({".png", ".apng"}),
    "WEBP": frozenset({".webp"}),
    "BMP": frozenset({".bmp", ".dib"}),
    "GIF": frozenset({".gif"}),
    "TIFF": frozenset({".tif", ".tiff"}),
    "MPO": frozenset({".jpg", ".jpeg", ".mpo"}),
    "PPM": frozenset({".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}),
    "DIB": frozenset({".dib"}),
    "ICO": frozenset({".ico"}),
    "JPEG2000": frozenset({".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"}),
    "AVIF": frozenset({".avif"}),
}

#: An MPO file is opened as the JPEG file that it begins with.
OPENED = tuple(name for name in FORMATS if name != "MPO")

#: What Pillow's decoders let out on damaged bytes: its own kinds of error, and those of the code below it.
DAMAGE: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
)

#: Files that people take for pictures, by how they begin after the first `skip` bytes.
_LOOK_ALIKES = (
    (4, b"ftyphei", "a HEIC photo; save it as JPEG"),
    (4, b"ftyphev", "a HEIC photo; save it as JPEG"),
    (4, b"ftypmif1", "a HEIF photo; save it as JPEG"),
    (4, b"ftyp", "a video"),
    (0, b"RIFF", "a video or sound"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript file, which is a program; save it as PNG"),
    (0, b"8BPS", "a Photoshop file; save it as PNG"),
    (0, b"<svg", "an SVG drawing; save it as PNG"),
    (0, b"<?xml", "an XML file"),
    (0, b"<!doctype html", "a web page"),
    (0, b"<html", "a web page"),
    (0, b"PK\x03\x04", "a ZIP archive"),
)


def kind_of(data: bytes) -> str:
    """Say what a file that is no picture seems to be, by how it begins."""
    head = data[:64].lstrip().lower()
    for skip, begin, kind in _LOOK_ALIKES:
        if head[skip:].startswith(begin.lower()):
            return kind
    return f"starts with {data[:8]!r}"


def verify_checksums(data: bytes) -> None:
    """Hold the bytes of a PNG file against the checksums in them.

    Pillow's decoder skips those of the pixels, and whether it stumbles over changed ones is chance; libpng, which
    TensorFlow decodes with, refuses them.

    Raises:
        SyntaxError: A checksum differs; one of `DAMAGE`, as is all else that this can raise.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.verify()
