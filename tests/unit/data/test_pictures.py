"""Every kind of picture that people have, and what the contract makes of it."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import STORED_TURNS
from tfl.core.errors import ConfigError, DataError
from tfl.data.decode import decode
from tfl.data.preprocess import ImagePreprocessing, normalize

CONTRACT = ImagePreprocessing(height=24, width=24)


def encode(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def quadrants(size=40):
    """Red, green, blue and white corners, so that every turn and flip shows."""
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    half = size // 2
    pixels[:half, :half] = (255, 0, 0)
    pixels[:half, half:] = (0, 255, 0)
    pixels[half:, :half] = (0, 0, 255)
    pixels[half:, half:] = (255, 255, 255)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    upright = quadrants()
    stored = upright if STORED_TURNS[orientation] is None else upright.transpose(STORED_TURNS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = np.asarray(decode(encode(stored, "PNG", exif=exif)))
    np.testing.assert_array_equal(decoded, np.asarray(upright))


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    decoded = np.asarray(decode(encode(Image.fromarray(ramp), "PNG")))
    np.testing.assert_allclose(decoded[..., 0].ravel(), np.arange(256), atol=1)


def test_transparency_is_laid_on_white():
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert np.asarray(decode(encode(image, "PNG"))).min() == 255
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert np.asarray(decode(encode(half, "PNG"))).mean() == pytest.approx(127, abs=1)


def test_palette_with_a_transparent_colour():
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 1)
    decoded = np.asarray(decode(encode(image, "PNG", transparency=1)))
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[1, 1].tolist() == [10, 20, 30]


def test_cmyk_becomes_rgb():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red, green, blue = np.asarray(decode(encode(image, "JPEG", quality=95)))[8, 8]
    assert red > 200
    assert green < 60
    assert blue < 60


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    decoded = np.asarray(decode(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    assert decoded[0, 0].tolist() == [255, 0, 0]


def test_grey_becomes_three_channels():
    assert np.asarray(decode(encode(Image.new("L", (5, 7), 90), "PNG"))).tolist() == [[[90] * 3] * 5] * 7


def giant_png():
    """A valid header of 60,000 x 60,000 pixels and nothing behind it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am text", "not a picture"),
        (encode(quadrants(), "PNG")[:90], "damaged"),
        (encode(quadrants(200), "JPEG")[:1500], "damaged"),
        (giant_png(), "pixels"),
    ],
)
def test_what_can_not_be_decoded_is_named_with_its_reason(data, reason, tmp_path):
    path = tmp_path / "bäd 图片.jpg"
    path.write_bytes(data)
    with pytest.raises(DataError, match=reason) as raised:
        decode(path)
    assert "bäd 图片.jpg" in raised.value.message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: can't be read"):
        decode(tmp_path / "gone.png")


def test_a_very_long_path_is_fine(tmp_path):
    folder = tmp_path.joinpath(*["d" * 120] * 6)
    folder.mkdir(parents=True)
    path = folder / ("ü" * 100 + ".png")
    quadrants().save(path)
    assert CONTRACT.read(path).shape == (24, 24, 3)


def test_every_way_to_hand_over_a_picture_gives_the_same_bits(tmp_path):
    path = tmp_path / "a.png"
    quadrants().save(path)
    sources = [path, str(path), path.read_bytes(), quadrants(), np.asarray(quadrants())]
    batch = CONTRACT.load_batch(sources)
    assert batch.shape == (5, 24, 24, 3)
    for row in batch:
        np.testing.assert_array_equal(row, batch[0])
    assert CONTRACT.load_batch([]).shape == (0, 24, 24, 3)


def test_float_arrays_are_refused():
    with pytest.raises(DataError, match="uint8"):
        decode(np.zeros((4, 4, 3), dtype=np.float32))


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    out=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    method=st.sampled_from(["crop", "pad", "squish"]),
)
def test_any_picture_gets_the_size_of_the_contract(height, width, out, method):
    contract = ImagePreprocessing(height=out[0], width=out[1], resize=method)
    image = Image.fromarray(np.full((height, width, 3), 77, dtype=np.uint8))
    pixels = contract.read(image)
    assert pixels.shape == (*out, 3)
    assert pixels.dtype == np.uint8
    if method != "pad":
        assert (pixels == 77).all()


def test_crop_keeps_the_middle():
    wide = np.zeros((20, 60, 3), dtype=np.uint8)
    wide[:, 20:40] = 255
    assert (ImagePreprocessing(height=20, width=20).read(wide) == 255).all()


def test_pad_keeps_everything():
    wide = np.full((20, 60, 3), 255, dtype=np.uint8)
    padded = ImagePreprocessing(height=60, width=60, resize="pad").read(wide)
    assert (padded[25:35] == 255).all()
    assert (padded[:15] == 0).all()


@settings(max_examples=60, deadline=None)
@given(
    scale=st.sampled_from([1.0, 1 / 255, 1 / 127.5]),
    mean=st.tuples(*[st.floats(-130, 130)] * 3),
    std=st.tuples(*[st.floats(0.1, 60)] * 3),
    channels=st.sampled_from(["rgb", "bgr"]),
)
def test_normalization_is_the_formula(scale, mean, std, channels):
    contract = ImagePreprocessing(height=4, width=4, scale=scale, mean=mean, std=std, channels=channels)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    ordered = pixels[..., ::-1] if channels == "bgr" else pixels
    expected = ((ordered.astype(np.float64) * scale - np.asarray(mean)) / np.asarray(std)).astype(np.float32)
    np.testing.assert_array_equal(normalize(pixels, contract), expected)
    low, high = contract.value_range
    assert low <= expected.min()
    assert expected.max() <= high


def test_contracts_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="std"):
        ImagePreprocessing(height=4, width=4, std=(1.0, 0.0, 1.0))
    with pytest.raises(ConfigError, match="height"):
        ImagePreprocessing(height=0, width=4)
