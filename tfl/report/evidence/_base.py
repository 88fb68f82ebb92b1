"""What evidence is."""

from __future__ import annotations

import abc
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from tfl.compress.ladder_records import Ladder
from tfl.core.errors import UnsupportedError
from tfl.data.contract import Contract, Floats
from tfl.data.manifest import Example, Manifest
from tfl.report.records import Passages
from tfl.tasks import Evaluation

#: How many answers are explained: right ones, and wrong ones where there are so many.
_RIGHT, _WRONG = 4, 4
#: How many decisions that a quantized model changes are shown.
SHOWN_FLIPS = 12
_SEED = 0


class Shown(Protocol):
    """What a notebook shows as the last expression of a cell, by `_repr_html_` or `_repr_png_`."""


@dataclass(frozen=True)
class Answered:
    """Test samples with a model's answers.

    Attributes:
        run_dir: The run.
        evaluation: Of the answers.
        manifest: With splits.
        truth: Class index of each sample.
        outputs: `(samples, classes)` float32 probabilities.
        paths: Of the samples, as in the manifest.
        model: The Keras model, or None to open the run's bundle where it is needed.
    """

    run_dir: Path
    evaluation: Evaluation
    manifest: Manifest
    truth: Sequence[int]
    outputs: Floats
    paths: Sequence[str]
    model: Any | None

    @property
    def root(self) -> Path:
        """Of the manifest."""
        return Path(self.manifest.root)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the outputs."""
        return self.evaluation.labels

    def sources(self, paths: Sequence[str]) -> list[Path | str]:
        """Return what a contract reads of some of the manifest's samples."""
        return sources_of(self.manifest, paths)

    def explained(self) -> list[int]:
        """Take right answers at random and the wrong answers with the least probability of the truth."""
        truth = np.asarray(self.truth)
        right = self.outputs.argmax(axis=1) == truth
        good = np.flatnonzero(right).tolist()
        of_truth = self.outputs[np.arange(len(truth)), truth]
        bad = [int(index) for index in np.argsort(of_truth, kind="stable") if not right[index]][:_WRONG]
        wanted = _RIGHT + _WRONG - len(bad)
        shown = random.Random(_SEED).sample(good, min(wanted, len(good)))  # noqa: S311 - which samples to show
        return sorted(shown) + bad


class Evidence(abc.ABC):
    """How samples of one kind of data are shown with answers. One file, one object called `EVIDENCE`."""

    #: Title and description of each plot, by its name; `{shown}` stands for how many of how many.
    words: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def plots(self, answered: Answered, count: int) -> dict[str, Callable[[Path], None]]:
        """Return what draws each plot of `words` as a PNG.

        Args:
            answered: The samples.
            count: How many are shown at most.
        """
        return {}

    def passages(self, answered: Answered, contract: Contract, count: int) -> tuple[Passages, ...]:
        """Return texts with their answers, for kinds whose samples are no pictures.

        Args:
            answered: The samples.
            contract: Of the model.
            count: How many are shown at most.
        """
        return ()

    @abc.abstractmethod
    def show_answers(
        self, sources: Sequence[Any], truth: Sequence[int], outputs: Floats, labels: Sequence[str], path: Path
    ) -> Shown:
        """Show samples with answers, and the truth where the answer is wrong.

        Args:
            sources: The samples.
            truth: Class indices.
            outputs: `(samples, classes)` float32.
            labels: Class names.
            path: Where a PNG goes, if there is one.
        """

    @abc.abstractmethod
    def show_losses(self, evaluation: Evaluation, manifest: Manifest, path: Path, *, count: int) -> Shown:
        """Show the samples with the largest loss, worst first; see `show_answers`."""

    @abc.abstractmethod
    def show_flipped(self, ladder: Ladder, manifest: Manifest, path: Path) -> Shown:
        """Show the test samples that a quantized model decides otherwise; see `show_answers`."""

    def title_of(self, example: Example) -> str:
        """Return what a table calls a sample."""
        return example.path

    def explain(
        self, predict: Callable[[Sequence[Any]], Floats], source: Any, labels: Sequence[str], *, label: str | None
    ) -> Passages:
        """Say what in one sample speaks for an answer.

        Args:
            predict: Samples -> `(samples, classes)` probabilities in [0, 1].
            source: The sample.
            labels: Class names.
            label: The class to explain; None for the one that is answered.

        Raises:
            UnsupportedError: Samples of this kind can't be explained alone.
            UserError: There is no such class.
        """
        raise UnsupportedError(
            "Only texts can be explained alone.", hint="Where a model of pictures looks is in its run's report."
        )


def sources_of(manifest: Manifest, paths: Sequence[str]) -> list[Path | str]:
    """Return what a contract reads of samples that are named by their path in a manifest."""
    root, known = Path(manifest.root), {example.path: example for example in manifest.examples}
    return [known[path].source(root) if path in known else root / path for path in paths]


def chosen_at_random(total: int, count: int, *, seed: int = _SEED) -> list[int]:
    """Choose samples to show: sorted indices, at most `count`."""
    return sorted(random.Random(seed).sample(range(total), min(count, total)))  # noqa: S311 - which samples to show
