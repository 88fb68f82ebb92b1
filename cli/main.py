"""`tfl`: the command table. A command's file is imported only when that command runs."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import click

from tfl.core.errors import TflError
from tfl.core.lean_imports import load_lean
from tfl.core.version import __version__
from tfl_cli._lazy import LazyGroup

#: Name -> (file in this folder, what the list of commands says).
COMMANDS = {
    "demo": ("demo", "See everything once, on handwritten digits that come with scikit-learn."),
    "run": ("run", "Do all stages on your data: from pictures or texts to a verified, measured model."),
    "models": ("models", "List, search, describe, fetch, import and recommend pretrained backbones."),
    "data": ("data", "Look at data, check and mend them before training."),
    "train": ("train", "Train and evaluate, without exports."),
    "distill": ("distill", "Let a smaller network learn from a run's own."),
    "compress": ("compress", "Train a run's network smaller: for int8, sparse, or with few different weights."),
    "tune": ("tune", "Search better settings, judged by the validation split."),
    "evaluate": ("evaluate", "Score a run, a bundle or an artefact on held-out data."),
    "predict": ("predict", "Answer for pictures or texts with a run, a bundle or an artefact."),
    "export": ("export", "Export a run to targets and precisions, and verify each."),
    "quantize": ("quantize", "Find the smallest quantization whose metric holds, target by target."),
    "verify": ("verify", "Prove in a fresh process that an artefact does what the model does."),
    "benchmark": ("benchmark", "Measure size, accuracy, latency, throughput and memory."),
    "recommend": ("recommend", "Say which of a run's artefacts to take within bounds."),
    "report": ("report", "Write a run's HTML report."),
    "runs": ("runs", "List, show, compare, rank, reproduce and prove runs."),
    "doctor": ("doctor", "Say what works on this machine and how to install what is missing."),
    "errors": ("errors", "Explain an error by its code: why it comes, and what to do."),
}
EXIT_JOB_FAILED, EXIT_USER_MISTAKE, EXIT_INTERRUPTED = 1, 2, 130


@click.group(cls=LazyGroup, commands_table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tfl")
def tfl() -> None:
    """From your own pictures or texts to a small model that is proven to work on its target.

    Start with:  tfl demo   or   tfl run FOLDER_WITH_ONE_SUBFOLDER_PER_CLASS
    or   tfl run TABLE_OF_TEXTS.csv
    """


def main() -> NoReturn:
    """Run the command line; errors become messages and exit codes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # How often it traces a function is of no use to a person; texts of many lengths make it tell.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    load_lean()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        code = tfl.main(prog_name="tfl", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(_interrupted())
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except click.ClickException as error:
        error.show()
        _point_to_usage(error)
        sys.exit(error.exit_code)
    except TflError as error:
        from tfl_cli._failure import tell_error

        tell_error(error.message, hint=error.hint, code=error.code, exit_code=error.exit_code)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read the output has gone, as in `tfl ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_JOB_FAILED)
    except Exception as error:  # noqa: BLE001 - the boundary: no person should meet a bare traceback
        _unexpected(error)
        sys.exit(EXIT_JOB_FAILED)


def _interrupt(number: int, frame: Any) -> NoReturn:
    # Imported here, because only commands that were interrupted need it.
    from tfl_cli._progress import interrupted

    interrupted.set()
    raise KeyboardInterrupt


def _interrupted() -> int:
    click.echo("Stopped.", err=True)
    return EXIT_INTERRUPTED


def _point_to_usage(error: click.ClickException) -> None:
    # A group without a command shows its help, which is no error; older versions of click have no class for it.
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        return
    from tfl.core.error_guide import USAGE_ERROR
    from tfl_cli._failure import point_to_guide

    point_to_guide(error.format_message(), hint="", code=USAGE_ERROR, exit_code=error.exit_code)


def _unexpected(error: Exception) -> None:
    from tfl.core.error_guide import UNEXPECTED_ERROR
    from tfl_cli._failure import tell_error

    hint = "Run it again with TFL_DEBUG=1 to see where."
    if os.environ.get("TFL_DEBUG"):
        traceback.print_exc()
        hint = ""
    message = f"this is a fault in tfl or in a library it uses: {type(error).__name__}: {error}"
    tell_error(message, hint=hint, code=UNEXPECTED_ERROR, exit_code=EXIT_JOB_FAILED)


if __name__ == "__main__":
    main()
