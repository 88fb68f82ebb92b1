"""Going through the files of a data set with all cores, in order, and without reading the unchanged ones again."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tfl.core.progress import Progress
from tfl.data.check.memory import CheckMemory, open_memory
from tfl.data.check.pictures import Abilities, PictureSeen, look_at
from tfl.data.manifest import Example

#: Files that wait or are being read, per core: enough to keep all busy, few enough to cost no memory.
_AHEAD = 8

_Waiting = tuple[str, os.stat_result | None, PictureSeen | None, "Future[PictureSeen] | None"]


def look_at_all(
    examples: Sequence[Example], root: Path, abilities: Abilities, *, fresh: bool, progress: Progress
) -> list[PictureSeen]:
    """Describe every file, in the order of the examples.

    Interrupted, it loses what was seen in the last two seconds at most; the next call goes on from there.

    Args:
        examples: Whose files.
        root: The folder of their paths.
        abilities: What can be looked for.
        fresh: Read files again that have not changed since an earlier check.
        progress: Told about every file.
    """
    seen: list[PictureSeen] = []
    with open_memory(root, abilities, fresh=fresh) as memory:
        for done, item in enumerate(_look(examples, root, abilities, memory), 1):
            seen.append(item)
            progress.update("reading pictures", done=done, total=len(examples))
    return seen


def _look(examples: Sequence[Example], root: Path, abilities: Abilities, memory: CheckMemory) -> Iterator[PictureSeen]:
    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    waiting: deque[_Waiting] = deque()
    try:
        for example in examples:
            file = root / example.path
            state = _state(file)
            known = memory.recall(example.path, state)
            future = None if known else pool.submit(look_at, file, example.path, abilities)
            waiting.append((example.path, state, known, future))
            if len(waiting) >= workers * _AHEAD:
                yield _taken(waiting.popleft(), root, memory)
        while waiting:
            yield _taken(waiting.popleft(), root, memory)
    finally:
        pool.shutdown(cancel_futures=True)


def _taken(item: _Waiting, root: Path, memory: CheckMemory) -> PictureSeen:
    path, before, known, future = item
    if known is not None or future is None:
        return known or PictureSeen("")
    seen = future.result()
    after = _state(root / path)
    if before is not None and after is not None and _same(before, after):
        memory.remember(path, before, seen)
    return seen


def _state(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns, one.st_ino) == (other.st_size, other.st_mtime_ns, other.st_ino)
