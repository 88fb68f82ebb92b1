"""From a bundle to artefacts: every conversion runs in a child process and lands in its folder whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Artifact, Bundle, Calibration, Signature, Simulation
from tfl.bundle.records import BUNDLE_FILE, SIMULATION_MODEL_DIR
from tfl.core.child import call_in_child, decode_error, encode_error
from tfl.core.errors import TflError, UnsupportedError, UserError
from tfl.core.extras import require_installed
from tfl.core.files import fresh_folder
from tfl.core.registry import Registry
from tfl.data.contract import Fusion, Rows
from tfl.targets._base import Exported, ExportRequest, Target
from tfl.targets._sealing import draft_artifact, seal_artifact

_TARGETS: Registry[Target] = Registry("tfl.targets", "TARGET", "target")
_CALIBRATION_FILE = "calibration.npy"


def stage_saved_model(bundle_dir: Path, out_dir: Path, *, log_path: Path | None = None) -> Path:
    """Write the bundle's model as a float32 SavedModel, which all exports of the bundle share.

    The signature `serving_default` has the bundle's input and output names and a free batch dimension.

    Args:
        bundle_dir: The bundle; its digests are checked first.
        out_dir: Replaced when it exists.
        log_path: Where the child's output is kept.

    Returns:
        `out_dir`.

    Raises:
        IntegrityError: A file of the bundle is missing or altered.
        MissingExtraError: TensorFlow or Keras is not installed.
        ChildError: The conversion crashed.
    """
    Bundle.open(bundle_dir)
    for module in ("tensorflow", "keras"):
        require_installed(module, purpose="exporting a model")
    with fresh_folder(out_dir) as place:
        arguments = {"bundle_dir": str(bundle_dir.resolve()), "out_dir": str(place.resolve())}
        call_in_child(
            "tfl.targets._export:stage_in_child",
            arguments,
            log_path=log_path,
            environment={"KERAS_BACKEND": "tensorflow"},
        )
    return out_dir


def stage_in_child(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Load the Keras model and write the SavedModel; see `stage_saved_model`."""
    import keras
    import tensorflow as tf

    from tfl.targets._keras import load_keras_model

    bundle_dir = Path(arguments["bundle_dir"])
    bundle = Bundle.load(bundle_dir / BUNDLE_FILE)
    model = load_keras_model(bundle_dir, bundle)
    source, result = bundle.signature.inputs[0], bundle.signature.outputs[0]

    def serve(batch: Any) -> dict[str, Any]:
        return {result.name: tf.identity(tf.cast(model(batch, training=False), tf.float32), name=result.name)}

    free_shape = [None if size < 0 else size for size in source.shape]
    # The endpoint's variables are found by themselves; `track` would write each of them a second time.
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", serve, input_signature=[tf.TensorSpec(free_shape, source.dtype, name=source.name)])
    for resource in _resources(model):
        archive.track(resource)
    archive.write_out(arguments["out_dir"], verbose=False)
    return {}


def _resources(layer: Any) -> Iterator[Any]:
    """Yield what layers hold beside variables that TensorFlow must write, such as tables of words."""
    yield from getattr(layer, "graph_resources", ())
    for inner in getattr(layer, "layers", ()):
        yield from _resources(inner)


def export_artifact(
    bundle_dir: Path,
    out_dir: Path,
    *,
    target: str,
    precision: str,
    saved_model_dir: Path,
    calibration: Calibration | None = None,
    calibration_rows: Rows | None = None,
    simulation_dir: Path | None = None,
    fused: Fusion = "none",
    log_path: Path | None = None,
) -> Artifact:
    """Make one artefact of a bundle; see `export_artifacts`.

    Raises:
        UnsupportedError: The target can't make the precision or fuse so much, or the model holds what the format can't.
        MissingExtraError: A package that the export needs is not installed.
        UserError: The precision needs calibration samples and got none.
    """
    made = export_artifacts(
        bundle_dir,
        {precision: out_dir},
        target=target,
        saved_model_dir=saved_model_dir,
        calibration=calibration,
        calibration_rows=calibration_rows,
        simulation_dir=simulation_dir,
        fused=fused,
        log_path=log_path,
    )[precision]
    if isinstance(made, TflError):
        raise made
    return made


def export_artifacts(
    bundle_dir: Path,
    out_dirs: Mapping[str, Path],
    *,
    target: str,
    saved_model_dir: Path,
    calibration: Calibration | None = None,
    calibration_rows: Rows | None = None,
    simulation_dir: Path | None = None,
    fused: Fusion = "none",
    log_path: Path | None = None,
) -> dict[str, Artifact | TflError]:
    """Make a bundle's artefacts of one target in one child process, which imports the converter once.

    Args:
        bundle_dir: The bundle; its digests are checked first.
        out_dirs: Precision to the artefact's folder, replaced when it exists, and only when its export succeeds.
        target: Name of the target plug-in.
        saved_model_dir: What `stage_saved_model` wrote for this bundle.
        calibration: Which training samples `calibration_rows` are; recorded in calibrated artefacts.
        calibration_rows: `(samples, height, width, 3)` uint8 RGB; needed by the target's calibrated precisions.
        simulation_dir: A `Simulation` of this bundle; needed by the target's simulated precisions.
        fused: What of the preprocessing to put into the model files.
        log_path: Where the child's output is kept.

    Returns:
        Precision to the artefact's record, or to the error that this precision alone met.

    Raises:
        NotFoundError: There is no such target.
        IntegrityError: A file of the bundle is missing or altered.
        UnsupportedError: Preprocessing is to be fused, and the model takes no pictures; or the target has no inputs of
            the model's type.
        ChildError: The child crashed, and the precisions with it; each may still be made alone.
    """
    plug_in = _TARGETS.get(target)
    made: dict[str, Artifact | TflError] = {}
    for precision in out_dirs:
        try:
            _require_possible(target, plug_in, precision, calibration, calibration_rows, simulation_dir)
            _require_fusion(target, plug_in, fused)
        except TflError as error:
            made[precision] = error
    possible = [precision for precision in out_dirs if precision not in made]
    if not possible:
        return made
    bundle = Bundle.open(bundle_dir)
    bundle.preprocessing.with_fusion(fused)
    _require_fed(target, plug_in, bundle.signature.inputs[0].dtype)
    if not plug_in.simulated.intersection(possible):
        simulation_dir = None
    if simulation_dir is not None:
        Simulation.open(simulation_dir, bundle)
    # Beside the artefacts, so that what the child wrote moves there without a copy.
    parent = out_dirs[possible[0]].parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".tmp-export-") as scratch:
        files_dir = Path(scratch) / "files"
        written = export_files(
            bundle_dir,
            files_dir,
            target=target,
            precisions=possible,
            saved_model_dir=saved_model_dir,
            calibration_rows=calibration_rows if plug_in.calibrated.intersection(possible) else None,
            simulation_dir=simulation_dir,
            fused=fused,
            log_path=log_path,
        )
        for precision, exported in written.items():
            if isinstance(exported, TflError):
                made[precision] = exported
                continue
            used = calibration if precision in plug_in.calibrated else None
            golden_dir = simulation_dir if precision in plug_in.simulated and simulation_dir else bundle_dir
            with fresh_folder(out_dirs[precision]) as place:
                for path in (files_dir / precision).iterdir():
                    shutil.move(path, place / path.name)
                draft = draft_artifact(
                    bundle, exported, target=target, precision=precision, calibration=used, fused=fused
                )
                made[precision] = seal_artifact(place, draft, golden_dir)
    return made


def export_files(
    bundle_dir: Path,
    out_dir: Path,
    *,
    target: str,
    precisions: Sequence[str],
    saved_model_dir: Path,
    calibration_rows: Rows | None,
    simulation_dir: Path | None = None,
    fused: Fusion = "none",
    log_path: Path | None = None,
) -> dict[str, Exported | TflError]:
    """Write the bare model files of one target in a child process, without records, as a search throws most away.

    Args:
        bundle_dir: The bundle, whose digests have been checked.
        out_dir: Made; each precision gets a folder in it.
        target: Name of the target plug-in.
        precisions: Of the target.
        saved_model_dir: What `stage_saved_model` wrote for this bundle.
        calibration_rows: `(samples, height, width, 3)` uint8 RGB, for calibrated precisions.
        simulation_dir: A `Simulation` of this bundle, for simulated precisions.
        fused: One of the target's fusions, or `none`.
        log_path: Where the child's output is kept.

    Returns:
        Precision to what was made, or to the error that this precision alone met.

    Raises:
        ChildError: The child crashed.
    """
    arguments = _child_arguments(bundle_dir, out_dir, target, precisions, saved_model_dir, calibration_rows)
    arguments |= {"simulation_dir": str(simulation_dir.resolve()) if simulation_dir else "", "fused": fused}
    answers = call_in_child("tfl.targets._export:export_in_child", arguments, log_path=log_path)
    return _decoded(target, answers, out_dir)


def export_draws(
    bundle_dir: Path,
    out_dir: Path,
    draws: Sequence[Rows],
    *,
    target: str,
    precision: str,
    saved_model_dir: Path,
    log_path: Path | None = None,
) -> list[Exported | TflError]:
    """Write one calibrated precision once per draw of samples, in one child process, which imports the converter once.

    Args:
        bundle_dir: As in `export_files`.
        out_dir: Made; the model of draw `n` lies in `n/PRECISION`.
        draws: `(samples, height, width, 3)` uint8 RGB each.
        target: As in `export_files`.
        precision: Of the target's calibrated ones.
        saved_model_dir: As in `export_files`.
        log_path: As in `export_files`.

    Raises:
        ChildError: The child crashed.
    """
    places = [out_dir / str(number) for number in range(len(draws))]
    requests = [
        _child_arguments(bundle_dir, place, target, (precision,), saved_model_dir, rows)
        for place, rows in zip(places, draws, strict=True)
    ]
    answers = call_in_child("tfl.targets._export:export_all_in_child", {"requests": requests}, log_path=log_path)
    return [
        _decoded(target, answer, place)[precision] for answer, place in zip(answers["answers"], places, strict=True)
    ]


def _child_arguments(
    bundle_dir: Path,
    out_dir: Path,
    target: str,
    precisions: Sequence[str],
    saved_model_dir: Path,
    calibration_rows: Rows | None,
) -> dict[str, Any]:
    out_dir.mkdir(parents=True)
    calibration_file = out_dir.resolve() / _CALIBRATION_FILE
    if calibration_rows is not None:
        np.save(calibration_file, calibration_rows, allow_pickle=False)
    return {
        "target": target,
        "precisions": list(precisions),
        "bundle_dir": str(bundle_dir.resolve()),
        "saved_model_dir": str(saved_model_dir.resolve()),
        "simulation_dir": "",
        "scratch_dir": str(out_dir.resolve()),
        "calibration_file": "" if calibration_rows is None else str(calibration_file),
        "fused": "none",
    }


def _decoded(target: str, answers: Mapping[str, Any], out_dir: Path) -> dict[str, Exported | TflError]:
    (out_dir / _CALIBRATION_FILE).unlink(missing_ok=True)
    made: dict[str, Exported | TflError] = {}
    for precision, answer in answers.items():
        if "error" in answer:
            made[precision] = decode_error(f"The export to {target}-{precision}", answer)
        else:
            made[precision] = Exported(tuple(answer["model_files"]), Signature.from_dict(answer["signature"]))
    return made


def _require_possible(
    target: str,
    plug_in: Target,
    precision: str,
    calibration: Calibration | None,
    rows: Rows | None,
    simulation_dir: Path | None,
) -> None:
    plug_in.check_precision(precision)
    for module in (*plug_in.export_modules, *plug_in.precision_modules.get(precision, ())):
        require_installed(module, purpose=f"exporting to {target}-{precision}")
    if precision in plug_in.calibrated and (calibration is None or rows is None or len(rows) == 0):
        raise UserError(
            f"{target}-{precision} sets its ranges on training samples. Received no calibration.",
            hint="Choose samples with choose_calibration and pass them and their rows.",
        )
    if precision in plug_in.simulated and simulation_dir is None:
        raise UnsupportedError(
            f"{target}-{precision} is made of a network that was trained with quantization simulated. This was not.",
            hint="Train it so first: tfl compress RUN --method qat",
        )


def _require_fusion(target: str, plug_in: Target, fused: Fusion) -> None:
    reason = plug_in.why_not_fused(fused)
    if reason:
        possible = ", ".join(("none", *plug_in.fusions))
        raise UnsupportedError(
            f"{target} can't fuse '{fused}' of the preprocessing: {reason}.", hint=f"It can: {possible}."
        )


def _require_fed(target: str, plug_in: Target, dtype: str) -> None:
    reason = plug_in.why_not_fed(dtype)
    if reason:
        others = ", ".join(name for name in _TARGETS.names() if not _TARGETS.get(name).why_not_fed(dtype))
        raise UnsupportedError(f"{target} can't hold this model: {reason}.", hint=f"These can: {others or 'none'}.")


def export_all_in_child(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run one exporter several times; see `export_draws`."""
    return {"answers": [export_in_child(request) for request in arguments["requests"]]}


def export_in_child(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run one target's exporter for each precision; see `export_artifacts`."""
    bundle_dir, scratch = Path(arguments["bundle_dir"]), Path(arguments["scratch_dir"])
    rows = np.load(arguments["calibration_file"], allow_pickle=False) if arguments["calibration_file"] else None
    bundle, plug_in = Bundle.load(bundle_dir / BUNDLE_FILE), _TARGETS.get(arguments["target"])
    simulation = Path(arguments["simulation_dir"]) / SIMULATION_MODEL_DIR
    (scratch / "shared").mkdir()
    answers: dict[str, Any] = {}
    for precision in arguments["precisions"]:
        (scratch / precision).mkdir()
        request = ExportRequest(
            bundle=bundle,
            bundle_dir=bundle_dir,
            saved_model_dir=simulation if precision in plug_in.simulated else Path(arguments["saved_model_dir"]),
            out_dir=scratch / precision,
            shared_dir=scratch / "shared",
            precision=precision,
            calibration_rows=rows if precision in plug_in.calibrated else None,
            fused=arguments["fused"],
        )
        try:
            exported = plug_in.export(request)
        except Exception as error:  # noqa: BLE001 - one precision's failure must not stop the others
            answers[precision] = encode_error(error)
        else:
            answers[precision] = {
                "model_files": list(exported.model_files),
                "signature": exported.signature.to_dict(),
            }
    return answers
