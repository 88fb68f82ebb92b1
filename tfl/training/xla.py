"""Whether the steps of a stage are compiled with XLA: asked for, known, or tried on the stage itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.core.errors import UnsupportedError
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.train_config import Xla
from tfl.training.checkpoint import assign_variables, read_variables
from tfl.training.network import leaves_of

_TIMED_STEPS = 5
#: Where all steps together take less, a trial costs more than it could save.
_LEAST_S = 20.0
_ON_A_PROCESSOR = "TensorFlow on a processor: XLA made the steps of MobileNetV2 there 15 times slower"


@dataclass(frozen=True, kw_only=True)
class XlaTrial(Record):
    """What a trial measured.

    Attributes:
        steps: That are to come at least, where no goal ends the stage before.
        compile_s: What the first step takes longer with XLA than without, for every size of batch that there is.
        xla_ms: Median step with XLA.
        plain_ms: Median step without.
    """

    steps: int
    compile_s: float
    xla_ms: float
    plain_ms: float

    @property
    def pays(self) -> bool:
        """Whether compiling and all steps with XLA take less time than all steps without."""
        return self.compile_s + self.steps * self.xla_ms / 1e3 < self.steps * self.plain_ms / 1e3


@dataclass(frozen=True, kw_only=True)
class XlaChoice(Record):
    """Whether steps are compiled, and the reason.

    Attributes:
        compiled: Whether they are.
        reason: In words, with the figures that decided.
        trial: What was measured; None where nothing had to be.
    """

    compiled: bool
    reason: str
    trial: XlaTrial | None = None

    @property
    def text(self) -> str:
        """Such as `off: asked for`."""
        return f"{'on' if self.compiled else 'off'}: {self.reason}"


def compiles_by_rule(asked: Xla) -> bool:
    """Say whether steps are compiled before anything is tried."""
    import keras

    return asked == "on" or (asked == "auto" and keras.backend.backend() == "jax")


def choose_xla(
    asked: Xla,
    model: Any,
    feed: Any,
    *,
    steps: int,
    compile_with: Callable[[bool], None],
    path: Path,
    progress: Progress,
) -> XlaChoice:
    """Decide for a stage, or read what an earlier sitting decided; the model is left as it was, but for compilation.

    Args:
        asked: What the settings say.
        model: Of the stage.
        feed: Of training batches.
        steps: That are to come at least.
        compile_with: Compiles the model, with or without XLA.
        path: Where an `XlaChoice` is kept that was tried.
        progress: Told what a trial found.

    Raises:
        UnsupportedError: XLA is asked for and a layer can't be compiled.
    """
    if path.is_file():
        return XlaChoice.load(path)
    known = _without_trial(asked, model)
    if known is not None:
        return known
    progress.update("trying XLA")
    choice = try_xla(model, feed, steps=steps, compile_with=compile_with)
    choice.save(path)
    progress.result(f"XLA {choice.text}")
    return choice


def _without_trial(asked: Xla, model: Any) -> XlaChoice | None:
    import keras

    if asked == "off":
        return XlaChoice(compiled=False, reason="asked for")
    unfit = sorted({str(layer.name) for layer in leaves_of(model) if not layer.supports_jit})
    if unfit and asked == "on":
        raise UnsupportedError(f"XLA can't compile {', '.join(unfit)}.", hint="Use --xla auto or off.")
    if asked == "on":
        return XlaChoice(compiled=True, reason="asked for")
    if unfit:
        return XlaChoice(compiled=False, reason=f"it can't compile {', '.join(unfit)}")
    if keras.backend.backend() == "jax":
        return XlaChoice(compiled=True, reason="JAX compiles every step")
    import tensorflow as tf

    return None if tf.config.list_physical_devices("GPU") else XlaChoice(compiled=False, reason=_ON_A_PROCESSOR)


def try_xla(model: Any, feed: Any, *, steps: int, compile_with: Callable[[bool], None]) -> XlaChoice:
    """Time some steps without XLA and, where that could pay, with it; see `choose_xla`."""
    feed.go_to(0)
    before = read_variables(model.variables)
    try:
        compile_with(False)
        plain_first_s, plain_ms = _time_steps(model, feed[0])
        whole_s = steps * plain_ms / 1e3
        if whole_s < _LEAST_S:
            return XlaChoice(compiled=False, reason=f"all {steps} steps take {whole_s:.2g} s without it")
        compile_with(True)
        try:
            first_s, xla_ms = _time_steps(model, feed[0])
        except Exception as error:  # noqa: BLE001 - compilers raise what they like, and steps run without them
            return XlaChoice(compiled=False, reason=f"the steps can't be compiled ({type(error).__name__})")
    finally:
        assign_variables(model.variables, before)
    sizes = len({len(feed[index][0]) for index in (0, len(feed) - 1)})
    compile_s = sizes * max(0.0, first_s - plain_first_s)
    return judge(XlaTrial(steps=steps, compile_s=compile_s, xla_ms=xla_ms, plain_ms=plain_ms))


def judge(trial: XlaTrial) -> XlaChoice:
    """Weigh what compiling costs against what it saves in the steps to come."""
    figures = (
        f"a step takes {trial.xla_ms:.3g} ms with it and {trial.plain_ms:.3g} ms without, compiling"
        f" {trial.compile_s:.2g} s, and at least {trial.steps} steps are to come"
    )
    return XlaChoice(compiled=trial.pays, reason=figures, trial=trial)


def _time_steps(model: Any, batch: tuple[Any, ...]) -> tuple[float, float]:
    """Return the seconds of the first step and the median milliseconds of those after it."""
    inputs, labels, *weights = batch
    seconds = []
    for _ in range(1 + _TIMED_STEPS):
        begin = time.perf_counter()
        model.train_on_batch(inputs, labels, sample_weight=weights[0] if weights else None)
        seconds.append(time.perf_counter() - begin)
        model.reset_metrics()
    return seconds[0], 1e3 * float(np.median(seconds[1:]))
