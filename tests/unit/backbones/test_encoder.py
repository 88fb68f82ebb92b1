"""The encoder: padding changes no answer, it can be cut between blocks, and a saved one answers the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.tiny_transformers import PLAN, answer, make_encoder, padded
from tfl.backbones._encoder import build_encoder, encoder_layers
from tfl.training.cut import Cuttable

keras = pytest.importorskip("keras")

#: How an encoder knows where a token stands: absolutely, or by distances as DeBERTa does.
PLACES = pytest.mark.parametrize("places", [{}, {"buckets": 4}], ids=["positions", "distances"])


@PLACES
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_padding_changes_no_answer(pooling, places):
    model = make_encoder(pooling, **places)
    ids = padded(9, 5, 2, width=20)
    together = answer(model, ids)
    for row, length, wanted in zip(ids, (9, 5, 2), together, strict=True):
        assert np.allclose(answer(model, row[None, :length])[0], wanted, atol=2e-6)
    assert np.abs(together[0] - together[1]).max() > 0.1


def test_padding_is_the_networks_own_identifier():
    ids = padded(5, width=12)
    moved = np.where(ids == 1, 2, ids)
    assert np.abs(answer(make_encoder(), ids) - answer(make_encoder(), moved)).max() > 1e-3


@PLACES
def test_states_of_padding_are_zero_and_of_text_are_not(places):
    model, ids = make_encoder(**places), padded(7, 3, width=10)
    for layer in model.layers[1:-1]:
        states = answer(keras.Model(model.input, layer.output), ids)
        assert np.array_equal(states.any(-1), ids != 1)


@PLACES
def test_a_text_of_padding_alone_has_a_finite_answer(places):
    assert np.isfinite(answer(make_encoder(**places), np.full((1, 8), 1, np.int32))).all()


@PLACES
def test_order_counts(places):
    model, ids = make_encoder(**places), padded(20, width=20)
    assert np.abs(answer(model, ids) - answer(model, ids[:, ::-1])).max() > 0.01
    swapped = ids[:, [0, 1, *range(18, 1, -1), 19]]
    assert np.abs(answer(model, ids) - answer(model, swapped)).max() > 0.01


def test_texts_of_every_length_up_to_the_longest_are_answered():
    model = make_encoder(buckets=4)
    ids = padded(PLAN.longest, width=PLAN.longest)
    for length in (1, 2, 3, PLAN.longest - 1, PLAN.longest):
        assert np.isfinite(answer(model, ids[:, :length])).all()


def test_the_mean_is_over_a_texts_own_tokens():
    model, ids = make_encoder(), padded(4, width=12)
    states = answer(keras.Model(model.input, model.get_layer("block_2").output), ids)
    assert np.allclose(answer(model, ids)[0], states[0, :4].mean(0), atol=1e-6)
    assert np.allclose(answer(make_encoder("cls"), ids)[0], states[0, 0], atol=1e-6)


@PLACES
def test_it_is_cut_between_any_two_blocks(places):
    model, ids = make_encoder(**places), padded(9, 4, width=12)
    cuttable = Cuttable(model)
    assert cuttable.points == ("embedding", "block_0", "block_1", "block_2")
    whole = answer(model, ids)
    for point in cuttable.points:
        states = answer(cuttable.part("", point), ids)
        assert np.allclose(answer(cuttable.part(point, ""), states), whole, atol=2e-6)
        # States that were kept as float16 and brought to a common length still tell their padding.
        kept = np.pad(states.astype(np.float16), ((0, 0), (0, 4), (0, 0))).astype(np.float32)
        assert np.allclose(answer(cuttable.part(point, ""), kept), whole, atol=0.02)


def test_blocks_can_share_their_weights():
    model = make_encoder(layers=3, repeats=3, projected=True, embedding_size=8)
    assert [layer.name for layer in model.layers] == ["ids", "embedding", "block_0", "pooling"]
    assert Cuttable(model).points == ("embedding",)
    ids = padded(9, 4, width=12)
    assert np.allclose(answer(model, ids)[1], answer(model, ids[1:, :4])[0], atol=2e-6)


@PLACES
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_saved_and_loaded_in_safe_mode_it_answers_the_same(pooling, places, tmp_path):
    model = make_encoder(pooling, activation="gelu_tanh", projected=True, embedding_size=8, **places)
    ids = padded(9, 4, width=12)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(
        tmp_path / "model.keras", custom_objects=vars(encoder_layers()), compile=False, safe_mode=True
    )
    assert np.array_equal(answer(loaded, ids), answer(model, ids))


def test_the_activation_is_the_one_asked_for():
    ids = padded(9, width=9)
    exact, approximate, rectified = (
        answer(make_encoder(activation=name), ids) for name in ("gelu", "gelu_tanh", "relu")
    )
    assert 0 < np.abs(exact - approximate).max() < 0.05
    assert np.abs(exact - rectified).max() > 0.05


@PLACES
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_answers_nearly_the_same(policy, places):
    single = make_encoder(**places)
    half = build_encoder(dataclasses.replace(PLAN, **places), pooling="mean", dtype=policy)
    half.set_weights(single.get_weights())
    ids = padded(9, 4, width=24)
    difference = np.abs(answer(half, ids).astype(np.float32) - answer(single, ids)).max()
    assert 0 < difference < (0.15 if policy == "mixed_bfloat16" else 0.02)
    assert np.allclose(answer(half, ids)[1], answer(half, ids[1:, :4])[0], atol=0.1)


@PLACES
def test_every_weight_learns_and_dropout_is_for_training_alone(places):
    model, ids = make_encoder(dropout=0.5, **places), padded(9, 4, width=12)
    assert np.array_equal(answer(model, ids), answer(model, ids))
    assert np.abs(np.asarray(model(ids, training=True)) - answer(model, ids)).max() > 1e-3
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    model.fit(ids, np.ones((2, 16), np.float32), verbose=0)
    names = [weight.path for weight, old in zip(model.weights, before, strict=True) if np.array_equal(weight, old)]
    # A key's bias moves every score of a query alike, which the softmax takes out again; not so with distances.
    assert [name for name in names if places or not name.endswith("key/bias")] == []
