"""Seeding an epoch."""

import random

import keras
import numpy as np
import pytest

from tfl.training.randomness import read_random_state, seed_epoch, set_random_state

tf = pytest.importorskip("tensorflow")


class Noise(keras.layers.Layer):
    """Draws from TensorFlow's global generator, as layers from outside may."""

    def call(self, inputs):
        return inputs + tf.random.uniform(tf.shape(inputs))


def _model(layer):
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))


@pytest.mark.parametrize("layer", [keras.layers.Dropout(0.5), Noise()], ids=["keras", "outside"])
def test_an_epoch_draws_the_same_again(layer):
    model, draws = _model(layer), []
    for _ in range(2):
        seed_epoch(model, 7)
        draws.append((random.random(), np.random.rand()))
    assert draws[0] == draws[1]


def test_layers_from_outside_draw_the_same_again():
    layer = Noise()
    model, answers = _model(layer), []
    for seed in (7, 8, 7):
        seed_epoch(model, seed)
        answers.append(np.asarray(layer(np.zeros((2, 3), dtype=np.float32))))
    assert np.array_equal(answers[0], answers[2])
    assert not np.array_equal(answers[0], answers[1])


def test_keras_own_layers_leave_the_compiled_graphs():
    tf.random.set_seed(1)
    first = tf.random.uniform(())
    seed_epoch(_model(keras.layers.Dropout(0.5)), 1)
    # A seed that is set anew begins anew, and empties the cache of kernels.
    assert float(tf.random.uniform(())) != float(first)


def test_a_state_is_set_again():
    seed_epoch(_model(keras.layers.Dropout(0.5)), 3)
    state = read_random_state()
    drawn = random.random(), np.random.rand()
    set_random_state(state)
    assert (random.random(), np.random.rand()) == drawn
