"""A SavedModel without XLA's marks, for a converter that leaves calls of functions with such a mark in its graph.

Keras compiles each grouped convolution with XLA (`keras.src.backend.tensorflow.nn.conv`), as it takes TensorFlow's own
kernels for processors to be broken there; the depthwise convolutions of ConvNeXt are of that kind. The mark says how a
function is to be run. What it computes is the same without.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tfl.core.saved_models import SAVED_MODEL_FILE, read_saved_model

#: TensorFlow's name of the mark, on functions and on the nodes that call them; it inlines no function that has it.
_MARK = "_XlaMustCompile"


def inlinable_saved_model(folder: Path, scratch: Path) -> Path:
    """Return a SavedModel of which every function can be inlined: `folder` itself where it has no marks.

    Args:
        folder: A SavedModel, which is left as it is.
        scratch: Where a copy may lie; replaced when it exists.
    """
    saved = read_saved_model(folder)
    marked = [holder for meta in saved.meta_graphs for holder in _holders(meta.graph_def) if _MARK in holder.attr]
    if not marked:
        return folder
    for holder in marked:
        del holder.attr[_MARK]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(folder, scratch, ignore=shutil.ignore_patterns(SAVED_MODEL_FILE))
    (scratch / SAVED_MODEL_FILE).write_bytes(saved.SerializeToString())
    return scratch


def _holders(graph: Any) -> list[Any]:
    """Return what may have attributes: a graph's nodes, its functions, and these functions' nodes."""
    functions = list(graph.library.function)
    return [*graph.node, *functions, *(node for function in functions for node in function.node_def)]
