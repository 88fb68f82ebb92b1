"""The settings of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfl.core.augmentation import Augmentation
from tfl.core.errors import ConfigError
from tfl.core.records import Record

Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
Xla = Literal["auto", "on", "off"]
Schedule = Literal["constant", "cosine", "one_cycle"]

#: What `until` may name: metrics of the validation split, and which way is better.
GOALS = {"accuracy": ">=", "loss": "<="}


def require_in_range(problems: list[tuple[bool, str]]) -> None:
    """Raise one error that names every value out of range.

    Args:
        problems: Whether it is one, and what to say.

    Raises:
        ConfigError: There is one.
    """
    lines = [text for wrong, text in problems if wrong]
    if lines:
        raise ConfigError("\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Record):
    """The training.

    A run first fits a logistic regression to the frozen features (`instant`), then the head by gradient on augmented
    views too (`head`), and last, where asked, the backbone's top with it (`fine_tune`). A stage keeps the weights of
    its smallest validation loss.

    Attributes:
        instant: Fit the logistic regression first; the head's stage then starts from it.
        epochs: Most epochs of the head on the frozen backbone; 0 leaves that stage out.
        head_batch_size: Samples per step of the head, which learns from features in memory.
        batch_size: Samples per step of fine-tuning; `auto` measures which is fastest and fits into the memory.
        learning_rate: Peak rate of the head; `find` takes it from a range test.
        patience: Epochs without a smaller validation loss before a stage stops; best weights are restored.
        fine_tune_epochs: Most epochs of each stage of fine-tuning; 0 leaves it out.
        fine_tune_layers: How many of the backbone's last layers learn in it; 0 means all.
        unfreeze: Gradual unfreezing: one stage of fine-tuning each with so many of the last layers learning, such as
            `[10, 30]`; empty means the one stage with `fine_tune_layers`.
        fine_tune_learning_rate: Peak rate of fine-tuning; `find` takes it from a range test.
        lora_rank: Inner size of low-rank adapters (LoRA; Hu et al., 2022) that learn in fine-tuning in the place of the
            layers' own weights, and are added to them after it; 0 lets the weights themselves learn.
        layer_decay: Discriminative rates: each layer learns at this times the rate of the one above it, in (0, 1].
        optimizer: `adamw` (Loshchilov and Hutter, 2019; Adam where `weight_decay` is 0) or `sgd` with momentum 0.9.
        weight_decay: Of kernels, in units of the learning rate; biases and normalizations have none.
        schedule: `constant`; `cosine` falls to 0 over all epochs; `one_cycle` rises in the first 30 % of the steps
            from 1/25 of the rate and then falls along a cosine (Smith and Topin, 2018).
        warmup: Share of the steps in which the rate rises linearly first, in [0, 1); `one_cycle` has its own.
        label_smoothing: Share of the label given to all classes evenly, in [0, 1).
        ema: Decay of the moving average of the weights that is judged and kept, in [0, 1); 0 keeps no average.
        clip_norm: Largest global norm of the gradients; 0 does not clip.
        accumulate: Steps whose gradients are averaged into one update.
        batch_norm: `frozen` keeps the statistics of the pretraining, `learn` lets those of learning layers move.
        augmentation: `none`; `light` moves, zooms and turns a little and changes contrast; `standard` also flips
            left to right; `strong` goes further and adds shear, perspective, brightness, saturation, hue, blur,
            noise and erased patches. For training samples only; `AugmentConfig` sets each by its name.
        augmented_views: Augmented copies per sample, next to the untouched one, whose frozen part is computed once.
        cache: `auto` computes what is frozen once and keeps it on disk; `off` runs the whole network in every step
            of fine-tuning, with fresh augmentation in every epoch.
        cache_dtype: Of what is kept; float32 takes over where values exceed the range of float16.
        cache_gb: Most that is kept of all runs together; the longest unused goes first.
        class_weights: `balanced` weighs classes by the inverse of their count.
        sampling: `balanced` draws as many samples of each class into an epoch, `natural` every sample once.
        precision: Of the training arithmetic; `auto` looks at the hardware and measures.
        xla: Compile the steps with XLA: `on`, `off`, or `auto`, which tries on a GPU whether compiling pays for the
            steps to come, always compiles under JAX and never on a processor under TensorFlow.
        until: Stop once validation reaches it: `accuracy=0.95` or `loss=0.1`; empty means no such goal.
        time_limit_s: Seconds of training after which it stops with the best so far; 0 means no limit.
        checkpoint_s: Most seconds between checkpoints.
        checkpoint_steps: Most steps between checkpoints; 0 leaves it to the seconds.
    """

    instant: bool = True
    epochs: int = 40
    head_batch_size: int = 128
    batch_size: int | Literal["auto"] = 32
    learning_rate: float | Literal["find"] = 0.003
    patience: int = 8
    fine_tune_epochs: int = 0
    fine_tune_layers: int = 30
    unfreeze: tuple[int, ...] = ()
    fine_tune_learning_rate: float | Literal["find"] = 0.0001
    lora_rank: int = 0
    layer_decay: float = 1.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    warmup: float = 0.0
    label_smoothing: float = 0.0
    ema: float = 0.0
    clip_norm: float = 0.0
    accumulate: int = 1
    batch_norm: Literal["frozen", "learn"] = "frozen"
    augmentation: Augmentation = "light"
    augmented_views: int = 3
    cache: Literal["auto", "off"] = "auto"
    cache_dtype: Literal["float16", "float32"] = "float16"
    cache_gb: float = 20.0
    class_weights: Literal["none", "balanced"] = "none"
    sampling: Literal["natural", "balanced"] = "natural"
    precision: Precision = "auto"
    xla: Xla = "auto"
    until: str = ""
    time_limit_s: float = 0.0
    checkpoint_s: float = 30.0
    checkpoint_steps: int = 0

    def __post_init__(self) -> None:
        least = {"batch_size": 1, "head_batch_size": 1, "patience": 1, "accumulate": 1}
        least |= dict.fromkeys(("epochs", "fine_tune_epochs", "fine_tune_layers", "lora_rank", "augmented_views"), 0)
        least |= dict.fromkeys(("weight_decay", "clip_norm", "time_limit_s", "checkpoint_s", "checkpoint_steps"), 0)
        above = ("learning_rate", "fine_tune_learning_rate", "cache_gb")
        shares = ("warmup", "label_smoothing", "ema")
        values = {name: getattr(self, name) for name in (*least, *above, *shares)}
        numbers = {name: value for name, value in values.items() if not isinstance(value, str)}
        problems = [
            (name in numbers and numbers[name] < limit, f"{name}: must be at least {limit}. Received: {values[name]}.")
            for name, limit in least.items()
        ]
        problems += [
            (name in numbers and not numbers[name] > 0.0, f"{name}: must be above 0. Received: {values[name]}.")
            for name in above
        ]
        problems += [
            (not 0.0 <= getattr(self, name) < 1.0, f"{name}: must be in [0, 1). Received: {values[name]}.")
            for name in shares
        ]
        growing = all(first < later for first, later in zip((0, *self.unfreeze), self.unfreeze, strict=False))
        problems += [
            (not 0.0 < self.layer_decay <= 1.0, f"layer_decay: must be in (0, 1]. Received: {self.layer_decay}."),
            (
                not (self.instant or self.epochs),
                "instant, epochs: one of them must train the head. Received: false and 0.",
            ),
            (
                not growing,
                f"unfreeze: must be numbers of layers, each above the one before. Received: {list(self.unfreeze)}.",
            ),
        ]
        require_in_range(problems)
        parse_goal(self.until)


def parse_goal(text: str) -> tuple[str, float] | None:
    """Read `accuracy=0.95`: the metric of the validation split and its value; None where there is no goal.

    Raises:
        ConfigError: It is not a goal.
    """
    if not text:
        return None
    metric, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    fits = 0.0 < value <= 1.0 if metric == "accuracy" else value > 0.0
    if metric not in GOALS or not fits:
        raise ConfigError(
            f"until: must be accuracy=VALUE in (0, 1] or loss=VALUE above 0. Received: '{text}'.",
            hint="--until accuracy=0.95",
        )
    return metric, value
