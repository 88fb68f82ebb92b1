"""What `bundle.json` and `artifact.json` say."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tfl.core.errors import IntegrityError
from tfl.core.files import check_digests, write_bytes
from tfl.core.records import Record
from tfl.data.contract import Contract, Fusion

BUNDLE_FILE = "bundle.json"
ARTIFACT_FILE = "artifact.json"
MODEL_FILE = "model.keras"
GOLDEN_FILE = "golden.npz"
REFERENCE_FILE = "reference.npz"
SIMULATION_FILE = "simulation.json"
SIMULATION_MODEL_DIR = "saved_model"
_SIZED = re.compile(r"(.+)-(\d+)px")
_FUSED_SUFFIX: dict[Fusion, str] = {"none": "", "normalize": "-fused", "resize": "-fused-resize"}


def artifact_name(target: str, precision: str, fused: Fusion) -> str:
    """Return `<target>-<precision>`, and behind it what of the preprocessing is fused."""
    return f"{target}-{precision}{_FUSED_SUFFIX[fused]}"


def sized_name(name: str, size: int) -> str:
    """Return the name of an artefact that was made after another one for an input of so many pixels."""
    return f"{name}-{size}px"


def split_sized_name(name: str) -> tuple[str, int | None]:
    """Return the name of the artefact that one was made after, and its size; None where it is no such one."""
    found = _SIZED.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)


def write_contract_files(folder: Path, contract: Contract) -> None:
    """Write what a contract needs beside its record into the folder of a bundle or an artefact.

    Raises:
        IntegrityError: A file of the contract is missing or altered.
    """
    for name, content in contract.files.items():
        write_bytes(folder / name, content)


@dataclass(frozen=True, kw_only=True)
class Tensor(Record):
    """One input or output. A dimension of -1 is free.

    Attributes:
        name: As the model file calls it.
        shape: With the batch dimension first.
        dtype: NumPy's name.
        meaning: Range and meaning in words, such as `class probabilities in [0, 1]`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Signature(Record):
    """What goes in and what comes out."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class BackboneRecord(Record):
    """Where the backbone came from.

    Attributes:
        spec: As it was asked for.
        source: The plug-in that loads it, and whose custom objects the model file needs.
        digest: SHA-256 of its weights.
        licence: SPDX identifier or `unknown`.
        weights_origin: What it was pretrained on.
    """

    spec: str
    source: str
    digest: str
    licence: str
    weights_origin: str


@dataclass(frozen=True, kw_only=True)
class Bundle(Record):
    """A trained model with all that a prediction needs.

    Attributes:
        task: Name of the task plug-in.
        labels: Class names in the order of the output.
        preprocessing: The contract from a source to the input tensor.
        signature: Input and output of `model.keras`.
        backbone: Where the pretrained part came from.
        metrics: The test split's metrics of the float model.
        data_fingerprint: Fingerprint of the manifest it was trained on.
        created: UTC time, ISO 8601.
        versions: Of the libraries that made it.
        files: SHA-256 of every file beside `bundle.json`, `artifacts/` left out.
    """

    task: str
    labels: tuple[str, ...]
    preprocessing: Contract
    signature: Signature
    backbone: BackboneRecord
    metrics: dict[str, float]
    data_fingerprint: str
    created: str
    versions: dict[str, str]
    files: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the model file, which names the model in everything made from it."""
        return self.files[MODEL_FILE]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the record; its contract knows where the files are that it needs."""
        bundle = super().load(path)
        return dataclasses.replace(bundle, preprocessing=bundle.preprocessing.located(path.parent))

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read `bundle.json` and check every file against its digest.

        Raises:
            IntegrityError: A file is missing or altered.
        """
        bundle = cls.load(folder / BUNDLE_FILE)
        check_digests(folder, bundle.files)
        return bundle


@dataclass(frozen=True, kw_only=True)
class Calibration(Record):
    """Which samples set the ranges of a quantized model. They come from the training split alone.

    Attributes:
        split: Always `train`.
        sample_count: How many.
        seed: Of the stratified draw.
        fingerprint: SHA-256 over the samples' digests.
    """

    split: str
    sample_count: int
    seed: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Recipe(Record):
    """How an artefact was quantized, beyond its precision.

    Attributes:
        calibration: How the ranges of activations were set: one of the quantizer's methods, or empty without any.
        bias_correction: What was done about the shift that rounding gives a layer's mean: `none` or a method's name.
        float_layers: Layers that read their inputs and weights unquantized, in data order.
    """

    calibration: str = ""
    bias_correction: str = "none"
    float_layers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Artifact(Record):
    """A model in one target's format and precision, self-contained.

    Attributes:
        target: Name of the target plug-in.
        precision: One of the target's precisions.
        model_files: What the runtime opens; the sizes of these make `size_bytes`. The first one is the entry.
        preprocessing: The bundle's contract; its `fusion` says what of it the model file does itself.
        size_bytes: Size of the model files.
        bundle_fingerprint: The bundle it was made from.
        calibration: For static quantization, else None.
        files: SHA-256 of every file beside `artifact.json`.
        recipe: What a search chose; None where the target's own default was taken.
    """

    task: str
    target: str
    precision: str
    labels: tuple[str, ...]
    preprocessing: Contract
    signature: Signature
    model_files: tuple[str, ...]
    size_bytes: int
    bundle_fingerprint: str
    backbone: BackboneRecord
    calibration: Calibration | None
    created: str
    versions: dict[str, str]
    files: dict[str, str]
    recipe: Recipe | None = None

    @property
    def name(self) -> str:
        """See `artifact_name`."""
        return artifact_name(self.target, self.precision, self.preprocessing.fusion)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the record; its contract knows where the files are that it needs."""
        artifact = super().load(path)
        return dataclasses.replace(artifact, preprocessing=artifact.preprocessing.located(path.parent))

    @classmethod
    def open(cls, folder: Path) -> Artifact:
        """Read `artifact.json` and check every file against its digest.

        Raises:
            IntegrityError: A file is missing or altered.
        """
        artifact = cls.load(folder / ARTIFACT_FILE)
        check_digests(folder, artifact.files)
        return artifact


@dataclass(frozen=True, kw_only=True)
class Simulation(Record):
    """A network with quantization simulated in float32, as quantization-aware training leaves it.

    Its folder holds the SavedModel `saved_model`, with fake quantization, and the golden batch with its answers.

    Attributes:
        bundle_fingerprint: The bundle with the same weights and no simulation.
        quantizers: How many activation tensors are quantized.
        metrics: The test split's metrics of the simulation.
        files: SHA-256 of every file beside `simulation.json`.
    """

    bundle_fingerprint: str
    quantizers: int
    metrics: dict[str, float]
    files: dict[str, str]

    @classmethod
    def open(cls, folder: Path, bundle: Bundle) -> Simulation:
        """Read `simulation.json`, check every file against its digest and that it belongs to the bundle.

        Raises:
            IntegrityError: A file is missing or altered, or it is of another bundle.
        """
        simulation = cls.load(folder / SIMULATION_FILE)
        if simulation.bundle_fingerprint != bundle.fingerprint:
            raise IntegrityError(f"{folder} is the simulation of another model.", hint="Compress the run again.")
        check_digests(folder, simulation.files)
        return simulation
