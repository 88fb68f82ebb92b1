"""Metadata leave graph and weights as they are, wherever in the file the weights lie."""

import numpy as np
import pytest

from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE
from tfl.targets._tflite_metadata import add_metadata

#: Above this size of its weights, AI Edge Quantizer writes them behind the flatbuffer.
PACKED_FROM = 256 * 1024
SIDE = 640


@pytest.fixture(scope="module")
def packed_model():
    """An int8 model with its weights behind the flatbuffer."""
    keras = pytest.importorskip("keras")
    tf = pytest.importorskip("tensorflow")
    quantizer = pytest.importorskip("ai_edge_quantizer.quantizer")
    recipe = pytest.importorskip("ai_edge_quantizer.recipe")
    keras.utils.set_random_seed(0)
    entry = keras.Input((SIDE,))
    network = keras.Model(entry, keras.layers.Dense(SIDE)(entry))
    model = tf.lite.TFLiteConverter.from_keras_model(network).convert()
    tool = quantizer.Quantizer(bytes(model), recipe.dynamic_wi8_afp32())
    return bytes(tool.quantize().quantized_model)


def answer(model, values):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_weights_behind_the_flatbuffer_come_along(packed_model, tiny_bundle):
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(packed_model, 0))
    assert sum(buffer.size for buffer in tree.buffers if buffer.offset > 1) >= PACKED_FROM
    described = add_metadata(packed_model, Bundle.load(tiny_bundle / BUNDLE_FILE))
    assert b"TFLITE_METADATA" in described
    values = np.random.default_rng(1).normal(size=(1, SIDE)).astype(np.float32)
    np.testing.assert_array_equal(answer(described, values), answer(packed_model, values))
