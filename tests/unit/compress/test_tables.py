"""Ladders as a notebook shows them."""

from tfl.bench.cells import ExportSummary
from tfl.bench.records import Cell, Failure
from tfl.bundle import Calibration
from tfl.compress.ladder_records import Climb, Ladder, LadderSettings, Quantization, SampleUse, Try
from tfl.compress.ladder_tables import rungs_table
from tfl.compress.paired import PairedDrop, Statement
from tfl.core.environment import read_environment

DROP = PairedDrop(
    metric_name="accuracy",
    float_metric=0.95,
    metric=0.945,
    drop=0.005,
    low=-0.004,
    high=0.014,
    sample_count=200,
    lost=2,
    gained=1,
    flipped=4,
    p_value=1.0,
    method="a test",
)


def ladder(*, failure=""):
    calibration = Calibration(split="train", sample_count=2, seed=0, fingerprint="f" * 64)
    tries = (
        Try(rung="int8", precision="int8", summary="all <int8>", status="failed", reason="crashed"),
        Try(rung="w8", precision="w8", summary="weights", status="holds", drop=DROP, size_bytes=1_230_000),
    )
    return Ladder(
        target="<target>",
        key="k",
        settings=LadderSettings(),
        samples=SampleUse(
            calibration=calibration,
            more_calibration=calibration,
            validation_samples=3,
            train_samples=3,
            ranking_samples=2,
            note="six",
        ),
        climb=None
        if failure
        else Climb(tries=tries, chosen="w8", model_dir="m", signature=None, model_files=(), float_size_bytes=2),
        cell=None,
        artifact_digest="",
        test=None if failure else DROP,
        statement=None if failure else Statement(outcome="too few samples to say", max_drop=0.01, needed_samples=900),
        flipped=(),
        failure=failure,
        seconds=1.0,
        environment=read_environment(),
    )


def test_every_rung_has_a_row_with_its_drop_in_points():
    table = rungs_table(ladder())
    assert table.rows[0][:4] == ("int8", "int8", "FAILED", "-")
    assert table.rows[1][:6] == ("w8", "w8", "holds", "+0.50", "-0.40 to +1.40", "1.23")


def test_a_notebook_shows_the_rungs_and_what_may_be_said():
    page = Quantization(ladders=(ladder(), ladder(failure="no <memory>\nat line 3")))._repr_html_()
    assert page.count("<table>") == 1
    assert "drop +0.0050 [-0.0040, +0.0140]: too few samples to say, about 900 would do." in page
    assert "FAILED: no &lt;memory&gt;." in page
    assert "<target>" not in page


def test_exports_are_shown_with_what_failed_and_why():
    cells = (
        Cell(target="a", precision="int8", status="unsupported", reason="no <kernels>"),
        Cell(
            target="b",
            precision="fp32",
            status="failed",
            failure=Failure(stage="export", error="ChildError", message="crashed\nbacktrace"),
        ),
    )
    page = ExportSummary(cells=cells)._repr_html_()
    assert "no &lt;kernels&gt;" in page
    assert "crashed" in page
    assert "backtrace" not in page
    assert "FAILED" in page
