"""The pieces of training, on networks small enough to train in a second."""

import signal

import numpy as np
import pytest

from tests.unit.training.told import Told
from tfl.core.augmentation import PRESETS
from tfl.core.config import TrainConfig
from tfl.core.errors import ConfigError, IntegrityError, JobError
from tfl.core.progress import Progress
from tfl.data.preprocess import ImagePreprocessing, normalize
from tfl.training.augment import make_augmenter
from tfl.training.checkpoint import StageState, read_variables
from tfl.training.feed import balanced_weights, make_feed
from tfl.training.goals import Goals
from tfl.training.logs import TrainingLog
from tfl.training.network import fold_mean, fold_std, join, standardization, thaw_top
from tfl.training.optimizer import make_optimizer
from tfl.training.stage import StagePlan, run_stage

keras = pytest.importorskip("keras")

CONTRACT = ImagePreprocessing(height=16, width=16, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def labels():
    return np.arange(12, dtype=np.int32) % 3


def small_backbone(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, name="first")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(6, 3, activation="relu", name="second")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def small_head(dropout=0.5):
    inputs = keras.Input((6,))
    x = keras.layers.Dropout(dropout, seed=3)(inputs)
    x = keras.layers.Dense(3, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, x)


def compiler(model, rate=0.01, **settings):
    train = TrainConfig(**settings)

    def compile_with(factor):
        optimizer = make_optimizer(train, rate * factor, steps=12)
        loss = "sparse_categorical_crossentropy"
        model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)

    return compile_with


def feeds(pixels, labels, judge=None):
    prepare = make_augmenter(PRESETS["standard"], CONTRACT, seed=5)
    training = make_feed(pixels, labels, batch_size=5, prepare=prepare, shuffle_seed=7)
    return training, make_feed(normalize(pixels, CONTRACT), labels, batch_size=5, prepare=judge)


def train(
    folder, pixels, labels, *, epochs, patience=99, progress=None, rate_of=None, head=None, judge=None, **settings
):
    model = join(small_backbone(), head or small_head())
    training, validation = feeds(pixels, labels, judge)
    plan = StagePlan("fine_tune", epochs, patience, True, folder / "stage.npz", checkpoint_steps=1)
    log = TrainingLog(folder, progress=progress)
    state = run_stage(
        plan,
        model,
        compile_with=lambda factor: compiler(model, (rate_of or (0.01).__mul__)(factor), **settings)(1.0),
        training=training,
        validation=validation,
        goals=Goals(TrainConfig(**settings)),
        log=log,
        progress=progress or Progress(),
    )
    log.close()
    return model, state


class StopAt(Progress):
    """Ask the process to stop after so many steps, as Ctrl-C would."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def update(self, text, *, done=None, total=None):
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)


EVERYTHING = {"ema": 0.9, "accumulate": 2, "schedule": "one_cycle", "clip_norm": 1.0, "weight_decay": 0.01}


def same_bytes(straight, resumed):
    for group in ("variables", "optimizer", "best"):
        for first, second in zip(getattr(straight, group), getattr(resumed, group), strict=True):
            assert first.tobytes() == second.tobytes()
    without_time = [[{**row, "seconds": 0} for row in state.history] for state in (straight, resumed)]
    assert without_time[0] == without_time[1]


@pytest.mark.parametrize("settings", [{}, EVERYTHING, {"optimizer": "sgd"}], ids=["plain", "everything", "sgd"])
def test_a_stage_stopped_again_and_again_ends_in_the_same_bytes(tmp_path, pixels, labels, settings):
    _, straight = train(tmp_path / "straight", pixels, labels, epochs=3, **settings)
    done = 0
    for steps in (1, 1, 3):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "stopped", pixels, labels, epochs=3, progress=StopAt(steps), **settings)
        unfinished = StageState.load(tmp_path / "stopped" / "stage.npz")
        done += steps
        assert 3 * unfinished.epoch + unfinished.step == done
    _, resumed = train(tmp_path / "stopped", pixels, labels, epochs=3, **settings)
    same_bytes(straight, resumed)
    assert len((tmp_path / "stopped" / "history.csv").read_text().splitlines()) == 4


def test_stopped_within_a_validation_it_ends_in_the_same_bytes(tmp_path, pixels, labels):
    settings = {"ema": 0.9}
    _, straight = train(tmp_path / "straight", pixels, labels, epochs=3, **settings)
    calls = []

    def stops(batch, epoch, index):
        calls.append(index)
        # The state before the stage is judged too: three batches, then those of the first and the second epoch.
        if len(calls) == 8:
            signal.raise_signal(signal.SIGINT)
        return batch

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", pixels, labels, epochs=3, judge=stops, **settings)
    unfinished = StageState.load(tmp_path / "stopped" / "stage.npz")
    assert unfinished.step in (0, 3)
    _, resumed = train(tmp_path / "stopped", pixels, labels, epochs=3, **settings)
    same_bytes(straight, resumed)


def test_a_checkpoint_that_is_cut_off_gives_way_to_the_one_before(tmp_path, pixels, labels):
    _, straight = train(tmp_path / "straight", pixels, labels, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", pixels, labels, epochs=2, progress=StopAt(4))
    path = tmp_path / "stopped" / "stage.npz"
    path.write_bytes(path.read_bytes()[:-100])
    assert StageState.load(path).step < 4
    _, resumed = train(tmp_path / "stopped", pixels, labels, epochs=2)
    same_bytes(straight, resumed)


def test_averaged_weights_are_what_is_judged_and_kept(tmp_path, pixels, labels):
    model, state = train(tmp_path, pixels, labels, epochs=3, ema=0.9)
    _, validation = feeds(pixels, labels)
    measured = model.evaluate(validation, verbose=0, return_dict=True)
    assert measured["loss"] == pytest.approx(state.best_loss, rel=1e-5)
    raw = state.variables[: len(state.best)]
    assert any((first != second).any() for first, second in zip(raw, state.best, strict=True))


def test_a_goal_ends_the_stage_and_keeps_what_reached_it(tmp_path, pixels, labels):
    _, state = train(tmp_path, pixels, labels, epochs=50, until="loss=1.2")
    assert state.stopped_by == "until"
    assert state.history[-1]["val_loss"] <= 1.2
    assert all(row["val_loss"] > 1.2 for row in state.history[:-1])
    assert state.best_epoch == state.epoch


def test_the_time_limit_ends_the_stage_within_an_epoch(tmp_path, pixels, labels):
    _, state = train(tmp_path, pixels, labels, epochs=50, time_limit_s=1e-9)
    assert (state.stopped_by, state.epoch) == ("time_limit", 1)


def test_early_stopping_restores_the_best_epoch(tmp_path, pixels, labels):
    model, state = train(tmp_path, pixels, labels, epochs=30, patience=2)
    assert state.epoch == min(30, state.best_epoch + 2)
    for variable, best in zip(read_variables(model.variables), state.best, strict=True):
        np.testing.assert_array_equal(variable, best)
    losses = [row["val_loss"] for row in state.history]
    assert state.best_loss <= min(losses)


def test_a_loss_that_is_not_finite_goes_back_once_and_then_stops_with_advice(tmp_path, pixels, labels):
    told, head = Told(), small_head()
    head.layers[-1].kernel.assign(np.full((6, 3), np.nan))
    with pytest.raises(JobError, match=r"step 1 of epoch 1 of stage 'fine_tune'.*layer 'dense") as raised:
        train(tmp_path, pixels, labels, epochs=2, progress=told, head=head)
    assert "learning rate" in raised.value.hint
    assert [text for text in told.results if "going back, with a tenth" in text]


def test_a_rate_that_is_too_high_is_lowered_and_training_goes_on(tmp_path, pixels, labels):
    def rate_of(factor):
        return 1e30 if factor == 1.0 else 0.01

    told = Told()
    _, state = train(tmp_path, pixels, labels, epochs=2, progress=told, rate_of=rate_of, optimizer="sgd")
    assert state.rate_factor < 1.0
    assert state.epoch == 2
    assert [text for text in told.results if text.startswith("not finite in step")]


def test_after_going_back_the_start_is_still_what_has_to_be_beaten(tmp_path, pixels, labels):
    model = join(small_backbone(), small_head(dropout=0.0))
    before = read_variables(model.variables)
    training, validation = feeds(pixels, labels)
    told = Told()

    def compile_with(factor):
        # It stands still, fails in the second epoch, before any checkpoint, and then learns to do worse.
        fails = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.0, 1e30])
        optimizer = keras.optimizers.SGD(fails if factor == 1.0 else -0.05)
        optimizer.averages = list
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)

    compile_with(1.0)
    start = model.evaluate(validation, verbose=0, return_dict=True)["loss"]
    log = TrainingLog(tmp_path)
    state = run_stage(
        StagePlan("fine_tune", 3, 99, True, tmp_path / "stage.npz", checkpoint_s=1e9),
        model,
        compile_with=compile_with,
        training=training,
        validation=validation,
        goals=Goals(TrainConfig()),
        log=log,
        progress=told,
    )
    log.close()
    assert [text for text in told.results if "of epoch 2 of stage 'fine_tune'" in text]
    assert state.best_epoch == 0
    assert state.best_loss == pytest.approx(start, rel=1e-6)
    assert all(row["val_loss"] > start for row in state.history)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable.value), value)


def test_batch_normalization_never_moves_while_the_top_learns(pixels, labels):
    backbone = small_backbone()
    model = join(backbone, small_head())
    assert thaw_top(backbone, 0) == 2
    norm = backbone.get_layer("norm")
    before = [np.array(value) for value in norm.get_weights()]
    kernel = np.array(backbone.get_layer("first").kernel.value)
    compiler(model)(1.0)
    model.fit(normalize(pixels, CONTRACT), labels, epochs=2, verbose=0)
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.array_equal(kernel, np.array(backbone.get_layer("first").kernel.value))


def test_only_the_asked_number_of_layers_learns(pixels, labels):
    backbone = small_backbone()
    assert thaw_top(backbone, 1) == 1
    first = np.array(backbone.get_layer("first").kernel.value)
    second = np.array(backbone.get_layer("second").kernel.value)
    model = join(backbone, small_head())
    compiler(model)(1.0)
    model.fit(normalize(pixels, CONTRACT), labels, verbose=0)
    np.testing.assert_array_equal(first, np.array(backbone.get_layer("first").kernel.value))
    assert not np.array_equal(second, np.array(backbone.get_layer("second").kernel.value))


def test_folding_the_standardization_keeps_the_answers():
    features = np.random.default_rng(1).normal(3.0, 5.0, (40, 6)).astype(np.float32)
    features[:, 2] = 1.5
    mean, std = standardization(features)
    head = small_head()
    expected = np.asarray(head((features - mean) / std))
    fold_std(head, std)
    np.testing.assert_allclose(np.asarray(head(features - mean)), expected, atol=1e-5)
    fold_mean(head, mean)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)


def test_dropout_replaces_a_feature_by_its_mean():
    import keras

    mean = np.float32([30, -20, 10, 25, -15, 40])
    inputs = keras.Input((6,))
    backbone = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model = join(backbone, small_head(dropout=0.5), mean=mean)
    at_the_mean = np.tile(mean, (64, 1))
    expected = np.asarray(model(at_the_mean, training=False))
    # What is dropped there is 0 already, so that learning with dropout begins where the head stopped.
    np.testing.assert_allclose(np.asarray(model(at_the_mean, training=True)), expected, atol=1e-6)


def test_a_feed_gives_every_sample_once_and_another_order_each_epoch(labels):
    samples = np.arange(12, dtype=np.float32)[:, None]
    feed = make_feed(samples, labels, batch_size=5, shuffle_seed=1)
    orders = []
    for epoch in (0, 1):
        feed.go_to(epoch)
        batches = [feed[index] for index in range(len(feed))]
        seen = np.concatenate([batch[0][:, 0] for batch in batches])
        assert sorted(seen) == list(range(12))
        np.testing.assert_array_equal(np.concatenate([batch[1] for batch in batches]), labels[seen.astype(int)])
        orders.append(seen.tolist())
    assert orders[0] != orders[1]


def test_balanced_weights_make_classes_weigh_the_same():
    labels = np.asarray([0, 0, 0, 1], dtype=np.int32)
    weights = balanced_weights(labels, 3)
    assert 3 * weights[0] == pytest.approx(weights[1])
    assert weights[labels].sum() == pytest.approx(4.0)


class InTheWay(Told):
    """Put a file where the checkpoints' folder has to be, and take it away after the fifth step."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.left = folder, 5
        folder.write_text("in the way")

    def update(self, text, *, done=None, total=None):
        self.left -= 1
        if not self.left:
            self.folder.unlink()


def test_checkpoints_that_cannot_be_written_are_told_once_and_tried_again(tmp_path, pixels, labels):
    _, straight = train(tmp_path / "straight", pixels, labels, epochs=3)
    folder = tmp_path / "run"
    told = InTheWay(folder)
    _, state = train(folder, pixels, labels, epochs=3, progress=told)
    same_bytes(straight, state)
    same_bytes(straight, StageState.load(folder / "stage.npz"))
    assert len([text for text in told.results if "goes on without a new checkpoint" in text]) == 1
    assert told.results.count("checkpoints can be written again") == 1
    assert len([text for text in told.results if "The log is behind" in text]) == 1
    rows = (folder / "history.csv").read_text().splitlines()
    assert len(rows) == 4


def test_stopped_while_nothing_can_be_written_it_still_stops(tmp_path, pixels, labels):
    folder = tmp_path / "run"
    folder.write_text("in the way")
    with pytest.raises(KeyboardInterrupt):
        train(folder, pixels, labels, epochs=3, progress=StopAt(2))


def test_a_damaged_checkpoint_is_said_so(tmp_path):
    path = tmp_path / "stage.npz"
    StageState(epoch=1, variables=[np.ones(3)], best=[np.ones(3)]).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(IntegrityError, match="damaged"):
        StageState.load(path)
    assert StageState.load(tmp_path / "none.npz") is None


def test_all_settings_out_of_range_are_named_at_once():
    with pytest.raises(ConfigError) as raised:
        TrainConfig(epochs=-1, learning_rate=-1.0)
    assert "epochs: must be at least 0. Received: -1." in raised.value.message
    assert "learning_rate: must be above 0. Received: -1.0." in raised.value.message
