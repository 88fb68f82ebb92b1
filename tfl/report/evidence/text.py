"""Texts with answers: the texts themselves, and the words that speak for and against each answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Bundle
from tfl.compress.ladder_records import Ladder
from tfl.core.errors import UserError
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Contract, Floats
from tfl.data.encodings import read_text
from tfl.data.manifest import Example, Manifest
from tfl.report.evidence._base import SHOWN_FLIPS, Answered, Evidence, chosen_at_random, sources_of
from tfl.report.occlusion import explain_text, occlude, shortened
from tfl.report.records import Passage, Passages, Piece
from tfl.tasks import Evaluation
from tfl.training.engines import fixed_batches

_TITLE_CHARACTERS = 90
_BATCH = 32


class TextEvidence(Evidence):
    """Texts with a line that says answer and truth; those that are explained have their words shaded."""

    def passages(self, answered: Answered, contract: Contract, count: int) -> tuple[Passages, ...]:
        """See `Evidence.passages`."""
        chosen = chosen_at_random(len(answered.paths), count)
        sources = answered.sources([answered.paths[index] for index in chosen])
        truth = [answered.truth[index] for index in chosen]
        total = f"{len(chosen)} of {len(answered.paths)} {answered.evaluation.split} texts"
        return (
            _answers(sources, truth, answered.outputs[chosen], answered.labels, said=f"{total}, drawn at random"),
            _losses(answered.evaluation, answered.manifest, count),
            _explained(answered, contract),
        )

    def show_answers(
        self, sources: Sequence[Any], truth: Sequence[int], outputs: Floats, labels: Sequence[str], path: Path
    ) -> Passages:
        """See `Evidence.show_answers`; nothing is written."""
        return _answers(sources, truth, outputs, labels, said=f"{len(sources)} texts")

    def show_losses(self, evaluation: Evaluation, manifest: Manifest, path: Path, *, count: int) -> Passages:
        """See `Evidence.show_losses`; nothing is written."""
        return _losses(evaluation, manifest, count)

    def show_flipped(self, ladder: Ladder, manifest: Manifest, path: Path) -> Passages:
        """See `Evidence.show_flipped`; nothing is written."""
        flipped = ladder.flipped[:SHOWN_FLIPS]
        items = tuple(
            Passage(
                caption=f"float: {item.float_answer} {item.float_probability:.2f}, quantized: {item.answer}"
                f" {item.probability:.2f}, truth: {item.truth}",
                is_right=item.truth == item.answer,
                pieces=_plain(source),
            )
            for item, source in zip(flipped, sources_of(manifest, [item.path for item in flipped]), strict=True)
        )
        description = "Test texts whose decision differs from the float model's, those that it was surest of first."
        return Passages(title=f"{ladder.target}: decisions that flipped", description=description, items=items)

    def explain(
        self, predict: Callable[[Sequence[Any]], Floats], source: Any, labels: Sequence[str], *, label: str | None
    ) -> Passages:
        """See `Evidence.explain`."""
        return explain_text(predict, read_text(source), labels, label=label)

    def title_of(self, example: Example) -> str:
        """See `Evidence.title_of`."""
        text = " ".join(example.text.split())
        if not text:
            return example.path
        return f"{example.path}: {text if len(text) <= _TITLE_CHARACTERS else text[: _TITLE_CHARACTERS - 3] + '...'}"


def _answers(
    sources: Sequence[Any], truth: Sequence[int], outputs: Floats, labels: Sequence[str], *, said: str
) -> Passages:
    items = tuple(
        _passage(source, labels[true], labels[int(row.argmax())], float(row.max()))
        for source, true, row in zip(sources, truth, outputs, strict=True)
    )
    description = f"{said}, with the answer and its probability, and the truth where it is another."
    return Passages(title="What it answers", description=description, items=items)


def _losses(evaluation: Evaluation, manifest: Manifest, count: int) -> Passages:
    worst = evaluation.top_losses[:count]
    items = tuple(
        _passage(source, item.truth, item.predicted, item.confidence, more=f"loss {item.loss:.2f}, {item.path}")
        for item, source in zip(worst, sources_of(manifest, [item.path for item in worst]), strict=True)
    )
    description = "The texts with the largest loss, worst first: look here for wrong labels and odd texts."
    return Passages(title="The worst answers", description=description, items=items)


def _explained(answered: Answered, contract: Contract) -> Passages:
    """Shade the words of some right and of the worst wrong answers, each for the class that was answered."""
    chosen = answered.explained()
    model = answered.model
    if model is None:
        from tfl.targets._keras import load_keras_model

        bundle_dir = RunFolder(answered.run_dir).bundle_dir
        model = load_keras_model(bundle_dir, Bundle.open(bundle_dir))

    answer_batch = fixed_batches(model, _BATCH)

    def predict(texts: Sequence[str]) -> Floats:
        return np.concatenate([answer_batch(batch) for batch in contract.input_batches(texts, size=_BATCH)])

    items = []
    for index, source in zip(chosen, answered.sources([answered.paths[index] for index in chosen]), strict=True):
        answer = int(answered.outputs[index].argmax())
        passage = _passage(
            source,
            answered.labels[answered.truth[index]],
            answered.labels[answer],
            float(answered.outputs[index].max()),
        )
        pieces = occlude(predict, _text_of(source), answer)
        items.append(Passage(caption=passage.caption, is_right=passage.is_right, pieces=pieces))
    description = (
        "Each word is left out in turn. Shaded words speak for the answer, the darker the more; underlined ones speak "
        "against it. Right answers first, then wrong ones."
    )
    return Passages(title="What it reads", description=description, items=tuple(items))


def _passage(source: Path | str, truth: str, predicted: str, confidence: float, *, more: str = "") -> Passage:
    right = truth == predicted
    caption = f"{'✓' if right else '✗'} {predicted} {confidence:.2f}"
    caption += "" if right else f", is {truth}"
    return Passage(
        caption=f"{caption}, {more}" if more else caption,
        is_right=right,
        pieces=_plain(source),
    )


def _plain(source: Path | str) -> tuple[Piece, ...]:
    return (Piece(text=shortened(_text_of(source)), weight=0.0),)


def _text_of(source: Path | str) -> str:
    """Return a text, or what its file holds; of a file that can't be read any more, the reason."""
    try:
        return read_text(source)
    except UserError as error:
        return error.message


EVIDENCE = TextEvidence()
