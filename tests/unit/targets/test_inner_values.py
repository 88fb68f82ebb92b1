"""What is found inside a TFLite model whose input is as wide as a text."""

import numpy as np
import pytest

from tests.presence import skip_without

skip_without("tensorflow", "ai_edge_litert", "ai_edge_quantizer")


@pytest.mark.slow
def test_a_free_width_takes_that_of_the_inputs():
    import tensorflow as tf

    from tests.tiny_texts import build_text_model
    from tfl.targets._tflite_quantizer import _inner_values

    model = build_text_model()
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    names = {item["name"] for item in interpreter.get_output_details()}
    ids = np.random.default_rng(0).integers(1, 50, (3, 32)).astype(np.int32)
    (found,) = _inner_values(content, names, ids).values()
    np.testing.assert_allclose(found, model.predict_on_batch(ids), atol=1e-5)
