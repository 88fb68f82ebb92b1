"""The help of commands with many options: under headings, with the default of each setting."""

from __future__ import annotations

from typing import Any

import click

#: First part of a setting's name -> heading.
_SECTIONS = {
    "data": "Data",
    "model": "Network",
    "train": "Training",
    "seed": "Training",
    "log": "Training",
    "cross_validation": "Cross-validation",
    "export": "Exports",
    "benchmark": "Measuring",
}
_OTHERS = "This command"
_NOTE = (
    "Defaults are those for pictures; texts and some backbones have their own. config.yaml in the run's folder has all"
    " that was used, and --set reaches every setting in it."
)


class SettingOption(click.Option):
    """An option that is a setting of the run.

    Args:
        *names: As for `click.Option`.
        setting: Its dotted name.
        shown: The setting's default as the help shows it, or empty; click's own default stays None, for not asked.
        **attributes: As for `click.Option`.
    """

    def __init__(self, *names: Any, setting: str, shown: str = "", **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.section = _SECTIONS[setting.partition(".")[0]]
        self.shown = shown

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return what the help says, with the default."""
        record = super().get_help_record(ctx)
        return (record[0], f"{record[1]}  [default: {self.shown}]") if record and self.shown else record


class SectionedCommand(click.Command):
    """A command whose help has a heading for each section of its settings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                title = parameter.section if isinstance(parameter, SettingOption) else _OTHERS
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write whose defaults these are."""
        formatter.write_paragraph()
        formatter.write_text(_NOTE)


def shown_default(value: object, text: str) -> str:
    """Return a setting's default as the help shows it; empty where its text tells it or there is none to tell."""
    # A length or a rate of 0.0 stands for none.
    if "by default" in text or value in (None, "") or (isinstance(value, float) and value == 0.0):
        return ""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
