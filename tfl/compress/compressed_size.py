"""How small a compressed model really is: zeros, different values, and the file before and after gzip."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.compress.records import LayerWeights, Size

_CHUNK_BYTES = 1 << 20
_GZIP = 31  # zlib's number for a gzip header around a full window
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def file_size(path: Path) -> Size:
    """Return the size of a file, and of its gzip at the usual level (6)."""
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    raw = packed = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            raw += len(chunk)
            packed += len(packer.compress(chunk))
    return Size(raw_bytes=raw, gzip_bytes=packed + len(packer.flush()))


def layer_weights(model: Any, compressed: Mapping[str, str]) -> tuple[LayerWeights, ...]:
    """Count zeros and different values in the kernels of a Keras model, nested models included.

    Args:
        model: `keras.Model`.
        compressed: Name of each layer that was compressed -> what was asked of it; see `LayerWeights`.
    """
    found = []
    for layer in _leaves(model):
        for weight in layer.weights:
            if weight.name not in _KERNELS:
                continue
            values = np.asarray(weight)
            found.append(
                LayerWeights(
                    layer=layer.name,
                    kind=type(layer).__name__,
                    weights=int(values.size),
                    sparsity=float(np.mean(values == 0.0)),
                    unique=len(np.unique(values)),
                    unique_per_channel=max(len(np.unique(channel)) for channel in np.moveaxis(values, -1, 0)),
                    compressed="" if weight.name == "depthwise_kernel" else compressed.get(layer.name, ""),
                )
            )
    return tuple(found)


def sparsity_of(layers: tuple[LayerWeights, ...]) -> float | None:
    """Return the share of zeros in all kernels that were pruned, or None where none were."""
    pruned = [item for item in layers if "pruned" in item.compressed]
    total = sum(item.weights for item in pruned)
    return sum(item.sparsity * item.weights for item in pruned) / total if total else None


def _leaves(layer: Any) -> list[Any]:
    inner = getattr(layer, "layers", None)
    if not inner:
        return [layer]
    return [leaf for child in inner for leaf in _leaves(child)]
