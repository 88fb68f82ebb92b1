"""Names of classes that a person would take for the same, or for something else."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tfl.data.check.findings import Finding, finding
from tfl.data.readers import SPLIT_NAMES

#: Letters that look like Latin ones: Unicode Technical Standard 39, confusables, those of Cyrillic and Greek.
_LOOK_ALIKES = str.maketrans(
    {
        **dict(zip("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u0501", "aeopcyxsijd", strict=True)),
        **dict(zip("\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425", "ABEKMHOPCTX", strict=True)),
        **dict(
            zip("\u03b1\u03bf\u03c1\u03bd\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d", "aopvABEHIKMN", strict=True)
        ),
        **dict(zip("\u039f\u03a1\u03a4\u03a7\u03a5\u0396", "OPTXYZ", strict=True)),
    }
)
#: Letters without width, which no one sees.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def odd_names(labels: Sequence[str]) -> Iterator[Finding]:
    """Find classes whose names differ by case, space or look-alike letters, and those called like a split."""
    spelled: dict[str, list[str]] = defaultdict(list)
    seen: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        plain = " ".join(label.replace("_", " ").replace("-", " ").split()).casefold()
        spelled[plain].append(label)
        seen[looks_like(plain)].append(plain)
        if label.casefold() in SPLIT_NAMES:
            yield finding("split_like_class", label, f"the class '{label}' is called like a split")
    for names in spelled.values():
        for other in names[1:]:
            message = f"'{other}' and '{names[0]}' differ by case, space, hyphen or underscore only"
            yield finding("label_spelling", other, message, names[0])
    for plains in seen.values():
        for other in sorted(set(plains))[1:]:
            first = sorted(set(plains))[0]
            one, two = spelled[first][0], spelled[other][0]
            yield finding("label_look_alike", two, f"'{two}' looks like '{one}', but has other letters")


def looks_like(name: str) -> str:
    """Return what a reader sees in a name: compatibility forms, accents kept, look-alikes as Latin letters."""
    return unicodedata.normalize("NFKC", name.translate(_INVISIBLE)).translate(_LOOK_ALIKES).casefold()
