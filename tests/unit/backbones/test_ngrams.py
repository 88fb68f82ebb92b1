"""The embedded bag of n-grams: what it computes, that padding never counts, that it learns, and how it is stored."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tfl.backbones import _ngrams
from tfl.backbones.embedded import SOURCE
from tfl.core.config import RunConfig
from tfl.core.errors import UnsupportedError

keras = pytest.importorskip("keras")

TEXTS = ["my card is lost", "où est ma carte ?", "", "😀", " ".join(f"word{number}" for number in range(600))]


@pytest.fixture
def backbone():
    return SOURCE.load("ngrams")


@pytest.fixture
def learned(backbone):
    """The network with a table of ordinary values."""
    table = backbone.model.get_layer("table")
    values = np.random.default_rng(3).standard_normal(table.get_weights()[0].shape, dtype=np.float32)
    table.set_weights([values])
    return backbone.model


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


#: The first values of the table's row 5.
RECORDED_WEIGHTS = [5.1009744e-07, -2.1567335e-07, -1.2215973e-07]


def batch_of(texts):
    return _ngrams.CONTRACT.load_batch(texts)


def test_info_tells_the_truth(backbone):
    info = SOURCE.info("ngrams")
    assert info in SOURCE.list()
    assert backbone.info == info
    assert info.parameters == backbone.model.count_params()
    assert info.feature_size == backbone.model.output_shape[-1]
    assert (info.task, info.min_size, info.available_offline) == ("text_classification", 0, True)
    assert backbone.model.input_shape == (None, None)
    assert backbone.model.inputs[0].name == info.preprocessing.input.name
    assert keras.backend.standardize_dtype(backbone.model.inputs[0].dtype) == info.preprocessing.input.dtype


def test_it_is_the_sum_over_the_root_of_the_number(learned):
    table = learned.get_layer("table").get_weights()[0].astype(np.float64)
    outputs = np.asarray(learned(batch_of(TEXTS), training=False))
    for text, output in zip(TEXTS, outputs, strict=True):
        row = _ngrams.CONTRACT.read(text)
        ids = row[row != 0]
        # float32 sums of up to 512 values of about 1, over the root of their number.
        np.testing.assert_allclose(output, table[ids].sum(axis=0) / np.sqrt(len(ids)), atol=1e-4)


def test_padding_and_company_change_no_answer(learned):
    together = np.asarray(learned(batch_of(TEXTS), training=False))
    for text, expected in zip(TEXTS, together, strict=True):
        alone = batch_of([text])
        np.testing.assert_allclose(np.asarray(learned(alone, training=False))[0], expected, atol=1e-5)
        padded = np.pad(alone, ((0, 0), (0, 64)))
        np.testing.assert_allclose(np.asarray(learned(padded, training=False))[0], expected, atol=1e-5)


def test_padding_alone_is_zero_and_never_learned_from(learned):
    np.testing.assert_array_equal(np.asarray(learned(np.zeros((2, 32), np.int32), training=False)), 0.0)
    before = learned.get_layer("table").get_weights()[0].copy()
    learned.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    learned.train_on_batch(batch_of(["my card", "x"]), np.ones((2, 128), np.float32))
    after = learned.get_layer("table").get_weights()[0]
    np.testing.assert_array_equal(after[0], before[0])
    moved = set(np.flatnonzero((after != before).any(axis=1)).tolist())
    assert moved
    assert moved <= set(batch_of(["my card", "x"]).ravel().tolist())


def test_n_grams_are_left_out_in_training_alone(learned):
    batch = batch_of(TEXTS[:2])
    quiet = [np.asarray(learned(batch, training=False)) for _ in range(2)]
    noisy = [np.asarray(learned(batch, training=True)) for _ in range(2)]
    np.testing.assert_array_equal(quiet[0], quiet[1])
    assert np.abs(noisy[0] - noisy[1]).max() > 0.1


def test_untrained_it_says_next_to_nothing_and_the_same_everywhere(backbone):
    again = SOURCE.load("ngrams")
    assert again.digest == backbone.digest
    first, second = (np.asarray(item.model(batch_of(TEXTS), training=False)) for item in (backbone, again))
    np.testing.assert_array_equal(first, second)
    assert 0.0 < np.abs(first).max() < 1e-5
    assert _ngrams.first_weights()[5, :3] == pytest.approx(RECORDED_WEIGHTS, rel=1e-6)


def test_it_learns_words_it_never_had_a_vector_for(backbone):
    lost = [f"my {thing} is {state}" for thing in ("card", "purse", "phone") for state in ("lost", "gone", "missing")]
    asked = [f"how do i {what} a {thing}" for what in ("get", "order", "buy") for thing in ("card", "purse", "phone")]
    texts, labels = lost + asked, np.array([0] * len(lost) + [1] * len(asked))
    model = keras.Sequential([backbone.model, keras.layers.Dense(2, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", jit_compile=False)
    keras.utils.set_random_seed(0)
    model.fit(batch_of(texts), labels, epochs=30, verbose=0)
    answers = np.asarray(model(batch_of(["my wallet is missing", "how can i order a wallet"]), training=False))
    assert answers.argmax(axis=1).tolist() == [0, 1]


def test_saved_it_needs_no_class_of_this_package(learned, tmp_path):
    path = tmp_path / "ngrams.keras"
    learned.save(path)
    np.save(tmp_path / "batch.npy", batch_of(TEXTS))
    code = (
        "import sys, keras, numpy as np; "
        "model = keras.models.load_model('ngrams.keras', compile=False, safe_mode=True); "
        "np.save('answer.npy', model.predict(np.load('batch.npy'), verbose=0)); "
        "print('tfl' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert answer.stdout.split()[-1] == "False"
    expected = learned.predict(batch_of(TEXTS), verbose=0)
    np.testing.assert_array_equal(np.load(tmp_path / "answer.npy"), expected)


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float16", "float32"])
def test_follows_the_dtype_policy(policy, learned, name):
    expected = np.asarray(learned(batch_of(TEXTS), training=False))
    policy(name)
    loaded = SOURCE.load("ngrams").model
    loaded.set_weights(learned.get_weights())
    output = np.asarray(loaded(batch_of(TEXTS), training=False)).astype(np.float32)
    assert {variable.dtype for variable in loaded.trainable_variables} == {"float32"}
    # Of values of about 1, bfloat16 keeps 8 bits and float16 11; identifiers beyond either are told from padding alone.
    tolerance = {"mixed_bfloat16": 0.05, "mixed_float16": 0.01, "float32": 0.0}[name]
    assert np.abs(output - expected).max() <= tolerance


def test_an_image_size_is_refused():
    with pytest.raises(UnsupportedError, match=r"embedded:ngrams' takes texts, which have none. Received: 96"):
        SOURCE.load("ngrams", image_size=96)


def test_describing_imports_no_framework():
    code = (
        "import sys; from tfl.backbones.embedded import SOURCE; SOURCE.info('ngrams');"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_recipe_lets_everything_learn():
    recipe = SOURCE.recipe("ngrams")
    config = RunConfig.from_dict(
        {
            "train": {
                name.removeprefix("train."): value for name, value in recipe.items() if name.startswith("train.")
            },
            "model": {
                name.removeprefix("model."): value for name, value in recipe.items() if name.startswith("model.")
            },
        }
    )
    assert config.train.fine_tune_layers == 0
    assert config.train.fine_tune_epochs > 0
    assert SOURCE.recipe("sketchnet") == {}
