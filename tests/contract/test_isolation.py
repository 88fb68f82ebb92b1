"""A converter that crashes takes down one cell: each of the others is made and verified."""

import signal
import subprocess
import sys
import textwrap

import pytest

from tfl.bench.cells import ExportJob, export_cells, plan_cells
from tfl.core.errors import UnsupportedError
from tfl.core.progress import Progress

pytestmark = pytest.mark.slow

_PLUG_IN = """
    import os
    import signal

    from tfl.core.errors import UnsupportedError
    from tfl.targets.saved_model import SavedModelTarget


    class Fragile(SavedModelTarget):
        summary = "a SavedModel whose half-precision converter crashes"
        tolerances = {name: SavedModelTarget.tolerances["fp32"] for name in ("fp32", "fp16", "dynamic")}
        unsupported = {}

        def export(self, request):
            if request.precision == "fp16":
                os.kill(os.getpid(), signal.SIGSEGV)
            if request.precision == "dynamic":
                raise UnsupportedError("Too dynamic.", hint="Be still.")
            return super().export(request)


    TARGET = Fragile()
"""


@pytest.fixture
def fragile(tmp_path, monkeypatch):
    """Install a third party's target that crashes on one precision and refuses another."""
    place = tmp_path / "site"
    info = place / "fragile_of_tests-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "fragile_of_tests.py").write_text(textwrap.dedent(_PLUG_IN))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile-of-tests\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tfl.targets]\nfragile = fragile_of_tests:TARGET\n")
    monkeypatch.syspath_prepend(str(place))
    yield "fragile"
    sys.modules.pop("fragile_of_tests", None)


def test_a_crash_of_one_precision_leaves_the_others_whole(fragile, tiny_bundle, tmp_path):
    job = ExportJob(
        bundle_dir=tiny_bundle,
        base_dir=tmp_path,
        artifacts_dir=tmp_path / "artifacts",
        work_dir=tmp_path / "work",
        logs_dir=tmp_path / "logs",
        calibration=None,
        calibration_rows=None,
        held_out=None,
        reason_without="a test",
    )
    cells = plan_cells([fragile], ["fp32", "fp16", "dynamic"])
    made = {cell.precision: cell for cell in export_cells(cells, job, workers=2, progress=Progress())}

    assert made["fp32"].status == "ok"
    assert made["fp32"].verification.passed
    assert made["fp16"].status == "failed"
    assert (made["fp16"].failure.error, made["fp16"].failure.code) == ("ChildError", "child-error")
    assert signal.SIGSEGV.name in made["fp16"].failure.message
    assert made["fp16"].failure.log == "logs/export-fragile-fp16.log"
    assert made["dynamic"].failure.error == UnsupportedError.__name__
    assert made["dynamic"].failure.code == UnsupportedError.code
    assert "Be still." in made["dynamic"].failure.message
    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == ["fragile-fp32"]


def test_no_exporter_reports_its_use_to_anybody(tmp_path):
    # Asked in a process of its own, since the refusal holds for the whole process.
    code = """
        from tfl.core.telemetry import send_no_telemetry
        send_no_telemetry()
        import nncf
        import openvino
        from openvino_telemetry import Telemetry
        from openvino.tools.ovc.telemetry_utils import init_ovc_telemetry
        init_ovc_telemetry()
        print(Telemetry().consent, nncf.telemetry.telemetry._impl.consent)
    """
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", ["openvino-fp32", "openvino-int8"])
def test_no_runtime_reports_its_use_to_anybody(tiny_artifacts, tmp_path, name):
    # Importing OpenVINO is enough for it to note an identity in the home folder, and to send it.
    code = f"""
        from pathlib import Path
        from tfl.targets import open_artifact
        open_artifact(Path({str(tiny_artifacts[name])!r}))[1].close()
        from openvino_telemetry import Telemetry
        print(Telemetry().consent)
    """
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout.split() == ["False"]
    assert not (tmp_path / "intel").exists()
