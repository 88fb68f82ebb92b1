"""Which words speak for an answer: each is left out in turn, and the answer is asked for again.

Occlusion is exact for what it says, needs nothing of a model but its answers, and so explains every artefact of every
target alike (Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, for pictures; Li,
Monroe and Jurafsky, "Understanding neural networks through representation erasure", 2016, for words).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from tfl.core.errors import unknown_name
from tfl.data.contract import Floats
from tfl.report.records import Passage, Passages, Piece

#: Words, with the blanks behind them; scripts without blanks are cut by characters.
_WORDS = re.compile(r"\S+\s*|\s+")
#: Texts with more words are cut into so many runs of words, so that an explanation takes a bounded time.
_MOST_PIECES = 64
#: A run of letters longer than this is no word of a script with blanks, and is cut.
_LONGEST_WORD = 24
_CUT = 4
#: Least change of the log-odds, in nats, that is shown in full colour: what hardly matters stays pale.
_FULL = 1.0
_LEAST_PROBABILITY = 1e-6
_SHOWN_CHARACTERS = 600


def occlude(predict: Callable[[Sequence[str]], Floats], text: str, class_index: int) -> tuple[Piece, ...]:
    """Weigh the words of a text by how much the log-odds of a class fall without each of them.

    Args:
        predict: Texts -> `(texts, classes)` probabilities in [0, 1].
        text: What was answered; only the first 600 characters are looked at, and shown.
        class_index: The class to explain.

    Returns:
        The text in pieces, each with a weight in [-1, 1]: above 0 it speaks for the class. Weights are shares of the
        largest change in the text, or of 1 nat where all are smaller.
    """
    pieces = split_words(shortened(text))
    if not pieces:
        return ()
    without = ["".join(pieces[:index] + pieces[index + 1 :]) or " " for index in range(len(pieces))]
    odds = _log_odds(predict(["".join(pieces), *without])[:, class_index])
    changes = odds[0] - odds[1:]
    scale = max(float(np.abs(changes).max()), _FULL)
    return tuple(
        Piece(text=piece, weight=round(float(change) / scale, 4)) for piece, change in zip(pieces, changes, strict=True)
    )


def explain_text(
    predict: Callable[[Sequence[str]], Floats], text: str, labels: Sequence[str], *, label: str | None = None
) -> Passages:
    """Answer a text and weigh its words; see `occlude`.

    Args:
        predict: Texts -> `(texts, classes)` probabilities in [0, 1].
        text: To be answered.
        labels: Class names.
        label: The class to explain; the one that is answered by default.

    Raises:
        UserError: There is no such class.
    """
    if label is not None and label not in labels:
        raise unknown_name("class", label, labels)
    answers = predict([text])[0]
    chosen = labels.index(label) if label is not None else int(answers.argmax())
    caption = f"{labels[chosen]} {float(answers[chosen]):.2f}"
    passage = Passage(caption=caption, is_right=chosen == int(answers.argmax()), pieces=occlude(predict, text, chosen))
    description = "Shaded words speak for the answer, the darker the more; underlined ones speak against it."
    return Passages(title="What speaks for the answer", description=description, items=(passage,))


def split_words(text: str) -> list[str]:
    """Cut a text into words with the blanks behind them, at most 64; joined they are the text."""
    words = [
        word[start : start + _CUT] if len(word) > _LONGEST_WORD else word
        for word in _WORDS.findall(text)
        for start in (range(0, len(word), _CUT) if len(word) > _LONGEST_WORD else (0,))
    ]
    size = -(-len(words) // _MOST_PIECES)
    return ["".join(words[start : start + size]) for start in range(0, len(words), size)] if words else []


def shortened(text: str) -> str:
    """Return the beginning of a long text, with a sign that there is more."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _log_odds(probabilities: Floats) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.clip(probabilities.astype(np.float64), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    result: np.ndarray[tuple[int], np.dtype[np.float64]] = np.log(values / (1 - values))
    return result
