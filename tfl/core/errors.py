"""The errors that tfl raises, and how they are told.

The whole tree::

    TflError                    something tfl can explain
    ├── UserError               the caller can mend it            exit code 2
    │   ├── ConfigError         a setting is unknown or out of range
    │   ├── DataError           the data can't be used as they are
    │   ├── NotFoundError       a name or a path that does not exist
    │   ├── OutputExistsError   the output is there already
    │   ├── MissingExtraError   an optional dependency is not installed
    │   ├── UnsupportedError    the combination asked for can't be done
    │   └── IntegrityError      a file is missing or altered (digest)
    └── JobError                the work itself failed            exit code 1
        ├── ChildError          a child process crashed
        └── VerificationError   an artefact does not do what the model does

Each class has a code that stays, such as `data-error`: the command line and its JSON name it, `tfl errors CODE`
explains it, and it is the anchor of the troubleshooting page. What is said there is in `tfl.core.error_guide`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class TflError(Exception):
    """Base of every error that tfl raises on purpose.

    `exit_code` is what the command line ends with, and `code` the name that a program can go by.

    Args:
        message: What is wrong and where, with what was received and what is allowed.
        hint: The next step, as a sentence or a command to paste; empty when there is none.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "tfl-error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UserError(TflError):
    """The caller can mend it: exit code 2, never a traceback."""

    exit_code = 2
    code = "user-error"


class ConfigError(UserError):
    """One or more settings are unknown, of the wrong type or out of range."""

    code = "config-error"


class DataError(UserError):
    """The data can't be used as they are."""

    code = "data-error"


class NotFoundError(UserError):
    """A name or a path that does not exist."""

    code = "not-found-error"


class OutputExistsError(UserError):
    """The output folder is there already, and nothing is ever overwritten unasked."""

    code = "output-exists-error"


class MissingExtraError(UserError):
    """An optional dependency is not installed."""

    code = "missing-extra-error"


class UnsupportedError(UserError):
    """The combination asked for can't be done; the message names what can."""

    code = "unsupported-error"


class IntegrityError(UserError):
    """A file is missing from, or differs from, what its record says (SHA-256)."""

    code = "integrity-error"


class JobError(TflError):
    """The work itself failed: exit code 1."""

    code = "job-error"


class ChildError(JobError):
    """A child process crashed or ran out of time; the message holds the end of its log."""

    code = "child-error"


class VerificationError(JobError):
    """An artefact does not do what the model it came from does."""

    code = "verification-error"


def closest(name: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest allowed name, or an empty string.

    The match is `difflib`'s ratio over 0.55, without regard to case.
    """
    by_folded = {option.casefold(): option for option in allowed}
    match = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.55)
    return f" Did you mean '{by_folded[match[0]]}'?" if match else ""


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> NotFoundError:
    """Build the error for a name that is not one of the allowed names."""
    options = sorted(allowed)
    return NotFoundError(
        f"Unknown {kind} '{name}'.{closest(name, options)}",
        hint=f"Allowed: {', '.join(options) or 'none'}.",
    )
