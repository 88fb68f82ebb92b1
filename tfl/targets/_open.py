"""Opening whatever a path holds: a run, a bundle or an artefact."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from tfl.bundle import Artifact, Bundle
from tfl.bundle.records import ARTIFACT_FILE, BUNDLE_FILE
from tfl.core.errors import NotFoundError, UnsupportedError, closest
from tfl.core.extras import require_installed
from tfl.core.registry import Registry
from tfl.core.run_folder import RUN_FILE
from tfl.targets._base import OpenMode, Runtime, Target

Kind = Literal["run", "bundle", "artifact"]

_KIND_OF_FILE: dict[str, Kind] = {RUN_FILE: "run", ARTIFACT_FILE: "artifact", BUNDLE_FILE: "bundle"}
_TARGETS: Registry[Target] = Registry("tfl.targets", "TARGET", "target")


def kind_of(path: Path) -> Kind:
    """Say what a folder is, by the record that lies in it.

    Raises:
        NotFoundError: It is none of ours; says what lies there or beside it.
    """
    for name, kind in _KIND_OF_FILE.items():
        if (path / name).is_file():
            return kind
    needed = f"It must hold {', '.join(_KIND_OF_FILE)}: a run, an artefact or a bundle."
    if not path.exists():
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise NotFoundError(f"{path} does not exist.{closest(path.name, beside)}", hint=needed)
    if path.is_file():
        raise NotFoundError(
            f"{path} is a file. A model is a folder: its record says how to prepare inputs and what outputs mean.",
            hint=f"Pass the folder it lies in. {needed}",
        )
    inside = sorted(item.name for item in path.iterdir() if item.is_dir() and _holds_record(item))
    hint = f"Inside it there is: {', '.join(inside)}. Pass one of these." if inside else needed
    raise NotFoundError(f"{path} is not a run, a bundle or an artefact.", hint=hint)


def _holds_record(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _KIND_OF_FILE)


def open_artifact(
    folder: Path, *, threads: int = 0, mode: OpenMode = "latency", lanes: int = 0
) -> tuple[Artifact, Runtime]:
    """Open an artefact for inference; nothing is parsed before its digest has been checked.

    Args:
        folder: The artefact's folder.
        threads: Processor threads; 0 lets the engine choose.
        mode: What to set the engine up for.
        lanes: Callers that infer beside each other; 0 leaves that to the mode.

    Raises:
        IntegrityError: A file is missing or altered.
        UnsupportedError: The target has no lanes.
        MissingExtraError: The engine is not installed.
        NotFoundError: The artefact was made by a target that is not installed.
    """
    artifact = Artifact.open(folder)
    target = _TARGETS.get(artifact.target)
    for module in target.runtime_modules:
        require_installed(module, purpose=f"opening {artifact.name}")
    return artifact, open_target(target, folder, artifact, threads=threads, mode=mode, lanes=lanes)


def open_target(
    target: Target, folder: Path, artifact: Artifact, *, threads: int, mode: OpenMode, lanes: int = 0
) -> Runtime:
    """Open an artefact whose digests have been checked; see `open_artifact`.

    Raises:
        UnsupportedError: The target has no lanes.
    """
    if not lanes:
        return target.open(folder, artifact, threads=threads, mode=mode)
    if not target.has_lanes:
        raise UnsupportedError(
            f"The target '{artifact.target}' takes one caller at a time, so it can't be opened with {lanes} lanes.",
            hint="Leave lanes at 0.",
        )
    return target.open(folder, artifact, threads=threads, mode=mode, lanes=lanes)


def load_float_model(folder: Path) -> Any:
    """Load a bundle's float32 Keras model, in safe mode.

    Returns:
        A `keras.Model`.

    Raises:
        IntegrityError: A file is missing or altered.
        MissingExtraError: Keras is not installed.
    """
    from tfl.targets._keras import load_keras_model

    return load_keras_model(folder, Bundle.open(folder))


def open_bundle(folder: Path) -> tuple[Bundle, Runtime]:
    """Open a bundle's float32 Keras model for inference, in safe mode.

    Raises:
        IntegrityError: A file is missing or altered.
        MissingExtraError: TensorFlow or Keras is not installed.
    """
    from tfl.targets._keras import KerasRuntime, load_keras_model

    bundle = Bundle.open(folder)
    for module in ("tensorflow", "keras"):
        require_installed(module, purpose="opening a bundle")
    return bundle, KerasRuntime(load_keras_model(folder, bundle))
