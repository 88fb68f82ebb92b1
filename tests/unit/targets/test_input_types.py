"""What types of input a target's models can have, and that the others are told of before anything is made."""

from __future__ import annotations

import pytest

from tfl.bench.cells import plan_cells
from tfl.core.errors import UserError
from tfl.targets import TARGETS


def test_numbers_are_taken_by_every_target():
    for name in TARGETS.names():
        assert not [dtype for dtype in ("float32", "uint8", "int32") if TARGETS.get(name).why_not_fed(dtype)]


def test_strings_are_taken_by_tensorflow_alone():
    takes = {name for name in TARGETS.names() if not TARGETS.get(name).why_not_fed("string")}
    assert takes == {"saved_model"}
    assert "only TensorFlow" in TARGETS.get("onnx").why_not_fed("string")
    assert "complex64" in TARGETS.get("onnx").why_not_fed("complex64")


def test_cells_that_can_not_be_fed_are_planned_as_unsupported():
    cells = plan_cells((), ("fp32",), input_dtype="string")
    assert {cell.target for cell in cells if cell.status == "ok"} == {"saved_model"}
    assert all("only TensorFlow" in cell.reason for cell in cells if cell.status == "unsupported")
    with pytest.raises(UserError, match="Nothing can be exported"):
        plan_cells(("tflite",), ("fp32",), input_dtype="string")
