"""Accuracy-aware quantization, the target's side: the rungs of its ladder and a quantizer that tries layer by layer."""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tfl.bundle import Recipe
from tfl.core.errors import UserError
from tfl.core.records import Record
from tfl.data.contract import Inputs
from tfl.targets._base import Exported, Tolerance

#: For formats that store 8-bit weights and compute in float32.
INTEGER_WEIGHTS = Tolerance(
    max_difference=0.4,
    mean_difference=0.025,
    agreement=0.95,
    metric_drop=0.02,
    reason="255 levels per output channel of the weights, which every layer adds to: 0.31 at most and 0.013 on average "
    "on photos, where the weights do not lie on that grid already (0.50 and 0.016 in a second draw, for a photo "
    "between two classes, which does not pass); two swapped channels moved the worst photo by 0.81.",
)


@dataclass(frozen=True, kw_only=True)
class Rung(Record):
    """One thing to try, in the order of a target's ladder.

    Attributes:
        name: Short, unique within the ladder.
        precision: Of the artefact.
        summary: One line that says what it is.
        recipe: What the target's quantizer is asked for; None takes the target's ordinary export.
        samples: `all` calibrates on every sample that is set aside for it, `chosen` on as many as were asked for.
        search: `layers` puts layers back to float, those that cost most first, until the metric holds.
    """

    name: str
    precision: str
    summary: str
    recipe: Recipe | None = None
    samples: Literal["chosen", "all"] = "chosen"
    search: Literal["none", "layers"] = "none"


#: For formats of `INTEGER_WEIGHTS`.
INTEGER_WEIGHTS_RUNG = Rung(name="w8", precision="w8", summary="8-bit weights, float activations")
#: For targets whose `simulated` precisions have `int8-qat`.
TRAINED_RUNG = Rung(name="int8-qat", precision="int8-qat", summary="all layers int8, trained on for it")
HALF_RUNG = Rung(name="fp16", precision="fp16", summary="half-precision weights")


#: For networks of matrix products, such as transformers, whose activations fixed ranges don't fit.
DYNAMIC_RUNG = Rung(
    name="dynamic", precision="dynamic", summary="8-bit weights, ranges of activations taken at each inference"
)


def mixed_rung(recipe: Recipe) -> Rung:
    """Return the rung that searches for the layers to leave in float, on top of a recipe."""
    summary = "int8, with the layers that cost most left in float"
    return Rung(name="mixed", precision="int8", summary=summary, recipe=recipe, search="layers")


class Quantizer(abc.ABC):
    """A float model that is calibrated once per method and then written with one recipe after the other.

    Attributes:
        layers: Candidates to stay in float, in data order: those with weights, and what follows the last of them. A
            layer in float reads its weights and its inputs unquantized, so that the operations without weights
            that its inputs come through stay in float with it.
        methods: The calibration methods that `Recipe.calibration` may name, the default first.
    """

    layers: tuple[str, ...]
    methods: tuple[str, ...]

    @abc.abstractmethod
    def write(self, recipe: Recipe, out_dir: Path, *, sample_count: int) -> Exported:
        """Write an int8 model into an empty folder.

        Args:
            recipe: Its layers must be among `layers`, its method among `methods`.
            out_dir: Empty.
            sample_count: Calibrate on this many samples, counted from the first.

        Raises:
            UserError: There is no such layer or method.
        """

    def layer_errors(self, recipe: Recipe, inputs: Inputs, *, sample_count: int) -> Mapping[str, float]:
        """Return each layer's relative error against float, or nothing where the engine gives no inner values.

        The error is the power of the difference over the power of the float values, taken at the layer's
        output over all samples: 1 / SQNR.

        Args:
            recipe: Of the quantized model.
            inputs: `(samples, height, width, 3)` float32 in the contract's range.
            sample_count: As in `write`.
        """
        del recipe, inputs, sample_count
        return {}

    def check(self, recipe: Recipe) -> None:
        """Raise unless the recipe's method and layers exist.

        Raises:
            UserError: Names what does not.
        """
        if recipe.calibration not in self.methods:
            raise UserError(
                f"There is no calibration method '{recipe.calibration}' here.",
                hint=f"Allowed: {', '.join(self.methods)}.",
            )
        unknown = set(recipe.float_layers) - set(self.layers)
        if unknown:
            raise UserError(f"The model has no layer {', '.join(sorted(unknown))}.")


def upstream(names: Iterable[str], before: Mapping[str, Sequence[str]], weighted: Collection[str]) -> set[str]:
    """Return the operations that the inputs of some come through, up to those with weights, which are left out.

    Args:
        names: The operations to begin with; they are left out too, unless others come through them.
        before: Operation -> those that write its inputs.
        weighted: Operations that have weights.
    """
    found: set[str] = set()
    waiting = [item for name in names for item in before.get(name, ())]
    while waiting:
        name = waiting.pop()
        if name not in found and name not in weighted:
            found.add(name)
            waiting += before.get(name, ())
    return found


def candidates(quantized: Sequence[str], before: Mapping[str, Sequence[str]], weighted: Collection[str]) -> list[str]:
    """Return the quantized operations that a choice is to be made of: the others follow from one of these.

    Args:
        quantized: Operations that read quantized values, in data order.
        before: As in `upstream`.
        weighted: As in `upstream`.
    """
    following = upstream([name for name in quantized if name in weighted], before, weighted)
    ends = [name for name in quantized if name in weighted or name not in following]
    # Of a chain after the last weights, the end alone: what comes before it follows.
    chained = upstream(ends, before, weighted)
    return [name for name in ends if name in weighted or name not in chained]


def relative_error(reference: npt.NDArray[np.float32], values: npt.NDArray[np.float32]) -> float:
    """Return the power of the difference over the power of the reference; 0 where both are zero everywhere."""
    reference64 = reference.astype(np.float64)
    power = float(np.square(reference64).sum())
    difference = float(np.square(reference64 - values).sum())
    return difference / power if power else float(difference > 0)
