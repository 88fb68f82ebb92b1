"""Find the filters of `embedded:patchnet` in drawn pictures, without labels.

    python train.py DRAWN patchnet.npz

For each scale, patches are cut out of the drawings and whitened (ZCA), and k-means sorts them. A filter answers how
far a patch points towards its cluster's centre, less a threshold. Whitening and taking off a patch's mean are linear,
so that they are part of the filter. As no cluster sees how bright a plain ground is, six filters by formula do. All are
rounded to what int8 holds, and at the end scaled to the same mean over the drawings.
Recipe: Coates, Ng and Lee (2011), with their soft threshold in place of the triangle.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.backbones import _patchnet
from tfl.backbones._patchnet import BANKS, Bank
from tfl.backbones._variables import weights_of

SEED = 11
#: Drawings that the patches come from, and patches of each.
PICTURES, PATCHES_EACH = 3000, 20
#: Patches of a variance below this are plain ground and tell nothing.
LEAST_VARIANCE = 1e-3
#: Added to the eigenvalues before whitening, as a share of their mean, so that noise is not blown up.
RIDGE = 0.1
#: Taken off each answer, in units of whitened patches.
THRESHOLD = 0.5
#: Of measuring the filters' means and scaling them.
ROUNDS = 4

Floats = npt.NDArray[np.float32]


def scale_of(pixels: npt.NDArray[np.uint8], bank: Bank) -> Floats:
    """Return the pictures in [-1, 1] at the bank's scale."""
    side = 2 ** (1 + BANKS.index(bank))
    images = pixels.astype(np.float32) / 127.5 - 1.0
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // side, side, width // side, side, channels)
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=np.float32)


def cut(images: Floats, patch: int, rng: np.random.Generator) -> Floats:
    """Cut `PATCHES_EACH` patches out of each picture, `(patches, patch * patch * 3)`, and leave out plain ones."""
    last = images.shape[1] - patch + 1
    rows, columns = rng.integers(0, last, (2, len(images), PATCHES_EACH))
    found = [
        image[row : row + patch, column : column + patch].ravel()
        for image, tops, lefts in zip(images, rows, columns, strict=True)
        for row, column in zip(tops, lefts, strict=True)
    ]
    patches = np.stack(found)
    return np.asarray(patches[patches.var(axis=1) > LEAST_VARIANCE])


def learn(images: Floats, bank: Bank, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the bank's kernel `(patch, patch, 3, filters)` and bias `(filters,)`."""
    from sklearn.cluster import MiniBatchKMeans

    patches = cut(images, bank.patch, rng).astype(np.float64)
    patches -= patches.mean(axis=1, keepdims=True)
    mean = patches.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((patches - mean).T))
    values = np.maximum(values, 0.0)
    whitening = vectors @ np.diag(1 / np.sqrt(values + RIDGE * values.mean())) @ vectors.T
    clusters = MiniBatchKMeans(bank.filters, batch_size=1024, n_init=1, max_iter=20, random_state=SEED)
    centers = clusters.fit((patches - mean) @ whitening).cluster_centers_
    directions = whitening @ (centers / np.linalg.norm(centers, axis=1, keepdims=True)).T
    bias = -(mean @ directions) - THRESHOLD
    kernel = directions - directions.mean(axis=0)
    kernel = kernel.reshape(bank.patch, bank.patch, 3, -1)
    if bank.levels:
        kernel[..., -6:], bias[-6:] = levels(bank.patch), 0.0
    return on_grid(kernel).astype(np.float32), bias.astype(np.float32)


def on_grid(kernel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round each filter to even multiples of 1/127 of its largest weight, which stays, and keep the sum of each colour.

    Quantizers of int8 then find the weights where they put them: those that have steps of 1/127 and OpenVINO's, which
    doubles the steps of first layers. What the weights of a filter are rounded by would else add up to an answer to
    brightness, which the filters must not have.
    """
    largest = np.abs(kernel).max(axis=(0, 1, 2), keepdims=True)
    wanted = (kernel / largest * 127 / 2).reshape(-1, *kernel.shape[2:])
    stays = np.abs(wanted) == 127 / 2
    rounded = np.where(stays, wanted, np.clip(np.rint(wanted), -63, 63))
    for color, number in np.ndindex(rounded.shape[1:]):
        left = wanted[:, color, number] - rounded[:, color, number]
        missing = int(np.rint(left.sum()))
        moved = np.argsort(-np.sign(missing) * left, kind="stable")[: abs(missing)]
        rounded[moved, color, number] += np.sign(missing)
    rounded = np.where(stays, wanted, np.clip(rounded, -63, 63))
    return np.asarray(rounded.reshape(kernel.shape) * 2 / 127 * largest)


def levels(patch: int) -> npt.NDArray[np.float64]:
    """Return six filters by formula: how far each channel is above the middle grey, and how far below it."""
    above = np.broadcast_to(np.eye(3) / patch**2, (patch, patch, 3, 3))
    return np.concatenate([above, -above], axis=-1)


def level(model: Any, pixels: npt.NDArray[np.uint8]) -> None:
    """Scale each filter so that its mean over these pictures is `USUAL_MEAN`; ReLU6 makes that take several rounds."""
    import keras

    regions = keras.Model(model.input, model.get_layer("regions").output)
    images = pixels.astype(np.float32) / 127.5 - 1.0
    for _ in range(ROUNDS):
        means = regions.predict(images, verbose=0, batch_size=50).mean(axis=(0, 1, 2))
        factors = np.split(_patchnet.USUAL_MEAN / means, np.cumsum([bank.filters for bank in BANKS])[:-1])
        for bank, factor in zip(BANKS, factors, strict=True):
            layer = model.get_layer(f"{bank.name}_conv")
            layer.set_weights([weights * factor for weights in layer.get_weights()])


def train(drawn: Path, out: Path) -> dict[str, Any]:
    """Learn every bank, write the weights, and return a record of the run."""
    start = time.perf_counter()
    rng = np.random.default_rng(SEED)
    pixels = np.load(drawn / "pixels.npy", mmap_mode="r")
    pixels = pixels[np.sort(rng.permutation(len(pixels))[:PICTURES])]
    model = _patchnet.build()
    for bank in BANKS:
        images = scale_of(pixels, bank)
        model.get_layer(f"{bank.name}_conv").set_weights(learn(images, bank, rng))
    level(model, pixels[::7])
    np.savez(out, **weights_of(model))
    return {"seed": SEED, "pictures": len(pixels), "seconds": round(time.perf_counter() - start)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drawn", type=Path, help="the folder that draw.py wrote")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(train(arguments.drawn, arguments.out)))


if __name__ == "__main__":
    main()
