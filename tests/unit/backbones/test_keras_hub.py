"""Transformers through KerasHub: what is read answers as its origin does, and nothing but numbers is taken from it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_transformers import (
    VOCABULARY,
    make_network,
    run_bert,
    save_hugging_face,
    save_preset,
    save_tokenizer,
)
from tfl.backbones import _keras_hub_pieces as pieces
from tfl.backbones import _keras_hub_tokenizer as rebuilt
from tfl.backbones._keras_hub_reading import carry_over, plan_of
from tfl.backbones._keras_hub_table import PRESETS
from tfl.backbones.keras_hub import SOURCE
from tfl.core.errors import IntegrityError, JobError, NotFoundError, UnsupportedError, UserError

keras = pytest.importorskip("keras")
keras_hub = pytest.importorskip("keras_hub")
pytest.importorskip("tokenizers")

TEXTS = ["Where is my card?", "hello", "the rate, please! 日本 12"]
HANDLE = "kaggle://keras/bert/keras/bert_tiny_en_uncased/3"


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A BERT as KerasHub saves it; not to be changed."""
    return save_preset(tmp_path_factory.mktemp("preset") / "bert")


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory):
    """A BERT as transformers saves it; not to be changed."""
    folder = tmp_path_factory.mktemp("hf") / "bert"
    save_hugging_face(folder)
    return folder


@pytest.fixture
def copied(hugging_face, tmp_path):
    return Path(shutil.copytree(hugging_face, tmp_path / "copied"))


def load(folder):
    return SOURCE.load(str(folder))


def answer(backbone, texts=TEXTS):
    return np.asarray(backbone.model(backbone.info.preprocessing.load_batch(texts), training=False))


def change(path, **values):
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | values), encoding="utf-8")


@pytest.mark.parametrize("family", ["Bert", "DistilBert", "Roberta", "Electra", "Albert", "XLMRoberta", "DebertaV3"])
def test_a_preset_answers_as_keras_hub_does(family, tmp_path):
    folder = save_preset(tmp_path / family, family=family)
    backbone = load(folder)
    network = keras_hub.models.Backbone.from_preset(str(folder), dtype="float32")
    tokenizer = keras_hub.models.Tokenizer.from_preset(str(folder), _allow_python_workflow=False)
    for row, ours in zip(tokenizer(TEXTS), answer(backbone), strict=True):
        ids = [tokenizer.start_token_id, *np.asarray(row), tokenizer.end_token_id]
        inputs = {"token_ids": np.array([ids]), "segment_ids": np.zeros((1, len(ids)))}
        inputs["padding_mask"] = np.ones((1, len(ids)))
        states = network({name: inputs[name] for name in network.input})
        states = states["sequence_output"] if isinstance(states, dict) else states
        assert np.allclose(ours, np.asarray(states)[0].mean(0), atol=1e-5)


def test_groups_of_one_block_are_carried():
    network = make_network("Albert", seed=4)
    plan = plan_of(network, pad_id=0, activation=None, epsilon=None)
    assert (plan.layers, plan.repeats, plan.projected) == (2, 2, True)
    assert carry_over(network, plan, pooling="mean").count_params() < network.count_params()


def test_a_network_that_answers_otherwise_is_refused():
    network = make_network("Bert")
    plan = plan_of(network, pad_id=0, activation="relu", epsilon=None)
    with pytest.raises(IntegrityError, match="does not answer as KerasHub does"):
        carry_over(network, plan, pooling="mean")


def test_a_hugging_face_model_answers_as_the_paper_says(hugging_face):
    weights = save_hugging_face(hugging_face.with_name("again"))
    contract = load(hugging_face).info.preprocessing
    for text, ours in zip(TEXTS, answer(load(hugging_face)), strict=True):
        ids = contract.read(text)
        states = run_bert(weights, ids[ids != 0], epsilon=1e-3)
        assert np.allclose(ours, states.mean(0), atol=2e-5)


def test_the_folders_own_activation_and_epsilon_hold(hugging_face, tmp_path):
    exact = answer(load(hugging_face))
    save_hugging_face(tmp_path / "tanh", hidden_act="gelu_new")
    save_hugging_face(tmp_path / "epsilon", layer_norm_eps=0.1)
    assert 1e-6 < np.abs(answer(load(tmp_path / "tanh")) - exact).max() < 0.05
    assert np.abs(answer(load(tmp_path / "epsilon")) - exact).max() > 0.01


def test_what_a_loaded_backbone_says_of_itself(preset):
    backbone = load(preset)
    contract = backbone.info.preprocessing
    assert backbone.model.input.name == "ids"
    assert backbone.model.input_shape == (None, None)
    assert backbone.info.feature_size == 16
    assert backbone.info.parameters == backbone.model.count_params()
    assert backbone.info.task == "text_classification"
    assert (contract.length, contract.longest, contract.vocabulary_size) == (32, 32, len(VOCABULARY))
    assert backbone.digest == load(preset).digest


def test_the_first_token_is_taken_where_asked_or_where_the_folder_says_so(hugging_face, copied):
    mean, first = answer(load(hugging_face)), answer(SOURCE.load(f"{hugging_face}@cls"))
    assert np.abs(mean - first).max() > 0.05
    (copied / "1_Pooling").mkdir()
    (copied / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}', encoding="utf-8")
    assert np.array_equal(answer(load(copied)), first)
    assert np.array_equal(answer(SOURCE.load(f"{copied}@mean")), mean)
    assert load(copied).digest != load(hugging_face).digest


def test_the_policy_at_loading_is_the_models(preset):
    single = answer(load(preset))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = load(preset)
    finally:
        keras.config.set_dtype_policy(before)
    assert half.model.compute_dtype == "bfloat16"
    assert 0 < np.abs(answer(half).astype(np.float32) - single).max() < 0.1


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_a_rebuilt_tokenizer_cuts_as_keras_hub_does(lowercase, strip_accents):
    own = keras_hub.models.BertTokenizer(vocabulary=list(VOCABULARY), lowercase=lowercase, strip_accents=strip_accents)
    built = rebuilt.word_piece(list(VOCABULARY), {"lowercase": lowercase, "strip_accents": strip_accents})
    for text in (*rebuilt.PROOF_TEXTS, *TEXTS, "[CLS] [PAD]", "##ing"):
        assert built.encode(text).ids == [int(item) for item in own(text)], text


def test_a_tokenizer_that_cuts_otherwise_is_refused(preset, monkeypatch):
    build = rebuilt.word_piece
    monkeypatch.setattr(rebuilt, "word_piece", lambda vocabulary, options: build(vocabulary, {"lowercase": False}))
    with pytest.raises(UnsupportedError, match=r"cuts 'Hello world.*otherwise than KerasHub, from token 0 on"):
        load(preset)


def test_a_tokenizer_of_another_kind_is_refused(preset, tmp_path):
    folder = Path(shutil.copytree(preset, tmp_path / "pieces"))
    (folder / "assets" / "tokenizer" / "vocabulary.txt").rename(folder / "assets" / "tokenizer" / "vocabulary.spm")
    change(folder / "tokenizer.json", class_name="FNetTokenizer")
    with pytest.raises(UnsupportedError, match=r"'FNetTokenizer' has neither vocabulary\.txt nor merges\.txt nor"):
        load(folder)
    (folder / "assets" / "tokenizer" / "vocabulary.spm").unlink()
    change(folder / "tokenizer.json", class_name="XLMRobertaTokenizer")
    with pytest.raises(UnsupportedError, match=r"nor a vocabulary\.spm of AlbertTokenizer"):
        load(folder)


def test_a_sentence_piece_model_that_keras_hub_reads_otherwise_is_refused(tmp_path, monkeypatch):
    folder = save_preset(tmp_path / "deberta", family="DebertaV3")
    monkeypatch.setattr(pieces, "_hidden", lambda name: name)
    with pytest.raises(UnsupportedError, match=r"cuts '\[CLS\] \[SEP\].*otherwise than KerasHub, from token"):
        load(folder)


def test_pickled_weights_are_refused(copied):
    (copied / "model.safetensors").unlink()
    (copied / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(UnsupportedError, match=r"pytorch_model\.bin only, which can run code") as raised:
        load(copied)
    assert "model.safetensors" in raised.value.hint
    (copied / "pytorch_model.bin").unlink()
    with pytest.raises(IntegrityError, match=r"holds no model\.safetensors"):
        load(copied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "type 'gpt2', which is no encoder"),
        ({"hidden_act": "mish"}, "activation 'mish'"),
        ({"position_embedding_type": "relative_key"}, "absolute positions"),
        ({"is_decoder": True}, "absolute positions"),
    ],
)
def test_a_network_that_is_not_carried_is_told(copied, changes, message):
    change(copied / "config.json", **changes)
    with pytest.raises(UnsupportedError, match=message):
        load(copied)


def test_a_configuration_may_name_no_other_class(preset, tmp_path):
    folder = Path(shutil.copytree(preset, tmp_path / "forged"))
    change(folder / "config.json", registered_name="keras_hub>GPT2Backbone", class_name="GPT2Backbone")
    with pytest.raises(UnsupportedError, match="class 'GPT2Backbone', which is no encoder"):
        load(folder)
    change(folder / "config.json", module="os", class_name="system", registered_name="system")
    with pytest.raises(UnsupportedError, match="class 'system'"):
        load(folder)


def test_weights_that_do_not_fit_are_told(preset, copied, tmp_path):
    folder = Path(shutil.copytree(preset, tmp_path / "unfit"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]
    change(folder / "config.json", config=config | {"num_layers": 3})
    with pytest.raises(IntegrityError, match=r"model\.weights\.h5 does not hold the weights"):
        load(folder)
    (copied / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(IntegrityError, match="does not hold the weights"):
        load(copied)


def test_a_tokenizer_of_another_model_is_told(copied):
    save_tokenizer(copied, vocabulary=(*VOCABULARY, "extra"))
    with pytest.raises(IntegrityError, match=f"tokens up to {len(VOCABULARY)}, its network only {len(VOCABULARY)}"):
        load(copied)
    (copied / "tokenizer.json").unlink()
    with pytest.raises(UnsupportedError, match=r"holds no tokenizer\.json"):
        load(copied)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(UnsupportedError, match=r"holds no config\.json"):
        load(tmp_path)
    (tmp_path / "config.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(IntegrityError, match="is not a JSON object"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bert_tiny_en_uncaset", "Did you mean 'bert_tiny_en_uncased'"),
        ("hf://owner/model", "not fetched from Hugging Face"),
        ("/no/such/folder", "no preset of KerasHub and no folder"),
    ],
)
def test_an_unknown_name_is_told(name, message):
    with pytest.raises(NotFoundError, match=message):
        SOURCE.info(name)


def test_a_text_has_no_size_in_pixels(preset):
    with pytest.raises(UnsupportedError, match=r"image_size.*Received: 96"):
        SOURCE.load(str(preset), image_size=96)


@pytest.mark.parametrize("name", ["bert_tiny_en_uncased", HANDLE])
def test_offline_it_says_which_files_to_put_where(name, caches):
    with pytest.raises(JobError, match="can't be downloaded") as raised:
        SOURCE.load(name)
    place = caches["KAGGLEHUB_CACHE"] / "models/keras/bert/keras/bert_tiny_en_uncased/3"
    assert f"tfl models import 'keras_hub:{name}'" in raised.value.hint
    assert str(place / "config.json") in raised.value.hint
    assert not place.exists()
    with pytest.raises(JobError, match="names no version"):
        SOURCE.load(HANDLE.removesuffix("/3"))


@pytest.mark.parametrize("packed", [True, False])
def test_a_carried_preset_is_put_into_keras_hubs_own_cache(packed, preset, caches, tmp_path):
    file = preset
    if packed:
        file = tmp_path / "preset.tar.gz"
        with tarfile.open(file, "w:gz") as tar:
            tar.add(preset, arcname=".")
    assert not SOURCE.info("bert_tiny_en_uncased").available_offline
    (place,) = SOURCE.import_file("bert_tiny_en_uncased", file)
    assert SOURCE.info("bert_tiny_en_uncased").available_offline
    assert SOURCE.info("bert_tiny_en_uncased").preprocessing.longest == 32
    backbone = SOURCE.load("bert_tiny_en_uncased")
    assert np.array_equal(answer(backbone), answer(SOURCE.load(HANDLE)))
    assert np.array_equal(answer(backbone), answer(SOURCE.load(HANDLE.removesuffix("/3"))))
    with (place / "config.json").open("a", encoding="utf-8") as stream:
        stream.write("\n")
    with pytest.raises(IntegrityError, match="was altered since"):
        SOURCE.load("bert_tiny_en_uncased")


def test_a_local_folder_needs_neither_fetch_nor_import(preset):
    with pytest.raises(UserError, match="nothing to fetch"):
        SOURCE.fetch(str(preset))
    with pytest.raises(UserError, match="needs no import"):
        SOURCE.import_file(str(preset), preset)


def test_the_table_is_keras_hubs_own():
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "keras_hub_table.py"
    spec = importlib.util.spec_from_file_location("keras_hub_table", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    found = {name: (item.handle, item.parameters, item.licence, item.about) for name, item in PRESETS.items()}
    assert found == script.presets()


def test_a_saved_model_needs_no_keras_hub(hugging_face, tmp_path):
    backbone = load(hugging_face)
    backbone.model.save(tmp_path / "model.keras")
    np.save(tmp_path / "ids.npy", backbone.info.preprocessing.load_batch(TEXTS))
    code = (
        "import sys; import numpy as np; import keras; from tfl.backbones.keras_hub import SOURCE\n"
        "objects = SOURCE.custom_objects()\n"
        "model = keras.models.load_model(sys.argv[1] + '/model.keras', custom_objects=objects, compile=False)\n"
        "np.save(sys.argv[1] + '/out.npy', model(np.load(sys.argv[1] + '/ids.npy'), training=False))\n"
        "sys.exit('keras_hub' in sys.modules or 'tokenizers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0
    assert np.allclose(np.load(tmp_path / "out.npy"), answer(backbone), atol=1e-6)
