import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.presence import skip_without
from tfl.compress.learning import StepState, rate_at
from tfl.compress.records import METHODS, CompressSettings, EpochRow
from tfl.compress.replay import ENVIRONMENT
from tfl.core.errors import IntegrityError

ROOT = Path(__file__).resolve().parents[3]


#: Name -> method and changed settings.
CASES = {
    "pattern": ("prune", {"m_by_n": "2:4"}),
    "block": ("prune", {"block": "4x1", "sparsity": 0.75}),
    "falling": ("qat", {"final_rate": 0.0}),
    **{method: (method, {}) for method in METHODS},
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What came of every case; one process does them all, as its imports take longer than the training."""
    skip_without("tensorflow_model_optimization")
    folder = tmp_path_factory.mktemp("steps")
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.compress.steps_child", json.dumps(CASES), str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in CASES}


@pytest.mark.slow
def test_patterns_of_zeros_are_kept(said):
    kernels = said["pattern"]["kernels"]
    assert all(min(found["zeros_of_four"]) >= 2 for found in kernels.values())
    assert kernels["conv2d_2"]["zeros"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_blocks_become_zero_together(said):
    kernels = said["block"]["kernels"]
    # A dense layer of 16 x 3 weights has 12 blocks, of which 9 go; one of the convolutions, of 3 x 3 x 8 x 16, has 288.
    for name in ("dense", "conv2d_1", "conv2d_2"):
        assert kernels[name]["zeros"] == pytest.approx(0.75, abs=0.01), name
        assert kernels[name]["zeros_of_four"] == [0, 4], name
    # Of 3 input channels there is one block, which is smaller.
    assert kernels["conv2d"]["zeros"] == pytest.approx(0.75, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_method_reaches_what_it_is_for_in_one_sitting_or_two(method, said):
    found_of = said[method]
    assert found_of["moved"] > 1e-4
    # Where an interrupt falls must not show: what is left is the order of additions in threads.
    assert found_of["difference"] < 1e-5
    assert ("qat" in method) == found_of.get("finite", False)
    kernels = found_of["kernels"]
    assert bool(kernels) == (method != "qat")
    for name, found in kernels.items():
        if "prune" in method:
            assert found["zeros"] == pytest.approx(0.5, abs=0.03), name
        if "cluster" in method:
            assert found["unique"] <= 9, name


@pytest.mark.slow
def test_a_falling_rate_goes_on_where_it_was_and_moves_less(said):
    falling, constant = said["falling"], said["qat"]
    assert falling["difference"] < 1e-5
    assert 1e-4 < falling["moved"] < constant["moved"]


def test_a_rate_falls_on_half_a_cosine():
    settings = CompressSettings(method="qat", learning_rate=0.2)
    assert [rate_at(share, settings, 0.1) for share in (0.0, 0.5, 1.0)] == pytest.approx([0.2, 0.11, 0.02])
    assert {rate_at(share, settings, 1.0) for share in (0.0, 0.3, 1.0)} == {0.2}


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
