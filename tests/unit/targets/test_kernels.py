"""What is made of an engine's list of nodes."""

import pytest

from tfl.targets import Kernels
from tfl.targets._kernels import collect_kernels


def test_nodes_are_grouped_and_the_integer_share_is_of_the_time():
    found = collect_kernels(
        [("Conv", "u8", 2.0), ("Softmax", "f32", 1.0), ("Conv", "u8", 4.0), ("Conv", "f32", 1.0)],
        source="a test",
        inferences=2,
    )
    assert [(item.operation, item.precision, item.count, item.time_ms) for item in found.kernels] == [
        ("Conv", "u8", 2, 3.0),
        ("Conv", "f32", 1, 0.5),
        ("Softmax", "f32", 1, 0.5),
    ]
    assert (found.integer_count, found.count) == (2, 4)
    assert found.integer_time_share == pytest.approx(0.75)
    assert Kernels.from_dict(found.to_dict()) == found


def test_without_times_there_is_no_share():
    found = collect_kernels([("CONV_2D", "int8", None), ("MEAN", "float32", None)], source="a test")
    assert found.integer_time_share is None
    assert found.integer_count == 1
    assert collect_kernels([], source="a test").count == 0
