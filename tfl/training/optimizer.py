"""Optimizers with a rate per layer and an average of the weights, and the schedules of their rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfl.core.train_config import Schedule, TrainConfig

if TYPE_CHECKING:
    import keras

#: Of one_cycle: the share of the steps that it rises for, and where it begins and ends, as parts of the peak
#: (the defaults of fastai and PyTorch, after Smith and Topin, 2018).
_RISE_SHARE = 0.3
_BEGIN_DIVISOR = 25.0
_END_DIVISOR = 1e5
_MOMENTUM = 0.9
_NO_DECAY = ("bias", "beta", "gamma")


def make_optimizer(
    train: TrainConfig, rate: float, *, steps: int, multipliers: Mapping[str, float] | None = None
) -> keras.optimizers.Optimizer:
    """Make the optimizer of a stage.

    Args:
        train: The settings.
        rate: Peak learning rate.
        steps: Of the whole stage.
        multipliers: Path of a variable -> factor on its rate; 1 for all others.
    """
    import keras

    updates = max(1, steps // train.accumulate)
    factors = dict(multipliers or {})

    class PerLayer:
        """Scale the rate of each variable, and tell the averages."""

        def build(self, variables: Any) -> None:
            super().build(variables)  # type: ignore[misc]
            self.factors = [factors.get(variable.path, 1.0) for variable in variables]

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            factor = self.factors[self._get_variable_index(variable)]  # type: ignore[attr-defined]
            super().update_step(gradient, variable, learning_rate if factor == 1.0 else learning_rate * factor)  # type: ignore[misc]

        def averages(self) -> list[Any]:
            """Return the moving averages in the order of the trainable variables; empty where none are kept."""
            return list(getattr(self, "_model_variables_moving_average", ())) if train.ema else []

    class AdamW(PerLayer, keras.optimizers.AdamW):  # type: ignore[misc]
        pass

    class SGD(PerLayer, keras.optimizers.SGD):  # type: ignore[misc]
        pass

    common: dict[str, Any] = {
        "learning_rate": make_schedule(train.schedule, rate, steps=updates, warmup=train.warmup),
        "weight_decay": train.weight_decay or None,
        "global_clipnorm": train.clip_norm or None,
        "use_ema": bool(train.ema),
        "gradient_accumulation_steps": train.accumulate if train.accumulate > 1 else None,
    }
    if train.ema:
        common["ema_momentum"] = train.ema
    if train.optimizer == "sgd":
        optimizer = SGD(momentum=_MOMENTUM, nesterov=True, **common)
    else:
        optimizer = AdamW(**{**common, "weight_decay": train.weight_decay})
    optimizer.exclude_from_weight_decay(var_names=list(_NO_DECAY))
    return optimizer


def make_schedule(kind: Schedule, rate: float, *, steps: int, warmup: float = 0.0) -> Any:
    """Return what Keras takes as a learning rate: a number, or a schedule over the updates of a stage.

    With progress t in [0, 1]: cosine is `rate (1 + cos(pi t)) / 2` (Loshchilov and Hutter, "SGDR", 2017, without
    restarts); one_cycle rises from `rate / 25` along half a cosine in the first 30 %, then falls to `rate / 1e5`
    along another. Warm-up rises linearly from `rate / updates of the warm-up`.

    Args:
        kind: Which.
        rate: The peak.
        steps: Updates of the whole stage.
        warmup: Share of them; not for one_cycle.
    """
    import keras

    if kind == "constant" and not warmup:
        return rate
    rising = _RISE_SHARE * steps if kind == "one_cycle" else max(1.0, round(warmup * steps)) if warmup else 0.0
    falling = max(1.0, steps - rising)

    class Rate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            ops = keras.ops
            step = ops.cast(step, "float32")
            after = ops.clip((step - rising) / falling, 0.0, 1.0)
            cosine = 0.5 * (1.0 + ops.cos(math.pi * after))
            if kind == "one_cycle":
                before = 0.5 * (1.0 - ops.cos(math.pi * ops.clip(step / max(rising, 1.0), 0.0, 1.0)))
                begin, end = rate / _BEGIN_DIVISOR, rate / _END_DIVISOR
                return ops.where(step < rising, begin + (rate - begin) * before, end + (rate - end) * cosine)
            top = rate * cosine if kind == "cosine" else ops.full_like(step, rate)
            return ops.where(step < rising, rate * (step + 1.0) / max(rising, 1.0), top) if rising else top

        def get_config(self) -> dict[str, Any]:
            return {"kind": kind, "rate": rate, "steps": steps, "warmup": warmup}

    return Rate()


def layer_multipliers(layers: list[Any], decay: float) -> dict[str, float]:
    """Give each learning layer `decay` times the rate of the next one above (Howard and Ruder, "ULMFiT", 2018).

    Args:
        layers: In the order of the data; those without learning weights don't count.
        decay: In (0, 1]; the last layer has factor 1.

    Returns:
        Path of a variable -> factor.
    """
    learning = [layer for layer in layers if layer.trainable_weights]
    return {
        variable.path: decay**depth
        for depth, layer in enumerate(reversed(learning))
        for variable in layer.trainable_weights
    }
