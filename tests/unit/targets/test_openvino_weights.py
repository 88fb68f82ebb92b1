"""8-bit weights of an OpenVINO model: what is on the grid comes back exactly, the rest within half a step."""

import numpy as np
import pytest

pytest.importorskip("openvino")

SHAPES = {"convolution": (6, 3, 3, 3), "depthwise": (6, 1, 1, 3, 3), "dense": (6, 4)}
CHANNELS = {"convolution": (0,), "depthwise": (0, 1), "dense": (1,)}


def network(weights):
    """A convolution, a depthwise one and a dense layer, as the converter leaves them."""
    import openvino
    from openvino import opset13 as layers

    image = layers.parameter([-1, 3, 8, 8], np.float32)
    values = layers.convolution(image, layers.constant(weights["convolution"]), [1, 1], [1, 1], [1, 1], [1, 1])
    values = layers.group_convolution(values, layers.constant(weights["depthwise"]), [1, 1], [1, 1], [1, 1], [1, 1])
    values = layers.reduce_mean(values, layers.constant(np.array([2, 3])), False)
    values = layers.matmul(values, layers.constant(weights["dense"]), False, False)
    return openvino.Model([values], [image], "network")


def answer(model, batch):
    import openvino

    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(batch)[0]


def drawn(*, on_grid):
    """Weights per layer; each channel has a range of its own, over three decades, and one of each is all zeros."""
    generator = np.random.default_rng(0)
    weights = {}
    for name, shape in SHAPES.items():
        channels = tuple(size if axis in CHANNELS[name] else 1 for axis, size in enumerate(shape))
        scales = np.geomspace(1e-6, 1e-3, int(np.prod(channels))).reshape(channels)
        values = generator.integers(-127, 128, shape) if on_grid else generator.uniform(-127.0, 127.0, shape)
        others = tuple(axis for axis in range(len(shape)) if axis not in CHANNELS[name])
        # Every channel reaches the end of its range, which is what its scale is read from.
        values = np.where(np.abs(values) == np.abs(values).max(axis=others, keepdims=True), 127.0, values)
        weights[name] = (values * scales).astype(np.float32)
    weights["convolution"][2] = 0.0
    return weights


def stored(model):
    """The integers of each layer and what they stand for, by kind of layer."""
    found = {}
    for node in model.get_ordered_ops():
        scaled = node.input_value(1).get_node() if node.get_input_size() > 1 else None
        if scaled is not None and scaled.get_type_name() == "Multiply":
            integers = scaled.input_value(0).get_node().input_value(0).get_node()
            assert integers.get_element_type().get_type_name() == "i8"
            found[node.get_type_name()] = integers.data * scaled.input_value(1).get_node().data
    return found


def test_weights_of_the_grid_come_back_and_the_answers_with_them():
    from tfl.targets._openvino_weights import compress_weights

    weights, batch = drawn(on_grid=True), np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    expected = answer(network(weights), batch)
    made = compress_weights(network(weights))
    found = stored(made)
    for kind, name in {"Convolution": "convolution", "GroupConvolution": "depthwise", "MatMul": "dense"}.items():
        np.testing.assert_allclose(found[kind], weights[name], rtol=1e-6)
    np.testing.assert_allclose(answer(made, batch), expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_other_weights_move_by_half_a_step_of_their_channel_at_most():
    from tfl.targets._openvino_weights import compress_weights

    weights = drawn(on_grid=False)
    found = stored(compress_weights(network(weights)))
    for kind, name in {"Convolution": "convolution", "GroupConvolution": "depthwise", "MatMul": "dense"}.items():
        others = tuple(axis for axis in range(weights[name].ndim) if axis not in CHANNELS[name])
        step = np.abs(weights[name]).max(axis=others, keepdims=True) / 127
        moved = np.abs(found[kind] - weights[name])
        assert np.all(moved <= 0.5001 * step)
        assert moved.max() > 0
