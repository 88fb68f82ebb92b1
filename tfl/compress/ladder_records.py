"""What `quantize/<target>.json` says: every rung that was tried, what was chosen, and what may be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tfl.bench.records import Cell
from tfl.bundle import Calibration, Recipe, Signature
from tfl.compress.paired import PairedDrop, Statement
from tfl.compress.records import CompressSettings, EpochRow
from tfl.core.environment import Environment
from tfl.core.errors import ConfigError
from tfl.core.records import Record
from tfl.core.tables import html_lines, html_parts

Approach = Literal["auto", "ptq", "qat"]
APPROACHES: tuple[str, ...] = get_args(Approach)


@dataclass(frozen=True, kw_only=True)
class LadderSettings(Record):
    """What was asked for.

    Attributes:
        max_drop: How far the metric may fall, such as 0.01.
        confident: Whether a rung holds by the upper end of its interval rather than by its drop.
        calibration_samples: How many training samples set the ranges.
        calibration_method: Of every int8 rung; empty leaves it to the rungs.
        approach: `ptq` quantizes after training alone, `qat` tries the rungs alone that are trained for, `auto` both.
        qat_epochs: Of the training with quantization simulated, at least 1.
        qat_minutes: After which no epoch of it is begun; 0 sets no limit.
        qat_learning_rate: Of it.
        seed: Of the draws, of the resampling and of the training.
    """

    max_drop: float = 0.01
    confident: bool = False
    calibration_samples: int = 200
    calibration_method: str = ""
    approach: Approach = "auto"
    qat_epochs: int = 10
    qat_minutes: float = 30.0
    qat_learning_rate: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        rules = {
            "max_drop": (0.0 <= self.max_drop <= 1.0, "0 to 1"),
            "calibration_samples": (self.calibration_samples >= 1, "at least 1"),
            "approach": (self.approach in APPROACHES, f"one of {', '.join(APPROACHES)}"),
            "qat_epochs": (self.qat_epochs >= 1, "at least 1"),
            "qat_minutes": (self.qat_minutes >= 0.0, "0 or more"),
            "qat_learning_rate": (0.0 < self.qat_learning_rate < 1.0, "above 0 and below 1"),
        }
        problems = [
            f"{name}: must be {rule}. Received: {getattr(self, name)!r}."
            for name, (good, rule) in rules.items()
            if not good
        ]
        if self.approach == "qat" and self.calibration_method:
            problems.append(
                f"calibration_method: must be empty where approach is 'qat', whose training learns the ranges. "
                f"Received: {self.calibration_method!r}."
            )
        if problems:
            raise ConfigError("\n".join(problems))


@dataclass(frozen=True, kw_only=True)
class SimulatedTraining(Record):
    """A run's network, trained on with quantization simulated.

    Attributes:
        key: Digest of all that decides the result; empty where the run itself came from this training.
        settings: What was asked for.
        replay_difference: Largest difference of the network replayed in tf_keras, before anything was changed.
        epochs: Every epoch; fewer than were asked for where the minutes were over.
        kept_epoch: The one with the smallest validation loss; 0 is the state before the first one.
        quantizers: How many activation tensors are quantized.
        metric_name: The task's metric.
        metric: Of the simulation on the test split, which chose nothing.
        seconds: Of the last sitting.
    """

    key: str
    settings: CompressSettings
    replay_difference: float
    epochs: tuple[EpochRow, ...]
    kept_epoch: int
    quantizers: int
    metric_name: str
    metric: float
    seconds: float

    @property
    def words(self) -> str:
        """What was done, in half a sentence."""
        done = f"{len(self.epochs)} of {self.settings.epochs} epochs at {self.settings.learning_rate:g}"
        kept = f"epoch {self.kept_epoch} kept" if self.kept_epoch else "the state before them kept"
        return f"{done} in {self.seconds:.0f} s, {kept}"


@dataclass(frozen=True, kw_only=True)
class SampleUse(Record):
    """Which samples did what. Those of the test split chose nothing.

    Attributes:
        calibration: The draw that set the ranges.
        more_calibration: The draw with every sample that was set aside for it.
        validation_samples: Of the choice set, those of the validation split.
        train_samples: Of the choice set, those of the training split, none of them used for calibration.
        ranking_samples: How many of the choice set ranked the layers.
        note: The same in a sentence.
    """

    calibration: Calibration
    more_calibration: Calibration
    validation_samples: int
    train_samples: int
    ranking_samples: int
    note: str


@dataclass(frozen=True, kw_only=True)
class LayerGain(Record):
    """What a layer costs: the metric with it put back to float, less the metric without.

    Attributes:
        layer: As the model file calls it.
        metric_gain: Of the task's metric.
        log_loss_gain: How much the mean log loss fell, which breaks ties of a coarse metric.
        given: How many layers, those above it in the ranking, were in float both times; 0 is all others int8.
        left_in_float: Whether it stays in float in the rung's model.
    """

    layer: str
    metric_gain: float
    log_loss_gain: float
    given: int
    left_in_float: bool


@dataclass(frozen=True, kw_only=True)
class LayerError(Record):
    """How far a layer's output is from float in the all-int8 model.

    Attributes:
        layer: As the model file calls it.
        relative_error: Power of the difference over power of the float values, 1 / SQNR.
    """

    layer: str
    relative_error: float


@dataclass(frozen=True, kw_only=True)
class SpeedRatio(Record):
    """Latency of one model against another, timed in turns in one process, batch 1.

    Attributes:
        ratio: Median over the blocks of latency over the float model's latency; below 1 is faster.
        low: Lower end of the ratio's 95 % bootstrap interval over the blocks.
        high: Upper end.
        latency_ms: Median of the model.
        float_latency_ms: Median of the same target's float32 model.
        blocks: How many blocks each was timed in.
    """

    ratio: float
    low: float
    high: float
    latency_ms: float
    float_latency_ms: float
    blocks: int


@dataclass(frozen=True, kw_only=True)
class Try(Record):
    """One rung that was tried, on the choice set.

    Attributes:
        rung: Its name in the target's ladder.
        status: `holds`, `drops` (more than allowed) or `failed`.
        reason: Why it failed, or why it was tried where that is not the order alone; else empty.
        recipe: What the quantizer was asked for; None for the target's ordinary export.
        calibration_samples: How many samples set the ranges; 0 where none do.
        drop: Against the float Keras model on the choice set.
        log_loss: Mean log loss on the choice set.
        size_bytes: Of the model files.
        speed: Against the same target's float32.
        seconds: What the rung took, search included.
        ranking: Every layer's cost, the largest first; only where layers were searched.
        models_tried: How many models were written and scored.
    """

    rung: str
    precision: str
    summary: str
    status: Literal["holds", "drops", "failed"]
    reason: str = ""
    recipe: Recipe | None = None
    calibration_samples: int = 0
    drop: PairedDrop | None = None
    log_loss: float | None = None
    size_bytes: int = 0
    speed: SpeedRatio | None = None
    seconds: float = 0.0
    ranking: tuple[LayerGain, ...] = ()
    models_tried: int = 1


@dataclass(frozen=True, kw_only=True)
class Sensitivity(Record):
    """The chosen rung with other draws of calibration samples, on the choice set.

    Attributes:
        sample_count: Of each draw.
        drops: The metric's drop per draw, positive is worse.
        spread: Largest less smallest.
        note: What was drawn from what.
    """

    sample_count: int
    drops: tuple[float, ...]
    spread: float
    note: str


@dataclass(frozen=True, kw_only=True)
class Climb(Record):
    """What a target's own process found; no test sample was there.

    Attributes:
        tries: In order.
        chosen: The last rung's name where it holds, else empty.
        model_dir: Folder with the chosen model's files, relative to the scratch folder.
        signature: As the chosen model has it.
        model_files: Of the chosen model.
        float_size_bytes: Of the same target's float32 model.
        layer_errors: Of the all-int8 model, in data order; empty where plain int8 held.
        sensitivity: Of the chosen rung; None where it needs no calibration or none holds.
    """

    tries: tuple[Try, ...]
    chosen: str
    model_dir: str
    signature: Signature | None
    model_files: tuple[str, ...]
    float_size_bytes: int
    layer_errors: tuple[LayerError, ...] = ()
    sensitivity: Sensitivity | None = None


@dataclass(frozen=True, kw_only=True)
class FlippedSample(Record):
    """A test sample that the two models decide differently.

    Attributes:
        path: Relative to the data.
        truth: Class name.
        float_answer: The float model's decision.
        float_probability: Of that decision, in [0, 1].
        answer: The quantized model's decision.
        probability: Of that decision, in [0, 1].
    """

    path: str
    truth: str
    float_answer: str
    float_probability: float
    answer: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Ladder(Record):
    """One target, from the first rung to the statement.

    Attributes:
        key: Digest of all that decides the result; a ladder with the same key is not climbed again.
        samples: Who judged.
        climb: None where the process failed.
        cell: The artefact with its verification in a fresh process; None where no rung holds.
        artifact_digest: SHA-256 of the artefact's record, or empty.
        test: The chosen model against the float model on the test split, which chose nothing.
        statement: What may be said of it.
        flipped: Test samples whose decision differs, the float model's surest first.
        failure: What stopped the target, or empty.
        seconds: All of it.
        training: With quantization simulated, where a rung asked for it.
    """

    target: str
    key: str
    settings: LadderSettings
    samples: SampleUse
    climb: Climb | None
    cell: Cell | None
    artifact_digest: str
    test: PairedDrop | None
    statement: Statement | None
    flipped: tuple[FlippedSample, ...]
    failure: str
    seconds: float
    environment: Environment
    training: SimulatedTraining | None = None

    @property
    def chosen(self) -> Try | None:
        """The rung that holds on the choice set, or None."""
        tries = self.climb.tries if self.climb is not None else ()
        return next((item for item in tries if item.status == "holds"), None)

    @property
    def holds(self) -> bool:
        """Whether a rung held, its artefact was verified and the test split does not say otherwise."""
        if self.statement is None or self.cell is None or self.cell.status != "ok":
            return False
        if self.settings.confident:
            return self.statement.outcome == "within"
        return self.statement.outcome != "exceeded"


@dataclass(frozen=True, kw_only=True)
class Quantization(Record):
    """All targets of one call."""

    ladders: tuple[Ladder, ...]

    @property
    def holds(self) -> bool:
        """Whether every target holds."""
        return all(ladder.holds for ladder in self.ladders)

    def _repr_html_(self) -> str:
        from tfl.compress.ladder_run import describe
        from tfl.compress.ladder_tables import rungs_table

        return html_parts(
            [rungs_table(ladder).html() + html_lines([f"{describe(ladder)}."]) for ladder in self.ladders]
        )
