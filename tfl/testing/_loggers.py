"""What a logger promises."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfl.core.log_config import LogConfig
from tfl.loggers import LOGGERS, Ending, Logger, LogPlan, metrics_of
from tfl.testing._statements import require_all

#: Reads back what a logger wrote for the training folder it is given: step and value of each figure, by name.
ReadBack = Callable[[Path], Mapping[str, Sequence[tuple[int, float]]]]

_FRAMEWORKS = ("keras", "tensorflow", "tensorboard", "mlflow", "wandb", "torch", "jax")
_HEAD = [{"stage": "head", "epoch": epoch, "loss": 1.0 / epoch, "note": "warm"} for epoch in (1, 2, 3)]
_FINE = [
    {"stage": "fine_tune", "epoch": epoch, "loss": 0.25, "learning_rate": 0.5**epoch, "all": [1, 2]} for epoch in (1, 2)
]
_ROWS: list[dict[str, Any]] = [*_HEAD, *_FINE]


def check_logger(name: str, *, read: ReadBack) -> None:
    """Hold a logger against everything it promises.

    It is given a training of two stages with other columns in the second, which is interrupted after the fourth of
    five epochs and gone on with by a new object, as another process would. Each figure must then be there once, at
    its step. Nothing may be written elsewhere than in the run's folder and below its parent.

    Args:
        name: Of the logger plug-in, built in or from an entry point; its packages must be installed.
        read: Reads back what it wrote, with whatever the form is for.

    Raises:
        VerificationError: Names every promise that was broken.
        TflError: The logger can't write.
    """
    kind = LOGGERS.get(name)
    statements = {
        "it is a subclass of Logger": inspect.isclass(kind) and issubclass(kind, Logger),
        "its docstring begins with one sentence": bool((kind.__doc__ or "").strip().partition("\n")[0].endswith(".")),
        "importing it imports no framework": _imports_no_framework(name),
    }
    require_all(statements, who=name, contract="loggers")
    with tempfile.TemporaryDirectory(prefix="tfl-contract-") as place:
        folder = Path(place) / "runs" / "photos-1" / "training"
        folder.mkdir(parents=True)
        config = folder.parent / "config.yaml"
        config.write_text("seed: 0\n", encoding="utf-8")
        _log(kind, folder, name)
        figures = {key: list(values) for key, values in read(folder).items()}
        statements = {
            f"every figure is there once, at its step: {figures}": _holds(figures),
            "it writes below the folder of runs alone": [item.name for item in Path(place).iterdir()] == ["runs"],
            "it leaves the run's own files alone": config.read_text(encoding="utf-8") == "seed: 0\n",
        }
    require_all(statements, who=name, contract="loggers")


def _log(kind: type[Logger], folder: Path, name: str) -> None:
    config = LogConfig(loggers=(name,))
    plan = LogPlan(loggers=(name,), config=config, run_name="photos-1", params={"seed": "0"}, files=("config.yaml",))
    kind.check(config)
    first = kind(folder, plan)
    for count in range(1, 5):
        first.write(_ROWS[:count], known=count - 1)
    first.close()
    first.close()
    # The checkpoint of the first stage is read first, then that of the second.
    second = kind(folder, plan)
    second.write(_ROWS[:3], known=0)
    second.write(_ROWS[:4], known=0)
    second.write(_ROWS, known=4)
    second.close()
    last = kind(folder, plan)
    last.finish(Ending(status="stopped"), _ROWS)
    last.finish(Ending(status="done", metrics={"accuracy": 0.5}, files=("config.yaml",)), _ROWS)
    last.close()


def _holds(figures: Mapping[str, Sequence[tuple[int, float]]]) -> bool:
    expected: dict[str, list[tuple[int, float]]] = {}
    for step, row in enumerate(_ROWS, 1):
        for key, value in metrics_of(row).items():
            expected.setdefault(key, []).append((step, value))
    # All of these numbers are kept exactly or to float32's seven digits.
    return all(
        len(figures.get(key, ())) == len(values)
        and all(
            step == known_step and abs(value - known) <= 1e-6
            for (step, value), (known_step, known) in zip(figures[key], values, strict=True)
        )
        for key, values in expected.items()
    )


def _imports_no_framework(name: str) -> bool:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from tfl.loggers import LOGGERS; LOGGERS.get({name!r}); "
        f"sys.exit(any(item in sys.modules for item in {_FRAMEWORKS!r}))"
    )
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
