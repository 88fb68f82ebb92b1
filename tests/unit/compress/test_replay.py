"""A zoo of small networks, replayed in tf_keras."""

import numpy as np
import pytest

from tests.presence import skip_without
from tfl.compress.replay import REPLAY_TOLERANCE, replay, replay_difference, require_same
from tfl.core.errors import UnsupportedError

skip_without("tf_keras")

SHAPE = (16, 16, 3)


def _depthwise(keras, x):
    x = keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=False)(x)
    x = keras.layers.BatchNormalization(epsilon=1e-2)(x)
    return keras.layers.ReLU(6.0)(x)


def _separable(keras, x):
    return keras.layers.SeparableConv2D(8, 3, strides=2, padding="same", activation="relu")(x)


def _squeeze_and_excite(keras, x):
    x = keras.layers.Conv2D(8, 3, padding="same", activation="swish")(x)
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = keras.layers.Conv2D(2, 1, activation="swish")(gate)
    gate = keras.layers.Conv2D(8, 1, activation="sigmoid")(gate)
    return keras.layers.Multiply()([x, gate])


def _hard_activations(keras, x):
    x = keras.layers.Conv2D(8, 3, activation="hard_silu")(x)
    gate = keras.layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)
    x = keras.layers.Multiply()([x, gate])
    return keras.layers.Activation("hard_sigmoid")(2.0 - x)


def _residual(keras, x):
    y = keras.layers.Conv2D(3, 3, padding="same")(x)
    y = keras.layers.LeakyReLU(negative_slope=0.1)(y)
    return keras.layers.Concatenate()([keras.layers.Add()([x, y]), x - y])


def _nested(keras, x):
    inner = keras.Input(x.shape[1:])
    block = keras.Model(inner, keras.layers.Conv2D(3, 3, padding="same", name="conv")(inner), name="block")
    sequence = keras.Sequential([keras.layers.Conv2D(4, 1, name="conv"), keras.layers.Activation("relu6")], name="row")
    return sequence(block(block(x)))


def _shared(keras, x):
    conv = keras.layers.Conv2D(3, 3, padding="same", activation="gelu")
    return keras.layers.Maximum()([conv(x), conv(conv(x))])


def _scaled_input(keras, x):
    x = keras.layers.Rescaling([1.0, 0.5, 0.25], offset=[0.1, 0.2, 0.3])(x)
    x = keras.layers.Normalization()(x)
    return keras.layers.LayerNormalization()(keras.layers.ZeroPadding2D(1)(x))


def _scaled_sum(keras, x):
    from keras.src.applications.inception_resnet_v2 import inception_resnet_block

    x = keras.layers.Conv2D(32, 3, activation="relu")(x)
    return inception_resnet_block(x, scale=0.17, block_type="block35", block_idx=1)


ZOO = [
    *[_depthwise, _separable, _squeeze_and_excite, _hard_activations, _residual, _nested, _shared, _scaled_input],
    _scaled_sum,
]


def _model(build):
    import keras

    keras.utils.set_random_seed(3)
    image = keras.Input(SHAPE, name="image")
    features = keras.layers.GlobalAveragePooling2D()(build(keras, image))
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(features), name="zoo")
    generator = np.random.default_rng(3)
    for weight in model.weights:
        if weight.name in ("moving_variance", "variance", "gamma"):
            weight.assign(generator.uniform(0.5, 2.0, weight.shape))
        elif "int" not in str(weight.dtype):
            weight.assign(generator.normal(0.0, 0.4, weight.shape))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model


def _batch():
    return np.random.default_rng(4).normal(size=(5, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("build", ZOO, ids=lambda build: build.__name__.strip("_"))
def test_a_replayed_network_answers_the_same(build):
    model = _model(build)
    made = replay(model)
    assert require_same(model, made.model, _batch()) <= REPLAY_TOLERANCE
    assert np.asarray(model(_batch())).std() > 1e-3, "a network that always says the same would prove nothing"


def test_batch_normalization_rounds_as_keras_does():
    import keras

    generator = np.random.default_rng(3)
    inputs = keras.Input(SHAPE)
    x = inputs
    for _ in range(4):
        x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
        layer = keras.layers.BatchNormalization()
        x = keras.layers.Activation("swish")(layer(x))
        layer.set_weights([generator.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    # A deep network with random weights makes half of its answer out of a last bit.
    assert replay_difference(model, replay(model).model, _batch()) == 0.0


@pytest.mark.parametrize("build", [_separable, _nested, _squeeze_and_excite], ids=lambda build: build.__name__)
def test_weights_go_back_where_they_came_from(build):
    model = _model(build)
    made = replay(model)
    generator = np.random.default_rng(5)
    for layer in made.model.layers:
        layer.set_weights([generator.normal(0.0, 0.3, value.shape) for value in layer.get_weights()])
    assert replay_difference(model, made.model, _batch()) > 1e-3
    made.copy_back({layer.name: layer.get_weights() for layer in made.model.layers})
    assert require_same(model, made.model, _batch()) <= REPLAY_TOLERANCE


def test_weights_of_a_missing_layer_are_refused():
    made = replay(_model(_separable))
    with pytest.raises(UnsupportedError, match="dense"):
        made.copy_back({name: made.model.get_layer(name).get_weights() for name in made.origin if "dense" not in name})


def test_every_layer_that_can_not_be_replayed_is_named_with_its_class_and_why():
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    image = keras.Input(SHAPE)
    x = Twice(name="doubling")(image)
    x = keras.layers.Conv2D(4, 3, activation="celu", name="strange")(x)
    model = keras.Model(image, keras.ops.roll(x, 1))
    with pytest.raises(UnsupportedError) as caught:
        replay(model)
    for word in ("doubling (Twice): tf_keras has no such layer", "strange (Conv2D)", "'celu'", "no layer"):
        assert word in caught.value.message


def test_a_subclassed_model_is_refused():
    import keras

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(UnsupportedError, match="no Functional model"):
        replay(Own())


def test_a_network_that_answers_otherwise_is_refused():
    model = _model(_residual)
    made = replay(model)
    layer = made.model.layers[-1]
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + np.array([1e-3, 0, 0, 0])])
    with pytest.raises(UnsupportedError, match="answers otherwise"):
        require_same(model, made.model, _batch())
