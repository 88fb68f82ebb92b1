"""Which code made something: tfl's version and commit, and the packages it stands on."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tfl.core.files import sha256_file, sha256_text
from tfl.core.records import Record
from tfl.core.version import __version__

_ANSWER_WITHIN_S = 20
#: Extras of tfl that change no result.
_NO_INFLUENCE = "dev"


@dataclass(frozen=True, kw_only=True)
class CodeVersion(Record):
    """The code of tfl.

    Attributes:
        version: Of the package.
        commit: Of the checkout that it was run from, 40 hex digits; empty where it was installed.
        digest: SHA-256 over the package's Python files, which tells two changed states of one commit apart.
        state: `clean`, `dirty` (the code differs from the commit), or `unknown` (no checkout, or no git to ask).
    """

    version: str
    digest: str = ""
    commit: str = ""
    state: Literal["clean", "dirty", "unknown"] = "unknown"

    def __str__(self) -> str:
        commit = f" at {self.commit[:12]}" if self.commit else ""
        changed = f", changed to {self.digest[:12]}" if self.state == "dirty" else ""
        return f"{self.version}{commit}{changed}"


#: The folder that tfl is imported from.
_PACKAGE = Path(__file__).resolve().parents[1]


def read_code_version(package: Path = _PACKAGE) -> CodeVersion:
    """Ask git about the folder that a package is imported from, tfl's own by default."""
    files = sorted(package.rglob("*.py"))
    digest = sha256_text(*(f"{file.relative_to(package).as_posix()}\t{sha256_file(file)}" for file in files))
    # A package that is installed inside of somebody's own repository does not have that repository's commit.
    if not (package.parent / ".git").exists():
        return CodeVersion(version=__version__, digest=digest)
    commit = _git(package.parent, "rev-parse", "HEAD")
    changes = _git(package.parent, "status", "--porcelain", "--", package.name)
    if commit is None or changes is None:
        return CodeVersion(version=__version__, digest=digest)
    return CodeVersion(version=__version__, digest=digest, commit=commit, state="dirty" if changes else "clean")


def _git(folder: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(folder), "--no-optional-locks", *arguments]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_WITHIN_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()


def read_packages() -> dict[str, str]:
    """Return the installed version of every package that tfl or a plug-in of it needs, however far down.

    Packages that merely lie in the same environment are left out, and those of tfl's development too.
    """
    installed = _installed()
    if "tfl" not in installed:
        # It is run from a folder; what it stands on can't be told from what lies beside it.
        return dict(sorted((name, item.version) for name, item in installed.items()))
    found: dict[str, str] = {}
    plug_ins = [name for name, item in installed.items() if _brings_plug_ins(item)]
    waiting = ["tfl", *plug_ins]
    while waiting:
        name = waiting.pop()
        if name in found or name not in installed:
            continue
        found[name] = installed[name].version
        waiting += _required(name, installed[name].requires or [])
    return dict(sorted(found.items()))


def _installed() -> dict[str, importlib.metadata.Distribution]:
    """Map names to what is installed; of two of one name, the one that an import would find.

    The name is that of the folder (PEP 376, PEP 491): reading it from the metadata of all takes half a second.
    """
    found: dict[str, importlib.metadata.Distribution] = {}
    for place in map(Path, sys.path):
        folders = [*place.glob("*.dist-info"), *place.glob("*.egg-info")] if place.is_dir() else []
        for folder in folders:
            found.setdefault(_normal(folder.stem.partition("-")[0]), importlib.metadata.Distribution.at(folder))
    return found


def _brings_plug_ins(distribution: importlib.metadata.Distribution) -> bool:
    return any(entry.group.startswith("tfl.") for entry in distribution.entry_points)


def _required(name: str, requirements: list[str]) -> list[str]:
    names = []
    for requirement in requirements:
        word = re.match(r"[A-Za-z0-9._-]+", requirement)
        extra = re.search(r"extra\s*==\s*[\"']([^\"']+)", requirement)
        if word and (extra is None or (name == "tfl" and extra[1] != _NO_INFLUENCE)):
            names.append(_normal(word[0]))
    return names


def _normal(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
