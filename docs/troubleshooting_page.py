"""Write docs/troubleshooting.md from the guide in the package: python -m docs.troubleshooting_page."""

from __future__ import annotations

from pathlib import Path

from tfl.core.error_guide import Explanation, error_classes, read_guide

PAGE = Path(__file__).resolve().parent / "troubleshooting.md"
INTRODUCTION = """# Troubleshooting

<!-- Written by docs/troubleshooting_page.py; edit tfl/core/error_guide.toml instead. -->

Below every error the command line prints the command that explains it; `tfl errors` without a code lists all. It needs
no network. Search this page for the words of your message; names, paths and numbers in the examples are only that.

`tfl doctor` says what works on this machine. What `tfl data check` finds has [a page of its own](data-findings.md).
Exit statuses are on the page of [commands](commands/index.md#exit-status).

In Python an error has `message`, `hint`, `code` and `exit_code`; with `--json` the command line prints them as one
document. Failures of single artefacts are records in `exports.json` with the name of the class in their field `error`;
`tfl errors` takes that name too. Codes do not change.
"""


def build() -> str:
    """The page."""
    rows = [
        f"| [`{item.code}`](#{item.code}) | {f'`{item.error}`' if item.error else ''} | {item.exit_code} |"
        for item in read_guide()
    ]
    table = "\n".join(["| code | class in `tfl.core.errors` | exit status |", "|---|---|---|", *rows])
    return "\n".join([INTRODUCTION, table, *(_section(item) for item in read_guide())])


def stale() -> list[str]:
    """What the page, the guide and the classes do not have in common."""
    classes = {item.code: item for item in error_classes()}
    explained = {item.code: item for item in read_guide() if item.error}
    problems = [f"tfl/core/error_guide.toml has nothing about {code}" for code in classes if code not in explained]
    for code, item in explained.items():
        found = classes.get(code)
        if found is None or (found.__name__, found.exit_code) != (item.error, item.exit_code):
            problems.append(
                f"tfl/core/error_guide.toml: {code} is no class {item.error} with exit status {item.exit_code}"
            )
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != build():
        problems.append(f"docs/{PAGE.name} is not what the guide says; python -m docs.troubleshooting_page")
    return problems


def _section(item: Explanation) -> str:
    lines = ["", f"## {item.code}", "", item.meaning]
    for symptom in item.symptoms:
        lines += ["", f"> {_escaped(symptom.message)}", "", f"Why: {symptom.why}", "", f"What to do: {symptom.remedy}"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")


if __name__ == "__main__":
    PAGE.write_text(build(), encoding="utf-8")
