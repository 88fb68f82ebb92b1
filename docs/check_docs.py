"""Check the documents: links lead somewhere, named commands and files exist, dependencies match setup.cfg."""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
import subprocess
import sys
import textwrap
from inspect import cleandoc
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
#: Material tells at each build that its makers have a successor; docs/dependencies.md says why it is not used yet.
QUIET = {"NO_MKDOCS_2_WARNING": "1"}
#: What a browser fetches by itself; links that a reader may follow are no matter.
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\ssrc="?(https?:[^"\s>]+)"""
    r"""|<link\b(?=[^>]*rel="?(?:stylesheet|preconnect|preload))[^>]*?href="?(https?:[^"\s>]+)"""
    r"""|(?:url\(|@import\s)["']?(https?:[^"')\s]+)"""
)
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "benchmarks").glob("**/*.md")]


def broken_links() -> list[str]:
    """Relative links of every page that lead nowhere."""
    problems = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                problems.append(f"{page.relative_to(ROOT)}: the link {target} leads nowhere")
    return problems


def unknown_commands() -> list[str]:
    """`tfl NAME` in a code block or in backquotes whose NAME is no command."""
    from tfl_cli.main import COMMANDS

    problems = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"(?:^|`|\$ )tfl ([a-z]+)\b", text, flags=re.MULTILINE):
            if name not in COMMANDS:
                problems.append(f"{page.relative_to(ROOT)}: there is no command 'tfl {name}'")
    return problems


def unknown_options() -> list[str]:
    """Options in code blocks that the command does not have."""
    import click

    from docs.command_pages import command_tree

    known = {
        words: {"--help", *(name for item in command.params if isinstance(item, click.Option) for name in item.opts)}
        for words, command in command_tree().items()
    }
    problems = []
    for page in PAGES:
        for line in re.findall(r"^tfl ([^\n]+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
            words = line.split()
            prefixes = (" ".join(words[:depth]) for depth in (3, 2, 1))
            command = next((prefix for prefix in prefixes if prefix in known), None)
            for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", line) if command else ():
                if option not in known[command]:
                    problems.append(f"{page.relative_to(ROOT)}: 'tfl {command}' has no option {option}")
    return problems


def stale_pages() -> list[str]:
    """Pages that are written by programs and say something else by now."""
    from docs import command_pages, troubleshooting_page

    return command_pages.stale() + troubleshooting_page.stale()


def loaded_from_elsewhere(text: str) -> list[str]:
    """Addresses that a browser would fetch by itself for a page or a style sheet."""
    return [next(filter(None, found.groups())) for found in _LOADED.finditer(text)]


def site_problems() -> list[str]:
    """What the site's strict build warns of (links and anchors too), and what its pages would load from elsewhere."""
    site = ROOT / "build" / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--site-dir", str(site)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **QUIET})
    if built.returncode:
        return [line for line in built.stderr.splitlines() if not line.startswith("INFO")]
    problems = []
    for file in (*site.rglob("*.html"), *site.rglob("*.css")):
        for address in loaded_from_elsewhere(file.read_text(encoding="utf-8")):
            problems.append(f"{file.relative_to(site)} loads {address}; the site must need no network")
    return problems


def undocumented_dependencies() -> list[str]:
    """Requirements whose name or range in setup.cfg is not in docs/dependencies.md."""
    config = configparser.RawConfigParser()
    config.read(ROOT / "setup.cfg")
    blocks = [config["options"]["install_requires"]]
    blocks += [text for name, text in config["options.extras_require"].items() if name not in ("dev", "all")]
    table = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    problems = []
    for line in "\n".join(blocks).splitlines():
        # What stands behind a semicolon is where it can be installed.
        requirement = line.partition(";")[0].strip()
        match = re.match(r"([\w-]+)(.*)", requirement)
        if match and not re.search(rf"\| {match[1]} \| \w+ \| {re.escape(match[2])} \|", table):
            problems.append(f"docs/dependencies.md does not have {requirement}")
    return problems


def stale_findings() -> list[str]:
    """The page of findings when the check says something else by now, and rules without a picture."""
    from docs.draw_findings import FOLDER, PAGE, build

    problems = []
    page = build(pictures=False)
    if PAGE.read_text(encoding="utf-8") != page:
        problems.append(f"{PAGE.relative_to(ROOT)} is not what the check says; python -m docs.draw_findings")
    named = set(re.findall(r"findings/(\w+)\.png", page))
    drawn = {file.stem for file in FOLDER.glob("*.png")}
    if named != drawn:
        problems.append(f"docs/findings: missing or left over: {', '.join(sorted(named ^ drawn))}")
    return problems


def stale_models() -> list[str]:
    """The page of backbones when the tables say something else by now."""
    sys.path.insert(0, str(ROOT))
    from docs.models_page import PAGE, build

    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == build():
        return []
    return [f"{PAGE.relative_to(ROOT)} is not what the tables say; python -m docs.models_page"]


def knob_rows() -> list[str]:
    """Rows of the table of augmentation's knobs, from the record, its docstring and the presets."""
    from tfl.core.augmentation import PRESETS, AugmentConfig, knob_text

    docstring = textwrap.indent(cleandoc(AugmentConfig.__doc__ or ""), "    ")
    entries = re.findall(r"^        (\w+): ((?:.|\n {12})+)", docstring, flags=re.MULTILINE)
    meanings = {name: " ".join(text.split()) for name, text in entries}
    rows = []
    for field in dataclasses.fields(AugmentConfig):
        values = [getattr(PRESETS[name], field.name) for name in ("light", "standard", "strong")]
        cells = [f"`augment.{field.name}`", *("-" if value is None else knob_text(value) for value in values)]
        rows.append(f"| {' | '.join(cells)} | {meanings[field.name]} |")
    return rows


def undocumented_knobs() -> list[str]:
    """Rows that docs/data-transforms.md does not have."""
    text = (ROOT / "docs" / "data-transforms.md").read_text(encoding="utf-8")
    return [f"docs/data-transforms.md does not have this row: {row}" for row in knob_rows() if row not in text]


if __name__ == "__main__":
    found = broken_links() + unknown_commands() + unknown_options() + undocumented_dependencies()
    found += undocumented_knobs() + stale_findings() + stale_models() + stale_pages() + site_problems()
    done = "links, commands, options, dependencies, knobs, findings, backbones, generated pages and the site are right"
    print("\n".join(found) or f"{len(PAGES)} pages: {done}")
    sys.exit(1 if found else 0)
