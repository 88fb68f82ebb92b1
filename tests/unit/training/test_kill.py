"""A training that is killed again and again, at any moment, ends in the bytes of one that was left alone."""

import multiprocessing
import random
import time

import numpy as np
import pytest

pytest.importorskip("keras")
pytestmark = pytest.mark.slow

KILLS = 30
#: Long enough that a sitting that is let live for it gets some steps further.
LONGEST_LIFE_S = 4.0


def sit(folder, ready):
    """Train a small network from wherever its folder stands to the end."""
    import keras

    from tfl.core.progress import Progress
    from tfl.core.train_config import TrainConfig
    from tfl.training.feed import make_feed
    from tfl.training.goals import Goals
    from tfl.training.logs import TrainingLog
    from tfl.training.optimizer import make_optimizer
    from tfl.training.stage import StagePlan, run_stage

    class Slow(Progress):
        """Give the killer time: steps of a network this small take a millisecond."""

        def update(self, text, *, done=None, total=None):
            time.sleep(0.02)

    ready.set()
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    values = keras.layers.Dropout(0.3, seed=1)(keras.layers.Dense(16, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(values))
    generator = np.random.default_rng(0)
    samples, labels = generator.normal(size=(64, 8)).astype(np.float32), np.arange(64, dtype=np.int32) % 3
    settings = TrainConfig(ema=0.9, schedule="cosine", weight_decay=0.01)

    def compile_with(factor):
        optimizer = make_optimizer(settings, 0.01 * factor, steps=210)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)

    run_stage(
        StagePlan("head", 30, 30, False, folder / "head.state", checkpoint_steps=3),
        model,
        compile_with=compile_with,
        training=make_feed(samples, labels, batch_size=10, shuffle_seed=5),
        validation=make_feed(samples, labels, batch_size=10),
        goals=Goals(settings),
        log=TrainingLog(folder),
        progress=Slow(),
    )


def test_killed_at_thirty_moments_it_ends_in_the_same_bytes(tmp_path):
    from tfl.training.checkpoint import StageState

    # Processes are forked from one that has imported the libraries and done nothing with them.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras", "tfl.training.stage", "tests.unit.training.test_kill"])

    def sitting(folder):
        ready = context.Event()
        process = context.Process(target=sit, args=(folder, ready))
        process.start()
        assert ready.wait(120)
        return process

    straight = sitting(tmp_path / "straight")
    straight.join(300)
    assert straight.exitcode == 0
    expected = StageState.load(tmp_path / "straight" / "head.state")
    moments = random.Random(11)
    kills, folders = 0, [tmp_path / "killed-0"]
    while True:
        process = sitting(folders[-1])
        process.join(moments.uniform(0.0, LONGEST_LIFE_S) if kills < KILLS else 300)
        if process.exitcode is None:
            process.kill()
            process.join()
            kills += 1
        elif kills >= KILLS:
            break
        else:
            assert process.exitcode == 0
            folders.append(tmp_path / f"killed-{len(folders)}")
    assert kills == KILLS
    assert process.exitcode == 0
    for folder in folders:
        ended = StageState.load(folder / "head.state")
        for group in ("variables", "optimizer", "best"):
            for one, two in zip(getattr(expected, group), getattr(ended, group), strict=True):
                assert one.tobytes() == two.tobytes()
        rows = [[{**row, "seconds": 0} for row in state.history] for state in (expected, ended)]
        assert rows[0] == rows[1]
        assert len((folder / "history.csv").read_text().splitlines()) == 31
