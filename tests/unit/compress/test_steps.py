import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfl.compress.learning import StepState
from tfl.compress.records import METHODS, EpochRow
from tfl.compress.replay import ENVIRONMENT
from tfl.core.errors import IntegrityError

ROOT = Path(__file__).resolve().parents[3]


def _run_steps(method, folder, **changes):
    pytest.importorskip("tensorflow_model_optimization")
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.compress.steps_child", method, str(folder), json.dumps(changes)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_patterns_of_zeros_are_kept(tmp_path):
    kernels = _run_steps("prune", tmp_path, m_by_n="2:4")["kernels"]
    assert all(min(found["zeros_of_four"]) >= 2 for found in kernels.values())
    assert kernels["conv2d_2"]["zeros"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_blocks_become_zero_together(tmp_path):
    kernels = _run_steps("prune", tmp_path, block="4x1", sparsity=0.75)["kernels"]
    # A dense layer of 16 x 3 weights has 12 blocks, of which 9 go; convolutions have none.
    assert kernels["dense"]["zeros"] == pytest.approx(0.75, abs=0.01)
    assert kernels["dense"]["zeros_of_four"] == [0, 4]
    assert kernels["conv2d_1"]["zeros"] == pytest.approx(0.75, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_method_reaches_what_it_is_for_in_one_sitting_or_two(method, tmp_path):
    said = _run_steps(method, tmp_path)
    assert said["moved"] > 1e-4
    # Where an interrupt falls must not show: what is left is the order of additions in threads.
    assert said["difference"] < 1e-5
    assert ("qat" in method) == said.get("finite", False)
    kernels = said["kernels"]
    assert bool(kernels) == (method != "qat")
    for name, found in kernels.items():
        if "prune" in method:
            assert found["zeros"] == pytest.approx(0.5, abs=0.03), name
        if "cluster" in method:
            assert found["unique"] <= 9, name


def test_a_state_comes_back_as_it_was_saved(tmp_path):
    row = EpochRow(step="qat", epoch=1, loss=0.5, validation_loss=0.4, validation_accuracy=0.9, counts=True)
    state = StepState(
        step=1,
        epoch=1,
        start=[np.ones((2, 3), np.float32), np.zeros(4, np.float32)],
        now=[np.full(3, 2.0, np.float32)],
        best_loss=0.4,
        rows=[row],
        kept={"prune": 2},
        compressed={"conv": "pruned"},
    )
    state.save(tmp_path / "state.npz")
    loaded = StepState.load(tmp_path / "state.npz")
    assert (loaded.step, loaded.epoch, loaded.best_loss, loaded.rows) == (1, 1, 0.4, [row])
    assert (loaded.kept, loaded.compressed, loaded.optimizer, loaded.best) == ({"prune": 2}, {"conv": "pruned"}, [], [])
    for before, after in zip([*state.start, *state.now], [*loaded.start, *loaded.now], strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_damaged_state_is_refused(tmp_path):
    (tmp_path / "state.npz").write_bytes(b"no archive")
    with pytest.raises(IntegrityError, match="no state of a compression"):
        StepState.load(tmp_path / "state.npz")
