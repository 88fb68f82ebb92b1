"""Training that needs more memory than there is: a real limit of the system, the real CLI."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import draw_classes
from tests.e2e.conftest import call

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow

#: Limits the address space to what the libraries have mapped and some bytes more, then is the CLI.
LIMITED = """
import resource, sys
import keras, numpy, sklearn.linear_model, sklearn.metrics, tensorflow

# Threads map stacks and arenas when they are first used.
tensorflow.linalg.matmul(tensorflow.ones((2048, 2048)), tensorflow.ones((2048, 2048)))
with open("/proc/self/statm") as stream:
    mapped = int(stream.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
resource.setrlimit(resource.RLIMIT_AS, (mapped + int(sys.argv[1]),) * 2)
sys.argv = ["tfl", *sys.argv[2:]]
from tfl_cli.main import main

main()
"""
#: Enough for the features and the head, and about half of what a step of fine-tuning all layers takes.
MORE_BYTES = 2_000_000_000
ARGUMENTS = ["--epochs", "2", "--augment", "none", "--image-size", "224"]
ARGUMENTS += ["--fine-tune", "1", "--fine-tune-layers", "0", "--batch-size", "256", "--set", "train.cache=off"]


def limited(more_bytes, *arguments):
    """Run `tfl` with so many bytes beyond what the libraries take."""
    command = [sys.executable, "-c", LIMITED, str(more_bytes), *map(str, arguments)]
    # Each thread maps memory of its own, and there would be as many as the machine has processors.
    threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "2")
    environment = {**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3", "MALLOC_ARENA_MAX": "2"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_the_memory_ends_in_fine_tuning_and_the_head_is_kept(tmp_path):
    run, pictures = tmp_path / "run", draw_classes(tmp_path / "pictures", per_class=60)
    process = limited(MORE_BYTES, "train", pictures, "--out", run, *ARGUMENTS)
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    for words in ("The memory is used up (batch size 256)", "--batch-size 128", "--batch-size auto", "--resume"):
        assert words in process.stderr, process.stderr
    assert json.loads((run / "run.json").read_text())["status"] == "failed"
    head = (run / "training" / "head.state").read_bytes()
    resumed = call("train", "--out", run, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert (run / "training" / "head.state").read_bytes() == head
    assert json.loads((run / "training" / "summary.json").read_text())["epochs"]["fine_tune"] == 1
