"""What a measurement was taken on: machine, instruction sets, limits and versions, read and never guessed."""

from __future__ import annotations

import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

from tfl.core.extras import version_of
from tfl.core.records import Record

#: The distributions whose versions are recorded.
DISTRIBUTIONS = (
    "tfl",
    "tensorflow",
    "keras",
    "tensorflow-hub",
    "openvino",
    "nncf",
    "onnx",
    "onnxruntime",
    "tf2onnx",
    "ai-edge-litert",
    "numpy",
    "pillow",
    "scikit-learn",
)
#: The instruction-set flags of Linux' /proc/cpuinfo that decide what low precision is worth.
ISA_FLAGS = (
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "bf16",
)


@dataclass(frozen=True, kw_only=True)
class Environment(Record):
    """The machine and the software of one run.

    Attributes:
        cpu_count: Logical processors this process may use.
        cpu_quota: Processors that the container's cgroup allows, or None where there is no limit.
        isa: Those of `ISA_FLAGS` that the processor has.
        governor: The frequency governor, or the reason why it can't be read.
        memory_bytes: Physical memory.
    """

    system: str
    python: str
    cpu: str
    cpu_count: int
    cpu_quota: float | None
    isa: tuple[str, ...]
    governor: str
    memory_bytes: int
    versions: dict[str, str]


def read_environment() -> Environment:
    """Read the environment of this process."""
    model, flags = _cpu()
    versions = {name: version for name in DISTRIBUTIONS if (version := version_of(name)) is not None}
    return Environment(
        system=platform.platform(),
        python=platform.python_version(),
        cpu=model,
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        cpu_quota=_cpu_quota(),
        isa=tuple(flag for flag in ISA_FLAGS if flag in flags),
        governor=_governor(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0,
        versions=versions,
    )


def peak_rss_bytes() -> int:
    """Return the largest resident set this process has had.

    On Linux it is `VmHWM`: `ru_maxrss` also holds what the parent had resident when it forked.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        # The unit is bytes on macOS, the one system without /proc that tfl runs on.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024


def _cpu() -> tuple[str, frozenset[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    fields: dict[str, str] = {}
    for line in text.split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    flags = fields.get("flags") or fields.get("Features") or ""
    return fields.get("model name", platform.machine()), frozenset(flags.split())


def _cpu_quota() -> float | None:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _governor() -> str:
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text(encoding="utf-8").strip()
    except OSError as error:
        return f"not readable ({error.strerror})"
