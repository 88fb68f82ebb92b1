"""The tutorial for engineers says what happens: its commands run in order and end with the status it shows."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("openvino")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "start" / "engineer.md"


def steps():
    """Commands of each block that is marked to be run, and the status that the output below it ends with."""
    page = PAGE.read_text(encoding="utf-8")
    for block, output in re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", page, flags=re.DOTALL):
        lines = block.splitlines()
        asks = lines[-1] == "echo $?"
        yield "\n".join(lines[:-1] if asks else lines), int(output.split()[-1]) if asks else 0


@pytest.mark.slow
def test_its_commands_end_as_it_says(colours, tmp_path, monkeypatch):
    # The same commands on smaller data, in folders called like the tutorial's.
    for name, digit in (("red", "3"), ("green", "5"), ("blue", "8")):
        shutil.copytree(colours / name, tmp_path / "tfl-demo" / "digits" / digit)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    found = list(steps())
    assert len(found) >= 10
    for commands, status in found:
        ended = subprocess.run(["bash", "-c", commands], cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == status, f"{commands}\n{ended.stdout}{ended.stderr}"
        assert "Traceback" not in ended.stderr
