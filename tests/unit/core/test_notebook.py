"""Progress in a real kernel: one output that is written over, readable once the notebook is saved."""

import pytest

from tests.presence import skip_without
from tfl.core.notebook import NotebookProgress, default_progress
from tfl.core.progress import Progress

skip_without("nbclient", "nbformat", "ipykernel")

_CELLS = (
    """
import time
from tfl.core.notebook import default_progress
progress = default_progress()
type(progress).__name__
""",
    "progress.update('over at once', done=1, total=1)",
    """
for number, title in enumerate(("Reading <b>", "Training"), 1):
    progress.stage(title, number=number, total=2)
    for done in range(300):
        progress.update("step", done=done + 1, total=300)
    progress.result(f"found {number}")
""",
    """
time.sleep(0.01)
for done in range(8):
    progress.update("answering", done=done + 1, total=8)
    time.sleep(0.1)
'the answer'
""",
    """
progress.stage("Exporting", number=1, total=1)
progress.update("openvino", done=1, total=3)
raise KeyboardInterrupt
""",
    """
progress.update("training", done=1, total=3)
time.sleep(2.5)
progress.update("training", done=2, total=3)
time.sleep(0.3)
progress.update("training", done=2, total=3)
""",
    """
for line in range(200):
    progress.result(f"line {line}")
""",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell left in the saved notebook."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in _CELLS])
    resources = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    NotebookClient(notebook, timeout=120, allow_errors=True, resources=resources).execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_kernel_shows_progress_and_a_script_logs_it(outputs):
    assert outputs[0][0].data["text/plain"] == "'NotebookProgress'"
    assert type(default_progress()) is Progress
    assert issubclass(NotebookProgress, Progress)


def test_what_is_over_at_once_shows_nothing(outputs):
    assert outputs[1] == []


def test_stages_leave_one_output_with_what_they_found_and_how_long_they_took(outputs):
    (output,) = outputs[2]
    lines = output.data["text/plain"].splitlines()
    assert lines[0].startswith("[1/2] Reading <b>: ")
    assert lines[0].endswith(" s")
    assert lines[1] == "    found 1"
    assert lines[2].startswith("[2/2] Training: ")
    assert lines[3] == "    found 2"
    assert lines[4].startswith("done in ")
    assert len(lines) == 5
    assert "Reading &lt;b&gt;" in output.data["text/html"]
    assert "<progress" not in output.data["text/html"]


def test_without_stages_the_last_count_stays(outputs):
    shown, answer = outputs[3]
    assert shown.data["text/plain"].startswith("answering 8/8; done in ")
    assert answer.data["text/plain"] == "'the answer'"


def test_an_interrupt_is_told_with_what_was_under_way(outputs):
    shown, error = outputs[4]
    lines = shown.data["text/plain"].splitlines()
    assert lines[0].startswith("[1/1] Exporting: ")
    assert lines[1].startswith("openvino 1/3; stopped after ")
    assert error.ename == "KeyboardInterrupt"


def test_no_time_is_left_at_the_end(outputs):
    (shown,) = outputs[5]
    assert shown.data["text/plain"].startswith("training 2/3; done in ")


def test_very_many_lines_are_cut_at_the_beginning(outputs):
    (shown,) = outputs[6]
    lines = shown.data["text/plain"].splitlines()
    assert lines[0] == "... 160 earlier lines"
    assert lines[-2] == "    line 199"
