"""The tutorials say what happens: their commands and cells run in order and end as they show."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("openvino")

PAGES = Path(__file__).resolve().parents[2] / "docs" / "start"
#: Runs blocks of code as a notebook does, and prints what the last expression of each gives.
NOTEBOOK = """
import ast, json, sys
space, shown = {}, []
for block in json.load(open(sys.argv[1])):
    tree = ast.parse(block)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)
    shown.append(repr(eval(compile(ast.Expression(last.value), "cell", "eval"), space)) if last else "")
print(json.dumps(shown))
"""


def commands_of(page):
    """Commands of each block that is marked to be run, and the status that the output below it ends with."""
    for block, output in re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", page, flags=re.DOTALL):
        lines = block.splitlines()
        asks = lines[-1] == "echo $?"
        yield "\n".join(lines[:-1] if asks else lines), int(output.split()[-1]) if asks else 0


@pytest.fixture
def digits(colours, tmp_path, monkeypatch):
    """Smaller data in folders called like the tutorials', and this folder to work in."""
    for name, digit in (("red", "3"), ("green", "5"), ("blue", "8")):
        shutil.copytree(colours / name, tmp_path / "tfl-demo" / "digits" / digit)
    folder = tmp_path / "tfl-demo" / "digits" / "3"
    next(folder.iterdir()).rename(folder / "0003.png")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.slow
def test_commands_of_the_engineer_end_with_the_status_that_is_shown(digits):
    found = list(commands_of((PAGES / "engineer.md").read_text(encoding="utf-8")))
    assert len(found) >= 10
    for commands, status in found:
        ended = subprocess.run(["bash", "-c", commands], cwd=digits, capture_output=True, text=True)
        assert ended.returncode == status, f"{commands}\n{ended.stdout}{ended.stderr}"
        assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_cells_of_the_scientist_give_what_is_shown(digits):
    page = (PAGES / "scientist.md").read_text(encoding="utf-8")
    pairs = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", page, flags=re.DOTALL)
    (digits / "cells.json").write_text(json.dumps([code for code, _ in pairs]))
    ended = subprocess.run([sys.executable, "-c", NOTEBOOK, "cells.json"], cwd=digits, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    given = json.loads(ended.stdout.splitlines()[-1])
    # Figures are those of other data; what does not hang on these is the same.
    (proof,) = [index for index, (code, _) in enumerate(pairs) if "is_reproduced" in code]
    assert given[proof] == pairs[proof][1].strip() == "True"
    (cells,) = [index for index, (code, _) in enumerate(pairs) if "model.cells()" in code]
    statuses = [[cell[:2] for cell in ast.literal_eval(text)] for text in (given[cells], pairs[cells][1])]
    assert statuses[0] == statuses[1] == [("openvino-fp32", "ok"), ("openvino-int8", "ok")]
