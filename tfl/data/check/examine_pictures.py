"""How the data check looks at pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tfl.core.extras import install_command
from tfl.core.progress import Progress
from tfl.data.check.examine import Examiner
from tfl.data.check.findings import Finding, finding
from tfl.data.check.looking import look_at_all
from tfl.data.check.near import LEAST_SIDE, near_groups
from tfl.data.check.pictures import Abilities, PictureSeen
from tfl.data.check.quality import judge
from tfl.data.manifest import Example


class PictureExaminer(Examiner[PictureSeen]):
    """Decodes every file whole; near copies by a perceptual hash, quality by cleanvision's limits."""

    same = "has the same bytes as"

    def __init__(self) -> None:
        self._abilities = Abilities.here()

    def look_at_all(
        self, examples: Sequence[Example], root: Path, *, fresh: bool, progress: Progress
    ) -> list[PictureSeen]:
        return look_at_all(examples, root, self._abilities, fresh=fresh, progress=progress)

    def near_groups(self, seen: Sequence[PictureSeen]) -> list[tuple[int, ...]]:
        chosen = [index for index, item in enumerate(seen) if item.look is not None]
        groups = near_groups([look for index in chosen if (look := seen[index].look) is not None])
        return [tuple(chosen[member] for member in group) for group in groups]

    def judge(self, examples: Sequence[Example], seen: Sequence[PictureSeen]) -> Iterator[Finding]:
        for index, rule, message, badness in judge([item.quality for item in seen]):
            yield finding(rule, examples[index].path, message, badness=badness)

    def not_checked(self, seen: Sequence[PictureSeen]) -> Iterator[Finding]:
        if not self._abilities.near:
            yield finding("not_checked", "", f"near copies were not looked for: {install_command('imagehash')}")
        if not self._abilities.quality:
            message = f"darkness, blur and the like were not looked for: {install_command('cleanvision')}"
            yield finding("not_checked", "", message)
        small = sum(0 < item.side < LEAST_SIDE for item in seen)
        if small and self._abilities.near:
            which = "1 picture is" if small == 1 else f"{small} pictures are"
            message = f"{which} under {LEAST_SIDE} pixels, too small to be compared for near copies"
            yield finding("not_compared", "", message)
