"""What quantization broke: the samples whose decision differs from the float model's."""

from __future__ import annotations

from collections.abc import Sequence

from tfl.bench.held_out import HeldOut
from tfl.compress.ladder_records import FlippedSample
from tfl.core.errors import DataError
from tfl.data.contract import Floats


def flipped_samples(samples: HeldOut, outputs: Floats, labels: Sequence[str]) -> tuple[FlippedSample, ...]:
    """List the samples that two models decide differently, those that the float model was surest of first.

    Args:
        samples: With the float model's answers.
        outputs: `(samples, classes)` float32 of the other model.
        labels: Class names.

    Raises:
        DataError: The float model's answers are missing, or of another shape.
    """
    reference = samples.outputs
    if reference is None or reference.shape != outputs.shape:
        raise DataError("Both models' answers to the same samples are needed to tell whose decision differs.")
    found = []
    for index, path in enumerate(samples.paths):
        before, after = int(reference[index].argmax()), int(outputs[index].argmax())
        if before != after:
            found.append(
                FlippedSample(
                    path=path,
                    truth=labels[samples.truth[index]],
                    float_answer=labels[before],
                    float_probability=float(reference[index][before]),
                    answer=labels[after],
                    probability=float(outputs[index][after]),
                )
            )
    return tuple(sorted(found, key=lambda item: -item.float_probability))
