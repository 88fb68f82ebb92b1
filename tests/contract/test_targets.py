"""Every target in every precision that it declares keeps what a target promises."""

import dataclasses
import shutil
import subprocess
import sys

import pytest

from tfl.bundle import Simulation
from tfl.bundle.records import SIMULATION_FILE
from tfl.core.errors import IntegrityError, UnsupportedError, UserError
from tfl.targets import TARGETS, export_artifact
from tfl.testing import check_target

CELLS = [(name, precision) for name in TARGETS.names() for precision in TARGETS.get(name).precisions]
REFUSED = [(name, precision) for name in TARGETS.names() for precision in (*TARGETS.get(name).unsupported, "fp3")]
SIMULATED = [(name, precision) for name, precision in CELLS if precision in TARGETS.get(name).simulated]
FUSED = [
    (name, precision, fused)
    for name, precision in CELLS
    for fused in TARGETS.get(name).fusions
    # What is put before the network does not depend on it, so resizing is tried with two of its kinds.
    if fused == "normalize" or precision in ("fp32", "int8")
]
CALIBRATED = [(name, precision) for name, precision in CELLS if precision in TARGETS.get(name).calibrated]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision", "fused"), [*((*cell, "none") for cell in CELLS), *FUSED])
def test_a_target_keeps_its_promises(
    name, precision, fused, tiny_bundle, tiny_saved_model, calibration_rows, request, tmp_path
):
    simulated = (name, precision) in SIMULATED
    artifact = check_target(
        name,
        precision,
        tiny_bundle,
        saved_model_dir=tiny_saved_model,
        work_dir=tmp_path,
        calibration_rows=calibration_rows,
        simulation_dir=request.getfixturevalue("tiny_simulation") if simulated else None,
        fused=fused,
    )
    plain = f"{name}-{precision}"
    assert artifact.name == plain if fused == "none" else artifact.name.startswith(f"{plain}-fused")


@pytest.mark.parametrize(("name", "precision"), REFUSED)
def test_what_a_target_can_not_make_is_refused_before_anything_starts(name, precision, tmp_path):
    with pytest.raises(UnsupportedError, match=f"'{precision}'"):
        export_artifact(
            tmp_path / "no bundle",
            tmp_path / "out",
            target=name,
            precision=precision,
            saved_model_dir=tmp_path / "nothing",
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "precision"), CALIBRATED)
def test_a_calibrated_precision_needs_samples(name, precision, tmp_path):
    with pytest.raises(UserError, match="training samples"):
        export_artifact(
            tmp_path, tmp_path / "out", target=name, precision=precision, saved_model_dir=tmp_path / "nothing"
        )


@pytest.mark.parametrize(("name", "precision"), SIMULATED)
def test_a_simulated_precision_needs_a_network_trained_for_it(name, precision, tmp_path):
    with pytest.raises(UnsupportedError, match="quantization simulated"):
        export_artifact(
            tmp_path, tmp_path / "out", target=name, precision=precision, saved_model_dir=tmp_path / "nothing"
        )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), SIMULATED)
def test_the_simulation_of_another_model_is_refused(
    name, precision, tiny_bundle, tiny_saved_model, tiny_simulation, tmp_path
):
    record = dataclasses.replace(Simulation.load(tiny_simulation / SIMULATION_FILE), bundle_fingerprint="0" * 64)
    other = shutil.copytree(tiny_simulation, tmp_path / "other")
    record.save(other / SIMULATION_FILE)
    with pytest.raises(IntegrityError, match="another model"):
        export_artifact(
            tiny_bundle,
            tmp_path / "out",
            target=name,
            precision=precision,
            saved_model_dir=tiny_saved_model,
            simulation_dir=other,
        )


@pytest.mark.parametrize("fused", ["normalize", "resize"])
@pytest.mark.parametrize("name", TARGETS.names())
def test_what_a_target_can_not_fuse_is_refused_with_a_reason(name, fused, tmp_path):
    target = TARGETS.get(name)
    if fused in target.fusions:
        assert target.why_not_fused(fused) == ""
        return
    with pytest.raises(UnsupportedError, match=f"can't fuse '{fused}'") as raised:
        export_artifact(
            tmp_path,
            tmp_path / "out",
            target=name,
            precision="fp32",
            saved_model_dir=tmp_path / "nothing",
            fused=fused,
        )
    assert target.unfused[fused] in raised.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", TARGETS.names())
def test_a_target_says_why_its_tolerances_are_what_they_are(name):
    target = TARGETS.get(name)
    for precision, tolerance in target.tolerances.items():
        assert len(tolerance.reason) > 20, precision
        # Swapped channels moved the worst photo by 0.81 and more: a limit must be far from letting that pass.
        assert 0 < tolerance.mean_difference < tolerance.max_difference <= 0.4, precision
    assert target.calibrated <= set(target.precisions)
    assert target.simulated <= set(target.precisions) - target.calibrated
    assert not set(target.unsupported) & set(target.precisions)


def test_every_precision_is_either_made_or_refused_with_a_reason_by_every_target():
    known = {precision for _, precision in CELLS}
    for name in TARGETS.names():
        target = TARGETS.get(name)
        assert known == {*target.precisions, *target.unsupported}, name


def test_importing_every_target_imports_no_engine():
    code = (
        "import sys; from tfl.targets import TARGETS; [TARGETS.get(name) for name in TARGETS.names()]; "
        "heavy = {'tensorflow', 'keras', 'openvino', 'nncf', 'onnx', 'onnxruntime', 'tf2onnx', 'ai_edge_litert'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
