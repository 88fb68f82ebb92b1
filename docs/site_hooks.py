"""What the site does beside MkDocs: places pages that nobody listed, and brings linked files from outside of `docs/`.

MkDocs knows its own folder only. The pages there also link to notebooks, to the changelog and to scripts, which is
right on a code host; in the site such files stand below `project/`, and the links are turned to them.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

#: Folder of `docs/` -> the heading of the navigation that its unlisted pages come under; others go to the topics.
SECTIONS = {"commands": "Commands", "concepts": "Concepts", "start": "Start", "api": "Python API"}
OTHERS = "Topics"
OUTSIDE = "project/"
#: In the navigation, so always there.
ALWAYS = ("CHANGELOG.md", "CONTRIBUTING.md")
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every page that the navigation does not name below the heading of its folder."""
    named = set(_named(config.nav))
    docs = Path(config.docs_dir)
    for path in sorted(docs.rglob("*.md")):
        page = path.relative_to(docs).as_posix()
        if page not in named:
            heading = SECTIONS.get(page.partition("/")[0], OTHERS)
            next(item[heading] for item in config.nav or () if isinstance(item, dict) and heading in item).append(page)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside of `docs/` that pages link to, and those that these link to."""
    root = Path(config.docs_dir).parent
    pages = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    waiting, seen = [*ALWAYS, *_linked(root, pages)], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        listed = InclusionLevel.INCLUDED if name in ALWAYS else InclusionLevel.NOT_IN_NAV
        files.append(File.generated(config, OUTSIDE + name, abs_src_path=str(root / name), inclusion=listed))
        if name.endswith(".md"):
            waiting += _linked(root, [name])
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that lead out of `docs/`, or from outside into it, to where the site has the file."""
    source = page.file.src_uri
    here = source.removeprefix(OUTSIDE) if source.startswith(OUTSIDE) else f"docs/{source}"

    def turned(match: re.Match[str]) -> str:
        there = target_of(here, match[2])
        if there is None:
            return match[0]
        uri = there.removeprefix("docs/") if there.startswith("docs/") else OUTSIDE + there
        if files.get_file_from_path(uri) is None:
            return match[0]
        return match[1] + posixpath.relpath(uri, posixpath.dirname(source) or ".") + match[3]

    return _LINK.sub(turned, markdown)


def _named(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    values = nav.values() if isinstance(nav, dict) else nav or ()
    return [name for value in values for name in _named(value)]


def target_of(here: str, link: str) -> str | None:
    """Return where a link of the project's file `here` leads in the project, or None where it leads out of it."""
    if "://" in link or link.startswith(("mailto:", "/")):
        return None
    there = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
    return None if there.startswith("..") else there


def _linked(root: Path, pages: list[str]) -> list[str]:
    found = []
    for page in pages:
        for _, link, _ in _LINK.findall((root / page).read_text(encoding="utf-8")):
            there = target_of(page, link)
            if there is not None and not there.startswith("docs/") and (root / there).is_file():
                found.append(there)
    return found
