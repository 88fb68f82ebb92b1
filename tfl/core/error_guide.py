"""What every error means, how its messages begin, why they come and what to do: `tfl errors CODE`, and the documents.

The text is `error_guide.toml` beside this file, in the package, so that it can be read where there is no network.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tfl.core.errors import TflError, unknown_name
from tfl.core.records import Record

#: Mistakes in the command line itself; click finds them before tfl does.
USAGE_ERROR = "usage-error"
#: Whatever was not raised on purpose.
UNEXPECTED_ERROR = "unexpected-error"


@dataclass(frozen=True, kw_only=True)
class Symptom(Record):
    """One thing that a message may say.

    Attributes:
        message: An example, as it was printed; `...` stands for what was left out.
        why: What led to it.
        remedy: What to do.
    """

    message: str
    why: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Explanation(Record):
    """One kind of error.

    Attributes:
        code: As the command line names it; it does not change.
        error: The class in `tfl.core.errors`, or empty where it is none of tfl's.
        exit_code: Of the command line.
        meaning: In a sentence or two.
        symptoms: The most frequent messages.
    """

    code: str
    error: str
    exit_code: int
    meaning: str
    symptoms: tuple[Symptom, ...] = ()


@cache
def read_guide() -> tuple[Explanation, ...]:
    """Every explanation, the base of each kind before what is below it."""
    text = files("tfl.core").joinpath("error_guide.toml").read_text(encoding="utf-8")
    return tuple(
        Explanation(
            code=item["code"],
            error=item["class"],
            exit_code=item["exit_code"],
            meaning=item["meaning"],
            symptoms=tuple(Symptom(**symptom) for symptom in item.get("symptom", ())),
        )
        for item in tomllib.loads(text)["error"]
    )


def explain(name: str) -> Explanation:
    """Return what is known about an error, by its code or by the name of its class.

    Raises:
        NotFoundError: There is no such error.
    """
    guide = read_guide()
    for item in guide:
        if name in (item.code, item.error):
            return item
    raise unknown_name("error", name, [item.code for item in guide])


def error_classes(base: type[TflError] = TflError) -> list[type[TflError]]:
    """Every class of error, those below each after it."""
    return [base, *(found for child in base.__subclasses__() for found in error_classes(child))]
