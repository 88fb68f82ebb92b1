"""Loggers: each file of this folder writes the epochs of a training in one form."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.loggers._base import Ending, Logger, LogPlan, Row, metrics_of
from tfl.loggers._choose import ALWAYS, check_loggers, choose_loggers

LOGGERS: Registry[type[Logger]] = Registry("tfl.loggers", "LOGGER", "logger")

__all__ = [
    "ALWAYS",
    "LOGGERS",
    "Ending",
    "LogPlan",
    "Logger",
    "Row",
    "check_loggers",
    "choose_loggers",
    "metrics_of",
]
