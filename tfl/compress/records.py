"""What is asked of a compression, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from tfl.core.errors import ConfigError
from tfl.core.records import Record
from tfl.core.tables import html_lines

Method = Literal["qat", "prune", "cluster", "prune+qat", "cluster+qat", "prune+cluster", "prune+cluster+qat"]
METHODS: tuple[str, ...] = get_args(Method)
Step = Literal["prune", "cluster", "qat"]

_MOST_CLUSTERS = 256


@dataclass(frozen=True, kw_only=True)
class CompressSettings(Record):
    """How a trained network is compressed by further training.

    Attributes:
        method: The steps, joined by `+`; each keeps what the one before it reached. With `qat` these are the PQAT,
            CQAT and PCQAT of TensorFlow Model Optimization.
        epochs: Of each step, at least 1.
        learning_rate: Of Adam.
        final_rate: Share of the learning rate that a half cosine ends at in `qat` (Loshchilov and Hutter, "SGDR", 2017,
            without restarts); 1 keeps it constant, as it is in the other steps.
        batch_size: Samples per step.
        batch_norm: `frozen` leaves BatchNorm's statistics and factors as they are; `learn` lets them move, which needs
            batches of some size.
        sparsity: Share of weights that become 0, in (0, 1); of the layers that are pruned.
        schedule: `polynomial` raises the sparsity from 0 over the first half of the steps (Zhu and Gupta, "To prune,
            or not to prune", 2017); `constant` has it from the first step.
        block: Rows and columns of the blocks that become 0 together, such as `2x4`: input by output
            channels of a dense layer, and of each place of a convolution's window.
        m_by_n: `2:4` makes 2 of 4 neighbours 0; empty for none. It decides the sparsity, `sparsity` is not used.
        clusters: How many values the weights of a layer may have, 2 to 256.
        seed: Of the order of the samples and of the augmentation.
        minutes: After which no epoch of a step is begun, once one can be kept; 0 sets no limit.
    """

    method: Method
    epochs: int = 3
    learning_rate: float = 1e-4
    final_rate: float = 1.0
    batch_size: int = 32
    batch_norm: Literal["frozen", "learn"] = "frozen"
    sparsity: float = 0.5
    schedule: Literal["polynomial", "constant"] = "polynomial"
    block: str = "1x1"
    m_by_n: str = ""
    clusters: int = 16
    seed: int = 0
    minutes: float = 0.0

    @property
    def suffix(self) -> str:
        """What the new run's name has behind that of the run it is made of."""
        return self.method.replace("+", "-")

    def __post_init__(self) -> None:
        rules = {
            "method": (self.method in METHODS, f"one of {', '.join(METHODS)}"),
            "epochs": (self.epochs >= 1, "at least 1"),
            "learning_rate": (0.0 < self.learning_rate < 1.0, "above 0 and below 1"),
            "final_rate": (0.0 <= self.final_rate <= 1.0, "0 to 1"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "sparsity": (0.0 < self.sparsity < 1.0, "above 0 and below 1"),
            "block": (_pair(self.block, "x") is not None, "two numbers from 1 up, such as 1x1 or 2x4"),
            "m_by_n": (_is_m_by_n(self.m_by_n), "empty, or two numbers, the first one smaller, such as 2:4"),
            "minutes": (self.minutes >= 0.0, "0 or more"),
            "clusters": (2 <= self.clusters <= _MOST_CLUSTERS, f"2 to {_MOST_CLUSTERS}"),
        }
        problems = [
            f"{name}: must be {rule}. Received: {getattr(self, name)!r}."
            for name, (good, rule) in rules.items()
            if not good
        ]
        if not problems and self.m_by_n and self.block != "1x1":
            problems.append("block: must be 1x1 where m_by_n is set: each is a pattern of its own.")
        if problems:
            raise ConfigError("\n".join(problems))

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in their order."""
        return tuple(self.method.split("+"))

    @property
    def block_size(self) -> tuple[int, int]:
        """Rows and columns."""
        return _pair(self.block, "x") or (1, 1)

    @property
    def pattern(self) -> tuple[int, int] | None:
        """`m_by_n` as numbers, or None."""
        return _pair(self.m_by_n, ":")


def _pair(text: str, mark: str) -> tuple[int, int] | None:
    first, _, second = text.partition(mark)
    if not (first.isdecimal() and second.isdecimal() and int(first) and int(second)):
        return None
    return int(first), int(second)


def _is_m_by_n(text: str) -> bool:
    pair = _pair(text, ":")
    return not text or (pair is not None and pair[0] < pair[1])


@dataclass(frozen=True, kw_only=True)
class LayerWeights(Record):
    """The kernel of one layer.

    Attributes:
        layer: Its name.
        kind: Class of the layer.
        weights: How many values.
        sparsity: Share of them that is exactly 0.
        unique: How many different values there are.
        unique_per_channel: The most that any output channel has. Quantization has a scale per channel, so after `qat`
            it is the channel that keeps the clusters.
        compressed: What was asked of it: `pruned`, `clustered`, both joined by `+`, or empty.
    """

    layer: str
    kind: str
    weights: int
    sparsity: float
    unique: int
    unique_per_channel: int
    compressed: str


@dataclass(frozen=True, kw_only=True)
class Size(Record):
    """Size of a model's file.

    Attributes:
        raw_bytes: As it lies on disk.
        gzip_bytes: The same after gzip, which is how TensorFlow Model Optimization states what pruning and clustering
            gain: zeros and repeated values only take less room in a compressed file.
    """

    raw_bytes: int
    gzip_bytes: int


@dataclass(frozen=True, kw_only=True)
class EpochRow(Record):
    """One epoch.

    Attributes:
        step: `prune`, `cluster` or `qat`.
        epoch: From 1 within the step.
        loss: Mean over the epoch's training batches.
        validation_loss: After the epoch, in the step's own simulation.
        validation_accuracy: Likewise.
        counts: Whether the epoch could be kept: while a schedule still raises the sparsity it can't.
    """

    step: str
    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    counts: bool


@dataclass(frozen=True, kw_only=True)
class Paired(Record):
    """Two models on the same held-out samples.

    Attributes:
        sample_count: How many samples.
        both_right: Samples that both answer rightly.
        only_before: That only the model before does.
        only_after: That only the model after does.
        p_value: Of McNemar's exact test.
    """

    sample_count: int
    both_right: int
    only_before: int
    only_after: int
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Compression(Record):
    """What was done to a run's model and what it came to.

    Attributes:
        source: The run that was compressed, as a path.
        source_fingerprint: SHA-256 of its model file.
        settings: What was asked for.
        replay_difference: Largest difference of the network replayed in tf_keras, before anything was changed.
        epochs: Every epoch of every step.
        kept_epochs: The epoch that was kept, by step; 0 means the state before the first one.
        metric_name: The task's metric, on the test split.
        metric_before: Of the run's float model.
        metric_after: Of the new float model.
        metric_simulated: Of the model with quantization simulated, or None without `qat`.
        paired: New float model against the old one.
        paired_simulated: The simulation against the old float model, or None without `qat`.
        size_before: Of the float model's file.
        size_after: Likewise.
        layers: Kernels of the new float model, and what they reached.
        sparsity: Share of zeros in the kernels that were pruned, or None where none were.
        quantizers: How many tensors the simulation quantizes; 0 without `qat`.
        speed: Whether anything was measured.
        seconds: Of the training.
    """

    SCHEMA: ClassVar[int] = 1
    source: str
    source_fingerprint: str
    settings: CompressSettings
    replay_difference: float
    epochs: tuple[EpochRow, ...]
    kept_epochs: dict[str, int]
    metric_name: str
    metric_before: float
    metric_after: float
    metric_simulated: float | None
    paired: Paired
    paired_simulated: Paired | None
    size_before: Size
    size_after: Size
    layers: tuple[LayerWeights, ...]
    sparsity: float | None
    quantizers: int
    speed: str = "not measured; run tfl benchmark on the exports"
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def _repr_html_(self) -> str:
        from tfl.compress.tables import compression_lines, compression_table

        return compression_table(self).html() + html_lines([*compression_lines(self), f"Speed: {self.speed}."])
