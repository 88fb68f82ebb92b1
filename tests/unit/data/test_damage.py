"""Formats, look-alikes and damage: a picture is decoded or refused with a reason, and nothing else ever comes out."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tfl.core.errors import DataError
from tfl.data.check import check
from tfl.data.decode import decode, read_orientation
from tfl.data.formats import FORMATS
from tfl.data.manifest import Example, Manifest
from tfl.data.preprocess import ImagePreprocessing

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
SMOOTH = Image.linear_gradient("L").resize((48, 48)).convert("RGB")


def encode(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a description"
    return exif


def check_files(folder, files):
    """Check files of two classes without a reader: `{path: bytes}`."""
    for path, data in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    labels = tuple(sorted({path.split("/")[0] for path in files}))
    examples = tuple(Example(path=path, label=path.split("/")[0]) for path in sorted(files))
    manifest = Manifest(root=str(folder), reader="none", labels=labels, examples=examples, split_names={})
    return check(manifest)[0]


LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "TIFF": {},
    "PPM": {},
    "DIB": {},
    "ICO": {"sizes": [(48, 48)]},
    "JPEG2000": {},
}
#: With one picture alone, Pillow writes a plain JPEG file.
OPTIONS = {**LOSSLESS, "MPO": {"save_all": True, "append_images": [SMOOTH]}}


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_every_format_is_read_and_known_by_its_ending(kind, tmp_path):
    data = encode(SMOOTH, kind, **OPTIONS.get(kind, {}))
    decoded = np.asarray(decode(data)).astype(int)
    difference = np.abs(decoded - np.asarray(SMOOTH)).max()
    # The lossy formats are at their ordinary quality, and GIF keeps 256 colours.
    assert difference <= (0 if kind in LOSSLESS else 24)
    for ending in FORMATS[kind]:
        report = check_files(tmp_path, {f"a/x{ending}": data})
        assert "wrong_extension" not in {finding.rule for finding in report.findings}, ending
    report = check_files(tmp_path, {"b/x.xyz": data})
    assert any(finding.rule == "wrong_extension" and finding.path == "b/x.xyz" for finding in report.findings)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC photo; save it as JPEG"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript file, which is a program"),
        (b"\n<!DOCTYPE html><html>404 Not Found</html>", "web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing"),
        (b"PK\x03\x04....", "ZIP archive"),
        (b"label,file\n", "starts with b'label,fi'"),
    ],
)
def test_what_people_take_for_pictures_is_named(data, words):
    with pytest.raises(DataError) as raised:
        decode(data, name="x.jpg")
    assert raised.value.message.startswith("x.jpg: not a picture that can be read (")
    assert words in raised.value.message


def test_an_unreadable_exif_block_does_not_refuse_a_good_photo():
    data = encode(NOISE, "JPEG", exif=exif_of(6))
    start = data.index(b"Exif\0\0") + 6
    broken = data[:start] + b"XX" + data[start + 2 :]
    with Image.open(io.BytesIO(broken)) as image:
        assert read_orientation(image) == 1
    np.testing.assert_array_equal(np.asarray(decode(broken)), np.asarray(decode(encode(NOISE, "JPEG"))))


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_an_orientation_that_does_not_exist_is_upright(orientation):
    data = encode(NOISE, "PNG", exif=exif_of(orientation))
    np.testing.assert_array_equal(np.asarray(decode(data)), np.asarray(NOISE))


def test_a_picture_opened_elsewhere_and_cut_off_is_told_too():
    opened = Image.open(io.BytesIO(encode(NOISE, "PNG")[:200]))
    with pytest.raises(DataError, match="the picture is damaged"):
        decode(opened)


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (4, 4, 2), (4, 4, 5), (0, 4, 3), (2, 4, 4, 3)])
def test_arrays_of_other_shapes_are_refused(shape):
    with pytest.raises(DataError, match=r"must be \(height, width\[, 3 or 4\]\) uint8"):
        decode(np.zeros(shape, dtype=np.uint8))


def test_arrays_of_other_types_are_refused():
    with pytest.raises(DataError, match=r"Received: \(4, 4, 3\) float32"):
        decode(np.zeros((4, 4, 3), dtype=np.float32))


def test_arrays_are_grey_rgb_or_rgba():
    grey = np.full((3, 5), 40, dtype=np.uint8)
    assert (np.asarray(decode(grey)) == 40).all()
    transparent = np.zeros((3, 5, 4), dtype=np.uint8)
    assert (np.asarray(decode(transparent)) == 255).all()


def test_sixteen_bit_colour_is_found_and_scaled(tmp_path):
    grey = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(32, 32)
    data = encode(Image.fromarray(grey), "TIFF")
    np.testing.assert_array_equal(np.asarray(decode(data))[..., 1], np.rint(grey / 257).astype(np.uint8))
    colour = png_16_bit_colour(grey)
    np.testing.assert_allclose(np.asarray(decode(colour))[..., 2], grey / 257, atol=1)
    report = check_files(tmp_path, {"a/grey.tif": data, "b/colour.png": colour})
    deep = {finding.path for finding in report.findings if finding.rule == "deep_colour"}
    assert deep == {"a/grey.tif", "b/colour.png"}


def png_16_bit_colour(grey):
    """Pillow can't write one."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = grey.shape
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in grey)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_float_grey_is_scaled_from_one():
    values = np.linspace(0.0, 1.0, 256, dtype=np.float32).reshape(16, 16)
    decoded = np.asarray(decode(encode(Image.fromarray(values), "TIFF")))
    np.testing.assert_array_equal(decoded[..., 0].ravel(), np.arange(256))


SEEDS = {
    "jpeg": encode(NOISE, "JPEG", exif=exif_of(6)),
    "cmyk": encode(NOISE.convert("CMYK"), "JPEG"),
    "png": encode(NOISE, "PNG", exif=exif_of(3)),
    "palette": encode(NOISE.convert("P"), "PNG", transparency=3),
    "deep": encode(Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50)), "PNG"),
    "gif": encode(NOISE, "GIF", save_all=True, append_images=[NOISE.rotate(90)]),
    "bmp": encode(NOISE, "BMP"),
    "webp": encode(NOISE, "WEBP", exif=exif_of(8)),
    "tiff": encode(NOISE, "TIFF", exif=exif_of(5)),
    "jpeg2000": encode(NOISE, "JPEG2000"),
    "avif": encode(NOISE, "AVIF"),
    "ppm": encode(NOISE, "PPM"),
    "ico": encode(NOISE, "ICO"),
}


@pytest.mark.parametrize("kind", sorted(SEEDS))
@settings(max_examples=120, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=12),
    keep=st.floats(0.0, 1.0) | st.just(1.0),
)
def test_damaged_bytes_are_decoded_or_refused(kind, changes, keep):
    data = bytearray(SEEDS[kind])
    for place, value in changes:
        data[place % len(data)] = value
    data = bytes(data[: int(len(data) * keep)])
    with contextlib.suppress(DataError):
        decoded = decode(data, name="x")
        assert decoded.mode == "RGB"
        assert min(decoded.size) >= 1


@pytest.mark.parametrize("kind", ["gif", "tiff", "png"])
def test_damage_behind_the_first_frame_is_no_matter(kind, tmp_path):
    data = bytearray(SEEDS[kind])
    generator = np.random.default_rng(5)
    files = {}
    for number in range(150):
        changed = bytearray(data)
        for place in generator.integers(8, len(data), 4):
            changed[place] = generator.integers(0, 256)
        files[f"{'ab'[number % 2]}/{number}.{kind}"] = bytes(changed)
    report = check_files(tmp_path, files)
    unreadable = {finding.path for finding in report.findings if finding.rule == "unreadable"}
    for path, changed in files.items():
        refused = False
        try:
            decode(changed)
        except DataError:
            refused = True
        assert (path in unreadable) == refused


@pytest.mark.parametrize("method", ["crop", "pad", "squish"])
def test_a_hairline_keeps_its_colour(method):
    contract = ImagePreprocessing(height=32, width=32, resize=method)
    for shape in ((1, 4000, 3), (4000, 1, 3)):
        pixels = contract.read(np.full(shape, 200, dtype=np.uint8))
        assert pixels.shape == (32, 32, 3)
        assert pixels.max() == 200


def test_crop_takes_the_middle_of_odd_sizes():
    columns = np.broadcast_to(np.arange(7, dtype=np.uint8)[None, :, None] * 30, (3, 7, 3)).copy()
    cropped = ImagePreprocessing(height=3, width=3).read(columns)
    assert cropped[0, :, 0].tolist() == [60, 90, 120]


def test_pad_matches_pillows_own():
    for size in ((37, 21), (21, 37), (64, 64)):
        image = NOISE.resize(size)
        contract = ImagePreprocessing(height=48, width=40, resize="pad")
        expected = np.asarray(ImageOps.pad(image, (40, 48), Image.Resampling.BILINEAR, color=(0, 0, 0)))
        np.testing.assert_array_equal(contract.read(image), expected)
