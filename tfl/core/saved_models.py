"""Loading a TensorFlow SavedModel, with the operations of TensorFlow Text where its graph asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import is_installed, require

SAVED_MODEL_FILE = "saved_model.pb"


def read_saved_model(folder: Path) -> Any:
    """Parse `saved_model.pb` and run nothing of it.

    Returns:
        TensorFlow's protocol buffer `SavedModel`.

    Raises:
        IntegrityError: It can't be parsed.
        MissingExtraError: TensorFlow is not installed.
    """
    protocol = require("tensorflow.core.protobuf.saved_model_pb2", purpose="reading a SavedModel")
    message = require("google.protobuf.message", purpose="reading a SavedModel")
    path = folder / SAVED_MODEL_FILE
    saved = protocol.SavedModel()
    try:
        saved.ParseFromString(path.read_bytes())
    except (OSError, message.DecodeError) as error:
        raise IntegrityError(f"{path} is not a SavedModel: {error}") from error
    return saved


def operations_of(saved: Any) -> frozenset[str]:
    """Return the names of all operations in a SavedModel, those in functions too."""
    found: set[str] = set()
    for meta in saved.meta_graphs:
        found.update(node.op for node in meta.graph_def.node)
        found.update(node.op for function in meta.graph_def.library.function for node in function.node_def)
    return frozenset(found)


def load_saved_model(folder: Path, *, operations: Iterable[str], purpose: str) -> Any:
    """Load a SavedModel whose operations were looked at.

    Args:
        folder: Holds `saved_model.pb`.
        operations: What its graph uses; for those that are not TensorFlow's own, TensorFlow Text is imported first.
        purpose: What needs it, for a message.

    Raises:
        MissingExtraError: It needs TensorFlow Text, TensorFlow or tensorflow_hub, which is not installed.
        UnsupportedError: It uses operations that neither of the two has.
        IntegrityError: TensorFlow can't read it.
    """
    tf, hub = require("tensorflow", purpose=purpose), require("tensorflow_hub", purpose=purpose)
    foreign = sorted(name for name in set(operations) if not hasattr(tf.raw_ops, name))
    if foreign and is_installed("tensorflow_text"):
        require("tensorflow_text", purpose=purpose)
    try:
        return hub.load(str(folder))
    except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
        if not foreign or "not registered" not in str(error):
            raise IntegrityError(f"{folder} can't be read as a SavedModel: {error}") from error
        require("tensorflow_text", purpose=f"{purpose} with the operations {', '.join(foreign[:5])}")
        raise UnsupportedError(
            f"{folder} uses operations that neither TensorFlow nor TensorFlow Text has: {', '.join(foreign[:5])}.",
            hint="They come with a library of their own, and tfl loads none that it does not know.",
        ) from error
