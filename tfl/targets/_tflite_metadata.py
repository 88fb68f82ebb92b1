"""Standard TFLite metadata: labels and normalization inside the model file, where LiteRT's task libraries look.

The layout is `metadata_schema.fbs` 1.1.0 of tensorflow/tflite-support (file identifier `M001`): a
`ModelMetadata` flatbuffer in the model's buffer `TFLITE_METADATA`, and the associated files as a zip
archive after the end of the flatbuffer.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfl.bundle import Bundle, Tensor
from tfl.core.extras import require
from tfl.data.preprocess import ImagePreprocessing

LABELS_FILE = "labels.txt"
_METADATA_NAME = b"TFLITE_METADATA"
_MODEL_IDENTIFIER, _METADATA_IDENTIFIER = b"TFL3", b"M001"
_PARSER_VERSION = "1.0.0"
_WEIGHTS_ALIGNMENT = 16

# Slots of the tables' fields and values of the enumerations, in the order of the schema.
_ASSOCIATED_FILE = {"name": 0, "description": 1, "type": 2}
_TENSOR_AXIS_LABELS = 2
_IMAGE_SIZE = {"width": 0, "height": 1}
_IMAGE_PROPERTIES = {"color_space": 0, "default_size": 1}
_COLOR_SPACES = {"rgb": 1}
_CONTENT = {"properties_type": 0, "properties": 1}
_FEATURE_PROPERTIES_TYPE, _IMAGE_PROPERTIES_TYPE = 1, 2
_NORMALIZATION = {"mean": 0, "std": 1}
_PROCESS_UNIT = {"options_type": 0, "options": 1}
_NORMALIZATION_OPTIONS_TYPE = 1
_STATS = {"max": 0, "min": 1}
_TENSOR = {"name": 0, "description": 1, "content": 3, "process_units": 4, "stats": 5, "associated_files": 6}
_SUBGRAPH = {"input_tensor_metadata": 2, "output_tensor_metadata": 3}
_MODEL = {"name": 0, "description": 1, "subgraph_metadata": 3, "license": 5, "min_parser_version": 7}

_Field = tuple[int, Callable[[], None]]


class _Tables:
    """Writes tables with a flatbuffers builder; children first, as the format wants it."""

    def __init__(self) -> None:
        flatbuffers = require("flatbuffers", purpose="writing TFLite metadata")
        self.builder = flatbuffers.Builder(1024)

    def text(self, value: str) -> int:
        return int(self.builder.CreateString(value))

    def floats(self, values: Sequence[float]) -> int:
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependFloat32(value)
        return int(self.builder.EndVector())

    def offsets(self, values: Sequence[int]) -> int:
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependUOffsetTRelative(value)
        return int(self.builder.EndVector())

    def table(
        self,
        slots: dict[str, int],
        *,
        children: dict[str, int] | None = None,
        bytes_: dict[str, int] | None = None,
        numbers: dict[str, int] | None = None,
    ) -> int:
        """Write one table: `children` are offsets, `bytes_` int8 or union types, `numbers` uint32."""
        self.builder.StartObject(max(slots.values()) + 1)
        for name, value in (children or {}).items():
            self.builder.PrependUOffsetTRelativeSlot(slots[name], value, 0)
        for name, value in (numbers or {}).items():
            self.builder.PrependUint32Slot(slots[name], value, 0)
        for name, value in (bytes_ or {}).items():
            self.builder.PrependUint8Slot(slots[name], value, 0)
        return int(self.builder.EndObject())


def build_metadata(bundle: Bundle) -> bytes:
    """Build the `ModelMetadata` flatbuffer of a classifier: input, of pictures with normalization, and labelled output.

    TFLite normalizes pixels in [0, 255] by `(pixel - mean) / std`, so the contract's scale is divided out.
    """
    tables = _Tables()
    subgraph = tables.table(
        _SUBGRAPH,
        children={
            "input_tensor_metadata": tables.offsets([_input_tensor(tables, bundle)]),
            "output_tensor_metadata": tables.offsets([_labelled_tensor(tables, bundle)]),
        },
    )
    model = tables.table(
        _MODEL,
        children={
            "name": tables.text(bundle.task),
            "description": tables.text(f"Transfer learning on {bundle.backbone.spec}."),
            "subgraph_metadata": tables.offsets([subgraph]),
            "license": tables.text(f"Backbone weights: {bundle.backbone.licence}."),
            "min_parser_version": tables.text(_PARSER_VERSION),
        },
    )
    tables.builder.Finish(model, file_identifier=_METADATA_IDENTIFIER)
    return bytes(tables.builder.Output())


def _input_tensor(tables: _Tables, bundle: Bundle) -> int:
    contract, source = bundle.preprocessing, bundle.signature.inputs[0]
    if isinstance(contract, ImagePreprocessing):
        return _image_tensor(tables, source, contract.left_to_caller)
    children = {"name": tables.text(source.name), "description": tables.text(source.meaning)}
    return tables.table(_TENSOR, children=children)


def _image_tensor(tables: _Tables, source: Tensor, contract: ImagePreprocessing) -> int:
    size = tables.table(_IMAGE_SIZE, numbers={"width": contract.width, "height": contract.height})
    properties = tables.table(
        _IMAGE_PROPERTIES,
        children={"default_size": size},
        bytes_={"color_space": _COLOR_SPACES.get(contract.channels, 0)},
    )
    content = tables.table(
        _CONTENT, children={"properties": properties}, bytes_={"properties_type": _IMAGE_PROPERTIES_TYPE}
    )
    options = tables.table(
        _NORMALIZATION,
        children={
            "mean": tables.floats([mean / contract.scale for mean in contract.mean]),
            "std": tables.floats([std / contract.scale for std in contract.std]),
        },
    )
    unit = tables.table(
        _PROCESS_UNIT, children={"options": options}, bytes_={"options_type": _NORMALIZATION_OPTIONS_TYPE}
    )
    low, high = contract.value_range
    stats = tables.table(_STATS, children={"max": tables.floats([high]), "min": tables.floats([low])})
    return tables.table(
        _TENSOR,
        children={
            "name": tables.text(source.name),
            "description": tables.text(source.meaning),
            "content": content,
            "process_units": tables.offsets([unit]),
            "stats": stats,
        },
    )


def _labelled_tensor(tables: _Tables, bundle: Bundle) -> int:
    result = bundle.signature.outputs[0]
    labels = tables.table(
        _ASSOCIATED_FILE,
        children={"name": tables.text(LABELS_FILE), "description": tables.text("One class per line, by index.")},
        bytes_={"type": _TENSOR_AXIS_LABELS},
    )
    feature = tables.table({"none": 0})
    content = tables.table(
        _CONTENT, children={"properties": feature}, bytes_={"properties_type": _FEATURE_PROPERTIES_TYPE}
    )
    stats = tables.table(_STATS, children={"max": tables.floats([1.0]), "min": tables.floats([0.0])})
    return tables.table(
        _TENSOR,
        children={
            "name": tables.text(result.name),
            "description": tables.text(result.meaning),
            "content": content,
            "stats": stats,
            "associated_files": tables.offsets([labels]),
        },
    )


def add_metadata(model: bytes, bundle: Bundle) -> bytes:
    """Return a TFLite model with metadata and labels; the graph and the weights stay as they are.

    Raises:
        MissingExtraError: The TFLite schema is not installed.
    """
    flatbuffers = require("flatbuffers", purpose="writing TFLite metadata")
    schema = require("ai_edge_litert.schema_py_generated", purpose="writing TFLite metadata")
    tree: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(model), 0))
    _take_inside(tree, model)
    buffer = schema.BufferT()
    buffer.data = list(build_metadata(bundle))
    tree.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _METADATA_NAME, len(tree.buffers) - 1
    tree.metadata = [*(item for item in tree.metadata or [] if item.name != _METADATA_NAME), entry]
    builder = _aligned_builder(flatbuffers, len(model) + 4096)
    builder.Finish(tree.Pack(builder), file_identifier=_MODEL_IDENTIFIER)
    return bytes(builder.Output()) + _zip({LABELS_FILE: "\n".join(bundle.labels) + "\n"})


def _take_inside(tree: Any, model: bytes) -> None:
    """Put the buffers that lie behind the flatbuffer, by their offset in the file, into it.

    AI Edge Quantizer writes models of over 256 KiB so; packed anew as they are, their weights would be gone.
    """
    for buffer in tree.buffers:
        # 0 and 1 stand for a buffer without data of its own.
        if buffer.offset > 1:
            buffer.data = np.frombuffer(model, dtype=np.uint8, count=buffer.size, offset=buffer.offset)
            buffer.offset = buffer.size = 0


def _aligned_builder(flatbuffers: Any, size_bytes: int) -> Any:
    class AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
        def StartVector(self, elem_size: int, num_elems: int, alignment: int) -> Any:  # noqa: N802
            # The schema aligns weights to 16 bytes for vector instructions; the Python code it generates does not.
            return super().StartVector(elem_size, num_elems, _WEIGHTS_ALIGNMENT if elem_size == 1 else alignment)

    return AlignedBuilder(size_bytes)


def _zip(files: dict[str, str]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            # A fixed date keeps the same model the same bytes.
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), text)
    return memory.getvalue()
