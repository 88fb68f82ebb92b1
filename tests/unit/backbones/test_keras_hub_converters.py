"""What KerasHub does not read itself: it answers as the papers say, and what is built otherwise is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.tiny_deberta import BUCKETS, LENGTH, bucket, run_deberta, save_deberta
from tests.tiny_transformers import run_bert, save_hugging_face
from tfl.backbones._deberta import bucket_rows
from tfl.backbones.keras_hub import SOURCE
from tfl.core.errors import IntegrityError, UnsupportedError

keras = pytest.importorskip("keras")
keras_hub = pytest.importorskip("keras_hub")
pytest.importorskip("tokenizers")
pytest.importorskip("safetensors")

TEXTS = ["Where is my card?", "hello", "the card the rate my money " * 5]


def load(folder):
    return SOURCE.load(str(folder))


def answer(backbone):
    return np.asarray(backbone.model(backbone.info.preprocessing.load_batch(TEXTS), training=False))


@pytest.mark.parametrize(("buckets", "longest"), [(8, 32), (256, 512), (4, 24), (64, 256), (64, 32)])
def test_distances_share_rows_as_in_keras_hub(buckets, longest):
    from keras_hub.src.models.deberta_v3.disentangled_self_attention import DisentangledSelfAttention

    layer = DisentangledSelfAttention(2, 8, max_position_embeddings=longest, bucket_size=buckets)
    distances = np.arange(1 - longest, longest, dtype=np.int32)
    theirs = np.asarray(layer._make_log_bucket_position(distances))
    ours = bucket_rows(longest, buckets)
    assert ours.shape == (2 * longest + 1,)
    assert np.array_equal(ours[1:-1], np.clip(theirs + buckets, 0, 2 * buckets - 1))
    exact = [bucket(int(distance), buckets=buckets, longest=longest) for distance in distances]
    assert np.array_equal(ours[1:-1], np.clip(np.array(exact) + buckets, 0, 2 * buckets - 1))


def test_it_answers_as_the_paper_says(tmp_path):
    weights = save_deberta(tmp_path / "deberta")
    backbone = load(tmp_path / "deberta")
    contract = backbone.info.preprocessing
    assert (contract.longest, contract.pad_id, backbone.model.input_shape) == (LENGTH, 0, (None, None))
    for text, ours in zip(TEXTS, answer(backbone), strict=True):
        ids = contract.read(text)
        states = run_deberta(weights, ids[ids != 0], epsilon=1e-3)
        assert np.allclose(ours, states.mean(0), atol=2e-5)
    block = backbone.model.get_layer("block_1")
    assert block.distances.shape == (2 * BUCKETS, 16)


def test_weights_below_a_prefix_and_in_parts_are_the_same(tmp_path):
    save_deberta(tmp_path / "plain")
    save_deberta(tmp_path / "parts", prefix="deberta.", parts=3, pos_att_type=["c2p", "p2c"])
    assert np.array_equal(answer(load(tmp_path / "parts")), answer(load(tmp_path / "plain")))


@pytest.mark.parametrize(
    "changes",
    [
        {"relative_attention": None},
        {"position_biased_input": True},
        {"position_biased_input": None},
        {"pos_att_type": "c2p"},
        {"norm_rel_ebd": "none"},
        {"share_att_key": False},
        {"position_buckets": -1},
        {"conv_kernel_size": 3},
        {"type_vocab_size": 2},
        {"embedding_size": 8},
        {"attention_head_size": 4},
    ],
)
def test_what_version_3_has_not_is_refused(changes, tmp_path):
    save_deberta(tmp_path / "other", **changes)
    with pytest.raises(
        UnsupportedError, match=f"only a DeBERTa built as version 3 is carried. Here {next(iter(changes))}"
    ):
        load(tmp_path / "other")


def test_all_that_differs_is_told_at_once(tmp_path):
    save_deberta(tmp_path / "other", share_att_key=False, conv_kernel_size=3)
    with pytest.raises(UnsupportedError, match=r"share_att_key is False, not true; conv_kernel_size is 3, not absent"):
        load(tmp_path / "other")


def test_weights_that_do_not_fit_are_told(tmp_path):
    save_deberta(tmp_path / "more", num_hidden_layers=3)
    with pytest.raises(IntegrityError, match=r"has no weight 'encoder\.layer\.2\.attention\.self\.query_proj\.weight'"):
        load(tmp_path / "more")
    save_deberta(tmp_path / "wider", intermediate_size=32)
    with pytest.raises(
        IntegrityError, match=r"intermediate\.dense\.weight' does not fit: 384 numbers, where \(16, 32\)"
    ):
        load(tmp_path / "wider")
    save_deberta(tmp_path / "unsaid", vocab_size=None)
    with pytest.raises(IntegrityError, match=r"vocab_size must be a whole number over 0\. Received: None"):
        load(tmp_path / "unsaid")
    save_deberta(tmp_path / "heads", num_attention_heads=3)
    with pytest.raises(IntegrityError, match="3 heads can't share a hidden_size of 16"):
        load(tmp_path / "heads")
    save_deberta(tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(IntegrityError, match="holds no tensors"):
        load(tmp_path / "broken")


def test_weights_of_a_type_without_numbers_in_numpy_are_told(tmp_path):
    save_deberta(tmp_path / "quarter")
    header = json.dumps(
        {"embeddings.word_embeddings.weight": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}
    ).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(4)
    (tmp_path / "quarter" / "model.safetensors").write_bytes(data)
    with pytest.raises(UnsupportedError, match="is of a type that NumPy has not"):
        load(tmp_path / "quarter")


@pytest.mark.parametrize("changes", [{}, {"embedding_size": 8}], ids=["plain", "projected"])
def test_electra_answers_as_the_paper_says(changes, tmp_path):
    weights = save_hugging_face(tmp_path / "electra", model_type="electra", prefix="electra.", **changes)
    backbone = load(tmp_path / "electra")
    for text, ours in zip(TEXTS, answer(backbone), strict=True):
        ids = backbone.info.preprocessing.read(text)
        assert np.allclose(ours, run_bert(weights, ids[ids != 0], epsilon=1e-3).mean(0), atol=2e-5)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "does not say which files"),
        ({"weight_map": {"encoder.LayerNorm.bias": "../model.safetensors"}}, "outside of the folder"),
        ({"weight_map": {"encoder.LayerNorm.bias": "missing.safetensors"}}, "holds no tensors"),
    ],
)
def test_a_broken_index_is_told(index, message, tmp_path):
    save_deberta(tmp_path / "parts", parts=2)
    (tmp_path / "parts" / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(IntegrityError, match=message):
        load(tmp_path / "parts")
