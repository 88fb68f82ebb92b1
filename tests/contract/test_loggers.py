"""Every logger: it takes rows of any columns, is brought back to a checkpoint, and leaves nothing open."""

import pytest

from tfl.core.extras import is_installed
from tfl.core.log_config import LogConfig
from tfl.loggers import LOGGERS, Ending, Logger, LogPlan

HEAD = [{"stage": "head", "epoch": epoch, "loss": 1.0 / epoch} for epoch in (1, 2)]
FURTHER = {
    "stage": "fine_tune",
    "epoch": 1,
    "loss": 0.25,
    "learning_rate": 1e-4,
    "steps": 12,
    "note": "warm",
    "all": [1],
}


@pytest.fixture(params=LOGGERS.names())
def make(request, tmp_path):
    """Makes one logger after the other over the same folder, as processes that go on would."""
    kind = LOGGERS.get(request.param)
    for module in kind.modules:
        if not is_installed(module):
            pytest.skip(f"{module} is not installed")
    folder = tmp_path / "runs" / "photos-1" / "training"
    folder.mkdir(parents=True)
    plan = LogPlan(loggers=(request.param,), config=LogConfig(), run_name="photos-1", params={"seed": "0"})
    return lambda: kind(folder, plan)


def files_below(logger):
    runs = logger.folder.parent.parent
    return {path.relative_to(runs).parts[0] for path in runs.rglob("*") if path.is_file()}


def test_rows_of_any_columns_are_taken_and_all_is_closed(make):
    logger = make()
    assert isinstance(logger, Logger)
    logger.write(HEAD, known=0)
    logger.write([*HEAD, FURTHER], known=2)
    logger.close()
    logger.close()
    again = make()
    again.write([*HEAD, FURTHER], known=0)
    again.finish(Ending(status="done", metrics={"accuracy": 0.5}), [*HEAD, FURTHER])
    again.close()
    # What belongs to several runs may lie beside them, and nothing anywhere else.
    assert files_below(logger) <= {"photos-1", "mlruns"}
    assert files_below(logger)


def test_the_summary_says_what_it_writes(make):
    assert type(make()).__doc__
