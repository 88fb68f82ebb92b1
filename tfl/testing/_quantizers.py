"""What a target's quantizer promises, held against a real model."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Artifact, Bundle, Golden, Recipe
from tfl.bundle.records import ARTIFACT_FILE, BUNDLE_FILE, GOLDEN_FILE
from tfl.core.child import call_in_child
from tfl.core.errors import UserError
from tfl.data.contract import Floats, Inputs, Rows
from tfl.targets import TARGETS, ExportRequest, Quantizer, Target, export_artifact
from tfl.testing._statements import require_all

#: A model whose every layer was put back to float differs from the float one by the order of additions alone.
_SAME = 1e-4
_NO_LAYER = "there is no such layer"


def check_quantizer(
    name: str, bundle_dir: Path, *, saved_model_dir: Path, work_dir: Path, calibration_rows: Rows
) -> tuple[str, ...]:
    """Hold a target's quantizer against everything that a search for the layers to leave in float relies on.

    With every layer in float it must write the float model; with none, an int8 model within the target's tolerance;
    with one, something between; every calibration method must work; the errors of the
    layers must vanish where nothing is quantized; and what is unknown must be refused.

    Args:
        name: Of a target plug-in that has rungs.
        bundle_dir: As for `check_target`.
        saved_model_dir: What `stage_saved_model` wrote for it.
        work_dir: For the target's float32 artefact.
        calibration_rows: `(samples, height, width, 3)` uint8 RGB, at least eight.

    Returns:
        The layers.

    Raises:
        VerificationError: Names every promise that was broken.
    """
    float_dir = work_dir / f"{name}-float"
    export_artifact(bundle_dir, float_dir, target=name, precision="fp32", saved_model_dir=saved_model_dir)
    with tempfile.TemporaryDirectory(prefix="tfl-contract-") as scratch:
        np.save(Path(scratch) / "rows.npy", calibration_rows, allow_pickle=False)
        arguments = {"target": name, "bundle_dir": str(bundle_dir), "float_dir": str(float_dir), "scratch": scratch}
        seen = call_in_child("tfl.testing._quantizers:try_quantizer", arguments)
    plug_in = TARGETS.get(name)
    statements = {
        **seen["statements"],
        "rungs have names of their own": len({rung.name for rung in plug_in.rungs}) == len(plug_in.rungs),
        "rungs have precisions of the target": {rung.precision for rung in plug_in.rungs} <= set(plug_in.precisions),
        "a search starts from a recipe": all(
            rung.recipe is not None for rung in plug_in.rungs if rung.search != "none"
        ),
    }
    require_all(statements, who=f"{name}'s quantizer", contract="quantizers")
    return tuple(seen["layers"])


def try_quantizer(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write models with several recipes and look at them; the child's side of `check_quantizer`."""
    bundle_dir, float_dir, scratch = (Path(arguments[key]) for key in ("bundle_dir", "float_dir", "scratch"))
    bundle, target = Bundle.load(bundle_dir / BUNDLE_FILE), TARGETS.get(arguments["target"])
    rows = np.load(scratch / "rows.npy", allow_pickle=False)
    request = ExportRequest(bundle, bundle_dir, scratch, scratch, scratch, "int8", rows)
    tool = target.quantizer(request, float_dir=float_dir)
    golden = Golden.load(bundle_dir / GOLDEN_FILE)
    inputs = bundle.preprocessing.prepare(golden.rows)
    artifact = Artifact.load(float_dir / ARTIFACT_FILE)
    trial = _Trial(tool, target, artifact, scratch, inputs, len(rows))
    first = Recipe(calibration=tool.methods[0])
    integer = trial.answer(first)
    everything = trial.answer(replace(first, float_layers=tool.layers))
    one = trial.answer(replace(first, float_layers=tool.layers[:1]))
    again = trial.answer(first)
    tolerance = target.tolerances["int8"]
    mean = float(np.abs(integer - golden.outputs).mean())
    statements = {
        "there are layers, each with a name of its own": 0 < len(set(tool.layers)) == len(tool.layers),
        "all layers in float give the float model": float(np.abs(everything - golden.outputs).max()) <= _SAME,
        f"no layer in float is within int8's tolerance (mean {mean:.2g})": mean <= tolerance.mean_difference,
        "no layer in float is not the float model": float(np.abs(integer - golden.outputs).max()) > _SAME,
        "one layer in float is neither": not np.array_equal(one, integer) and not np.array_equal(one, everything),
        "writing leaves the quantizer as it was": np.array_equal(again, integer),
        "an unknown layer is refused": trial.refuses(replace(first, float_layers=(_NO_LAYER,))),
        "an unknown method is refused": trial.refuses(Recipe(calibration=_NO_LAYER)),
        **_error_statements(tool, first, inputs, len(rows)),
    }
    for method in tool.methods[1:]:
        other = trial.answer(Recipe(calibration=method))
        statements[f"method {method} gives probabilities"] = bool(np.allclose(other.sum(axis=1), 1.0, atol=0.03))
    return {"layers": list(tool.layers), "statements": {name: bool(value) for name, value in statements.items()}}


def _error_statements(tool: Quantizer, first: Recipe, inputs: Inputs, count: int) -> dict[str, bool]:
    errors = tool.layer_errors(first, inputs, sample_count=count)
    if not errors:
        return {}
    none = tool.layer_errors(replace(first, float_layers=tool.layers), inputs, sample_count=count)
    return {
        "errors are of layers": set(errors) <= set(tool.layers),
        "quantized layers have errors": max(errors.values()) > 0,
        f"layers in float have none (at most {max(none.values()):.2g})": max(none.values()) < 1e-6,
    }


class _Trial:
    """Writes a model with a recipe and answers with it."""

    def __init__(
        self, tool: Quantizer, target: Target, artifact: Artifact, scratch: Path, inputs: Inputs, count: int
    ) -> None:
        self._tool, self._target, self._artifact = tool, target, artifact
        self._scratch, self._inputs, self._count = scratch, inputs, count

    def answer(self, recipe: Recipe) -> Floats:
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            exported = self._tool.write(recipe, Path(folder), sample_count=self._count)
            record = replace(
                self._artifact, precision="int8", model_files=exported.model_files, signature=exported.signature
            )
            with self._target.open(Path(folder), record, threads=1) as runtime:
                return runtime.predict(self._inputs)

    def refuses(self, recipe: Recipe) -> bool:
        try:
            self._tool.write(recipe, self._scratch, sample_count=self._count)
        except UserError:
            return True
        return False
