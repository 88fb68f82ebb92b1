"""How the data check looks at texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfl.core.errors import UserError
from tfl.core.extras import install_command, is_installed
from tfl.core.files import sha256_text
from tfl.core.progress import Progress
from tfl.data.check.examine import Examiner
from tfl.data.check.findings import Finding, finding
from tfl.data.check.languages import certain, guess_languages, name_of
from tfl.data.check.near_texts import LEAST_LETTERS, near_text_groups
from tfl.data.check.texts import TextSeen, length_class, look_at_text
from tfl.data.encodings import decode_text
from tfl.data.manifest import Example

#: Where models cut texts off, in words; a token is three quarters of an English word.
_CUTS = (128, 256, 512)
#: A text is told of from so many words, and from so many times what 95 of 100 texts have at most.
_GIANT_WORDS, _GIANT_TIMES = 500, 20
#: Texts of another language are told of from so many, and from such a share.
_FOREIGN, _FOREIGN_SHARE = 3, 0.005
_UNTOLD = "not told"


class TextExaminer(Examiner[TextSeen]):
    """Reads every text whole; near copies by MinHash, languages by a model of bytes."""

    same = "is the same text (case, spaces and marks at its ends aside) as"

    def __init__(self) -> None:
        self._near = is_installed("datasketch")
        self._languages = is_installed("py3langid")

    def look_at_all(
        self, examples: Sequence[Example], root: Path, *, fresh: bool, progress: Progress
    ) -> list[TextSeen]:
        seen: list[TextSeen] = []
        texts: list[str] = []
        for done, example in enumerate(examples, 1):
            text, item = _look(example, root)
            texts.append(text)
            seen.append(item)
            progress.update("reading texts", done=done, total=len(examples))
        if not self._languages:
            return seen
        guesses = []
        for done, guess in enumerate(guess_languages(texts), 1):
            guesses.append(guess)
            progress.update("telling languages", done=done, total=len(texts))
        return [
            replace(item, language=language) if item.is_usable else item
            for item, language in zip(seen, certain(guesses), strict=True)
        ]

    def near_groups(self, seen: Sequence[TextSeen]) -> list[tuple[int, ...]]:
        return near_text_groups([item.plain for item in seen]) if self._near else []

    def judge(self, examples: Sequence[Example], seen: Sequence[TextSeen]) -> Iterator[Finding]:
        words = np.array([item.words for item in seen], dtype=np.int64)
        if not len(words):
            return
        yield from _long(examples, words)
        yield from _foreign(examples, [item.language for item in seen])

    def not_checked(self, seen: Sequence[TextSeen]) -> Iterator[Finding]:
        if not self._near:
            yield finding("not_checked", "", f"near copies were not looked for: {install_command('datasketch')}")
        if not self._languages:
            yield finding("not_checked", "", f"languages were not looked for: {install_command('py3langid')}")
        short = sum(0 < len(item.plain) < LEAST_LETTERS for item in seen)
        if short and self._near:
            which = "1 text is" if short == 1 else f"{short} texts are"
            message = f"{which} under {LEAST_LETTERS} letters, too short to be compared for near copies"
            yield finding("not_compared", "", message)

    def copy_key(self, seen: TextSeen) -> str:
        return sha256_text(seen.plain.encode(errors="replace").decode())

    def attributes(self, seen: TextSeen) -> dict[str, str]:
        told = {"length": length_class(seen.words)}
        return {**told, "language": seen.language or _UNTOLD} if self._languages else told


def _look(example: Example, root: Path) -> tuple[str, TextSeen]:
    if example.text:
        return example.text, look_at_text(example.text)
    try:
        data = (root / example.path).read_bytes()
    except OSError as error:
        return "", TextSeen("", (("unreadable", f"can't be read: {error.strerror or error}"),))
    try:
        text, encoding = decode_text(data, name=example.path)
    except UserError as error:
        return "", TextSeen("", (("unreadable", error.message.removeprefix(f"{example.path}: ")),))
    item = look_at_text(text)
    said = (("encoding", f"is {encoding.said}"),) if encoding.said else ()
    return text, replace(item, faults=(*item.faults, *said))


def _long(examples: Sequence[Example], words: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[Finding]:
    """Tell how much of the texts is cut off at usual lengths, and of texts that are far longer than all others."""
    limit = max(_GIANT_WORDS, _GIANT_TIMES * float(np.percentile(words, 95)))
    for index in np.flatnonzero(words > limit).tolist():
        message = f"has {words[index]:,} words; 95 of 100 texts have {np.percentile(words, 95):.0f} at most"
        yield finding("giant_text", examples[index].path, message, badness=float(words[index]))
    longest = int(words.argmax())
    parts = []
    for cut in _CUTS:
        longer = int((words > cut).sum())
        if longer:
            lost = float(np.maximum(words - cut, 0).sum() / words.sum())
            parts.append(
                f"{longer:,} of {len(words):,} have over {cut} words ({lost:.1%} of all words come after that)"
            )
    if parts:
        median = f"the median is {np.median(words):.0f} words, the longest {words[longest]:,}"
        yield finding("long_text", examples[longest].path, f"{median}; {'; '.join(parts)}")


def _foreign(examples: Sequence[Example], languages: Sequence[str]) -> Iterator[Finding]:
    """Tell which languages there are beside the most frequent one."""
    counts = Counter(code for code in languages if code)
    if not counts:
        return
    told = sum(counts.values())
    main, _ = counts.most_common(1)[0]
    others = {
        code: count for code, count in counts.items() if code != main and count >= max(_FOREIGN, told * _FOREIGN_SHARE)
    }
    if not others:
        return
    parts = [f"{count:,} in {name_of(code)}" for code, count in counts.most_common() if code == main or code in others]
    untold = len(languages) - told
    rest = told - counts[main] - sum(others.values())
    more = (f"; {rest} in others" if rest else "") + (f"; of {untold:,} it is not certain" if untold else "")
    first = {code: next(index for index, item in enumerate(languages) if item == code) for code in others}
    such = ", ".join(f"{examples[index].path} ({name_of(code)})" for code, index in list(first.items())[:3])
    example = examples[next(iter(first.values()))].path
    yield finding("language_mix", example, f"of the texts {', '.join(parts)}{more}, such as {such}")
