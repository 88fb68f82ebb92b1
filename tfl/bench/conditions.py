"""What else the machine did while something was timed: limits, throttling, stolen time and other work, from Linux."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

from tfl.core.records import Record

_CGROUP = Path("/sys/fs/cgroup")
_STAT = Path("/proc/stat")
#: Columns of the first line of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal.
_IDLE, _IO_WAIT, _STEAL = 3, 4, 7


@dataclass(frozen=True, kw_only=True)
class Conditions(Record):
    """Limits of the process and what happened during a measurement; None where the system does not tell.

    Attributes:
        affinity: Logical processors the process may run on.
        cpu_quota: Processors that the container's cgroup allows, or None without a limit.
        memory_limit_bytes: Of the cgroup, or None without a limit.
        load_average: Of the last minute, before the measurement.
        throttled_ms: How long the cgroup's quota stopped it.
        stolen_ms: How long the host ran others on this machine's processors.
        involuntary_switches: How often the process was taken off a processor.
        others_share: Share of the machine's processor time that other processes took, in [0, 1].
    """

    affinity: tuple[int, ...]
    cpu_quota: float | None
    memory_limit_bytes: int | None
    load_average: float | None
    throttled_ms: float | None
    stolen_ms: float | None
    involuntary_switches: int
    others_share: float | None


class ConditionsMeter:
    """Looks at the counters when it is made and when it is asked.

    Args:
        cgroup: Where the kernel shows the process's cgroup (version 2).
        stat: The kernel's processor times.
    """

    def __init__(self, cgroup: Path = _CGROUP, stat: Path = _STAT) -> None:
        self._cgroup, self._stat = cgroup, stat
        self._load = _load_average()
        self._throttled_us = self._throttling_us()
        self._times = self._machine_times()
        self._own_s = _own_cpu_s()
        self._switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw

    def read(self) -> Conditions:
        """Return the record of the time since this object was made."""
        throttled_us, times = self._throttling_us(), self._machine_times()
        tick_ms = 1e3 / os.sysconf("SC_CLK_TCK")
        stolen_ms = others = None
        if times is not None and self._times is not None:
            spent = [now - before for now, before in zip(times, self._times, strict=True)]
            stolen_ms = spent[_STEAL] * tick_ms
            busy_ms = (sum(spent) - spent[_IDLE] - spent[_IO_WAIT]) * tick_ms
            own_ms = (_own_cpu_s() - self._own_s) * 1e3
            others = min(1.0, max(0.0, busy_ms - own_ms) / (sum(spent) * tick_ms)) if sum(spent) else None
        return Conditions(
            affinity=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (),
            cpu_quota=self._quota(),
            memory_limit_bytes=self._memory_limit(),
            load_average=self._load,
            throttled_ms=(
                None
                if throttled_us is None or self._throttled_us is None
                else (throttled_us - self._throttled_us) / 1e3
            ),
            stolen_ms=stolen_ms,
            involuntary_switches=resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - self._switches,
            others_share=others,
        )

    def _quota(self) -> float | None:
        words = _text(self._cgroup / "cpu.max").split()
        return int(words[0]) / int(words[1]) if len(words) == 2 and words[0].isdigit() else None

    def _memory_limit(self) -> int | None:
        text = _text(self._cgroup / "memory.max").strip()
        return int(text) if text.isdigit() else None

    def _throttling_us(self) -> int | None:
        for line in _text(self._cgroup / "cpu.stat").splitlines():
            name, _, value = line.partition(" ")
            if name == "throttled_usec":
                return int(value)
        return None

    def _machine_times(self) -> list[int] | None:
        words = _text(self._stat).split("\n", 1)[0].split()
        times = [int(word) for word in words[1:9] if word.isdigit()]
        return times if len(times) == 8 else None


def _text(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace")
    return ""


def _own_cpu_s() -> float:
    times = os.times()
    return times.user + times.system


def _load_average() -> float | None:
    with contextlib.suppress(OSError, AttributeError):
        return os.getloadavg()[0]
    return None
