"""What a measurement was taken on: machine, instruction sets, limits and versions, read and never guessed."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
#: Environment variables that change what is computed, or in which order numbers are added up.
VARIABLES = ("PYTHONHASHSEED", "NVIDIA_TF32_OVERRIDE", "OPENBLAS_CORETYPE", "MALLOC_ARENA_MAX", "LD_PRELOAD")
VARIABLE_PREFIXES = (
    *("KERAS_", "TF_", "XLA_", "OMP_", "MKL_", "OPENBLAS_NUM", "KMP_", "GOTO_", "CUDA_", "CUBLAS_", "CUDNN_"),
    *("ONEDNN_", "DNNL_", "OV_", "ORT_"),
)
#: Of the same prefixes, but about messages alone, or Terraform's, which keeps passwords in TF_VAR_.
_NOT_RECORDED = re.compile(
    r"^TF_(VAR_|CLI_|LOG|DATA_DIR|WORKSPACE|INPUT|PLUGIN|CPP_MIN_LOG|CPP_MAX_VLOG|CPP_MIN_VLOG|CPP_VMODULE)"
    r"|KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL"
)
_GPUS = Path("/proc/driver/nvidia")
_ANSWER_WITHIN_S = 20


@dataclass(frozen=True, kw_only=True)
class Machine(Record):
    """What must be the same for latencies to compare.

    Attributes:
        cpu: Model of the processor.
        cpu_count: Logical processors this process may use.
        cpu_quota: Processors that the container's cgroup allows, or None where there is no limit.
        isa: Those of `ISA_FLAGS` that the processor has.
    """

    cpu: str
    cpu_count: int
    cpu_quota: float | None
    isa: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Environment(Record):
    """The machine and the software of one run.

    Attributes:
        cpu_count: Logical processors this process may use.
        cpu_quota: Processors that the container's cgroup allows, or None where there is no limit.
        isa: Those of `ISA_FLAGS` that the processor has.
        governor: The frequency governor, or the reason why it can't be read.
        memory_bytes: Physical memory.
        gpus: Name and driver of each NVIDIA GPU that the driver shows, whether or not anything uses it.
        variables: Those environment variables that are set and change results; see `VARIABLE_PREFIXES`.
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
    gpus: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


def read_machine() -> Machine:
    """Read what this process runs on; quicker than all of `read_environment`."""
    model, flags = _cpu()
    return Machine(
        cpu=model,
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        cpu_quota=_cpu_quota(),
        isa=tuple(flag for flag in ISA_FLAGS if flag in flags),
    )


def read_environment() -> Environment:
    """Read the environment of this process."""
    machine = read_machine()
    versions = {name: version for name in DISTRIBUTIONS if (version := version_of(name)) is not None}
    return Environment(
        system=platform.platform(),
        python=platform.python_version(),
        cpu=machine.cpu,
        cpu_count=machine.cpu_count,
        cpu_quota=machine.cpu_quota,
        isa=machine.isa,
        governor=_governor(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0,
        versions=versions,
        gpus=read_gpus(),
        variables=_variables(),
    )


def environment_differences(before: Environment, after: Environment) -> tuple[str, ...]:
    """Name what differs between two environments, as `versions.keras: 3.15.1 -> 3.16.0`."""
    first, second = flat_environment(before), flat_environment(after)
    keys = dict.fromkeys((*first, *second))
    return tuple(
        f"{key}: {first.get(key, 'none')} -> {second.get(key, 'none')}"
        for key in keys
        if first.get(key) != second.get(key)
    )


def flat_environment(environment: Environment) -> dict[str, str]:
    """Return an environment as text by dotted name, such as `versions.keras`."""
    flat: dict[str, str] = {}
    fields: dict[str, Any] = environment.to_dict()
    del fields["schema"]
    for name, value in fields.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": str(item) for key, item in value.items()}
        else:
            flat[name] = ", ".join(value) if isinstance(value, list) else str(value)
    return flat


def _variables() -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if (name in VARIABLES or name.startswith(VARIABLE_PREFIXES)) and not _NOT_RECORDED.search(name)
    }


def read_gpus(driver: Path = _GPUS) -> tuple[str, ...]:
    """Return name and driver of each NVIDIA GPU.

    The driver's files are asked, else its own program: asking TensorFlow would take seconds and claim the GPU.

    Args:
        driver: Where Linux shows the driver's files.
    """
    version = re.search(r"\s(\d+\.[\d.]+)\s", _text(driver / "version"))
    models = [
        match[1].strip()
        for file in sorted(driver.glob("gpus/*/information"))
        if (match := re.search(r"^Model:(.*)$", _text(file), flags=re.MULTILINE))
    ]
    if models:
        return tuple(f"{model}, driver {version[1]}" if version else model for model in models)
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_WITHIN_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip().replace(", ", ", driver ") for line in process.stdout.splitlines() if line.strip())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


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
