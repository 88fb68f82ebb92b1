"""Linear probe of an embedded network, of the same network with random weights, and of one that ImageNet taught.

    python probe.py DATA [--network leafnet] [--weights FILE] [--mobilenet FILE.h5] [--random 3] [--drawn FOLDER]
        [--json FILE]

DATA is a folder with `img_hymenoptera`, `seg_magnetic_tile` and `audio_fsdd`; scikit-learn brings the digits. On
frozen, standardized features a logistic regression is fitted, its C chosen by cross-validation on what it learns from
alone. With `--drawn`, random filters of patchnet are scaled to the drawings as the learned ones are. `data.py` says
what is learned from and what is scored.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from data import Pictures, read_all
from train import level

from tfl.backbones import _leafnet, _pairnet, _patchnet, _sketchnet
from tfl.backbones._variables import put_weights
from tfl.backbones.embedded import SOURCE
from tfl.training.network import standardization

NETWORKS: dict[str, Any] = {"pairnet": _pairnet, "patchnet": _patchnet, "sketchnet": _sketchnet, "leafnet": _leafnet}
#: Inverse strengths of the L2 penalty that are tried.
_STRENGTHS = (0.0001, 0.001, 0.01, 0.1)
_INNER_FOLDS = 4

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """One probe: how many pictures were right, and the 95 % Wilson interval of that share."""

    data: str
    features: str
    right: int
    total: int
    accuracy: float
    low: float
    high: float


def score_of(data: str, features: str, *, right: int, total: int) -> Score:
    """Return a score with its Wilson interval (Wilson, 1927)."""
    z, share = 1.96, right / total
    center = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * float(np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)))
    return Score(data, features, right, total, share, center - half, center + half)


def standardized(learned: Floats, scored: Floats) -> tuple[Floats, Floats]:
    """Standardize as a head's training does; where there are more features than samples, turn to the samples' span.

    An L2 penalty does not see the turn, and the fit takes a fraction of the time.
    """
    mean, std = standardization(learned)
    learned, scored = (learned - mean) / std, (scored - mean) / std
    if learned.shape[1] > learned.shape[0]:
        _, _, axes = np.linalg.svd(learned, full_matrices=False)
        learned, scored = learned @ axes.T, scored @ axes.T
    return learned, scored


def right_of(features: Floats, labels: npt.NDArray[np.int64], learn: Any, score: Any) -> int:
    """Fit on some rows, and count how many others are right."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    learned, scored = standardized(features[learn], features[score])
    folds = StratifiedKFold(_INNER_FOLDS, shuffle=True, random_state=0)
    model = LogisticRegression(max_iter=1000, tol=1e-3)
    search = GridSearchCV(model, {"C": _STRENGTHS}, cv=folds).fit(learned, labels[learn])
    return int((search.predict(scored) == labels[score]).sum())


def probe(data: Pictures, name: str, model: Any) -> Score:
    """Score a network's features on one data set."""
    images = data.pixels.astype(np.float32) / 127.5 - 1.0
    features = np.asarray(model.predict(images, verbose=0, batch_size=50), dtype=np.float32)
    features = features.reshape(len(features), -1)
    right = sum(right_of(features, data.labels, learn, score) for learn, score in data.cuts)
    return score_of(data.name, name, right=right, total=sum(len(score) for _, score in data.cuts))


def own_networks(name: str, weights: Path | None, *, random: int, drawn: Path | None) -> Iterator[tuple[str, Any]]:
    """Yield the network with its weights, then with random ones."""
    import keras

    model = SOURCE.load(name).model if weights is None else NETWORKS[name].build()
    if weights is not None:
        with np.load(weights, allow_pickle=False) as arrays:
            put_weights(model, dict(arrays))
    yield name, model
    for seed in range(random):
        keras.utils.set_random_seed(seed)
        model = NETWORKS[name].build()
        if drawn is not None:
            level(model, np.load(drawn / "pixels.npy", mmap_mode="r")[::7])
        yield f"random{', scaled' if drawn else ''}, seed {seed}", model


def mobilenet(file: Path, *, size: int) -> Any:
    """Return MobileNetV1 0.25 up to its pooled features."""
    import keras

    whole = keras.applications.MobileNet(input_shape=(224, 224, 3), alpha=0.25, weights=None)
    whole.load_weights(file)
    model = keras.applications.MobileNet(
        input_shape=(size, size, 3), alpha=0.25, weights=None, include_top=False, pooling="avg"
    )
    model.set_weights(whole.get_weights()[: len(model.get_weights())])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--network", default="patchnet", choices=NETWORKS)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--mobilenet", type=Path)
    parser.add_argument("--random", type=int, default=3, help="how many random networks; 0 for the trained one alone")
    parser.add_argument("--drawn", type=Path, help="the folder that draw.py wrote")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    scores: list[Score] = []

    def add(score: Score) -> None:
        scores.append(score)
        print(
            f"{score.data:28s} {score.features:28s} {score.accuracy:.3f}  [{score.low:.3f}, {score.high:.3f}]",
            flush=True,
        )
        if arguments.json:
            arguments.json.write_text(json.dumps([asdict(score) for score in scores], indent=1) + "\n")

    small = read_all(arguments.data, size=_patchnet.NATIVE_SIZE)
    for name, model in own_networks(
        arguments.network, arguments.weights, random=arguments.random, drawn=arguments.drawn
    ):
        for data in small:
            add(probe(data, name, model))
    for size in (96, 128, 224) if arguments.mobilenet else ():
        model = mobilenet(arguments.mobilenet, size=size)
        for data in small if size == _patchnet.NATIVE_SIZE else read_all(arguments.data, size=size):
            add(probe(data, f"MobileNetV1 0.25, {size} px", model))


if __name__ == "__main__":
    main()
