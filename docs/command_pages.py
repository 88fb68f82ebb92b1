"""Write docs/commands from the command line itself, so that a page says what `--help` says.

Run it from the project's folder: python -m docs.command_pages. What can't be read from the commands,
an example and what a failure means, is in docs/command_notes.py.
"""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from docs.command_notes import NOTES
from tfl.core.config import RunConfig, flatten
from tfl_cli._options import BENCHMARK_FLAGS, DATA_FLAGS, EXPORT_FLAGS, FOLD_FLAGS, TRAIN_FLAGS
from tfl_cli._with_more import CommandWithMore
from tfl_cli.main import COMMANDS, tfl

FOLDER = Path(__file__).resolve().parent / "commands"
MADE = "<!-- Written by docs/command_pages.py; edit the command or docs/command_notes.py instead. -->"

#: Parameter -> dotted setting, for commands that take a config.
_SETTINGS = {
    flag.lstrip("-").replace("-", "_"): dotted
    for table in (DATA_FLAGS, TRAIN_FLAGS, FOLD_FLAGS, EXPORT_FLAGS, BENCHMARK_FLAGS)
    for flag, (dotted, _, _) in table.items()
}
_DEFAULTS = flatten(RunConfig().to_dict())

EXIT_CODES = """## Exit status

Of every command:

| status | meaning |
|---|---|
| 0 | all is well |
| 1 | the work failed: a stage, an artefact or a proof, as each command says |
| 2 | a mistake in what was asked: an option, a path, data that can't be used |
| 130 | interrupted by Ctrl-C or SIGTERM; what is done is kept, and the command that goes on is printed |

After an error the last line names a command that explains it, such as `tfl errors data-error`; all of them are in
[troubleshooting](../troubleshooting.md). With `--json` one JSON document goes to standard output and everything else to
standard error; after an error it is `{"error": {"code": ..., "message": ..., "hint": ..., "exit_code": ...}}`.
"""


def command_tree() -> dict[str, click.Command]:
    """Every command by its words, such as `data relabel apply`, in the order of the help."""
    return dict(_below("", tfl))


def _below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(command, info_name=f"tfl {path}".strip())
    if isinstance(command, click.Group):
        children = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    elif isinstance(command, CommandWithMore):
        children = [(name, command.below(name)) for name in command.more]
    else:
        children = []
    for name, child in children:
        if child is not None:
            words = f"{path} {name}".strip()
            yield words, child
            yield from _below(words, child)


def build() -> dict[str, str]:
    """Every page by its file name."""
    tree = command_tree()
    pages = {"index.md": _index()}
    for name in COMMANDS:
        parts = [
            _part(words, command, depth=words.count(" ") + 1) for words, command in tree.items() if _is(name, words)
        ]
        pages[f"{name}.md"] = "\n".join(parts)
    return pages


def stale() -> list[str]:
    """Pages that differ from what the commands say, are missing or left over, and commands without a note."""
    tree = command_tree()
    problems = [f"docs/command_notes.py has nothing about 'tfl {words}'" for words in tree if words not in NOTES]
    problems += [
        f"docs/command_notes.py is about 'tfl {words}', which is no command" for words in NOTES if words not in tree
    ]
    pages = build() if not problems else {}
    for name, text in pages.items():
        file = FOLDER / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            problems.append(f"docs/commands/{name} is not what the command says; python -m docs.command_pages")
    if pages:
        problems += [
            f"docs/commands/{file.name} is of no command" for file in FOLDER.glob("*.md") if file.name not in pages
        ]
    return problems


def _is(name: str, words: str) -> bool:
    return words.split()[0] == name


def _index() -> str:
    rows = [f"| [`tfl {name}`]({name}.md) | {text} |" for name, (_, text) in COMMANDS.items()]
    table = "\n".join(["| command | what it does |", "|---|---|", *rows])
    return f"# Commands\n\n{MADE}\n\n{table}\n\nEach takes `--help`.\n\n{EXIT_CODES}"


def _part(words: str, command: click.Command, *, depth: int) -> str:
    note = NOTES[words]
    context = click.Context(command, info_name=f"tfl {words}")
    usage = " ".join(command.collect_usage_pieces(context))
    # The site takes a page's title from its first line.
    text = [
        f"{'#' * depth} tfl {words}",
        "",
        *([MADE, ""] if depth == 1 else []),
        *_help(command, words),
        f"```\ntfl {words} {usage}\n```",
        "",
    ]
    text += _options(command)
    if isinstance(command, click.Group):
        return "\n".join(text)
    if note.example:
        text += [
            f"Example{', after `tfl demo`' if 'tfl-demo' in note.example else ''}:",
            "",
            f"```\n{note.example}\n```",
            "",
        ]
    text += [f"**Exit status** 1: {note.fails}; [all of them](index.md#exit-status).", ""]
    if note.related:
        text += ["**See also**: " + ", ".join(_link(item) for item in note.related) + ".", ""]
    return "\n".join(text)


def _help(command: click.Command, words: str) -> list[str]:
    """The docstring as Markdown; lines that click does not wrap are commands, and become a block."""
    lines: list[str] = []
    text = inspect.cleandoc((command.help or "").replace("\\b\n", "\b\n"))
    if not text:
        raise ValueError(f"tfl {words} has no docstring")
    for paragraph in re.split(r"\n\s*\n", text):
        verbatim = paragraph.startswith("\b")
        body = paragraph.removeprefix("\b").strip("\n")
        lines += ["```", body, "```", ""] if verbatim else [_escaped(body), ""]
    return lines


def _options(command: click.Command) -> list[str]:
    options = [item for item in command.params if isinstance(item, click.Option) and not item.hidden]
    if not options:
        return []
    takes_config = any(item.name == "config_file" for item in options)
    rows = [_row(item, takes_config=takes_config) for item in options]
    return ["| option | what it does | default |", "|---|---|---|", *rows, ""]


def _row(option: click.Option, *, takes_config: bool) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    if not option.is_flag:
        # Neither a bar nor a backslash before it is read as meant between backquotes in a table.
        names += f" <code>{html.escape(_value(option)).replace('|', '&#124;')}</code>"
    setting = _SETTINGS.get(option.name or "") if takes_config else None
    text = _escaped(option.help or "")
    if text and not text.endswith("."):
        text += "."
    if option.multiple and "epeat" not in text and "comma" not in text:
        text += " May be repeated."
    text += _bounds(option.type)
    if setting:
        text += f" Setting `{setting}`."
    default = _DEFAULTS.get(setting) if setting else _own_default(option)
    return f"| {names} | {text} | {_shown(default)} |"


def _value(option: click.Option) -> str:
    """What stands for the value, spelled the same whatever version of click made the command."""
    kind = option.type
    if option.metavar:
        return option.metavar
    if isinstance(kind, click.Choice):
        return "|".join(map(str, kind.choices))
    names = {click.types.IntParamType: "N", click.types.FloatParamType: "NUMBER", click.Path: "PATH"}
    return next((name for of, name in names.items() if isinstance(kind, of)), kind.name.upper())


def _bounds(kind: click.ParamType) -> str:
    if not isinstance(kind, (click.IntRange, click.FloatRange)):
        return ""
    if kind.max is not None and kind.min is not None:
        return f" From {kind.min:g} to {kind.max:g}{', the ends excluded' if kind.min_open and kind.max_open else ''}."
    return "" if kind.min is None else f" {'Above' if kind.min_open else 'At least'} {kind.min:g}."


def _own_default(option: click.Option) -> Any:
    if option.is_flag or not option.show_default:
        return None
    return ",".join(option.default) if isinstance(option.default, (list, tuple)) else option.default


def _shown(value: Any) -> str:
    # A length or a rate of 0.0 stands for none.
    if value is None or value in ("", [], ()) or (isinstance(value, float) and value == 0.0):
        return ""
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    return f"`{value}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<").replace("[", "\\[").replace("*", "\\*")


def _link(item: str) -> str:
    name, _, target = item.partition("=")
    return f"[{name}]({target})"


def write() -> None:
    """Write all pages and remove those of commands that are gone."""
    FOLDER.mkdir(exist_ok=True)
    pages = build()
    for file in FOLDER.glob("*.md"):
        if file.name not in pages:
            file.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
