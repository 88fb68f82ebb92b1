"""Which training samples set the ranges of a quantized model."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tfl.bundle import Calibration
from tfl.core.errors import UserError
from tfl.core.files import sha256_text
from tfl.data.manifest import Example, Manifest

_NAMED_AT_MOST = 10


def choose_calibration(
    manifest: Manifest, *, sample_count: int = 200, seed: int, scored: Sequence[Example]
) -> tuple[Calibration, tuple[Example, ...]]:
    """Draw calibration samples from the training split, seeded and stratified by class.

    Every class gets an equal share as long as it has samples left, so that rare classes set ranges too.

    Args:
        manifest: Split, and with digests.
        sample_count: How many to draw; all training samples when there are fewer.
        seed: Of the draw.
        scored: The examples that the quantized model will be scored on.

    Returns:
        The record, and the samples in the manifest's order.

    Raises:
        UserError: A training sample is also scored (the same bytes), or there are no training samples.
    """
    train = manifest.of_split("train")
    if not train:
        raise UserError("There are no training samples to calibrate on.", hint="Split the data first.")
    if sample_count < 1:
        raise UserError(f"sample_count must be at least 1. Received: {sample_count}.")
    _refuse_overlap(train, scored)
    generator = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
    queues: list[list[Example]] = []
    for label in manifest.labels:
        queue = [item for item in train if item.label == label]
        generator.shuffle(queue)
        queues.append(queue)
    longest = max(map(len, queues))
    ranked = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    drawn = {item.path for item in ranked[:sample_count]}
    chosen = tuple(item for item in train if item.path in drawn)
    record = Calibration(
        split="train",
        sample_count=len(chosen),
        seed=seed,
        fingerprint=sha256_text(*(item.sha256 or item.path for item in chosen)),
    )
    return record, chosen


def _refuse_overlap(train: Sequence[Example], scored: Sequence[Example]) -> None:
    digests = {item.sha256: item.path for item in scored if item.sha256}
    paths = {item.path for item in scored}
    both = [
        f"{item.path} = {digests.get(item.sha256, item.path)}"
        for item in train
        if item.path in paths or item.sha256 in digests
    ]
    if both:
        named = ", ".join(both[:_NAMED_AT_MOST])
        more = f" and {len(both) - _NAMED_AT_MOST} more" if len(both) > _NAMED_AT_MOST else ""
        raise UserError(
            f"{len(both)} training samples are also scored, so a quantized model's score would prove nothing: "
            f"{named}{more}.",
            hint="Remove the copies from one of the two splits.",
        )
