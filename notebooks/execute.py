"""Execute every notebook of this folder from top to bottom, in a folder of its own; a cell that fails fails the run."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Execute and report."""
    for path in sorted(HERE.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}})
            client.execute()
        pictures = sum(
            "image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])
        )
        print(f"{path.name}: {len(notebook.cells)} cells, {pictures} pictures, {time.perf_counter() - start:.0f} s")
        if not pictures:
            print(f"{path.name} shows no picture")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
