"""Notebooks in a real front end: Voila serves them with live kernels, and a browser shows what JupyterLab would."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from tests.presence import skip_without

_START_S = 60


@contextlib.contextmanager
def voila(folder):
    """Yield the address of a server of the notebooks in a folder; a kernel starts anew with each visit."""
    skip_without("voila", "nbformat", "ipykernel")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", str(folder), f"--port={port}", "--no-browser", "--Voila.ip=127.0.0.1"]
    command += ["--preheat_kernel=False", "--VoilaConfiguration.allow_theme_override=YES"]
    log = folder / "voila.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(command, cwd=folder, stdout=stream, stderr=stream, env=_environment(folder))
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/voila/static/voila.js", server, log)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def write_notebook(file, *cells):
    """Write a notebook of these cells of code."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, file)


def _environment(folder):
    # A person's own settings of Jupyter stay out of it.
    return {**os.environ, "HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}


def _wait_for(address, server, log):
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(log.read_text())
