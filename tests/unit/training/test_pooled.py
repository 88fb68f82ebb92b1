"""What is frozen is computed for all folds at once, and each fold gets its own samples of it."""

import numpy as np
import pytest

from tfl.core.augmentation import PRESETS
from tfl.core.config import resolve_config
from tfl.core.progress import Progress
from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.data.split import assign_splits
from tfl.training.activations import ActivationCache
from tfl.training.cut import Cuttable
from tfl.training.fit import load_backbone
from tfl.training.frozen import Frozen
from tfl.training.samples import make_samples

pytest.importorskip("keras")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(resolve_config({}, {"model.image_size": 48}))


def samples_of(manifest, backbone, folder, *, seed, pooled):
    manifest = assign_splits(manifest, validation_fraction=0.3, test_fraction=0.3, seed=seed)
    contract = backbone.info.preprocessing
    return make_samples(
        manifest, contract, PRESETS["none"], work_dir=folder / "work", progress=Progress(), pooled=pooled
    )


def test_cuts_of_the_same_data_share_one_computation(colours, backbone, tmp_path):
    _, manifest = check(read_manifest(colours))
    cache = ActivationCache(folder=tmp_path / "cache")
    frozen = Frozen(backbone, Cuttable(backbone.model), cache, "float32", 0, (), 10, Progress())
    pooled = [samples_of(manifest, backbone, tmp_path, seed=seed, pooled=True) for seed in (1, 2)]
    found = [frozen.plain(side, "") for samples in pooled for side in (samples.train, samples.validation)]
    assert (cache.computed, cache.hits) == (1, 3)
    alone = samples_of(manifest, backbone, tmp_path, seed=2, pooled=False)
    expected = frozen.plain(alone.train, "")
    np.testing.assert_allclose(np.asarray(found[2].values), np.asarray(expected.values), atol=2e-3)
    assert len(found[2].values) == len(alone.train.examples)
