"""What a target is: exporter, quantizer and runtime of one format."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from tfl.bundle import Artifact, Bundle, Signature, Tensor
from tfl.core.errors import UnsupportedError, UserError
from tfl.core.records import Record
from tfl.data.contract import Floats, Fusion, Inputs, Rows
from tfl.data.preprocess import ImagePreprocessing, as_pictures
from tfl.targets._kernels import Kernels

if TYPE_CHECKING:
    from tfl.targets._quantizer import Quantizer, Rung

OpenMode = Literal["latency", "throughput"]
#: `predict` of one of several callers; each belongs to one thread at a time.
Lane = Callable[[Inputs], Floats]


@dataclass(frozen=True, kw_only=True)
class Tolerance(Record):
    """How far an artefact's class probabilities may be from the float model's.

    Attributes:
        max_difference: Largest absolute difference of any probability on any sample.
        mean_difference: Mean absolute difference over all samples and classes.
        agreement: Share of samples whose top-1 decision must be the same, in [0, 1].
        metric_drop: How much the task's metric may fall on the held-out split.
        batch_difference: Largest absolute difference of any probability of a sample alone from that in a batch. Float32
            adds up in another order there; only an engine that takes ranges over whole batches has a reason for more.
        reason: Why these figures.
    """

    max_difference: float
    mean_difference: float
    agreement: float
    metric_drop: float
    reason: str
    batch_difference: float = 1e-4


#: For formats that fold batch normalization into the weights before it.
FUSED_FLOAT32 = Tolerance(
    max_difference=1e-4,
    mean_difference=1e-5,
    agreement=1.0,
    metric_drop=0.0,
    reason="Float32 kernels with fused batch normalization; the order of additions differs (about 1e-6).",
)

#: For formats that store half-precision weights and compute in float32.
HALF_WEIGHTS = Tolerance(
    max_difference=0.05,
    mean_difference=0.005,
    agreement=0.99,
    metric_drop=0.01,
    reason="Weights keep 11 significant bits (0.05 %): 0.02 at most and 0.001 on average on photos of two classes; "
    "two swapped channels moved the worst photo by 0.81 at least.",
)

#: What a model file that resizes by itself may differ by beside its precision.
RESIZED = Tolerance(
    max_difference=0.03,
    mean_difference=0.002,
    agreement=0.99,
    metric_drop=0.01,
    reason="Resizing inside rounds some pixels to the neighbouring level: 0.0058 at most and 0.00016 on average on "
    "photos of two classes in float32; two swapped channels moved the worst photo by 0.81 at least.",
)

#: For int8 made of a network that was trained with quantization simulated.
SIMULATED_INT8 = Tolerance(
    max_difference=0.4,
    mean_difference=0.01,
    agreement=0.97,
    metric_drop=0.02,
    reason="Against the simulation of the same ranges, which rounds at other places than integer kernels: "
    "0.38 at most (a digit between two classes) and 0.004 on average where channels differ by a factor of "
    "256, 0.016 at most on drawn pictures; two swapped channels must fall outside, as the contract tests.",
)


@dataclass(frozen=True)
class ExportRequest:
    """What an exporter gets, inside its child process.

    Attributes:
        bundle: The record of the float32 bundle.
        bundle_dir: Its folder; `model.keras` lies there.
        saved_model_dir: The same model as a float32 TensorFlow SavedModel with a free batch dimension. For the
            target's `simulated` precisions it holds fake quantization too.
        out_dir: An empty folder; write model files here and nowhere else.
        shared_dir: Scratch that this target's precisions share, for a conversion that several start from.
        precision: One of the target's precisions.
        calibration_rows: `(samples, ...)` of the training split as the contract reads them, or None when the
            precision needs none. Prepare them with `bundle.preprocessing`.
        fused: What of the preprocessing to put into the model file: one of the target's `fusions`, or `none`.
    """

    bundle: Bundle
    bundle_dir: Path
    saved_model_dir: Path
    out_dir: Path
    shared_dir: Path
    precision: str
    calibration_rows: Rows | None
    fused: Fusion = "none"

    @property
    def described(self) -> Bundle:
        """The bundle as the artefact is to describe it: its contract and its input with what is fused."""
        if self.fused == "none":
            return self.bundle
        contract = self.bundle.preprocessing.with_fusion(self.fused)
        fed = Tensor(**vars(contract.input))
        return replace(
            self.bundle,
            preprocessing=contract,
            signature=Signature(inputs=(fed,), outputs=self.bundle.signature.outputs),
        )

    @property
    def pictures(self) -> ImagePreprocessing:
        """The bundle's contract where its input is pictures.

        Raises:
            UnsupportedError: It is another one.
        """
        return as_pictures(self.bundle.preprocessing, purpose="Preprocessing inside a model file")

    @property
    def input_name(self) -> str:
        """Name of the one input, in the SavedModel and in every artefact."""
        return self.bundle.signature.inputs[0].name

    @property
    def output_name(self) -> str:
        """Name of the one output, in the SavedModel and in every artefact."""
        return self.bundle.signature.outputs[0].name

    def calibration_inputs(self) -> Iterator[Inputs]:
        """Yield the calibration samples one by one, a batch of one each and all of one shape, as the contract prepares.

        Raises:
            UserError: The request holds no calibration samples.
        """
        if self.calibration_rows is None or len(self.calibration_rows) == 0:
            raise UserError(
                f"Precision '{self.precision}' sets its ranges on training samples. Received none.",
                hint="Pass calibration samples of the training split.",
            )
        # Some ways of setting ranges gather values of all samples in one array.
        prepare = self.bundle.preprocessing.prepare_alike(self.calibration_rows)
        for row in self.calibration_rows:
            yield prepare(row[None])


@dataclass(frozen=True)
class Exported:
    """What an exporter made.

    Attributes:
        model_files: Relative POSIX paths of what the runtime opens, the entry first.
        signature: Input and output as the model file has them.
    """

    model_files: tuple[str, ...]
    signature: Signature


class Runtime(abc.ABC):
    """An opened model. Input is what the artefact's contract prepares, output float32."""

    @abc.abstractmethod
    def predict(self, batch: Inputs) -> Floats:
        """Infer one batch.

        Args:
            batch: As the artefact's contract prepares it, any batch size >= 1.

        Returns:
            `(batch, classes)` float32 probabilities.

        Raises:
            UserError: The batch has another type.
        """

    def predict_stream(self, batches: Iterable[Inputs]) -> Iterator[Floats]:
        """Infer many batches in order; a runtime with queues or streams overrides this to keep them full.

        A batch may be read until its answer is yielded, so each must have memory of its own.
        """
        for batch in batches:
            yield self.predict(batch)

    def lanes(self) -> tuple[Lane, ...]:
        """Return one `predict` per caller that may infer beside the others, as many as it was opened for.

        A lane may be called from any thread, but not from two at once. Without lanes there is one.
        """
        return (self.predict,)

    @abc.abstractmethod
    def close(self) -> None:
        """Free the engine; closing twice is fine."""

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Target(abc.ABC):
    """One format. One file, one object called `TARGET`; everything that is special to it is said here."""

    #: One line that says what the format is for.
    summary: str
    #: Precision name -> tolerance; the keys are the precisions that the target can make.
    tolerances: ClassVar[dict[str, Tolerance]]
    #: Precision name -> why the target can't make it, for precisions that other targets have.
    unsupported: ClassVar[dict[str, str]]
    #: The precisions of `tolerances` that need calibration samples.
    calibrated: frozenset[str]
    #: The precisions of `tolerances` that are made of a network trained with quantization simulated, whose ranges
    #: they take; what they are compared with is the simulation. `ExportRequest.saved_model_dir` is the simulation's.
    simulated: frozenset[str] = frozenset()
    #: Modules (import names) needed to open an artefact.
    runtime_modules: tuple[str, ...]
    #: Modules (import names) needed to export.
    export_modules: tuple[str, ...]
    #: Whether a runtime can be opened with more than one lane, for callers beside each other.
    has_lanes: bool = False
    #: Modules (import names) that one precision needs on top of these.
    precision_modules: ClassVar[dict[str, tuple[str, ...]]] = {}
    #: What accuracy-aware quantization tries, from the smallest and fastest to the most faithful.
    rungs: ClassVar[tuple[Rung, ...]] = ()
    #: Types of input that its models can have; `string` is texts as they are.
    input_dtypes: frozenset[str] = frozenset({"float32", "uint8", "int32"})
    #: What of the preprocessing it can put into the model file.
    fusions: tuple[Fusion, ...] = ()
    #: Fusion -> why it can't.
    unfused: ClassVar[dict[Fusion, str]] = {}
    #: Why there are none.
    without_rungs: ClassVar[str] = "it has no quantizer"
    #: How its quantizer can set the ranges of activations, the default first.
    calibration_methods: tuple[str, ...] = ()
    #: Modules (import names) that `quantizer` needs.
    quantizer_modules: tuple[str, ...] = ()

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that the target can make."""
        return tuple(self.tolerances)

    def tolerance_of(self, precision: str, fused: Fusion) -> Tolerance:
        """Return the limits of an artefact; where resizing is fused, the wider of the precision's and `RESIZED`."""
        own = self.tolerances[precision]
        if fused != "resize":
            return own
        return Tolerance(
            max_difference=max(own.max_difference, RESIZED.max_difference),
            mean_difference=max(own.mean_difference, RESIZED.mean_difference),
            agreement=min(own.agreement, RESIZED.agreement),
            metric_drop=max(own.metric_drop, RESIZED.metric_drop),
            reason=f"{own.reason} {RESIZED.reason}",
            batch_difference=own.batch_difference,
        )

    def check_precision(self, precision: str) -> None:
        """Raise unless the target can make the precision.

        Raises:
            UnsupportedError: Says why it can't, and what it can.
        """
        if precision not in self.tolerances:
            reason = self.unsupported.get(precision, "there is no such precision")
            raise UnsupportedError(
                f"The target can't make precision '{precision}': {reason}.",
                hint=f"It can make: {', '.join(self.precisions)}.",
            )

    def why_not_fused(self, fused: Fusion) -> str:
        """Return why the target can't put that much of the preprocessing into a model file; empty where it can."""
        if fused == "none" or fused in self.fusions:
            return ""
        return self.unfused.get(fused, "it puts no preprocessing into its model files")

    def why_not_fed(self, dtype: str) -> str:
        """Return why no model of the target can take inputs of a type; empty where one can."""
        if dtype in self.input_dtypes:
            return ""
        if dtype == "string":
            return "the network takes texts as they are and cuts them by operations that only TensorFlow has"
        return f"its models take no {dtype}"

    def quantizer(self, request: ExportRequest, *, float_dir: Path) -> Quantizer:
        """Prepare the model for being quantized again and again. Called in a child process without TensorFlow.

        Args:
            request: With calibration samples; `saved_model_dir`, `out_dir` and `precision` are not looked at.
            float_dir: Folder with the target's own fp32 model files.

        Raises:
            UnsupportedError: The target has no rungs.
        """
        raise UnsupportedError(f"The target can't be quantized by its accuracy: {self.without_rungs}.")

    @abc.abstractmethod
    def export(self, request: ExportRequest) -> Exported:
        """Write the model files of one precision. Called in a child process.

        Raises:
            UnsupportedError: The model has something that the format can't hold.
        """

    @abc.abstractmethod
    def open(
        self, folder: Path, artifact: Artifact, *, threads: int, mode: OpenMode = "latency", lanes: int = 0
    ) -> Runtime:
        """Open an artefact whose digests have been checked.

        Args:
            folder: The artefact's folder.
            artifact: Its record.
            threads: Processor threads to use; 0 lets the engine choose.
            mode: What to set the engine up for.
            lanes: Callers that infer beside each other and share the threads; 0 leaves that to the mode. Other
                values than 0 are given only to targets that say `has_lanes`.
        """

    def kernels(self, folder: Path, artifact: Artifact, batch: Inputs, *, threads: int) -> Kernels:
        """Open an artefact once more with the engine's own profiling on, infer a batch and say which kernels ran.

        Args:
            folder: As in `open`.
            artifact: As in `open`.
            batch: As in `Runtime.predict`.
            threads: As in `open`.
        """
        return Kernels(source="nobody", kernels=(), note="the target does not tell which kernels ran")


def require_dtype(batch: Inputs, dtype: np.dtype[Any]) -> None:
    """Raise unless a batch has the type that the model file takes; a cast would give other answers, silently.

    Raises:
        UserError: Says who prepares it rightly.
    """
    if batch.dtype != dtype:
        raise UserError(
            f"The model file takes {dtype.name}. Received: {batch.dtype.name} of shape {batch.shape}.",
            hint="Prepare inputs with the artefact's own preprocessing: its load_batch or prepare.",
        )


def in_batches(inputs: Inputs, size: int) -> Iterator[Inputs]:
    """Cut `(samples, ...)` into batches of at most `size`, without copying."""
    for start in range(0, len(inputs), size):
        yield inputs[start : start + size]


def predict_all(runtime: Runtime, inputs: Inputs, *, batch_size: int = 32) -> Floats:
    """Infer all samples in batches: `(samples, classes)` float32."""
    return np.concatenate(list(runtime.predict_stream(in_batches(inputs, batch_size))))
