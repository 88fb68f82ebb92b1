"""TensorFlow SavedModel: the reference format, and what TensorFlow Serving takes as it is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfl.bundle import Artifact
from tfl.core.errors import UnsupportedError
from tfl.core.extras import require
from tfl.core.files import digest_tree
from tfl.core.saved_models import load_saved_model, operations_of, read_saved_model
from tfl.data.contract import Floats, Inputs
from tfl.targets._base import (
    Exported,
    ExportRequest,
    Lane,
    OpenMode,
    Runtime,
    Target,
    Tolerance,
    require_dtype,
)
from tfl.targets._fused_graph import wrap_saved_model
from tfl.targets._kernels import Kernels, collect_kernels

#: TensorFlow Serving looks for numbered versions inside a model's folder, so the artefact is one of its models.
_VERSION_DIR = "1"
#: Nodes that move tensors and compute nothing.
_BOOKKEEPING = frozenset({"Identity", "StopGradient", "Placeholder", "NoOp", "Reshape"})


class SavedModelRuntime(Runtime):
    """Calls the serving signature of a loaded SavedModel."""

    def __init__(self, loaded: Any, input_name: str, output_name: str, *, lanes: int = 0) -> None:
        import tensorflow as tf

        self._constant = tf.constant
        self._loaded = loaded
        self._serve = loaded.signatures["serving_default"]
        self._input_name = input_name
        specs = self._serve.structured_input_signature[1]
        self._dtype = np.dtype(specs[input_name].dtype.as_numpy_dtype)
        self._output_name = output_name
        self._lanes = lanes

    def predict(self, batch: Inputs) -> Floats:
        """See `Runtime.predict`."""
        require_dtype(batch, self._dtype)
        answer = self._serve(**{self._input_name: self._constant(batch)})
        return np.asarray(answer[self._output_name].numpy(), dtype=np.float32)

    def lanes(self) -> tuple[Lane, ...]:
        """See `Runtime.lanes`; a signature may be called from several threads at once."""
        return (self.predict,) * max(self._lanes, 1)

    def close(self) -> None:
        """See `Runtime.close`."""
        self._loaded = self._serve = None


class SavedModelTarget(Target):
    """Float32 only: TensorFlow's own kernels gain nothing from smaller weights on a processor."""

    summary = "TensorFlow SavedModel, for TensorFlow Serving and further conversion"
    tolerances: ClassVar = {
        "fp32": Tolerance(
            max_difference=1e-4,
            mean_difference=1e-5,
            agreement=1.0,
            metric_drop=0.0,
            reason="The same float32 kernels as Keras; only the order of additions may differ (about 1e-6).",
        )
    }
    unsupported: ClassVar = {
        "fp16": "TensorFlow computes half precision on a processor by converting to float32 and back",
        "int8": "a SavedModel holds no integer kernels",
        "int8-io": "a SavedModel holds no integer kernels",
        "int8-qat": "a SavedModel holds no integer kernels",
        "w8": "a SavedModel holds no integer weights",
        "int16x8": "a SavedModel holds no integer kernels",
        "dynamic": "a SavedModel holds no integer weights",
    }
    calibrated = frozenset()
    without_rungs = "a SavedModel holds no integer kernels"
    runtime_modules = ("tensorflow",)
    has_lanes = True
    export_modules = ("tensorflow",)
    fusions = ("normalize", "resize")
    input_dtypes = frozenset({"float32", "uint8", "int32", "string"})

    def export(self, request: ExportRequest) -> Exported:
        """See `Target.export`."""
        folder = request.out_dir / _VERSION_DIR
        if request.fused == "none":
            shutil.copytree(request.saved_model_dir, folder)
        else:
            wrap_saved_model(request, folder)
        files = [f"{_VERSION_DIR}/{name}" for name in digest_tree(folder)]
        entry = f"{_VERSION_DIR}/saved_model.pb"
        rest = tuple(name for name in files if name != entry)
        return Exported(model_files=(entry, *rest), signature=request.described.signature)

    def open(
        self, folder: Path, artifact: Artifact, *, threads: int, mode: OpenMode = "latency", lanes: int = 0
    ) -> Runtime:
        """See `Target.open`.

        Raises:
            UnsupportedError: TensorFlow has run in this process already with another number of threads.
        """
        tf = require("tensorflow", purpose="opening a SavedModel")
        if threads and tf.config.threading.get_intra_op_parallelism_threads() != threads:
            try:
                tf.config.threading.set_intra_op_parallelism_threads(threads)
            except RuntimeError as error:
                raise UnsupportedError(
                    f"TensorFlow has started in this process, so it can't be set to {threads} threads any more.",
                    hint="Open the artefact in a fresh process, or with threads=0.",
                ) from error
        signature = artifact.signature
        loaded = _load((folder / artifact.model_files[0]).parent, signature.inputs[0].dtype)
        return SavedModelRuntime(loaded, signature.inputs[0].name, signature.outputs[0].name, lanes=lanes)

    def kernels(self, folder: Path, artifact: Artifact, batch: Inputs, *, threads: int) -> Kernels:
        """See `Target.kernels`."""
        tf = require("tensorflow", purpose="opening a SavedModel")
        loaded = _load((folder / artifact.model_files[0]).parent, artifact.signature.inputs[0].dtype)
        graph = loaded.signatures["serving_default"].graph.as_graph_def()
        nodes = [node for function in graph.library.function for node in function.node_def]
        return collect_kernels(
            [
                (node.op, tf.dtypes.as_dtype(node.attr["T"].type).name, None)
                for node in nodes
                if node.attr["T"].type and node.op not in _BOOKKEEPING
            ],
            source="operations of the SavedModel's graph",
            note="TensorFlow does not tell which of its kernels ran",
        )


def _load(folder: Path, input_dtype: str) -> Any:
    """Load a SavedModel; one of strings may need operations that are not TensorFlow's own."""
    operations = operations_of(read_saved_model(folder)) if input_dtype == "string" else ()
    return load_saved_model(folder, operations=operations, purpose="opening a SavedModel")


TARGET = SavedModelTarget()
