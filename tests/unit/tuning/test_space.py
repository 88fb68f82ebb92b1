"""What is searched: how it is written, what is refused, what is drawn."""

import json

import pytest

from tfl.api import model_info
from tfl.core.config import resolve_config
from tfl.core.errors import ConfigError
from tfl.tuning.space import Parameter, draw, first_values, parse_space, resolve_space, with_values

optuna = pytest.importorskip("optuna")

BACKBONE = model_info("embedded:sketchnet")
BASE = resolve_config({}, {})


def test_ranges_and_choices_are_read():
    rate, dropout, layers, augmentation, epochs = parse_space(
        [
            "train.learning_rate=1e-4:1e-1:log",
            "model.dropout=0:0.5",
            "train.fine_tune_layers=5:50",
            "train.augmentation=none,light",
            "train.fine_tune_epochs=0,10",
        ]
    )
    assert (rate.kind, rate.low, rate.high, rate.scale) == ("float", 1e-4, 1e-1, "log")
    assert (dropout.kind, dropout.scale) == ("float", "linear")
    assert (layers.kind, layers.ends) == ("int", (5, 50))
    assert (augmentation.choices, epochs.choices) == (("none", "light"), (0, 10))
    assert parse_space(["train.learning_rate=1e-4,3e-4"])[0].choices == (1e-4, 3e-4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.learning_rate", "NAME=VALUES"),
        ("train.lerning_rate=1:2", "Did you mean 'train.learning_rate'"),
        ("data.path=a,b", "no setting that can be searched"),
        ("seed=1:5", "no setting that can be searched"),
        ("train.learning_rate=0.1:0.01", "low end must be below"),
        ("train.learning_rate=0:0.1:log", "begin above 0"),
        ("train.learning_rate=a:b", "must be numbers"),
        ("train.learning_rate=1:2:3", "only ':log'"),
        ("train.fine_tune_layers=1.5:4", "whole numbers"),
        ("model.dropout=0:nan", "low end must be below"),
    ],
)
def test_what_is_written_wrongly_is_told(text, words):
    with pytest.raises(ConfigError) as raised:
        parse_space([text])
    assert words in raised.value.message


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as raised:
        parse_space(["nothing", "train.x=1:2", "model.dropout=0,1", "model.dropout=0,2"])
    assert raised.value.message.count("--space") == 3
    assert "model.dropout: named twice" in raised.value.message


@pytest.mark.parametrize("text", ["model.dropout=0:1.5", "train.augmentation=none,wild", "train.learning_rate=-1:1"])
def test_values_that_the_config_refuses_are_refused(text):
    with pytest.raises(ConfigError, match=text.partition("=")[0]):
        resolve_space(BASE, [text], backbone=BACKBONE)


def test_what_is_set_is_not_searched_unless_it_is_named():
    names = {item.name for item in resolve_space(BASE, [], backbone=BACKBONE)}
    assert {"train.learning_rate", "model.resize", "train.fine_tune_layers"} <= names
    given = with_values(BASE, {"train.learning_rate": 0.1, "train.fine_tune_epochs": 4})
    space = {item.name: item for item in resolve_space(given, [], backbone=BACKBONE)}
    assert "train.learning_rate" not in space
    assert "train.fine_tune_epochs" not in space
    assert space["train.fine_tune_layers"].when == ""
    named = resolve_space(given, ["train.learning_rate=0.1,0.2"], backbone=BACKBONE, only_named=True)
    assert [item.name for item in named] == ["train.learning_rate"]


def test_nothing_to_search_is_told():
    with pytest.raises(ConfigError, match="nothing to search"):
        resolve_space(BASE, [], backbone=BACKBONE, only_named=True)


def test_what_depends_on_another_is_drawn_only_with_it():
    space = resolve_space(BASE, [], backbone=BACKBONE)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(30):
        values = draw(study.ask(), space)
        with_values(BASE, values)
        fine_tunes = values["train.fine_tune_epochs"] > 0
        assert ("train.fine_tune_layers" in values) == ("train.fine_tune_learning_rate" in values) == fine_tunes
        seen.add(fine_tunes)
    assert seen == {True, False}


def test_the_settings_as_they_are_come_first():
    space = resolve_space(BASE, ["train.learning_rate=0.01:0.1"], backbone=BACKBONE)
    values = first_values(BASE, space, resize="squish")
    assert values["model.resize"] == "squish"
    assert values["train.augmentation"] == BASE.train.augmentation
    # 0.003 is out of the range, and without a second stage its settings are not drawn.
    assert "train.learning_rate" not in values
    assert "train.fine_tune_layers" not in values


def test_parameters_come_back_from_json():
    for item in resolve_space(BASE, ["train.augmentation=none,light"], backbone=BACKBONE):
        assert Parameter.from_dict(item.to_dict()) == item
        # Another text would be another digest, and a study known by it another study.
        assert json.dumps(Parameter.from_dict(item.to_dict()).to_dict()) == json.dumps(item.to_dict())
