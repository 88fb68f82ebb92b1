"""Whether a folder is one of texts: what the readers of folders agree on."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tfl.data.formats import FORMATS
from tfl.data.readers._folders import Samples, count_endings, has_folders
from tfl.data.readers._rows import TEXT_ENDINGS, VIDEO_SUFFIXES

#: Files that are one text each; those of old collections have no ending at all.
TEXTS = Samples(
    kind="text",
    nouns="texts",
    name="text.txt",
    endings=frozenset({*TEXT_ENDINGS, ""}),
    takes_all=False,
)
#: Pictures often have a text beside each, which holds their boxes or their description.
_OTHERS = (*frozenset().union(*FORMATS.values()), *VIDEO_SUFFIXES, ".wav", ".mp3", ".flac")
_MOST_OTHERS = 0.1


def holds_text_files(folder: Path) -> bool:
    """Say whether the class folders of a folder hold texts, and hardly any pictures, videos or sounds."""
    with contextlib.suppress(OSError):
        if not folder.is_dir() or not has_folders(folder):
            return False
        below = [count_endings(item, TEXT_ENDINGS, _OTHERS) for item in folder.iterdir() if item.is_dir()]
        texts, others = (sum(counts[index] for counts in below) for index in (0, 1))
        return texts > 0 and others <= texts * _MOST_OTHERS
    return False
