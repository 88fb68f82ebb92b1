"""The report in Markdown, with the run's own PNG files, for a repository or a pull request."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from tfl.report.parts import Figure, Section, Table
from tfl.report.records import Passages
from tfl.report.tables import markdown_table, markdown_text
from tfl.report.view import View


def markdown_report(view: View, run_dir: Path) -> str:
    """Return the report as Markdown; pictures are referred to by their path relative to the run."""
    parts = [f"# {markdown_text(view.name)}", markdown_text(view.subtitle)]
    if view.unfinished:
        parts.append(f"**{markdown_text(view.unfinished)}**")
    parts += [markdown_text(" ".join(view.headline)), f"**{markdown_text(view.verdict)}**"]
    parts.append("## Next steps")
    for step in view.steps:
        command = f"\n\n      {step.command}\n" if step.command else ""
        parts.append(f"- {markdown_text(step.text)}{command}")
    parts.append(f"## {view.nouns.capitalize()}")
    parts += [_passages(group) for group in view.passages]
    parts += [_figure(figure, run_dir) for figure in view.pictures]
    parts += ["## Figures", *(table_text(table) for table in (view.scores, view.per_class, view.confused) if table)]
    parts += [_figure(figure, run_dir) for figure in view.figures]
    for section in view.sections:
        parts += _section(section, run_dir)
    parts += ["## Data", markdown_text(view.check_verdict)]
    parts += [table_text(view.findings)] if view.findings else []
    parts.append("## Exports")
    parts += [table_text(table) for table in (view.exports, view.proof) if table]
    parts += [_figure(view.chart, run_dir)] if view.chart else []
    parts += [markdown_text(line) for line in view.measured]
    for section in (*view.quantized, *view.measured_sections):
        parts += _section(section, run_dir)
    parts += ["## How it was made", table_text(view.made)]
    if view.config_text:
        parts.append("```yaml\n" + view.config_text.replace("```", "'''").rstrip() + "\n```")
    parts += ["## Limits", "\n".join(f"- {markdown_text(line)}" for line in view.limits) or "None noted."]
    return "\n\n".join(parts) + "\n"


def _section(section: Section, run_dir: Path) -> list[str]:
    return [
        f"## {markdown_text(section.title)}",
        *(markdown_text(line) for line in section.words),
        *(table_text(table) for table in section.tables),
        *(_figure(figure, run_dir) for figure in section.figures),
        *(markdown_text(line) for line in section.notes),
        *(table_text(table) for table in section.details),
    ]


def _passages(group: Passages) -> str:
    texts = [" ".join("".join(piece.text for piece in item.pieces).split()) for item in group.items]
    lines = [
        f"- {markdown_text(item.caption)}: {markdown_text(text)}" for item, text in zip(group.items, texts, strict=True)
    ]
    return f"### {markdown_text(group.title)}\n\n{markdown_text(group.description)}\n\n" + "\n".join(lines)


def table_text(table: Table) -> str:
    """Return a table of the report in Markdown below its caption; reasons stand in a column of their own."""
    reasons = any(row.reason for row in table.rows)
    head = (*table.head, "note") if reasons else table.head
    rows = [(*row.values, row.reason) if reasons else row.values for row in table.rows]
    return f"### {markdown_text(table.caption)}\n\n{markdown_table(head, rows)}"


def _figure(figure: Figure, run_dir: Path) -> str:
    title = markdown_text(figure.title)
    if figure.missing:
        return f"### {title}\n\nNot drawn: {markdown_text(figure.missing)}"
    path = quote(figure.path.relative_to(run_dir).as_posix())
    return f"### {title}\n\n{markdown_text(figure.description)}\n\n![{title}]({path})"
