"""Texts of any length in any order: a batch may be of another width than those before it."""

import json

import numpy as np
import pytest

import tfl
from tests.texts import sentence, write_table
from tests.tiny_transformers import make_encoder, padded, save_tokenizer
from tfl.core.files import sha256_file
from tfl.data.contracts.tokens import TokenizedText
from tfl.data.preprocess import ImagePreprocessing
from tfl.training.cut import Cuttable
from tfl.training.engines import Engine, takes_any_width, without_padding

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.slow
TOPICS = ("delivery", "payment", "quality")


def rows_of(count, *, long):
    """Return short sentences, and before them some that are many times as long."""
    rows = [(sentence(TOPICS[index % 3], index + 1000 * long), TOPICS[index % 3]) for index in range(count)]
    repeated = [
        (" ".join(sentence(topic, 7 * index + part) for part in range(6)), topic)
        for index, (_, topic) in enumerate(rows[:long])
    ]
    return repeated + rows[long:]


def test_validation_texts_may_begin_with_the_long_ones(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write_table(data / "train.csv", rows_of(60, long=0), header=("text", "label"))
    write_table(data / "validation.csv", rows_of(40, long=18), header=("text", "label"))
    write_table(data / "test.csv", rows_of(30, long=1), header=("text", "label"))
    settings = {"train.batch_size": 8, "train.fine_tune_epochs": 2, "data.allow": ["near_leakage", "leakage"]}
    model = tfl.fit(data, out=tmp_path / "run", settings=settings)
    lines = (model.run.training_dir / "history.csv").read_text().splitlines()
    assert len(lines) > 1
    assert "val_loss" in lines[0]
    summary = json.loads((model.run.training_dir / "summary.json").read_text())
    assert summary["validation_samples"] == 40


@pytest.mark.parametrize("takes_any_count", [True, False], ids=["by width", "filled up"])
@pytest.mark.parametrize("place", [1, None], ids=["within", "to the features"])
def test_frozen_layers_are_not_run_over_padding(tmp_path, takes_any_count, place):
    encoder = make_encoder()
    network, ids = Cuttable(encoder), padded(9, 5, 2, 6, width=24)
    save_tokenizer(tmp_path)
    digest = sha256_file(tmp_path / "tokenizer.json")
    contract = TokenizedText(length=24, longest=24, vocabulary_size=40, pad_id=1, bucket=4, tokenizer_sha256=digest)
    begin, batch = "", ids
    for stop in (network.points[0], "" if place is None else network.points[place]):
        part, shapes = network.part(begin, stop), []

        def run(values, part=part, shapes=shapes):
            shapes.append(values.shape[:2])
            return np.asarray(part(values, training=False))

        assert takes_any_width(part)
        made = without_padding(Engine("keras", run, takes_any_count), contract).run(batch)
        assert shapes == ([(1, 4), (2, 8), (1, 12)] if takes_any_count else [(4, 12)])
        wanted = np.asarray(part(batch, training=False))
        assert made.shape == wanted.shape
        assert np.allclose(made, wanted, atol=2e-6)
        begin, batch = stop, made


def test_pictures_have_no_positions():
    contract = ImagePreprocessing(height=8, width=8)
    pictures = np.zeros((2, 8, 8, 3), dtype=np.float32)
    assert contract.used_positions(pictures) is None
    engine = Engine("keras", lambda values: values, takes_any_count=True)
    assert without_padding(engine, contract).run(pictures).shape == pictures.shape
    assert not takes_any_width(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()]))
