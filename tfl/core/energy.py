"""Energy that the processor packages took, from the counters that Linux has for it (RAPL), read and never guessed.

The counters and their wrap-around are described in the kernel's Documentation/power/powercap/powercap.rst.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path("/sys/class/powercap")
#: A counter of 65 kJ, a usual range, wraps after 218 s at 300 W; one turn may be missed, two can't be told from none.
_LOOK_EVERY_S = 30.0


class EnergyMeter:
    """Adds up the counters of all processor packages of the machine, whoever uses them.

    Only packages are counted: the zones inside of one (cores, graphics, often memory) are part of it, the zone `psys`
    holds the packages again, and `intel-rapl-mmio` shows the same packages by another way.

    Args:
        root: Where the kernel shows the counters.

    Attributes:
        note: `packages: package-0, package-1`, or `not measurable: ` and the reason.
    """

    def __init__(self, root: Path = _ROOT) -> None:
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._total_uj = 0
        self._last_uj: dict[Path, int] = {}
        self._range_uj: dict[Path, int] = {}
        try:
            names = self._find(root)
        except (OSError, ValueError) as error:
            self._last_uj = {}
            self.note = f"not measurable: {_told(error)}"
        else:
            where = f"{root} has no counter of a processor package"
            self.note = f"packages: {', '.join(names)}" if names else f"not measurable: {where}"

    def _find(self, root: Path) -> list[str]:
        names: dict[str, Path] = {}
        # One colon is a package or psys, two are a zone inside.
        for zone in sorted(root.glob("intel-rapl:*")):
            name = (zone / "name").read_text(encoding="utf-8").strip()
            if zone.name.count(":") == 1 and name.startswith("package"):
                names.setdefault(name, zone)
        for zone in names.values():
            self._range_uj[zone] = int((zone / "max_energy_range_uj").read_text(encoding="utf-8"))
            self._last_uj[zone] = _read_uj(zone)
        return list(names)

    @property
    def is_measurable(self) -> bool:
        """Whether there is a counter that can be read."""
        return bool(self._last_uj)

    def joules(self) -> float | None:
        """Return the energy since this object was made, or None where it is not measurable."""
        with self._lock:
            try:
                for zone, before in self._last_uj.items():
                    now = _read_uj(zone)
                    self._total_uj += now - before if now >= before else now - before + self._range_uj[zone]
                    self._last_uj[zone] = now
            except (OSError, ValueError) as error:
                self._last_uj = {}
                self.note = f"not measurable: {_told(error)}"
            return self._total_uj / 1e6 if self._last_uj else None

    def __enter__(self) -> Self:
        """Look at the counters often enough to see every wrap-around."""
        if self.is_measurable:
            self._thread = threading.Thread(target=self._look, name="tfl-energy", daemon=True)
            self._thread.start()
        return self

    def _look(self) -> None:
        while not self._end.wait(_LOOK_EVERY_S):
            self.joules()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()


def _read_uj(zone: Path) -> int:
    return int((zone / "energy_uj").read_text(encoding="utf-8"))


def _told(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename} can't be read ({error.strerror})"
    return f"a counter holds no number ({error})"
