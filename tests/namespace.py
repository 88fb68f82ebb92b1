"""Tiny file systems in a mount namespace of their own: a disk that is really full, without touching the machine's."""

import functools
import os
import shutil
import subprocess

import pytest


@functools.cache
def _command():
    """What runs a script where it may mount, and why it can't."""
    if shutil.which("unshare") is None:
        return (), "there is no unshare"
    command = ("unshare", "-m") if os.geteuid() == 0 else ("unshare", "-rm")
    probe = 'place=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs "$place" && umount "$place" && rmdir "$place"'
    process = subprocess.run([*command, "sh", "-c", probe], capture_output=True, text=True)
    return command, process.stderr.strip() if process.returncode else ""


def run_in_namespace(script, *arguments, **environment):
    """Run a shell script that may mount file systems, which are gone when it ends.

    Args:
        script: For `sh`, ended by its first failure.
        arguments: Its `$1` and so on.
        environment: Added to this process's own.

    Returns:
        The finished process, with text output.
    """
    command, problem = _command()
    if problem:
        pytest.skip(f"no mount namespace here: {problem}")
    process = subprocess.run(
        [*command, "sh", "-ec", script, "sh", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process
