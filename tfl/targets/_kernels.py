"""Which kernels an engine really ran, and in which precision: an int8 file is no proof of int8 arithmetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tfl.core.records import Record

#: Names that engines give integer types of eight bits or fewer.
_INTEGERS = frozenset({"u8", "i8", "uint8", "int8", "u4", "i4", "int4", "uint4"})


@dataclass(frozen=True, kw_only=True)
class Kernel(Record):
    """Nodes of one operation and precision.

    Attributes:
        operation: As the engine calls it, such as `Convolution`.
        precision: What it computes in or takes in, such as `u8`, `f32`, `float32`.
        count: How many nodes.
        time_ms: Of one inference, all nodes together, or None where the engine does not tell.
    """

    operation: str
    precision: str
    count: int
    time_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Kernels(Record):
    """What ran.

    Attributes:
        source: Who says so, such as `ONNX Runtime profile`.
        kernels: The most time first, then the most nodes; empty where the engine does not tell.
        note: What is not known, or empty.
    """

    source: str
    kernels: tuple[Kernel, ...]
    note: str = ""

    @property
    def integer_count(self) -> int:
        """Nodes that compute on integers of eight bits."""
        return sum(kernel.count for kernel in self.kernels if kernel.precision in _INTEGERS)

    @property
    def count(self) -> int:
        """All nodes."""
        return sum(kernel.count for kernel in self.kernels)

    @property
    def integer_time_share(self) -> float | None:
        """Share of the time that integer kernels took, in [0, 1], or None where no time is known."""
        times = [(kernel.precision in _INTEGERS, kernel.time_ms) for kernel in self.kernels if kernel.time_ms]
        total = sum(time for _, time in times)
        return sum(time for integer, time in times if integer) / total if total else None


def collect_kernels(
    nodes: Iterable[tuple[str, str, float | None]], *, source: str, inferences: int = 1, note: str = ""
) -> Kernels:
    """Group nodes `(operation, precision, milliseconds over all inferences or None)` into the record."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    times: dict[tuple[str, str], float | None] = {}
    for operation, precision, time_ms in nodes:
        key = (operation, precision)
        counts[key] += 1
        if time_ms is not None:
            times[key] = (times.get(key) or 0.0) + time_ms
    found = [
        Kernel(
            operation=operation,
            precision=precision,
            count=count,
            time_ms=None if (time := times.get((operation, precision))) is None else time / inferences,
        )
        for (operation, precision), count in counts.items()
    ]
    found.sort(key=lambda kernel: (-(kernel.time_ms or 0.0), -kernel.count, kernel.operation))
    return Kernels(source=source, kernels=tuple(found), note=note)
