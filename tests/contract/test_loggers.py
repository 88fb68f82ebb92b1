"""Every registered logger against the contract, and that the contract can fail."""

import csv
import json
import sys
import textwrap

import pytest

from tfl.core.errors import VerificationError
from tfl.core.extras import is_installed
from tfl.loggers import LOGGERS
from tfl.testing import check_logger


def of_rows(rows):
    figures = {}
    for step, row in enumerate(rows, 1):
        for name, value in row.items():
            if name not in ("stage", "epoch", "note", "all") and value not in ("", None):
                figures.setdefault(name, []).append((step, float(value)))
    return figures


def read_csv(folder):
    with (folder / "history.csv").open(newline="") as stream:
        return of_rows(csv.DictReader(stream))


def read_json_lines(folder):
    return of_rows(map(json.loads, (folder / "history.jsonl").read_text().splitlines()))


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    return {
        name: [(item.step, float(make_ndarray(item.tensor_proto))) for item in events.Tensors(name)]
        for name in events.Tags()["tensors"]
    }


def read_mlflow(folder):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.parent.parent / 'mlruns' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("tfl").experiment_id])
    return {
        name: [(item.step, item.value) for item in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }


READ = {
    "csv_file": read_csv,
    "json_lines": read_json_lines,
    "tensorboard": read_tensorboard,
    "mlflow": read_mlflow,
}


@pytest.mark.parametrize("name", LOGGERS.names())
def test_a_logger_keeps_its_promises(name):
    for module in LOGGERS.get(name).modules:
        if not is_installed(module):
            pytest.skip(f"{module} is not installed")
    assert name in READ, f"add a function that reads back what the logger '{name}' writes to READ"
    check_logger(name, read=READ[name])


_PLUG_IN = """
    import json

    from tfl.loggers import Logger


    class Forgetful(Logger):
        '''Appends, and so has everything twice after a resumption.'''

        def write(self, rows, *, known):
            with (self.folder / "rows.jsonl").open("a") as stream:
                stream.writelines(json.dumps(row) + "\\n" for row in rows[known:])
            (self.folder.parent / "config.yaml").write_text("mine")


    LOGGER = Forgetful
"""


def test_the_contract_fails_a_logger_that_writes_twice_and_elsewhere(tmp_path, monkeypatch):
    info = tmp_path / "forgetful_of_tests-1.0.dist-info"
    info.mkdir()
    (tmp_path / "forgetful_of_tests.py").write_text(textwrap.dedent(_PLUG_IN))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: forgetful-of-tests\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tfl.loggers]\nforgetful = forgetful_of_tests:LOGGER\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        with pytest.raises(VerificationError) as raised:
            check_logger("forgetful", read=lambda folder: of_rows(map(json.loads, (folder / "rows.jsonl").open())))
    finally:
        sys.modules.pop("forgetful_of_tests", None)
    assert "every figure is there once" in raised.value.message
    assert "it leaves the run's own files alone" in raised.value.message
    assert "below the folder of runs alone" not in raised.value.message
