"""Adapters begin as nothing, learn alone, and leave a plain network with other kernels."""

import numpy as np
import pytest

from tests.tiny_transformers import answer, make_encoder, padded
from tfl.backbones._encoder import encoder_layers
from tfl.core.errors import UnsupportedError
from tfl.training.lora import add_adapters, merge_adapters
from tfl.training.network import thaw_top

keras = pytest.importorskip("keras")

IDS = padded(9, 4, 7, width=12)


def learn(model, steps=4):
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    model.fit(IDS, np.ones((3, 16), np.float32), epochs=steps, verbose=0)


def changed(model, before):
    return {weight.path for weight in model.weights if not np.array_equal(weight, before[weight.path])}


def weights_of(model):
    return {weight.path: np.array(weight) for weight in model.weights}


def test_an_adapter_begins_as_nothing_and_is_thin():
    model = make_encoder()
    wanted, count = answer(model, IDS), model.count_params()
    thaw_top(model, 0)
    adapters = add_adapters(model, 2)
    assert np.array_equal(answer(model, IDS), wanted)
    assert len(adapters.dense) == 3 * 6
    assert adapters.parameter_count == 3 * (4 * 2 * (16 + 16) + 2 * 2 * (16 + 24))
    learning = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert learning == adapters.parameter_count == model.count_params() - count


def test_the_adapters_of_the_thawed_layers_learn_and_nothing_else():
    model = make_encoder(dropout=0.0)
    thaw_top(model, 1)
    add_adapters(model, 2)
    before, first = weights_of(model), answer(model, IDS)
    learn(model)
    moved = changed(model, before)
    assert moved
    assert all("lora_kernel" in name and name.startswith("block_2/") for name in moved)
    assert np.abs(answer(model, IDS) - first).max() > 1e-3


@pytest.mark.parametrize("places", [{}, {"buckets": 4}], ids=["positions", "distances"])
def test_merged_it_answers_the_same_with_the_layers_it_had(places, tmp_path):
    model = make_encoder(dropout=0.0, **places)
    names = [weight.path for weight in model.weights]
    before = weights_of(model)
    thaw_top(model, 2)
    adapters = add_adapters(model, 2)
    learn(model)
    learned = answer(model, IDS)
    merge_adapters(adapters)
    assert np.allclose(answer(model, IDS), learned, atol=2e-6)
    assert [weight.path for weight in model.weights] == names
    moved = changed(model, before)
    assert {name.split("/")[0] for name in moved} == {"block_1", "block_2"}
    assert all(name.endswith("/kernel") for name in moved)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects=vars(encoder_layers()), compile=False)
    assert [weight.path for weight in loaded.weights] == names
    assert np.array_equal(answer(loaded, IDS), answer(model, IDS))


def test_a_second_stage_begins_where_the_first_ended():
    model = make_encoder(dropout=0.0)
    thaw_top(model, 1)
    adapters = add_adapters(model, 2)
    learn(model)
    merge_adapters(adapters)
    middle = answer(model, IDS)
    assert thaw_top(model, 2) == 2
    assert all(weight.trainable for weight in model.get_layer("block_2").weights)
    adapters = add_adapters(model, 4)
    assert np.array_equal(answer(model, IDS), middle)
    learn(model)
    merge_adapters(adapters)
    assert np.abs(answer(model, IDS) - middle).max() > 1e-3


def test_layers_of_einsum_are_adapted_too():
    inputs = keras.Input((6, 8))
    model = keras.Model(inputs, keras.layers.MultiHeadAttention(2, 4)(inputs, inputs))
    values = np.random.default_rng(0).normal(size=(3, 6, 8)).astype(np.float32)
    thaw_top(model, 0)
    adapters = add_adapters(model, 2)
    assert len(adapters.dense) == 4
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    model.fit(values, np.ones_like(values), epochs=3, verbose=0)
    learned = np.asarray(model(values))
    merge_adapters(adapters)
    assert np.allclose(np.asarray(model(values)), learned, atol=2e-6)


def test_the_same_seed_draws_the_same_adapters():
    first, second, other = make_encoder(), make_encoder(), make_encoder()
    factors = []
    for model, seed in ((first, 1), (second, 1), (other, 2)):
        thaw_top(model, 1)
        factors.append(np.array(add_adapters(model, 2, seed=seed).dense[0].lora_kernel_a))
    assert np.array_equal(factors[0], factors[1])
    assert not np.array_equal(factors[0], factors[2])


def test_a_network_without_dense_layers_is_told():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    thaw_top(model, 0)
    with pytest.raises(UnsupportedError, match="none of the 1 layers that learn has a dense layer"):
        add_adapters(model, 2)
