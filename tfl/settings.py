"""From what a person asked for to the config of a run: the task follows from the data, defaults from the backbone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from tfl.backbones import SOURCES, backbone_info, parse_spec
from tfl.core.augmentation import resolve_augmentation
from tfl.core.config import DataConfig, ModelConfig, RunConfig, flatten, resolve_config
from tfl.core.errors import TflError, UnsupportedError
from tfl.data.kinds import KINDS
from tfl.data.loading import find_kind
from tfl.data.preprocess import as_pictures
from tfl.data.readers import ReadOptions
from tfl.tasks import TASKS


def settle(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> RunConfig:
    """Lay dotted overrides over a base mapping, both over the defaults of task and backbone, and check the whole.

    Args:
        base: As a YAML file holds it.
        overrides: `{"train.epochs": 3}`; they win.

    Returns:
        The config. Its task is the one asked for, or what the data are for by their kind.

    Raises:
        ConfigError: Names every unknown key and every bad value at once.
        NotFoundError: There is no such task.
    """
    asked = {**flatten(base), **overrides}
    task = str(asked.get("task") or _task_of_data(asked))
    settled = {**TASKS.get(task).defaults, **asked, "task": task}
    recipe = _recipe(str(settled.get("model.backbone") or ModelConfig().backbone))
    return resolve_config({}, {**TASKS.get(task).defaults, **recipe, **asked, "task": task})


def _recipe(backbone: str) -> Mapping[str, Any]:
    """Return what a backbone is best trained with; what is wrong with its name is told when it is loaded."""
    with contextlib.suppress(TflError):
        source, name = parse_spec(backbone)
        return SOURCES.get(source).recipe(name)
    return {}


def _task_of_data(asked: Mapping[str, Any]) -> str:
    """Look at the data; what is wrong with them is told when they are read."""
    options = {name: asked[f"data.{name}"] for name in ReadOptions().to_dict() if f"data.{name}" in asked}
    path = str(asked.get("data.path") or "")
    if path:
        with contextlib.suppress(TflError):
            reader = str(asked.get("data.reader") or DataConfig().reader)
            return KINDS.get(find_kind(path, reader=reader, options=ReadOptions.from_dict(options))).task
    return RunConfig().task


def require_backbone_for(task: str, backbone: str) -> None:
    """Raise unless a backbone is there and takes the kind of data that a task is learned on.

    Raises:
        NotFoundError: There is no such source, backbone or task.
        UnsupportedError: It takes another kind of data.
    """
    info, data = backbone_info(backbone), TASKS.get(task).data
    taken = TASKS.get(info.task).data
    if taken.nouns != data.nouns:
        own = TASKS.get(task).defaults.get("model.backbone", ModelConfig().backbone)
        raise UnsupportedError(
            f"The backbone '{backbone}' takes {taken.nouns}, and the task '{task}' is learned on {data.nouns}.",
            hint=f"Take another, such as {own}. See: tfl models list",
        )


def require_sense(config: RunConfig) -> None:
    """Raise unless what a config asks for can be done with the data that its task is learned on.

    Raises:
        NotFoundError: There is no such source, backbone or task.
        UnsupportedError: The backbone takes other data, or something is asked for that is for pictures.
    """
    require_backbone_for(config.task, config.model.backbone)
    contract = backbone_info(config.model.backbone).preprocessing
    contract.with_fusion(config.export.fuse_preprocessing)
    asked = {
        "Augmentation (--augment)": resolve_augmentation(config.train.augmentation, config.augment).active(),
        "image_size": config.model.image_size,
        "resize": config.model.resize,
    }
    for purpose, value in asked.items():
        if value:
            as_pictures(contract, purpose=purpose)
