"""The contracts of plug-ins as public checks: run them over your own plug-in exactly as tfl runs them over its own."""

from __future__ import annotations

from tfl.testing._loggers import check_logger
from tfl.testing._quantizers import check_quantizer
from tfl.testing._readers import check_reader
from tfl.testing._sources import check_source
from tfl.testing._targets import check_target
from tfl.testing._tasks import check_task

__all__ = ["check_logger", "check_quantizer", "check_reader", "check_source", "check_target", "check_task"]
