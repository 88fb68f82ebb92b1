"""Optional dependencies: what is missing is said with the command that installs it; nothing is installed unasked."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

from tfl.core.errors import MissingExtraError

logger = logging.getLogger(__name__)

#: Modules that write to standard error while they are imported.
_CHATTY = frozenset({"tensorflow", "keras", "tensorflow_datasets", "tensorflow_text"})

#: The extra of `setup.cfg` that brings each optional module.
EXTRA_OF_MODULE = {
    "tensorflow": "train",
    "keras": "train",
    "h5py": "train",
    "tensorflow_hub": "train",
    "sklearn": "train",
    "threadpoolctl": "train",
    "scipy": "train",
    "matplotlib": "train",
    "jinja2": "train",
    "pyarrow": "data",
    "imagehash": "data",
    "cleanvision": "data",
    "cleanlab": "data",
    "pandas": "data",
    "datasketch": "data",
    "py3langid": "data",
    "charset_normalizer": "data",
    "optuna": "tune",
    "tensorflow_datasets": "tfds",
    "av": "video",
    "fsspec": "remote",
    "s3fs": "remote",
    "gcsfs": "remote",
    "adlfs": "remote",
    "aiohttp": "remote",
    "openvino": "openvino",
    "ai_edge_litert": "tflite",
    "flatbuffers": "tflite",
    "onnxruntime": "onnx",
    "nncf": "compress",
    "ai_edge_quantizer": "compress",
    "tf2onnx": "compress",
    "onnx": "compress",
    "tf_keras": "compress",
    "tensorflow_model_optimization": "compress",
    "tokenizers": "text",
    "keras_hub": "transformers",
    "tensorflow_text": "transformers",
    "safetensors": "transformers",
    "ipywidgets": "notebook",
    "sentencepiece": "transformers",
    "mlflow": "mlflow",
    "sqlalchemy": "mlflow",
    "alembic": "mlflow",
}


def is_installed(module: str) -> bool:
    """Say whether a module can be found, without importing it."""
    return importlib.util.find_spec(module) is not None


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def install_command(module: str) -> str:
    """Return the command that installs the extra which brings `module`."""
    return f'pip install "tfl[{EXTRA_OF_MODULE[module]}]"'


def require_installed(module: str, *, purpose: str) -> None:
    """Check that an optional module is there, without importing it.

    Args:
        module: Dotted name; its first part decides the extra.
        purpose: What needs it, for the message: `"exporting to OpenVINO"`.

    Raises:
        MissingExtraError: It is not installed; the message holds the install command.
    """
    root = module.split(".")[0]
    if not is_installed(root):
        raise MissingExtraError(
            f"{purpose[:1].upper()}{purpose[1:]} needs the package '{root}', which is not installed.",
            hint=f"Install it: {install_command(root)}",
        )


def require(module: str, *, purpose: str) -> ModuleType:
    """Import an optional module.

    Args:
        module: Dotted name; its first part decides the extra.
        purpose: What needs it, for the message: `"exporting to OpenVINO"`.

    Raises:
        MissingExtraError: It is not installed; the message holds the install command.
    """
    require_installed(module, purpose=purpose)
    root = module.split(".")[0]
    if root not in _CHATTY or root in sys.modules:
        return importlib.import_module(module)
    with _native_messages_logged():
        return importlib.import_module(module)


@contextlib.contextmanager
def _native_messages_logged() -> Iterator[None]:
    """Keep what C++ libraries write to file descriptor 2 while they load, and log it instead.

    TensorFlow says there which instruction sets it found, whatever its log level; none of it is for the user.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as stream:
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            stream.seek(0)
            logger.debug("%s", stream.read().decode(errors="replace"))
