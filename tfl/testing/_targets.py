"""What a target promises, held against a real export."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from tfl.bundle import Artifact, Bundle, Calibration, Golden
from tfl.bundle.records import GOLDEN_FILE, artifact_name
from tfl.core.child import call_in_child
from tfl.core.errors import IntegrityError, UnsupportedError, UserError
from tfl.core.files import sha256_file, sha256_text, tree_size_bytes
from tfl.data.contract import Floats, Fusion, Inputs, Rows
from tfl.data.decode import Pixels
from tfl.data.preprocess import ImagePreprocessing, resize
from tfl.targets import TARGETS, OpenMode, Runtime, Target, Tolerance, export_artifact, open_artifact, predict_all
from tfl.targets._base import RESIZED
from tfl.testing._statements import require_all

#: What an installation without the `train` extra does not have.
_TRAINING_MODULES = ("tensorflow", "keras")
#: One sample alone may be rounded otherwise than in a batch: float32 by the order of additions, integers by a level.
_BATCH_DIFFERENCE = {True: 0.02, False: 1e-4}
_NO_PRECISION = "fp3"


@dataclass(frozen=True)
class _Answers:
    """What a fresh process saw."""

    golden: Floats
    one_by_one: Floats
    throughput: Floats
    misread: Floats
    modules: tuple[str, ...]
    refuses_other_type: bool
    resized: Floats | None = None
    other_sizes: Floats | None = None


def check_target(
    name: str,
    precision: str,
    bundle_dir: Path,
    *,
    saved_model_dir: Path,
    work_dir: Path,
    calibration_rows: Rows,
    simulation_dir: Path | None = None,
    fused: Fusion = "none",
) -> Artifact:
    """Export a bundle with one target and precision and hold the artefact against everything a target promises.

    The artefact is reopened in a fresh process and must answer the golden batch within the target's tolerance,
    the same one by one as in a batch and in both modes; misread inputs (see `Contract.misread`) must fall outside the
    tolerance; the record must say what the bundle says; an altered file must be refused; the unsupported
    must raise; closing twice must be fine; and an engine that is not TensorFlow must not import it. An input of
    another type must be refused; and where resizing is fused, pictures of other sizes must be answered as the
    contract's own resizing of them is.

    Args:
        name: Of the target plug-in, built in or from an entry point.
        precision: One of its precisions.
        bundle_dir: A bundle whose answers depend on colour and are not all certain.
        saved_model_dir: What `stage_saved_model` wrote for it.
        work_dir: The artefact is written to a folder of its own name in it.
        calibration_rows: `(samples, height, width, 3)` uint8 RGB.
        simulation_dir: A `Simulation` of the bundle, for the target's simulated precisions, which are held against it.
        fused: What of the preprocessing to put into the model file: one of the target's `fusions`, or `none`.

    Returns:
        The artefact's record.

    Raises:
        VerificationError: Names every promise that was broken.
        TflError: The export failed.
    """
    target = TARGETS.get(name)
    bundle = Bundle.open(bundle_dir)
    folder = work_dir / artifact_name(name, precision, fused)
    calibration = Calibration(
        split="train",
        sample_count=len(calibration_rows),
        seed=0,
        fingerprint=sha256_text(str(calibration_rows.tobytes())),
    )
    artifact = export_artifact(
        bundle_dir,
        folder,
        target=name,
        precision=precision,
        saved_model_dir=saved_model_dir,
        calibration=calibration,
        calibration_rows=calibration_rows,
        simulation_dir=simulation_dir,
        fused=fused,
        log_path=work_dir / f"{folder.name}.log",
    )
    answers = _answer_in_child(folder)
    statements = {
        **_record_statements(artifact, bundle, folder, fused),
        "the golden batch is that of the model it is made of": sha256_file(folder / GOLDEN_FILE)
        == sha256_file(_golden_dir(target, precision, bundle_dir, simulation_dir) / GOLDEN_FILE),
        "the calibration is recorded": artifact.calibration
        == (calibration if precision in target.calibrated else None),
        **_answer_statements(answers, Golden.load(folder / GOLDEN_FILE), target.tolerances[precision]),
        "TensorFlow is imported only by its own engine": not answers.modules or "tensorflow" in target.runtime_modules,
        "an altered file is refused": _refuses_altered(folder, artifact),
        **_refusal_statements(name),
    }
    require_all(statements, who=artifact.name, contract="targets")
    return artifact


def _golden_dir(target: Target, precision: str, bundle_dir: Path, simulation_dir: Path | None) -> Path:
    return simulation_dir if precision in target.simulated and simulation_dir is not None else bundle_dir


def _record_statements(artifact: Artifact, bundle: Bundle, folder: Path, fused: Fusion) -> dict[str, bool]:
    source = artifact.signature.inputs[0]
    shapes = [tensor.shape for tensor in (*artifact.signature.inputs, *artifact.signature.outputs)]
    contract = bundle.preprocessing.with_fusion(fused)
    expected = [contract.input.shape, *(tensor.shape for tensor in bundle.signature.outputs)]
    names = [tensor.name for tensor in (*artifact.signature.inputs, *artifact.signature.outputs)]
    expected_names = [tensor.name for tensor in (*bundle.signature.inputs, *bundle.signature.outputs)]
    return {
        "the record on disk is the one returned": Artifact.open(folder) == artifact,
        "the labels are the bundle's": artifact.labels == bundle.labels,
        "the preprocessing is the bundle's, and says what is fused": artifact.preprocessing == contract,
        "a fused model file says that it takes pixels": fused == "none" or source.dtype == "uint8",
        "the task is the bundle's": artifact.task == bundle.task,
        "the backbone and its licence are the bundle's": artifact.backbone == bundle.backbone,
        "the bundle's fingerprint is recorded": artifact.bundle_fingerprint == bundle.fingerprint,
        "the signature's shapes are what the contract leaves to the caller, with a free batch": shapes == expected,
        "the signature's names are the bundle's": names == expected_names,
        "every model file is there": all((folder / name).is_file() for name in artifact.model_files),
        "every model file has a digest": set(artifact.model_files) < set(artifact.files),
        "the size is that of the model files": artifact.size_bytes
        == tree_size_bytes(folder, names=artifact.model_files)
        > 0,
        "the versions of the libraries are recorded": bool(artifact.versions),
    }


def _answer_statements(answers: _Answers, golden: Golden, tolerance: Tolerance) -> dict[str, bool]:
    limit = max(_BATCH_DIFFERENCE[tolerance.agreement < 1.0], tolerance.batch_difference)
    far, mean = _distance(golden.outputs, answers.golden)
    return {
        "the answers are float32 of the golden batch's shape": answers.golden.dtype == np.float32
        and answers.golden.shape == golden.outputs.shape,
        "the answers are probabilities": bool(np.allclose(answers.golden.sum(axis=1), 1.0, atol=0.02)),
        f"the golden batch is within the tolerance (max {far:.2g}, mean {mean:.2g})": _within(
            tolerance, golden.outputs, answers.golden
        ),
        "one by one gives what a batch gives": _distance(answers.golden, answers.one_by_one)[0] <= limit,
        "throughput mode gives what latency mode gives": _distance(answers.golden, answers.throughput)[0] <= limit,
        "an input of another type is refused": answers.refuses_other_type,
        "pictures of other sizes are answered as the contract resizes them": answers.resized is None
        or answers.other_sizes is None
        or _distance(answers.resized, answers.other_sizes)[0] <= max(limit, RESIZED.max_difference),
        "misread inputs fall outside the tolerance": not _within(tolerance, golden.outputs, answers.misread),
    }


def _within(tolerance: Tolerance, expected: Floats, received: Floats) -> bool:
    far, mean = _distance(expected, received)
    agreement = float((expected.argmax(axis=1) == received.argmax(axis=1)).mean())
    return far <= tolerance.max_difference and mean <= tolerance.mean_difference and agreement >= tolerance.agreement


def _distance(expected: Floats, received: Floats) -> tuple[float, float]:
    if expected.shape != received.shape:
        return float("inf"), float("inf")
    distance = np.abs(expected.astype(np.float64) - received)
    return float(distance.max()), float(distance.mean())


def _refuses_altered(folder: Path, artifact: Artifact) -> bool:
    path = folder / artifact.model_files[0]
    original = path.read_bytes()
    path.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    try:
        open_artifact(folder)
    except IntegrityError:
        return True
    finally:
        path.write_bytes(original)
    return False


def _refusal_statements(name: str) -> dict[str, bool]:
    target = TARGETS.get(name)
    return {
        f"precision '{precision}' is refused with a reason": _refuses(name, precision, reason)
        for precision, reason in {**target.unsupported, _NO_PRECISION: ""}.items()
    }


def _refuses(name: str, precision: str, reason: str) -> bool:
    try:
        TARGETS.get(name).check_precision(precision)
    except UnsupportedError as error:
        return reason in error.message and all(able in error.hint for able in TARGETS.get(name).precisions)
    return False


def _answer_in_child(folder: Path) -> _Answers:
    with tempfile.TemporaryDirectory(prefix="tfl-contract-") as scratch:
        path = Path(scratch) / "answers.npz"
        arguments = {"folder": str(folder), "answers": str(path)}
        result = call_in_child("tfl.testing._targets:answer_golden", arguments)
        with np.load(path, allow_pickle=False) as arrays:
            return _Answers(
                **{name: arrays[name] for name in arrays},
                modules=tuple(result["modules"]),
                refuses_other_type=result["refuses_other_type"],
            )


def answer_golden(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answer an artefact's golden batch in every way a runtime can be asked; the child's side of `check_target`."""
    folder = Path(arguments["folder"])
    golden = Golden.load(folder / GOLDEN_FILE)
    rows = golden.rows

    def answer(values: Rows, mode: OpenMode, batch_size: int) -> Floats:
        artifact, runtime = open_artifact(folder, mode=mode)
        answers = predict_all(runtime, artifact.preprocessing.prepare(values), batch_size=batch_size)
        runtime.close()
        runtime.close()
        return answers

    found: dict[str, Floats] = {}
    artifact, runtime = open_artifact(folder)
    with runtime:
        contract = artifact.preprocessing
        if isinstance(contract, ImagePreprocessing):
            found |= _answers_to_sizes(runtime, contract, cast(Pixels, rows))
        refuses = _refuses_type(runtime, contract.prepare(rows))
    np.savez(
        arguments["answers"],
        allow_pickle=False,
        **found,
        golden=answer(rows, "latency", len(rows)),
        one_by_one=answer(rows, "latency", 1),
        throughput=answer(rows, "throughput", 3),
        misread=answer(contract.misread(rows), "latency", len(rows)),
    )
    modules = [name for name in _TRAINING_MODULES if name in sys.modules]
    return {"modules": modules, "refuses_other_type": refuses}


def _answers_to_sizes(runtime: Runtime, contract: ImagePreprocessing, rows: Pixels) -> dict[str, Floats]:
    """Answer pictures of other sizes, resized by the contract, and as they are where the model file resizes."""
    pictures = [Image.fromarray(item).resize(size, Image.Resampling.NEAREST) for item, size in _enlarged(rows)]
    resized = [contract.prepare(resize(picture, contract)[None]) for picture in pictures]
    found = {"resized": np.concatenate([runtime.predict(item) for item in resized])}
    if contract.fused == "resize":
        batches = contract.input_batches(pictures, size=len(pictures))
        found["other_sizes"] = np.concatenate([runtime.predict(batch) for batch in batches])
    return found


def _enlarged(rows: Pixels) -> Iterator[tuple[Pixels, tuple[int, int]]]:
    """Yield pictures with the width and height to enlarge them to, none twice and none of a round factor."""
    height, width = rows.shape[1:3]
    for index, item in enumerate(rows):
        yield item, (2 * width + 5 * index + 1, 3 * height - 7 * index)


def _refuses_type(runtime: Runtime, batch: Inputs) -> bool:
    other = np.zeros(batch.shape, dtype=np.uint8 if batch.dtype == np.float32 else np.float32)
    try:
        runtime.predict(other)
    except UserError:
        return True
    return False
