"""A warning of TensorFlow's that is of no use to whoever trains with tfl."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

_MARK = "triggered tf.function retracing"


@contextlib.contextmanager
def retracing_untold() -> Iterator[None]:
    """Keep TensorFlow from advising, in ten lines of red, to move a function out of a loop.

    tfl builds a network for each stage, fold and trial, and each is traced once. Outside of tfl's own work the warning
    is told as ever, since there it may be about a person's own code. Works as a decorator too.
    """

    # One of its own for each call, so that the end of an inner one does not end an outer one.
    def is_worth_telling(record: logging.LogRecord) -> bool:
        return _MARK not in str(record.msg)

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_worth_telling)
    try:
        yield
    finally:
        logger.removeFilter(is_worth_telling)
