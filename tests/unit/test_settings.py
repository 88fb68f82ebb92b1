"""The config of a run follows from the data and the backbone where nobody asks."""

import pytest

from tests.conftest import draw_classes
from tests.texts import sentences, write_table
from tfl.core.config import RunConfig, resolve_config
from tfl.core.errors import ConfigError, NotFoundError, UnsupportedError
from tfl.settings import require_backbone_for, require_sense, settle


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "reviews.csv", sentences(6))


def test_pictures_are_what_the_settings_are_made_for(tmp_path):
    data = draw_classes(tmp_path / "photos", per_class=3)
    config = settle({}, {"data.path": str(data)})
    assert config == RunConfig.from_dict({"data": {"path": str(data)}})
    assert config.task == "image_classification"


def test_a_table_of_texts_brings_its_task_and_its_backbone(table):
    config = settle({}, {"data.path": str(table)})
    assert config.task == "text_classification"
    assert config.model.backbone == "embedded:ngrams"
    assert config.train.augmentation == "none"
    assert config.train.fine_tune_layers == 0
    assert config.train.fine_tune_epochs > 0


def test_what_is_asked_for_wins_over_all_defaults(table):
    config = settle({"train": {"fine_tune_epochs": 3}}, {"data.path": str(table), "train.batch_size": 16})
    assert (config.train.fine_tune_epochs, config.train.batch_size) == (3, 16)


def test_the_recipe_is_that_of_the_backbone_and_not_of_the_task(table):
    config = settle({}, {"data.path": str(table), "model.backbone": "keras_hub:bert_tiny_en_uncased"})
    assert config.train.fine_tune_epochs == RunConfig().train.fine_tune_epochs
    assert config.train.instant
    assert config.train.augmentation == "none"


def test_a_task_that_is_named_is_taken(tmp_path):
    assert settle({}, {"task": "text_classification"}).model.backbone == "embedded:ngrams"
    with pytest.raises(NotFoundError, match="text_classification"):
        settle({}, {"task": "text_classificaton", "data.path": str(tmp_path)})


def test_a_backbone_of_another_kind_is_refused():
    require_backbone_for("text_classification", "embedded:ngrams")
    with pytest.raises(UnsupportedError, match=r"takes pictures.*learned on texts"):
        require_backbone_for("text_classification", "embedded:sketchnet")


def test_data_that_are_not_there_are_told_of_when_they_are_read(tmp_path):
    assert settle({}, {"data.path": str(tmp_path / "nowhere")}).task == RunConfig().task


def test_an_unknown_setting_is_told_with_the_closest(table):
    with pytest.raises(ConfigError, match=r"train.epoch.*Did you mean 'epochs'"):
        settle({}, {"data.path": str(table), "train.epoch": 3})


def test_a_rule_that_nobody_knows_is_told_before_any_data_are_read():
    config = resolve_config({}, {"data.allow": ["near_duplicat"]})
    with pytest.raises(NotFoundError, match="Did you mean 'near_duplicate'"):
        require_sense(config)
