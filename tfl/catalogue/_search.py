"""Search by words over names, families, tasks and origins; a word may be misspelt."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable

from tfl.catalogue._entries import ModelEntry, short_name

#: What counts how much: a hit in a name says more than one in a description.
_NAME, _FAMILY, _REST = 1.0, 0.9, 0.6
#: `difflib`'s ratio from which a misspelt word is taken for another; `mobilnet` and `mobilenet` have 0.94.
_ALIKE = 0.8
#: Shorter words have no misspelling that is not another word.
_LEAST_MISSPELT = 4
#: What people say -> what is told of the backbones.
_OTHER_WORDS = {
    **dict.fromkeys(("photo", "photos", "picture", "pictures", "images", "vision"), "image"),
    **dict.fromkeys(("multilingual", "languages"), "multi"),
    **dict.fromkeys(("texts", "sentence", "sentences", "review", "reviews", "words"), "text"),
}


def search_entries(entries: Iterable[ModelEntry], words: Iterable[str]) -> tuple[ModelEntry, ...]:
    """Return the entries that have every word, the best first.

    A word counts as had where it is one of an entry's words, begins or lies within one, or is spelt much like one.

    Args:
        entries: To search.
        words: What is looked for, in any case.
    """
    wanted = [word for text in words for word in re.findall(r"[\w.\-]+", text.casefold())]
    if not wanted:
        return tuple(entries)
    scored = [(_score(entry, wanted), entry) for entry in entries]
    found = [(score, entry) for score, entry in scored if score > 0]
    return tuple(entry for _, entry in sorted(found, key=lambda item: -item[0]))


def _score(entry: ModelEntry, wanted: list[str]) -> float:
    fields = _words_of(entry)
    scores = []
    for word in wanted:
        spelt = {word, _OTHER_WORDS.get(word, word)}
        best = max((weight * _match(one, token) for one in spelt for token, weight in fields), default=0.0)
        if best == 0:
            return 0.0
        scores.append(best)
    return sum(scores) / len(scores)


@functools.lru_cache(maxsize=200_000)
def _match(word: str, token: str) -> float:
    if word == token:
        return 1.0
    if token.startswith(word):
        return 0.9
    if len(word) > 2 and word in token:
        return 0.8
    if len(word) < _LEAST_MISSPELT or abs(len(word) - len(token)) > 2:
        return 0.0
    matcher = difflib.SequenceMatcher(None, word, token)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return 0.7 * ratio if ratio >= _ALIKE else 0.0


def _words_of(entry: ModelEntry) -> tuple[tuple[str, float], ...]:
    """Return an entry's words with their weights."""
    texts = (
        (short_name(entry.name), _NAME),
        (entry.facts.family, _FAMILY),
        *((text, _REST) for text in (entry.source, entry.task, entry.weights_origin, entry.licence, entry.note)),
    )
    return tuple(dict.fromkeys((token, weight) for text, weight in texts for token in _tokens(text)))


@functools.lru_cache(maxsize=4_096)
def _tokens(text: str) -> tuple[str, ...]:
    """Cut `EfficientNetV2B0` into itself, `efficientnetv2b0`, and its parts `efficientnet`, `v2` and `b0`."""
    found = []
    for word in re.findall(r"[\w.\-]+", text):
        pieces = re.split(r"[_.\-]", word)
        parts = [part for piece in pieces for part in _cut(piece)]
        found += [word, *pieces, *parts, "".join(pieces)]
    return tuple(dict.fromkeys(token.casefold() for token in found if token))


def _cut(piece: str) -> list[str]:
    """Cut before each group of digits, and before a capital ahead of them: versions and sizes are looked for alone."""
    match = re.fullmatch(r"([A-Za-z]*?)((?:[A-Z]?\d+)*)([A-Za-z]*)", piece)
    if match is None:
        return [piece]
    return [match[1], *re.findall(r"[A-Z]?\d+", match[2]), match[3]]
