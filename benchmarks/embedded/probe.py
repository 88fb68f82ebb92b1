"""Linear probe of `embedded:sketchnet` against the same network with random weights.

`python probe.py --photos FOLDER [--weights FILE] [--mobilenet FILE.h5] [--random 5] [--json FILE]`

A logistic regression (features standardized, C chosen by 5-fold cross-validation on the training part
alone) is fitted on frozen features, on scikit-learn's handwritten digits (all, and ten of each) and on a
folder of photos with `train/` and `val/`. The random networks get real BatchNorm statistics from the
training pictures of the same data set ("calibrated") or keep those they were born with ("initial"); the
stronger counts.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.backbones import _sketchnet
from tfl.backbones._variables import put_weights
from tfl.backbones.embedded import SOURCE
from tfl.data.decode import Pixels
from tfl.data.preprocess import ImagePreprocessing, normalize

_C_GRID = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
_MOBILENET = ImagePreprocessing(height=224, width=224, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Pictures:
    """A data set: training and test pictures as uint8 with their class numbers."""

    name: str
    train: Pixels
    train_labels: npt.NDArray[np.int64]
    test: Pixels
    test_labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """One probe: how many test pictures were right, and the 95 % Wilson interval of that share."""

    data: str
    features: str
    right: int
    total: int
    accuracy: float
    low: float
    high: float


def wilson(right: float, total: int, *, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval (Wilson, 1927) of a share."""
    share = right / total
    center = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return float(center - half), float(center + half)


def read_digits(contract: ImagePreprocessing) -> Pictures:
    """Return scikit-learn's digits, 70 % for training, stratified, as the pictures a PNG of them would give."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    grey = np.rint(digits.images / 16 * 255).astype(np.uint8)
    pixels = np.stack([contract.read(image) for image in grey])
    parts = train_test_split(pixels, digits.target, test_size=0.3, stratify=digits.target, random_state=0)
    return Pictures("digits", parts[0], parts[2], parts[1], parts[3])


def few_of(data: Pictures, *, per_class: int) -> Pictures:
    """Keep the first `per_class` training pictures of each class, and the whole test part."""
    classes = np.unique(data.train_labels)
    rows = np.concatenate([np.flatnonzero(data.train_labels == label)[:per_class] for label in classes])
    name = f"{data.name}, {per_class} per class"
    return Pictures(name, data.train[rows], data.train_labels[rows], data.test, data.test_labels)


def read_photos(folder: Path, contract: ImagePreprocessing) -> Pictures:
    """Return a folder of photos with `train/CLASS/` and `val/CLASS/`."""
    classes = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
    read: dict[str, Any] = {}
    for part in ("train", "val"):
        files = [(file, k) for k, name in enumerate(classes) for file in sorted((folder / part / name).iterdir())]
        read[part] = np.stack([contract.read(file) for file, _ in files])
        read[part + "_labels"] = np.array([label for _, label in files])
    return Pictures(folder.name, read["train"], read["train_labels"], read["val"], read["val_labels"])


def probe(data: Pictures, name: str, train: Any, test: Any) -> Score:
    """Fit the logistic regression on features `(pictures, features)` and score it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-3))
    search = GridSearchCV(pipeline, {"logisticregression__C": _C_GRID}, cv=folds)
    search.fit(train, data.train_labels)
    right = int((search.predict(test) == data.test_labels).sum())
    total = len(data.test_labels)
    return Score(data.name, name, right, total, right / total, *wilson(right, total))


def probe_folds(data: Pictures, name: str, train: Any, test: Any) -> Score:
    """Score all pictures of both parts once, each by a probe fitted on four other fifths; C chosen inside them."""
    from sklearn.model_selection import StratifiedKFold

    rows, labels = np.concatenate([train, test]), np.concatenate([data.train_labels, data.test_labels])
    right = 0
    for inside, outside in StratifiedKFold(5, shuffle=True, random_state=1).split(rows, labels):
        fold = Pictures(data.name, data.train[:0], labels[inside], data.test[:0], labels[outside])
        right += probe(fold, name, rows[inside], rows[outside]).right
    total = len(labels)
    return Score(f"{data.name}, 5 folds", name, right, total, right / total, *wilson(right, total))


def features(model: Any, pixels: Pixels, contract: ImagePreprocessing) -> npt.NDArray[np.float32]:
    rows = [model(normalize(pixels[k : k + 64], contract), training=False).numpy() for k in range(0, len(pixels), 64)]
    return np.concatenate(rows)


def calibrate(model: Any, pixels: Pixels, contract: ImagePreprocessing) -> None:
    """Give BatchNorm the statistics of these pictures: three passes of shuffled batches in training mode."""
    rng = np.random.default_rng(0)
    for _ in range(3 if len(pixels) > 1000 else 12):
        order = rng.permutation(len(pixels))
        for start in range(0, len(order), 64):
            model(normalize(pixels[order[start : start + 64]], contract), training=True)


def compare(data: Pictures, weights: Path | None, *, random_seeds: Sequence[int], folds: bool) -> Iterator[Score]:
    """Probe the trained network, then random ones both ways."""
    import keras

    contract = SOURCE.info("sketchnet").preprocessing
    for name, model in _networks(data, weights, random_seeds, keras):
        both = [features(model, part, contract) for part in (data.train, data.test)]
        yield probe(data, name, *both)
        if folds:
            yield probe_folds(data, name, *both)


def _networks(data: Pictures, weights: Path | None, seeds: Sequence[int], keras: Any) -> Iterator[tuple[str, Any]]:
    backbone = SOURCE.load("sketchnet")
    if weights is not None:
        with np.load(weights, allow_pickle=False) as arrays:
            put_weights(backbone.model, dict(arrays))
    yield "sketchnet", backbone.model
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = _sketchnet.build()
        yield f"random initial, seed {seed}", model
        calibrate(model, data.train, backbone.info.preprocessing)
        yield f"random calibrated, seed {seed}", model


def mobilenet(data: Pictures, file: Path) -> Score:
    """Probe MobileNetV1 0.25 with ImageNet weights at 224 pixels, for context."""
    import keras

    whole = keras.applications.MobileNet(input_shape=(224, 224, 3), alpha=0.25, weights=None)
    whole.load_weights(file)
    pool = next(layer for layer in whole.layers if "global_average_pooling" in layer.name)
    outputs = keras.layers.Flatten()(pool.output)
    model = keras.Model(whole.input, outputs)
    return probe(
        data, "MobileNetV1 0.25, ImageNet, 224 px", *(features(model, x, _MOBILENET) for x in (data.train, data.test))
    )


def summarize(scores: list[Score]) -> list[Score]:
    """Put the five random networks of each kind into one line: their mean, with the interval of one test set."""
    lines = [score for score in scores if not score.features.startswith("random")]
    for data in dict.fromkeys(score.data for score in scores):
        for way in ("initial", "calibrated"):
            group = [s for s in scores if s.data == data and s.features.startswith(f"random {way}")]
            if not group:
                continue
            mean, total = float(np.mean([s.right for s in group])), group[0].total
            spread = f"{min(s.accuracy for s in group):.3f} to {max(s.accuracy for s in group):.3f}"
            name = f"random {way}, mean of {len(group)} ({spread})"
            lines.append(Score(data, name, round(mean), total, mean / total, *wilson(mean, total)))
    return sorted(lines, key=lambda s: (s.data, -s.accuracy))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--mobilenet", type=Path)
    parser.add_argument("--random", type=int, default=5, help="how many random networks; 0 for the trained one alone")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    own = SOURCE.info("sketchnet").preprocessing
    scores: list[Score] = []
    digits, photos = read_digits(own), read_photos(arguments.photos, own)
    for data in (digits, few_of(digits, per_class=10), photos):
        scores += compare(data, arguments.weights, random_seeds=range(arguments.random), folds=data is photos)
    if arguments.mobilenet:
        for data in (read_digits(_MOBILENET), read_photos(arguments.photos, _MOBILENET)):
            scores.append(mobilenet(data, arguments.mobilenet))
    for line in summarize(scores):
        print(f"{line.data:26s} {line.features:52s} {line.accuracy:.3f}  [{line.low:.3f}, {line.high:.3f}]")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(score) for score in scores], indent=1) + "\n")


if __name__ == "__main__":
    main()
