"""Out-of-sample probabilities for every example: frozen features once, then a linear head for each fold."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.backbones import backbone_info
from tfl.core.config import RunConfig
from tfl.core.extras import require
from tfl.core.progress import Progress
from tfl.data.contract import Floats
from tfl.data.folds import Fold
from tfl.data.manifest import Manifest
from tfl.training.activations import ActivationCache
from tfl.training.cut import Cuttable
from tfl.training.fit import load_backbone
from tfl.training.frozen import Frozen
from tfl.training.linear import fit_linear
from tfl.training.samples import Part

Doubles = npt.NDArray[np.float64]

#: Inverse strength of the L2 penalty on standardized features. Of 30 labels swapped among 398 photos (MobileNetV2,
#: 5 folds, 3 seeds) cleanlab found 23 or 24 with 4 to 6 false alarms at 0.01, and with 14 to 19 at scikit-learn's
#: default of 1, which is sure of too much where there are more features than pictures.
_INVERSE_PENALTY = 0.01
_MOST_ITERATIONS = 2000


def pretrained_features(manifest: Manifest, config: RunConfig, work_dir: Path, *, progress: Progress) -> Floats:
    """Compute the features of the run's backbone as it came, before any of the labels were learned.

    Args:
        manifest: Whose examples.
        config: Of the run; names the backbone and the size.
        work_dir: For what is needed in between; removed at the end.
        progress: Told what happens.

    Returns:
        `(examples, features)` float32, in the manifest's order.

    Raises:
        DataError: A picture can't be decoded.
        TflError: The backbone can't be loaded.
    """
    progress.update(f"loading {config.model.backbone}")
    backbone = load_backbone(config)
    labels = np.asarray(manifest.label_indices(manifest.examples), dtype=np.int32)
    contract = backbone.info.preprocessing
    part = Part(manifest.examples, labels, manifest.root, contract, work_dir, progress)
    cache = ActivationCache(dtype=config.train.cache_dtype, limit_bytes=int(config.train.cache_gb * 1e9))
    network = Cuttable(backbone.model)
    try:
        frozen = Frozen(backbone, network, cache, "float32", config.seed, (), len(manifest.examples), progress)
        return frozen.features(part)
    finally:
        shutil.rmtree(work_dir, ignore_errors=True)


def judging_features(manifest: Manifest, config: RunConfig, work_dir: Path, *, progress: Progress) -> Floats | Any:
    """Compute what labels are judged by: features of the backbone as it came, or, where it knows nothing yet, words.

    Features of a table that is still random tell labels less well: of 500 labels planted among the 10,003 questions of
    banking77, cleanlab found 369 by them and 370 by words, and named 731 and 329 others.

    Args:
        manifest: Whose examples.
        config: Of the run; names the backbone.
        work_dir: For what is needed in between; removed at the end.
        progress: Told what happens.

    Returns:
        `(examples, features)` float32 in the manifest's order; of a backbone that takes identifiers and is not
        pretrained, a SciPy sparse matrix `(examples, identifiers)` of counts.

    Raises:
        DataError: A sample can't be read.
        TflError: The backbone can't be loaded.
    """
    info = backbone_info(config.model.backbone)
    contract = info.preprocessing
    if info.is_pretrained or contract.input.dtype != "int32":
        return pretrained_features(manifest, config, work_dir, progress=progress)
    sparse = require("scipy.sparse", purpose="cross-validation")
    labels = np.asarray(manifest.label_indices(manifest.examples), dtype=np.int32)
    try:
        rows = Part(manifest.examples, labels, manifest.root, contract, work_dir, progress).rows()
        places, columns = np.nonzero(rows)
        found = rows[places, columns]
        shape = (len(rows), int(found.max(initial=0)) + 1)
        return sparse.csr_matrix((np.ones(len(found), dtype=np.float32), (places, found)), shape=shape)
    finally:
        shutil.rmtree(work_dir, ignore_errors=True)


def _classifier(features: Any) -> Any:
    """Return the linear model for dense features, or for counts of identifiers."""
    linear_model = require("sklearn.linear_model", purpose="cross-validation")
    pipeline = require("sklearn.pipeline", purpose="cross-validation")
    if isinstance(features, np.ndarray):
        scaler = require("sklearn.preprocessing", purpose="cross-validation").StandardScaler()
        head = linear_model.LogisticRegression(C=_INVERSE_PENALTY, max_iter=_MOST_ITERATIONS)
        return pipeline.make_pipeline(scaler, head)
    weights = require("sklearn.feature_extraction.text", purpose="cross-validation").TfidfTransformer()
    return pipeline.make_pipeline(weights, linear_model.LogisticRegression(max_iter=_MOST_ITERATIONS))


def cross_validated_probabilities(
    manifest: Manifest, features: Floats | Any, folds: tuple[Fold, ...], *, progress: Progress
) -> Doubles:
    """Let every example be judged by a logistic regression that has not seen it.

    Args:
        manifest: With the examples of the folds.
        features: `(examples, features)` float32, in the manifest's order, or sparse counts; see `judging_features`.
        folds: Of one or more repeats; an example's probabilities are averaged over the repeats.
        progress: Told after every fold.

    Returns:
        `(examples, classes)` float64, rows adding up to 1.
    """
    place = {example.path: index for index, example in enumerate(manifest.examples)}
    labels = np.asarray(manifest.label_indices(manifest.examples))
    total = np.zeros((len(labels), len(manifest.labels)))
    for done, fold in enumerate(folds, 1):
        learned = [place[path] for path in fold.train]
        judged = [place[path] for path in fold.validation]
        model = _classifier(features)
        fit_linear(model, features[learned], labels[learned], class_count=len(manifest.labels))
        if judged:
            total[np.ix_(judged, model.classes_)] += model.predict_proba(features[judged])
        progress.update("cross-validation", done=done, total=len(folds))
    result: Doubles = total / total.sum(axis=1, keepdims=True)
    return result
