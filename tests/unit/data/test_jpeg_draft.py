"""Decoding a JPEG smaller inside the decoder: close to a full decode, the same everywhere, and off in old records."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import STORED_TURNS
from tfl.core.progress import Progress
from tfl.data.decode import DRAFT_MARGIN, decode, draft_scale
from tfl.data.manifest import Example
from tfl.data.preprocess import ImagePreprocessing, normalize, resize
from tfl.data.store import open_rows

METHODS = ("crop", "squish", "pad")
DRAFT = ImagePreprocessing(height=48, width=40, jpeg_draft=True)
FULL = ImagePreprocessing(height=48, width=40)


def scene(width=803, height=601, seed=0):
    """A smooth scene with a different colour in each corner, so that every turn and flip shows."""
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def jpeg(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **{"quality": 92, **options})
    return stream.getvalue()


def difference(first, second):
    return float(np.abs(first.astype(np.int16) - second.astype(np.int16)).mean())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("orientation", STORED_TURNS)
def test_a_draft_shows_the_same_picture_in_every_orientation(method, orientation):
    turn = STORED_TURNS[orientation]
    stored = scene() if turn is None else scene().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(stored, exif=exif)
    contract = ImagePreprocessing(height=48, width=40, resize=method, jpeg_draft=True)
    full = ImagePreprocessing(height=48, width=40, resize=method)
    upright = full.read(scene())
    # 2 of 255 grey levels: JPEG's own loss is 0.4, a flip of this scene makes 30 and more.
    assert difference(contract.read(data), upright) < 2.0
    assert decode(data, draft_for=contract).width < 803 // 2 + 1


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_grey_cmyk_and_progressive_files_are_drafted_alike(mode, progressive):
    data = jpeg(scene().convert(mode), progressive=progressive)
    assert difference(DRAFT.read(data), FULL.read(data)) < 2.0
    assert decode(data, draft_for=DRAFT).size == (101, 76)


def test_the_first_picture_of_an_mpo_file_is_drafted():
    stream = io.BytesIO()
    scene().save(stream, "MPO", save_all=True, append_images=[scene(seed=1)])
    assert decode(stream.getvalue(), draft_for=DRAFT).size == (101, 76)
    assert difference(DRAFT.read(stream.getvalue()), FULL.read(stream.getvalue())) < 2.0


def test_other_formats_small_pictures_and_decoded_ones_are_not_drafted():
    png = io.BytesIO()
    scene().save(png, "PNG")
    np.testing.assert_array_equal(DRAFT.read(png.getvalue()), FULL.read(png.getvalue()))
    small = jpeg(scene(90, 110))
    np.testing.assert_array_equal(DRAFT.read(small), FULL.read(small))
    np.testing.assert_array_equal(DRAFT.read(scene()), FULL.read(scene()))


sides = st.integers(1, 5000)


@given(size=st.tuples(sides, sides), target=st.tuples(st.integers(1, 600), st.integers(1, 600)))
@pytest.mark.parametrize("method", METHODS)
def test_a_draft_leaves_the_margin_and_the_next_one_would_not(method, size, target):
    scale = draft_scale(size, target, method)
    held = max if method == "pad" else min
    left = held(size[0] / scale / target[0], size[1] / scale / target[1])
    assert scale in (1, 2, 4, 8)
    assert scale == 1 or left >= DRAFT_MARGIN
    assert scale == 8 or left / 2 < DRAFT_MARGIN or min(size) < 2 * scale


@settings(max_examples=25)
@given(width=st.integers(1, 400), height=st.integers(1, 400), out=st.tuples(*[st.integers(1, 64)] * 2))
@pytest.mark.parametrize("method", METHODS)
def test_any_file_becomes_the_contracts_shape_type_and_range(method, width, height, out):
    contract = ImagePreprocessing(
        height=out[0], width=out[1], resize=method, jpeg_draft=True, scale=1 / 127.5, mean=(1.0, 1.0, 1.0)
    )
    data = jpeg(scene(width, height))
    pixels, batch = contract.read(data), contract.load_batch([data, data])
    assert pixels.shape == (*out, 3)
    assert pixels.dtype == np.uint8
    assert batch.shape == (2, *out, 3)
    assert batch.dtype == np.float32
    assert batch.min() >= -1.0
    assert batch.max() <= 1.0
    for item in batch:
        np.testing.assert_array_equal(item, normalize(pixels, contract))


@pytest.mark.parametrize("method", METHODS)
def test_stripes_finer_than_a_pixel_become_grey_and_not_moire(method):
    stripes = np.zeros((960, 960, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    contract = ImagePreprocessing(height=37, width=37, resize=method, jpeg_draft=True)
    data = jpeg(Image.fromarray(stripes), quality=98, subsampling=0)
    # Aliasing would give a spread of up to 127 grey levels.
    assert contract.read(data).std() < 2.0


def test_file_bytes_and_stored_pixels_have_the_same_bits(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(scene()))
    examples = (Example(path="a.jpg", label="x", sha256="0" * 64),)
    for contract in (DRAFT, FULL):
        stored = open_rows(examples, tmp_path, contract, cache_dir=tmp_path, progress=Progress())
        np.testing.assert_array_equal(stored[0], contract.read(tmp_path / "a.jpg"))
        np.testing.assert_array_equal(stored[0], contract.read((tmp_path / "a.jpg").read_bytes()))
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_a_record_written_without_the_field_keeps_its_pixels():
    old = DRAFT.to_dict()
    del old["jpeg_draft"]
    contract = ImagePreprocessing.from_dict(old)
    assert not contract.jpeg_draft
    data = jpeg(scene())
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(contract.read(data), resize(image.convert("RGB"), FULL))
    assert difference(contract.read(data), DRAFT.read(data)) > 0.0


def test_the_contracts_of_the_backbones_ask_for_it():
    from tfl.backbones import SOURCES

    for spec in ("embedded:sketchnet", "keras_applications:MobileNetV2", "keras_applications:VGG16"):
        source, _, name = spec.partition(":")
        assert SOURCES.get(source).info(name).preprocessing.jpeg_draft


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("orientation", STORED_TURNS)
def test_a_draft_that_ends_in_part_of_a_pixel_is_not_shifted(method, orientation):
    """A width of 8 n + 1 gives a draft of n + 1 pixels, whose last one shows an eighth of itself."""
    turn = STORED_TURNS[orientation]
    picture = scene(8 * 26 + 1, 8 * 26 + 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(picture if turn is None else picture.transpose(turn), exif=exif, quality=98, subsampling=0)
    sides = {"height": 20, "width": 20, "resize": method}
    small = ImagePreprocessing(jpeg_draft=True, **sides).read(data)
    full = ImagePreprocessing(**sides).read(data)
    image = decode(data, draft_for=ImagePreprocessing(jpeg_draft=True, **sides))
    assert image.size == (27, 27)
    # Taking the 27 pixels for the whole picture makes 9 and more.
    assert difference(small, full) < 2.0
    assert difference(resize(image, ImagePreprocessing(**sides)), full) > 5.0
