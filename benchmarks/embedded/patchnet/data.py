"""The data sets that `embedded:patchnet` is judged by, as arrays: photos, defects of tiles, spoken digits, digits."""

from __future__ import annotations

import dataclasses
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfl.backbones.embedded import SOURCE
from tfl.data.decode import Pixels
from tfl.data.preprocess import ImagePreprocessing

#: Of a spoken digit's recordings, 0 to 4 are scored, as its authors do, and these are learned from.
_SPOKEN_SCORED, _SPOKEN_LEARNED = range(5), range(43, 50)
_WINDOW, _HOP, _FLOOR_DB = 256, 64, 70.0


@dataclass(frozen=True)
class Pictures:
    """A data set: `(pictures, size, size, 3)` uint8, their classes, and pairs of rows to learn from and to score."""

    name: str
    pixels: Pixels
    labels: npt.NDArray[np.int64]
    cuts: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


def read_all(folder: Path, *, size: int) -> list[Pictures]:
    """Read the four data sets as square pictures of a size."""
    own = SOURCE.info("patchnet").preprocessing
    contract = dataclasses.replace(own, height=size, width=size)
    return [
        *read_photos(folder / "img_hymenoptera", contract),
        read_tiles(folder / "seg_magnetic_tile", contract),
        read_spoken(folder / "audio_fsdd" / "recordings", contract),
        read_digits(contract),
    ]


def read_photos(folder: Path, contract: ImagePreprocessing) -> list[Pictures]:
    """Read ants and bees: learned from `train/` and scored on `val/`; ten folds over `train/` alone, and over both."""
    files = [
        (file, label, part == "val")
        for part in ("train", "val")
        for label, name in enumerate(("ants", "bees"))
        for file in sorted((folder / part / name).iterdir())
    ]
    pixels = np.stack([contract.read(file) for file, _, _ in files])
    labels, held = np.array([label for _, label, _ in files]), np.array([part for _, _, part in files])
    learn = np.flatnonzero(~held)
    return [
        Pictures("photos, ten folds of train", pixels[learn], labels[learn], _folds(labels[learn], 10)),
        Pictures("photos, val", pixels, labels, [(learn, np.flatnonzero(held))]),
        Pictures("photos, ten folds of all", pixels, labels, _folds(labels, 10)),
    ]


def read_tiles(folder: Path, contract: ImagePreprocessing) -> Pictures:
    """Read photos of magnetic tiles, five kinds of defect and none, scored in five folds."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = [(file, k) for k, name in enumerate(names) for file in sorted((folder / name / "Imgs").glob("*.jpg"))]
    labels = np.array([label for _, label in files])
    return Pictures(
        "tiles, five folds", np.stack([contract.read(file) for file, _ in files]), labels, _folds(labels, 5)
    )


def read_spoken(folder: Path, contract: ImagePreprocessing) -> Pictures:
    """Read spoken digits as grey pictures of their spectrograms: 420 to learn from, 300 scored."""
    files = sorted(folder.glob("*.wav"))
    numbers = np.array([int(file.stem.rsplit("_", 1)[1]) for file in files])
    learn = np.flatnonzero(np.isin(numbers, _SPOKEN_LEARNED))
    score = np.flatnonzero(np.isin(numbers, _SPOKEN_SCORED))
    kept = np.concatenate([learn, score])
    size = (contract.width, contract.height)
    pixels = np.stack([spectrogram(files[row], size) for row in kept])
    labels = np.array([int(files[row].stem.split("_")[0]) for row in kept])
    cut = (np.arange(len(learn)), np.arange(len(learn), len(kept)))
    return Pictures("spoken digits", pixels, labels, [cut])


def spectrogram(file: Path, size: tuple[int, int]) -> Pixels:
    """Return the loudness in dB under the loudest, low notes at the bottom, `(height, width, 3)` uint8."""
    with wave.open(str(file)) as sound:
        values = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16) / 32768
    values = np.pad(values, (0, max(0, _WINDOW - len(values))))
    frames = np.lib.stride_tricks.sliding_window_view(values, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    loudness_db = 10 * np.log10(np.abs(np.fft.rfft(frames)) ** 2 + 1e-8).T[::-1]
    grey = np.clip((loudness_db - loudness_db.max() + _FLOOR_DB) / _FLOOR_DB, 0, 1)
    image = Image.fromarray((grey * 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    return np.repeat(np.asarray(image)[..., None], 3, axis=2)


def read_digits(contract: ImagePreprocessing) -> Pictures:
    """Read scikit-learn's digits as the pictures a PNG of them would give: 300 to learn from, 600 scored."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rows = np.random.default_rng(0).permutation(len(digits.target))[:900]
    grey = np.rint(digits.images[rows] / 16 * 255).astype(np.uint8)
    pixels = np.stack([contract.read(image) for image in grey])
    return Pictures("digits", pixels, digits.target[rows], [(np.arange(300), np.arange(300, 900))])


def _folds(labels: npt.NDArray[np.int64], count: int) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(count, shuffle=True, random_state=1).split(np.zeros(len(labels)), labels))
