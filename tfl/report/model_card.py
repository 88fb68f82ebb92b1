"""The model card: what a model is, for whom and how good, in the fields that model hubs read.

The front matter is that of Hugging Face's model cards; the sections are those of M. Mitchell et al., "Model cards for
model reporting" (FAT* 2019, arXiv:1810.03993), which Hugging Face's template and the Model Card Toolkit share. Figures
come from the run's records. What no record knows comes from `model_card.yaml`, which tfl never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfl.core.config import flatten, read_yaml
from tfl.core.errors import ConfigError, closest
from tfl.core.run_folder import RunFolder
from tfl.report.answer import headline, limits
from tfl.report.facts import Facts
from tfl.report.markdown import table_text
from tfl.report.tables import markdown_table, markdown_text
from tfl.report.view import View

#: What only a person can say -> what it means.
PERSONAL = {
    "description": "What the model is for, in a few sentences.",
    "developed_by": "Who made it and answers for it.",
    "contact": "Where questions go.",
    "licence": "SPDX identifier of the trained model.",
    "intended_use": "Whom it is for, and what decisions it may take part in.",
    "out_of_scope_use": "What it must not be used for.",
    "ethical_considerations": "Who could be harmed by a wrong answer, and what is done about it.",
    "data_origin": "Where the data come from, and by what right they are used.",
    "citation": "How to cite it.",
}
_DETAILS = ("developed_by", "contact", "licence", "data_origin", "citation")
_MOST_CLASSES = 20


def read_personal(folder: RunFolder) -> dict[str, str]:
    """Read what a person wrote into `model_card.yaml`; empty where there is no such file.

    Raises:
        ConfigError: The file is no YAML, or has another field, or a field that is no text; all at once.
    """
    if not folder.card_fields_file.is_file():
        return {}
    given = read_yaml(folder.card_fields_file)
    problems = [f"unknown field '{name}'.{closest(str(name), PERSONAL)}" for name in given if name not in PERSONAL]
    problems += [
        f"{name}: must be a text. Received: {type(value).__name__}."
        for name, value in given.items()
        if name in PERSONAL and not isinstance(value, str)
    ]
    if problems:
        raise ConfigError(
            "\n".join(f"{folder.card_fields_file}: {problem}" for problem in problems),
            hint=f"Allowed: {', '.join(PERSONAL)}.",
        )
    return {name: value.strip() for name, value in given.items() if value.strip()}


def model_card(facts: Facts, view: View) -> str:
    """Return the model card as Markdown with YAML front matter.

    Args:
        facts: The run's records.
        view: The report's view of them.

    Raises:
        ConfigError: `model_card.yaml` is there and has something wrong.
    """
    import yaml

    personal = read_personal(facts.folder)
    front = yaml.safe_dump(_front_matter(facts, personal), sort_keys=False, allow_unicode=True, width=120)
    parts = [
        f"---\n{front}---",
        f"# {markdown_text(view.name)}",
        markdown_text(" ".join(headline(facts))),
        *_said(personal, "description"),
        "## Model details",
        _facts_table(_details(facts, personal)),
        "## Uses",
        *_said(personal, "intended_use", title="### Intended use"),
        *_said(personal, "out_of_scope_use", title="### Out-of-scope use"),
        "## Risks and limitations",
        "\n".join(f"- {markdown_text(line)}" for line in limits(facts)) or "None noted.",
        *_said(personal, "ethical_considerations", title="### Ethical considerations"),
        "## How to get started",
        *_commands(facts, view),
        "## Training",
        _facts_table(_training(facts)),
        "## Evaluation",
        *(table_text(table) for table in (view.scores, view.per_class, view.slices) if table),
        "## Exports",
        markdown_text(view.verdict),
        *([table_text(view.exports)] if view.exports else []),
        *(markdown_text(line) for line in view.measured),
        "## Environmental impact",
        _impact(facts),
        "## Technical specifications",
        _facts_table(_specifications(facts)),
    ]
    missing = [name for name in PERSONAL if name not in personal]
    if missing:
        parts += [
            "## Not stated",
            f"Write these into `{facts.folder.card_fields_file.name}` beside this card and make the report again:",
            "\n".join(f"- `{name}`: {PERSONAL[name]}" for name in missing),
        ]
    return "\n\n".join(parts) + "\n"


def _front_matter(facts: Facts, personal: Mapping[str, str]) -> dict[str, Any]:
    task = facts.bundle.task if facts.bundle else ""
    front: dict[str, Any] = {"library_name": "keras"}
    if "licence" in personal:
        front["license"] = personal["licence"].lower()
    if task:
        front["pipeline_tag"] = task.replace("_", "-")
    front["tags"] = ["tfl", "transfer-learning", *([facts.bundle.backbone.spec] if facts.bundle else [])]
    scores = facts.evaluation
    if scores is not None:
        front["metrics"] = ["accuracy", "f1"]
        results = [
            {"type": "accuracy", "value": round(scores.accuracy, 4), "name": "accuracy"},
            {"type": "f1", "value": round(scores.macro_f1, 4), "name": "macro F1"},
        ]
        data = facts.manifest.fingerprint[:12] if facts.manifest else "unknown"
        front["model-index"] = [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": task.replace("_", "-")},
                        "dataset": {"type": "private", "name": f"own data {data}", "split": scores.split},
                        "metrics": results,
                    }
                ],
            }
        ]
    return front


def _details(facts: Facts, personal: Mapping[str, str]) -> list[tuple[str, str]]:
    rows = [(name.replace("_", " "), personal.get(name, "not stated")) for name in _DETAILS]
    bundle = facts.bundle
    if bundle is not None:
        shown = ", ".join(bundle.labels[:_MOST_CLASSES])
        more = len(bundle.labels) - _MOST_CLASSES
        rows += [
            ("task", bundle.task),
            ("classes", f"{len(bundle.labels)}: {shown}{f' and {more} more' if more > 0 else ''}"),
            ("backbone", bundle.backbone.spec),
            ("backbone's weights", bundle.backbone.weights_origin),
            ("licence of the backbone", bundle.backbone.licence),
            ("made", bundle.created),
            ("SHA-256 of the model", bundle.fingerprint),
        ]
    return rows


def _training(facts: Facts) -> list[tuple[str, str]]:
    rows = []
    if facts.manifest is not None:
        counts = {split: len(facts.manifest.of_split(split)) for split in ("train", "validation", "test")}
        told = ", ".join(f"{count} {split}" for split, count in counts.items())
        rows += [("data", f"{told} {facts.data.nouns}"), ("data fingerprint", facts.manifest.fingerprint)]
    if facts.check is not None:
        rows.append(("data check", facts.check.verdict))
    if facts.summary is not None:
        stages = ", ".join(f"{name} {count}" for name, count in facts.summary.epochs.items())
        rows += [
            ("epochs", stages),
            ("arithmetic", facts.summary.policy),
            ("weights", f"{facts.summary.parameters:,}"),
        ]
    if facts.config_text:
        settings = flatten(read_yaml(facts.folder.config_file))
        rows += [(name, str(value)) for name, value in settings.items() if name == "seed" or name.startswith("train.")]
    return rows


def _impact(facts: Facts) -> str:
    stages = facts.record.stages.values() if facts.record else ()
    processor = [stage.cpu_seconds for stage in stages if stage.cpu_seconds is not None]
    energy = [stage.energy_joules for stage in stages if stage.energy_joules is not None]
    machine = f" on {facts.record.environment.cpu}" if facts.record else ""
    told = f"{sum(processor):,.0f} processor seconds{machine}" if processor else "Processor time is not on record"
    return markdown_text(
        f"{told}; {f'{sum(energy) / 3.6e6:.4f} kWh measured' if energy else 'the machine does not tell its energy'}."
        " Carbon was not measured."
    )


def _specifications(facts: Facts) -> list[tuple[str, str]]:
    rows = []
    if facts.bundle is not None:
        for kind, tensors in (("input", facts.bundle.signature.inputs), ("output", facts.bundle.signature.outputs)):
            rows += [(f"{kind} '{item.name}'", f"{list(item.shape)} {item.dtype}: {item.meaning}") for item in tensors]
        rows += [*facts.bundle.preprocessing.described]
        rows.append(("made with", ", ".join(f"{name} {version}" for name, version in facts.bundle.versions.items())))
    return rows


def _commands(facts: Facts, view: View) -> list[str]:
    commands = [step.command for step in view.steps if step.command.startswith("tfl predict")]
    shell = ["\n".join(["```", *commands, "```"])] if commands else []
    python = f'import tfl\n\nmodel = tfl.load("{facts.folder.path}")\nprint(model.predict([{_sample(facts)}]))'
    return [*shell, f"```python\n{python}\n```"]


def _sample(facts: Facts) -> str:
    return facts.data.example if facts.data.example.startswith('"') else f'"{facts.data.example}"'


def _said(personal: Mapping[str, str], name: str, *, title: str = "") -> list[str]:
    """Return what a person wrote, as Markdown of their own."""
    if name not in personal:
        return [*([title] if title else []), "Not stated."] if title else []
    return [*([title] if title else []), personal[name]]


def _facts_table(rows: list[tuple[str, str]]) -> str:
    return markdown_table(("what", "value"), rows).rstrip() if rows else "Not on record."
