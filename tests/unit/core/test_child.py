"""What a child process may do to its parent: nothing but answer, or fail in words."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfl.core.child import call_in_child
from tfl.core.errors import ChildError, VerificationError

HERE = "tests.unit.core.test_child"


def echo(arguments):
    return {"received": arguments, "variable": os.environ.get("TFL_TEST_VARIABLE", "")}


def spin(arguments):
    print("about to spin", flush=True)
    signal.pause()


def leave(arguments):
    print("one line\nanother line", flush=True)
    os._exit(7)


def fail_verification(arguments):
    raise VerificationError("three decisions differ", hint="look at the evidence")


def answer_no_json(arguments):
    return {"value": object()}


def take_memory(arguments):
    raise MemoryError("8 GiB")


def wait_for(arguments):
    while not Path(arguments["file"]).exists():
        time.sleep(0.01)
    return {"was": "there"}


def test_a_child_is_watched_while_it_works(tmp_path):
    file = tmp_path / "go"
    assert call_in_child(f"{HERE}:wait_for", {"file": str(file)}, timeout_s=60.0, watch=file.touch) == {"was": "there"}


def test_a_child_that_is_watched_is_stopped_in_time_all_the_same():
    looks = []
    with pytest.raises(ChildError, match="took longer than 3 s and was stopped"):
        call_in_child(f"{HERE}:spin", {}, timeout_s=3.0, watch=lambda: looks.append(1))
    assert 1 <= len(looks) <= 3


def test_arguments_and_variables_arrive():
    arguments = {"text": "grüße 图", "numbers": [1, 2.5, None], "nested": {"yes": True}}
    result = call_in_child(f"{HERE}:echo", arguments, environment={"TFL_TEST_VARIABLE": "on"})
    assert result == {"received": arguments, "variable": "on"}
    assert "TFL_TEST_VARIABLE" not in os.environ


def test_a_child_that_takes_too_long_is_stopped(tmp_path):
    log = tmp_path / "logs" / "child.txt"
    with pytest.raises(ChildError, match="took longer than 3 s and was stopped") as raised:
        call_in_child(f"{HERE}:spin", {}, timeout_s=3.0, log_path=log)
    assert "about to spin" in raised.value.message
    assert log.read_text() == "about to spin\n"


def test_a_child_that_leaves_shows_its_code_and_the_end_of_its_log():
    with pytest.raises(ChildError, match="ended with exit code 7") as raised:
        call_in_child(f"{HERE}:leave", {})
    assert raised.value.message.endswith("one line\nanother line")


def test_a_failed_verification_stays_one():
    with pytest.raises(VerificationError, match="three decisions differ") as raised:
        call_in_child(f"{HERE}:fail_verification", {})
    assert raised.value.hint == "look at the evidence"
    assert raised.value.exit_code == 1


@pytest.mark.parametrize(("name", "words"), [("take_memory", "MemoryError: 8 GiB"), ("nowhere", "AttributeError")])
def test_any_other_error_comes_with_its_traceback(name, words):
    with pytest.raises(ChildError, match=words) as raised:
        call_in_child(f"{HERE}:{name}", {})
    assert "Traceback" in raised.value.message


def test_an_answer_that_is_no_json_is_told():
    with pytest.raises(ChildError, match="not JSON serializable"):
        call_in_child(f"{HERE}:answer_no_json", {})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_interrupt_takes_the_child_with_it(tmp_path):
    log = tmp_path / "log"
    os.mkfifo(log)
    code = (
        "from pathlib import Path; from tfl.core.child import call_in_child; "
        f"call_in_child('{HERE}:spin', {{}}, log_path=Path('log'))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env=environment,
        # A shell's background job ignores the interrupt, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with log.open() as stream:
        assert stream.readline() == "about to spin\n"
    (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.send_signal(signal.SIGINT)
    _, errors = parent.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert not Path(f"/proc/{child}").exists()
