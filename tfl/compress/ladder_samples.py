"""Who sets the ranges and who judges: calibration and choice samples never overlap, and no test sample is either."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from tfl.bundle import Calibration
from tfl.compress.ladder_records import LadderSettings, SampleUse
from tfl.core.errors import UserError
from tfl.data.manifest import Example, Manifest
from tfl.targets import choose_calibration

#: More samples than these make a rung slower to judge and hardly better judged.
MOST_CHOICE_SAMPLES = 1000
#: Ranking scores a model for each layer.
MOST_RANKING_SAMPLES = 200
#: `all` calibrates on no more than this many times what was asked for.
_MOST_TIMES = 4


@dataclass(frozen=True)
class LadderSamples:
    """The samples of a climb.

    Attributes:
        calibration: Those that were asked for first, then the rest of what is set aside.
        choice: Validation samples, then training samples.
        use: The record.
    """

    calibration: tuple[Example, ...]
    choice: tuple[Example, ...]
    use: SampleUse


def choose_samples(manifest: Manifest, settings: LadderSettings, *, allow_leakage: bool) -> LadderSamples:
    """Divide training and validation samples; at most half of the training split is for calibration.

    Args:
        manifest: Split, and with digests.
        settings: Sample count and seed.
        allow_leakage: Leave training samples that are copies of test samples out rather than refuse them.

    Raises:
        UserError: There is nothing to calibrate on or to judge by, or a training sample is also a test sample.
    """
    test = manifest.of_split("test")
    if allow_leakage:
        tested = {item.sha256 for item in test}
        kept = tuple(item for item in manifest.examples if item.split != "train" or item.sha256 not in tested)
        manifest = dataclasses.replace(manifest, examples=kept)
    train = manifest.of_split("train")
    most = max(1, len(train) // 2)
    count = min(settings.calibration_samples, most)
    record, first = choose_calibration(manifest, sample_count=count, seed=settings.seed, scored=test)
    # The draw is one order of all samples, so that a longer one holds the shorter one.
    more, pool = choose_calibration(
        manifest, sample_count=min(count * _MOST_TIMES, most), seed=settings.seed, scored=test
    )
    used = {item.path for item in pool}
    digests = {item.sha256 for item in pool if item.sha256}
    validation = _fresh(manifest.of_split("validation"), used, digests)
    rest = _fresh(train, used, digests)
    room = max(0, MOST_CHOICE_SAMPLES - len(validation))
    validation, rest = _spread(validation, MOST_CHOICE_SAMPLES), _spread(rest, room)
    if not validation and not rest:
        raise UserError(
            "There are no samples to judge by: no validation split, and calibration takes every training sample.",
            hint="Give the data more training samples, or a validation split.",
        )
    head = {item.path for item in first}
    calibration = (*first, *(item for item in pool if item.path not in head))
    use = _use(record, more, len(validation), len(rest))
    return LadderSamples(calibration, (*validation, *rest), use)


def _fresh(examples: tuple[Example, ...], used: set[str], digests: set[str]) -> tuple[Example, ...]:
    return tuple(item for item in examples if item.path not in used and item.sha256 not in digests)


def _spread(examples: tuple[Example, ...], most: int) -> tuple[Example, ...]:
    if len(examples) <= most:
        return examples
    return tuple(examples[math.floor(index * len(examples) / most)] for index in range(most))


def _use(record: Calibration, more: Calibration, validation: int, train: int) -> SampleUse:
    ranking = min(MOST_RANKING_SAMPLES, validation + train)
    note = (
        f"Ranges are set on {record.sample_count} training samples, {more.sample_count} where a rung takes more. "
        f"Rungs and layers are chosen by {validation} validation samples and {train} training samples that calibrate "
        "nothing. The model has seen the training samples, and its epoch was chosen by the validation samples, so a "
        "drop on them is no promise; the statement is made on the test split, which chose nothing."
    )
    return SampleUse(
        calibration=record,
        more_calibration=more,
        validation_samples=validation,
        train_samples=train,
        ranking_samples=ranking,
        note=note,
    )
