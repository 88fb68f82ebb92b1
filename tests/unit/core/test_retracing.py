"""Of TensorFlow's warnings one is kept back, while tfl works."""

from __future__ import annotations

import logging

import pytest

from tfl.core.retracing import retracing_untold

ADVICE = "5 out of the last 5 calls to %s triggered tf.function retracing. Tracing is expensive"


def test_tracing_is_untold_while_tfl_works_and_told_after_it(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tensorflow")
    before = list(logger.filters)
    with retracing_untold():
        with retracing_untold():
            logger.error(ADVICE, "a function")
        logger.error(ADVICE, "another")
        logger.error("out of memory")
    assert logger.filters == before
    logger.error(ADVICE, "a person's own")
    assert [record.getMessage().split(" triggered")[0] for record in caplog.records] == [
        "out of memory",
        "5 out of the last 5 calls to a person's own",
    ]
