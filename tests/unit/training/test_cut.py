"""Where networks can be cut, and that the parts are the whole."""

import numpy as np
import pytest

from tfl.training.cut import Cuttable, cut_points
from tfl.training.network import thaw_top

keras = pytest.importorskip("keras")
layers = keras.layers


def residual():
    """A stem, a block with a way around it, and a top."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    stem = layers.Conv2D(4, 3, padding="same", name="stem")(inputs)
    inner = layers.Conv2D(4, 3, padding="same", name="inner")(stem)
    inner = layers.BatchNormalization(name="norm")(inner)
    joined = layers.Add(name="joined")([stem, inner])
    top = layers.Conv2D(5, 3, name="top")(joined)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="pooled")(top))


def test_points_are_where_one_tensor_carries_everything():
    assert cut_points(residual()) == ("stem", "joined", "top")


def test_a_layer_that_is_called_twice_is_no_point():
    inputs = keras.Input((4,))
    twice = layers.Dense(4, name="twice")
    model = keras.Model(inputs, layers.Dense(2, name="last")(layers.ReLU(name="between")(twice(twice(inputs)))))
    assert cut_points(model) == ("between",)


def test_an_operation_that_is_no_layer_is_a_point():
    inputs = keras.Input((4,))
    doubled = layers.Dense(4, name="first")(inputs) * 2.0
    model = keras.Model(inputs, layers.Dense(2, name="last")(doubled))
    assert len(cut_points(model)) == 2
    assert cut_points(model)[0] == "first"


def test_several_inputs_or_outputs_leave_nothing_to_cut():
    inputs = keras.Input((4,))
    hidden = layers.Dense(4)(inputs)
    assert cut_points(keras.Model(inputs, [layers.Dense(1)(hidden), layers.Dense(1)(hidden)])) == ()


def test_a_sequential_network_is_cut_after_every_layer():
    model = keras.Sequential([keras.Input((4,)), *(layers.Dense(3, name=f"d{index}") for index in range(3))])
    assert cut_points(model) == ("d0", "d1")


def test_the_parts_give_what_the_whole_gives_and_it_still_saves(tmp_path):
    model = residual()
    batch = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    expected = np.asarray(model(batch, training=False))
    network = Cuttable(model)
    for point in network.points:
        halfway = network.part("", point)(batch, training=False)
        np.testing.assert_array_equal(np.asarray(network.part(point, "")(halfway, training=False)), expected)
    middle = network.part("stem", "joined")(network.part("", "stem")(batch, training=False), training=False)
    np.testing.assert_array_equal(np.asarray(network.part("joined", "")(middle, training=False)), expected)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(batch, training=False)), expected)


def test_what_a_part_learns_the_whole_has():
    model = residual()
    network = Cuttable(model)
    tail = network.part("joined", "")
    tail.compile("sgd", "mse", jit_compile=False)
    before = np.array(model.get_layer("top").kernel)
    tail.train_on_batch(np.ones((2, 8, 8, 4), np.float32), np.ones((2, 5), np.float32))
    assert not np.array_equal(before, np.array(model.get_layer("top").kernel))


@pytest.mark.parametrize(("count", "expected"), [(1, "joined"), (2, "stem"), (3, "")])
def test_the_boundary_is_the_last_point_above_all_that_learns(count, expected):
    model = residual()
    thaw_top(model, count)
    assert Cuttable(model).boundary() == expected


def test_normalizations_learn_where_asked_and_the_boundary_moves_above_them():
    model = residual()
    thaw_top(model, 2, batch_norm="learn")
    assert model.get_layer("norm").trainable
    assert Cuttable(model).boundary() == "stem"
    thaw_top(model, 2)
    assert not model.get_layer("norm").trainable
