"""`tfl doctor`: what works here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, print_table


@click.command("doctor")
@json_flag
def command(as_json: bool) -> int:
    """Say what works on this machine, with the install command of each missing piece.

    Exit status 1 when neither training nor any runtime works.
    """
    from tfl.core.environment import read_environment

    environment = read_environment()
    pieces = _pieces()
    if as_json:
        print_json({"environment": environment.to_dict(), "pieces": pieces, "caches": _caches()})
    else:
        click.echo(f"{environment.system}, Python {environment.python}")
        click.echo(
            f"{environment.cpu}, {environment.cpu_count} processors, {environment.memory_bytes / 2**30:.0f} GiB,"
            f" {', '.join(environment.isa) or 'no SIMD flags'}"
        )
        rows = [
            [item["what"], "works" if item["works"] else "missing", item["version"], item["fix"]] for item in pieces
        ]
        print_table(["what", "", "versions", "to mend it"], rows)
        print_table(["cache", "folder"], [[name, folder] for name, folder in _caches().items()])
        print_next("tfl demo", "tfl models list --offline")
    return 0 if any(item["works"] for item in pieces) else 1


def _pieces() -> list[dict[str, Any]]:
    from tfl.targets import TARGETS

    train = ("tensorflow", "keras", "sklearn", "matplotlib", "jinja2")
    pieces = [_piece("training, evaluation and report", train), _piece("TF Hub backbones", ("tensorflow_hub",))]
    for name in TARGETS.names():
        target = TARGETS.get(name)
        pieces.append(_piece(f"{name}: run artefacts", target.runtime_modules))
        pieces.append(_piece(f"{name}: export", target.export_modules))
        for precision, modules in target.precision_modules.items():
            pieces.append(_piece(f"{name}: export {precision}", modules))
    return pieces


def _piece(what: str, modules: tuple[str, ...]) -> dict[str, Any]:
    """Import for real: a package that is there but broken is worth as little as a missing one."""
    from tfl.core.extras import install_command, is_installed, require

    missing = [module for module in modules if not is_installed(module)]
    broken, versions = [], []
    for module in modules:
        if module in missing:
            continue
        try:
            version = str(getattr(require(module, purpose=what), "__version__", ""))
            versions.append(f"{module} {version.split('-')[0]}".strip())
        except Exception as error:  # noqa: BLE001 - whatever an engine raises at import is the finding
            broken.append(f"{module}: {type(error).__name__}: {str(error)[:120]}")
    fixes = list(dict.fromkeys(install_command(module) for module in missing)) + broken
    return {"what": what, "works": not missing and not broken, "version": ", ".join(versions), "fix": "; ".join(fixes)}


def _caches() -> dict[str, str]:
    names = {"KERAS_HOME": "~/.keras", "TFHUB_CACHE_DIR": "(a temporary folder)", "TFL_CACHE": "~/.cache/tfl"}
    return {name: os.environ.get(name) or str(Path(default).expanduser()) for name, default in names.items()}
