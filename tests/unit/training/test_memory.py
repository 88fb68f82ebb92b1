"""Every library's own way of running out of memory becomes one error with advice."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tfl.core.errors import DataError, JobError
from tfl.core.train_config import TrainConfig
from tfl.training.memory import memory_advice, memory_bytes, ran_out

#: 4 TiB of float32, which no machine that runs tests has.
SIDE = 1 << 20
TUNED = TrainConfig(fine_tune_epochs=1)


def numpy_runs_out():
    np.ones((SIDE, SIDE), dtype=np.float32)


def tensorflow_runs_out():
    tf = pytest.importorskip("tensorflow")
    tf.ones((SIDE, SIDE))


@pytest.mark.parametrize("runs_out", [numpy_runs_out, tensorflow_runs_out])
def test_what_ran_out_is_told_with_the_batch_size_and_advice(runs_out):
    with pytest.raises(JobError, match=r"The memory is used up \(batch size 32\)") as raised, memory_advice(TUNED):
        runs_out()
    assert raised.value.exit_code == 1
    assert "\n" not in raised.value.message
    for words in ("--batch-size 16", "--batch-size auto", "fewer --fine-tune-layers", "--image-size", "--resume"):
        assert words in raised.value.hint
    assert "float16" not in raised.value.hint


def test_the_advice_fits_the_settings():
    def hint_of(**settings):
        with pytest.raises(JobError) as raised, memory_advice(TrainConfig(**settings)):
            numpy_runs_out()
        return raised.value.hint

    assert "batch-size" not in hint_of()
    assert "cache_dtype=float16" in hint_of(cache_dtype="float32")
    one = hint_of(fine_tune_epochs=1, batch_size=1)
    assert "--batch-size auto" in one
    assert "--batch-size 0" not in one
    assert "--batch-size auto" not in hint_of(fine_tune_epochs=1, batch_size="auto")


@pytest.mark.slow
def test_jax_runs_out_too():
    pytest.importorskip("jax")
    code = (
        "import jax.numpy as jnp\n"
        "from tfl.core.errors import JobError\n"
        "from tfl.core.train_config import TrainConfig\n"
        "from tfl.training.memory import memory_advice\n"
        "try:\n"
        "    with memory_advice(TrainConfig()):\n"
        f"        jnp.ones(({SIDE}, {SIDE})).block_until_ready()\n"
        "except JobError as error:\n"
        "    print(type(error.__cause__).__name__, error.message)\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert "The memory is used up (batch size of the head 128)" in process.stdout, process.stderr


def test_other_errors_pass_as_they_are():
    with pytest.raises(ValueError, match="another"), memory_advice(TUNED):
        raise ValueError("another")
    with pytest.raises(DataError, match="out of memory"), memory_advice(TUNED):
        raise DataError("a picture of a machine that is out of memory")


def test_a_full_disk_is_no_full_memory():
    tf = pytest.importorskip("tensorflow")

    def write():
        with tf.io.gfile.GFile("/dev/full", "w") as stream:
            stream.write("x" * (1 << 20))

    with pytest.raises(tf.errors.OpError, match="No space left") as raised:
        write()
    assert not ran_out(raised.value)


def test_the_memory_that_there_is():
    assert 1 << 28 < memory_bytes() < 1 << 50
