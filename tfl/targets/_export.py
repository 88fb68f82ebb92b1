"""From a bundle to artefacts: every conversion runs in a child process and lands in its folder whole or not at all."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Artifact, Bundle, Calibration, Signature
from tfl.bundle.records import ARTIFACT_FILE, BUNDLE_FILE, GOLDEN_FILE
from tfl.core.child import call_in_child
from tfl.core.environment import read_environment
from tfl.core.errors import UserError
from tfl.core.extras import require_installed
from tfl.core.files import check_digests, digest_tree, fresh_folder, tree_size_bytes
from tfl.core.registry import Registry
from tfl.data.preprocess import Pixels
from tfl.targets._base import Exported, ExportRequest, Target

_TARGETS: Registry[Target] = Registry("tfl.targets", "TARGET", "target")


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

    def serve(image: Any) -> dict[str, Any]:
        return {result.name: tf.identity(tf.cast(model(image, training=False), tf.float32), name=result.name)}

    free_shape = [None, *source.shape[1:]]
    # The endpoint's variables are found by themselves; `track` would write each of them a second time.
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", serve, input_signature=[tf.TensorSpec(free_shape, tf.float32, name=source.name)])
    archive.write_out(arguments["out_dir"], verbose=False)
    return {}


def export_artifact(
    bundle_dir: Path,
    out_dir: Path,
    *,
    target: str,
    precision: str,
    saved_model_dir: Path,
    calibration: Calibration | None = None,
    calibration_pixels: Pixels | None = None,
    log_path: Path | None = None,
) -> Artifact:
    """Make one artefact of a bundle in a child process.

    Args:
        bundle_dir: The bundle; its digests are checked first.
        out_dir: The artefact's folder, replaced when it exists, and only when the export succeeds.
        target: Name of the target plug-in.
        precision: One of the target's precisions.
        saved_model_dir: What `stage_saved_model` wrote for this bundle.
        calibration: Which training samples `calibration_pixels` are; recorded in the artefact.
        calibration_pixels: `(samples, height, width, 3)` uint8 RGB; needed by the target's calibrated precisions.
        log_path: Where the child's output is kept.

    Raises:
        NotFoundError: There is no such target.
        UnsupportedError: The target can't make the precision, or the model holds what the format can't.
        MissingExtraError: A package that the export needs is not installed.
        UserError: The precision needs calibration samples and got none.
        IntegrityError: A file of the bundle is missing or altered.
        ChildError: The conversion crashed.
    """
    plug_in = _TARGETS.get(target)
    plug_in.check_precision(precision)
    for module in (*plug_in.export_modules, *plug_in.precision_modules.get(precision, ())):
        require_installed(module, purpose=f"exporting to {target}-{precision}")
    calibrated = precision in plug_in.calibrated
    if calibrated and (calibration is None or calibration_pixels is None or len(calibration_pixels) == 0):
        raise UserError(
            f"{target}-{precision} sets its ranges on training samples. Received no calibration.",
            hint="Choose samples with choose_calibration and pass them and their pixels.",
        )
    bundle = Bundle.open(bundle_dir)
    with fresh_folder(out_dir) as place, tempfile.TemporaryDirectory(prefix="tfl-export-") as scratch:
        arguments = {
            "target": target,
            "precision": precision,
            "bundle_dir": str(bundle_dir.resolve()),
            "saved_model_dir": str(saved_model_dir.resolve()),
            "out_dir": str(place.resolve()),
            "calibration_file": "",
        }
        if calibrated and calibration_pixels is not None:
            arguments["calibration_file"] = str(Path(scratch) / "calibration.npy")
            np.save(arguments["calibration_file"], calibration_pixels, allow_pickle=False)
        answer = call_in_child("tfl.targets._export:export_in_child", arguments, log_path=log_path)
        exported = Exported(tuple(answer["model_files"]), Signature.from_dict(answer["signature"]))
        shutil.copyfile(bundle_dir / GOLDEN_FILE, place / GOLDEN_FILE)
        check_digests(place, {GOLDEN_FILE: bundle.files[GOLDEN_FILE]})
        artifact = Artifact(
            task=bundle.task,
            target=target,
            precision=precision,
            labels=bundle.labels,
            preprocessing=bundle.preprocessing,
            signature=exported.signature,
            model_files=exported.model_files,
            size_bytes=tree_size_bytes(place, names=exported.model_files),
            bundle_fingerprint=bundle.fingerprint,
            backbone=bundle.backbone,
            calibration=calibration if calibrated else None,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            versions=read_environment().versions,
            files=digest_tree(place),
        )
        artifact.save(place / ARTIFACT_FILE)
    return artifact


def export_in_child(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run one target's exporter; see `export_artifact`."""
    bundle_dir = Path(arguments["bundle_dir"])
    pixels = np.load(arguments["calibration_file"], allow_pickle=False) if arguments["calibration_file"] else None
    request = ExportRequest(
        bundle=Bundle.load(bundle_dir / BUNDLE_FILE),
        bundle_dir=bundle_dir,
        saved_model_dir=Path(arguments["saved_model_dir"]),
        out_dir=Path(arguments["out_dir"]),
        precision=arguments["precision"],
        calibration_pixels=pixels,
    )
    exported = _TARGETS.get(arguments["target"]).export(request)
    return {"model_files": list(exported.model_files), "signature": exported.signature.to_dict()}
