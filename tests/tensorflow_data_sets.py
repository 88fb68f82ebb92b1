"""Small data sets prepared by TensorFlow Datasets itself, without a network."""

import io
import logging

import numpy as np
import pytest
from PIL import Image

from tests.conftest import COLOURS


def encoded(colour, seed, kind="PNG"):
    generator = np.random.default_rng(seed)
    pixels = np.clip(np.asarray(colour) + generator.integers(-40, 41, (40, 50, 3)), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    stream.seek(0)
    return stream


def prepare_tfds(
    data_dir,
    *,
    name="tiny",
    version="1.0.0",
    config="",
    splits=None,
    features=None,
    row=None,
    labels=tuple(COLOURS),
    kind="PNG",
):
    """Prepare a data set and return its address.

    Args:
        splits: Name -> number of examples; classes take turns.
        features: Further features; `row` gives their values for (split, index).
    """
    tfds = pytest.importorskip("tensorflow_datasets")
    splits = splits or {"train": 18, "validation": 9, "test": 9}
    logging.getLogger("absl").setLevel(logging.ERROR)
    tfds.disable_progress_bar()

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)
        if config:
            BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=config, version=version)]

        def _info(self):
            own = {
                "image": tfds.features.Image(shape=(None, None, 3), encoding_format=kind.lower()),
                "label": tfds.features.ClassLabel(names=list(labels)),
            }
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(own | (features or {})))

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split, count) for split, count in splits.items()}

        def _generate_examples(self, split, count):
            for index in range(count):
                seed = list(splits).index(split) * 1000 + index
                label = index % len(labels)
                own = {"image": encoded(list(COLOURS.values())[label], seed, kind), "label": label}
                yield index, own | (row(split, index) if row else {})

    Builder.name = name
    Builder(data_dir=str(data_dir), **({"config": config} if config else {})).download_and_prepare()
    return f"tfds:{name}"
