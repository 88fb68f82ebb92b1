"""The pieces of training, on networks small enough to train in a second."""

import math

import numpy as np
import pytest

from tfl.core.augmentation import PRESETS
from tfl.core.config import TrainConfig
from tfl.core.errors import ConfigError, IntegrityError, JobError, UnsupportedError
from tfl.core.progress import Progress
from tfl.data.preprocess import ImagePreprocessing, normalize
from tfl.training.augment import make_augmenter
from tfl.training.checkpoint import StageState, read_variables
from tfl.training.feed import balanced_weights, make_feed
from tfl.training.logs import TrainingLog
from tfl.training.network import fold_standardization, join, standardization, thaw_top
from tfl.training.precision import choose_precision
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


def compiled(model, rate=0.01):
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    return model


def feeds(pixels, labels):
    prepare = make_augmenter(PRESETS["standard"], CONTRACT, seed=5)
    training = make_feed(pixels, labels, batch_size=5, prepare=prepare, shuffle_seed=7)
    return training, make_feed(normalize(pixels, CONTRACT), labels, batch_size=5)


def train(folder, pixels, labels, *, epochs, patience=99):
    model = compiled(join(small_backbone(), small_head()))
    training, validation = feeds(pixels, labels)
    plan = StagePlan("fine_tune", epochs, patience, True, folder / "stage.npz")
    log = TrainingLog(folder)
    state = run_stage(plan, model, training=training, validation=validation, log=log, progress=Progress())
    log.close()
    return model, state


def test_a_resumed_stage_ends_in_the_same_bytes(tmp_path, pixels, labels):
    _, straight = train(tmp_path / "straight", pixels, labels, epochs=4)
    train(tmp_path / "stopped", pixels, labels, epochs=2)
    unfinished = StageState.load(tmp_path / "stopped" / "stage.npz")
    unfinished.finished = False
    unfinished.save(tmp_path / "stopped" / "stage.npz")
    _, resumed = train(tmp_path / "stopped", pixels, labels, epochs=4)
    for group in ("variables", "optimizer", "best"):
        for first, second in zip(getattr(straight, group), getattr(resumed, group), strict=True):
            np.testing.assert_array_equal(first, second)
    losses = [row["loss"] for row in straight.history]
    assert [row["loss"] for row in resumed.history] == losses
    lines = (tmp_path / "stopped" / "history.csv").read_text().splitlines()
    assert len(lines) == 5


def test_early_stopping_restores_the_best_epoch(tmp_path, pixels, labels):
    model, state = train(tmp_path, pixels, labels, epochs=30, patience=2)
    assert state.epoch == min(30, state.best_epoch + 2)
    for variable, best in zip(read_variables(model.variables), state.best, strict=True):
        np.testing.assert_array_equal(variable, best)
    losses = [row["val_loss"] for row in state.history]
    assert state.best_loss <= min(losses)


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path, pixels, labels):
    model = compiled(join(small_backbone(), small_head()))
    model.layers[-1].layers[-1].kernel.assign(np.full((6, 3), np.nan))
    training, validation = feeds(pixels, labels)
    plan = StagePlan("head", 2, 2, False, tmp_path / "stage.npz")
    with pytest.raises(JobError, match="not finite in epoch 1") as raised:
        run_stage(plan, model, training=training, validation=validation, log=TrainingLog(tmp_path), progress=Progress())
    assert "learning rate" in raised.value.hint


def test_batch_normalization_never_moves_while_the_top_learns(pixels, labels):
    backbone = small_backbone()
    model = join(backbone, small_head())
    assert thaw_top(backbone, 0) == 2
    norm = backbone.get_layer("norm")
    before = [np.array(value) for value in norm.get_weights()]
    kernel = np.array(backbone.get_layer("first").kernel.value)
    compiled(model).fit(normalize(pixels, CONTRACT), labels, epochs=2, verbose=0)
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.array_equal(kernel, np.array(backbone.get_layer("first").kernel.value))


def test_only_the_asked_number_of_layers_learns(pixels, labels):
    backbone = small_backbone()
    assert thaw_top(backbone, 1) == 1
    first = np.array(backbone.get_layer("first").kernel.value)
    second = np.array(backbone.get_layer("second").kernel.value)
    compiled(join(backbone, small_head())).fit(normalize(pixels, CONTRACT), labels, verbose=0)
    np.testing.assert_array_equal(first, np.array(backbone.get_layer("first").kernel.value))
    assert not np.array_equal(second, np.array(backbone.get_layer("second").kernel.value))


def test_folding_the_standardization_keeps_the_answers():
    features = np.random.default_rng(1).normal(3.0, 5.0, (40, 6)).astype(np.float32)
    features[:, 2] = 1.5
    mean, std = standardization(features)
    head = small_head()
    expected = np.asarray(head((features - mean) / std))
    fold_standardization(head, mean, std)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)


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


def test_a_damaged_checkpoint_is_said_so(tmp_path):
    path = tmp_path / "stage.npz"
    StageState(1, math.inf, 0, 0, False, [], [np.ones(3)], [], [np.ones(3)]).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(IntegrityError, match="damaged"):
        StageState.load(path)
    assert StageState.load(tmp_path / "none.npz") is None


def test_float16_without_a_gpu_is_refused():
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(UnsupportedError, match="needs a GPU"):
        choose_precision("mixed_float16")
    assert choose_precision("mixed_bfloat16").policy == "mixed_bfloat16"


def test_automatic_precision_says_why():
    choice = choose_precision("auto")
    assert choice.policy in ("float32", "mixed_bfloat16", "mixed_float16")
    assert choice.reason


def test_all_settings_out_of_range_are_named_at_once():
    with pytest.raises(ConfigError) as raised:
        TrainConfig(epochs=0, learning_rate=-1.0)
    assert "epochs: must be at least 1. Received: 0." in raised.value.message
    assert "learning_rate: must be above 0. Received: -1.0." in raised.value.message
