"""Texts of any length in any order: a batch may be of another width than those before it."""

import json

import pytest

import tfl
from tests.texts import sentence, write_table

pytest.importorskip("keras")
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
