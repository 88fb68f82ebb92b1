"""Which loggers a run gets: those that were asked for must work, those that are usual may be missing."""

from __future__ import annotations

from tfl.core.errors import MissingExtraError
from tfl.core.log_config import DEFAULT_LOGGERS, LogConfig
from tfl.core.registry import Registry
from tfl.loggers._base import Logger

#: The run's own history; the report is drawn from it.
ALWAYS = "json_lines"
_LOGGERS: Registry[type[Logger]] = Registry("tfl.loggers", "LOGGER", "logger")


def choose_loggers(config: LogConfig) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names of the loggers that write, and of the usual ones that can't, each with the reason.

    Raises:
        NotFoundError: There is no such logger.
        MissingExtraError: A logger was asked for by its name, and its package is missing.
        UserError: A setting of a logger leads nowhere.
    """
    chosen, left_out = [], {}
    for name in dict.fromkeys((*config.loggers, ALWAYS)):
        logger = _LOGGERS.get(name)
        try:
            logger.check(config)
        except MissingExtraError as error:
            # Nobody asked for the usual ones, so that a lean installation trains without them.
            if config.loggers != DEFAULT_LOGGERS:
                raise
            left_out[name] = error.message
        else:
            chosen.append(name)
    return tuple(chosen), left_out


def check_loggers(config: LogConfig) -> None:
    """Find out before anything is written whether the loggers that were asked for work.

    Raises:
        UserError: See `choose_loggers`.
    """
    choose_loggers(config)
