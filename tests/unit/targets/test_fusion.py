"""Preprocessing inside a graph gives the contract's own pixels, in every engine that is installed."""

import numpy as np
import pytest
from PIL import Image

from tfl.core.errors import UserError
from tfl.data.preprocess import FILTERS, ImagePreprocessing, normalize, resize
from tfl.targets._fused_graph import (
    RESAMPLING_TOLERANCE_LEVELS,
    normalize_in_graph,
    resample_in_graph,
    resampling_function,
)

#: Columns x rows: reduced and enlarged, odd and even, a hairline, and a picture that fits.
SIZES = [(131, 97), (64, 200), (40, 30), (20, 33), (300, 1), (24, 32)]
WAYS = [(way, filter_) for way in ("crop", "squish", "pad") for filter_ in ("bilinear", "bicubic", "lanczos")]


def contract_of(way="crop", interpolation="bilinear", **changes):
    return ImagePreprocessing(height=32, width=24, resize=way, interpolation=interpolation, **changes)


def picture(size, *, seed=0):
    """Noise and edges, which show every shift and every wrong weight."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def columns_first(image, contract):
    """The contract's resizing in two passes of Pillow, since Pillow itself chooses by the sizes which comes first."""
    size, resample = (contract.width, contract.height), FILTERS[contract.interpolation]
    box, place = (0.0, 0.0, *map(float, image.size)), None
    if contract.resize == "crop":
        ratio = min(image.width / size[0], image.height / size[1])
        edges = [(side - goal * ratio) / 2 for side, goal in zip(image.size, size, strict=True)]
        box = (*edges, *(side - edge for side, edge in zip(image.size, edges, strict=True)))
    if contract.resize == "pad":
        ratio = min(size[0] / image.width, size[1] / image.height)
        filled = tuple(max(1, round(side * ratio)) for side in image.size)
        place, size = tuple(round((goal - side) / 2) for goal, side in zip(size, filled, strict=True)), filled
    narrow = image.resize((size[0], image.height), resample, box=(box[0], 0, box[2], image.height))
    small = narrow.resize(size, resample, box=(0, box[1], size[0], box[3]))
    if place is None:
        return np.asarray(small)
    padded = Image.new("RGB", (contract.width, contract.height))
    padded.paste(small, place)
    return np.asarray(padded)


def engine_of(name, contract):
    """Return a function that resizes a batch in the engine."""
    pytest.importorskip("tensorflow")
    if name == "tensorflow":
        return lambda pixels: resample_in_graph(pixels, contract)
    function, spec = resampling_function(contract, name="image")
    if name == "openvino":
        openvino = pytest.importorskip("openvino")
        model = openvino.convert_model(function.get_concrete_function(spec))
        compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda pixels: compiled(pixels)[0]
    tf2onnx, onnxruntime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    model, _ = tf2onnx.convert.from_function(function, input_signature=[spec], opset=17)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"image": pixels})[0]


@pytest.mark.slow
@pytest.mark.parametrize(("way", "interpolation"), WAYS)
@pytest.mark.parametrize("engine", ["tensorflow", "openvino", "onnxruntime"])
def test_a_graph_resizes_as_the_contract_does(engine, way, interpolation):
    contract = contract_of(way, interpolation)
    function = engine_of(engine, contract)
    for size in SIZES:
        image = Image.fromarray(picture(size))
        found = np.asarray(function(np.asarray(image)[None]))[0].astype(int)
        exact = np.abs(found - columns_first(image, contract))
        assert exact.max() <= RESAMPLING_TOLERANCE_LEVELS, size
        # Where the factor is a simple fraction many values lie exactly between two levels, and a rounding error
        # of the engine decides; half a pixel's shift of this noise is a mean of 20.
        assert exact.mean() < 0.2, size
        # A filter without negative weights can't overshoot, so the order of the passes is a matter of rounding.
        if interpolation == "bilinear":
            assert np.abs(found - resize(image, contract)).max() <= RESAMPLING_TOLERANCE_LEVELS, size


@pytest.mark.slow
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_a_graph_normalizes_as_the_contract_does(channels):
    pytest.importorskip("tensorflow")
    contract = contract_of(channels=channels, scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    pixels = picture((24, 32))[None]
    # A few units in the last place: the contract rounds once, a graph at every step.
    np.testing.assert_allclose(normalize_in_graph(pixels, contract).numpy(), normalize(pixels, contract), atol=1e-6)


def test_what_is_fused_is_left_out_of_the_input():
    plain = contract_of(scale=1 / 127.5, mean=(1.0, 1.0, 1.0), channels="bgr")
    pixels = picture((61, 47))
    resized = resize(Image.fromarray(pixels), plain)
    fused = contract_of(scale=1 / 127.5, mean=(1.0, 1.0, 1.0), channels="bgr", fused="normalize")
    whole = contract_of(scale=1 / 127.5, mean=(1.0, 1.0, 1.0), channels="bgr", fused="resize")
    assert plain.prepare(resized).dtype == np.float32
    np.testing.assert_array_equal(fused.load_batch([pixels])[0], resized)
    np.testing.assert_array_equal(whole.load_batch([pixels])[0], pixels)
    for contract in (plain, fused, whole):
        np.testing.assert_array_equal(
            contract.prepare_opened(Image.fromarray(pixels)), contract.load_batch([pixels]), strict=True
        )
        assert contract.load_batch([]).dtype == contract.load_batch([pixels]).dtype


def test_a_caller_is_told_nothing_of_what_is_fused():
    plain = contract_of(scale=1 / 127.5, mean=(1.0, 1.0, 1.0), channels="bgr")
    fused = contract_of(scale=1 / 127.5, mean=(1.0, 1.0, 1.0), channels="bgr", fused="normalize")
    assert plain.left_to_caller == plain
    assert plain.value_range == (-1.0, 1.0)
    assert fused.value_range == (0.0, 255.0)
    assert fused.left_to_caller.channels == "rgb"
    assert ImagePreprocessing.from_dict(fused.to_dict()) == fused


def test_pictures_of_several_sizes_go_one_by_one_where_the_file_resizes():
    whole, plain = contract_of(fused="resize"), contract_of()
    pictures = [picture(size, seed=index) for index, size in enumerate(SIZES[:3])]
    with pytest.raises(UserError, match="one size"):
        whole.load_batch(pictures)
    batches = list(whole.input_batches(pictures, size=2))
    assert [batch.shape for batch in batches] == [(1, size[1], size[0], 3) for size in SIZES[:3]]
    assert [batch.shape[0] for batch in plain.input_batches(pictures, size=2)] == [2, 1]
    assert whole.load_uniform(pictures).shape == (3, 97, 64, 3)
    np.testing.assert_array_equal(plain.load_uniform(pictures), plain.load_batch(pictures))
