"""Whether steps are compiled: real trials of a small network on this machine, and what is made of their figures."""

import numpy as np
import pytest

from tests.unit.training.told import Told
from tfl.core.config import parse_assignment, resolve_config
from tfl.core.errors import ConfigError, UnsupportedError
from tfl.training.checkpoint import read_variables
from tfl.training.feed import make_feed
from tfl.training.xla import XlaChoice, XlaTrial, choose_xla, judge, try_xla

keras = pytest.importorskip("keras")

PAYS = XlaTrial(steps=1000, compile_s=4.0, xla_ms=5.0, plain_ms=10.0)


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64,))
    x = keras.layers.Dropout(0.3, seed=1)(keras.layers.Dense(256, activation="relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.BatchNormalization()(x)))


@pytest.fixture(scope="module")
def feed():
    samples = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    return make_feed(samples, np.arange(40, dtype=np.int32) % 3, batch_size=16)


def compiler(network):
    def compile_with(jit):
        network.compile("adam", "sparse_categorical_crossentropy", jit_compile=jit)

    return compile_with


def choose(network, feed, path, *, asked="auto", steps=10):
    return choose_xla(asked, network, feed, steps=steps, compile_with=compiler(network), path=path, progress=Told())


def test_a_trial_measures_both_and_leaves_the_network_as_it_was(network, feed):
    before = read_variables(network.variables)
    choice = try_xla(network, feed, steps=10**7, compile_with=compiler(network))
    for old, new in zip(before, read_variables(network.variables), strict=True):
        np.testing.assert_array_equal(old, new)
    trial = choice.trial
    assert trial.steps == 10**7
    assert trial.compile_s >= 0.0
    assert trial.xla_ms > 0.0
    assert trial.plain_ms > 0.0
    assert choice.compiled == (trial.compile_s + 1e4 * trial.xla_ms < 1e4 * trial.plain_ms)
    assert "10000000 steps are to come" in choice.reason


def test_steps_that_are_soon_done_are_not_compiled_for_a_trial(network, feed):
    choice = try_xla(network, feed, steps=3, compile_with=compiler(network))
    assert (choice.compiled, choice.trial) == (False, None)
    assert choice.reason.startswith("all 3 steps take")


def test_what_cannot_be_compiled_runs_without(network, feed):
    def compile_with(jit):
        # TensorFlow has no XLA kernel for the words of a text.
        lookup = keras.layers.Lambda(lambda x: x + keras.ops.sum(length_of(x)))
        model = keras.Sequential([lookup, network])
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=jit)
        network.train_on_batch = model.train_on_batch

    def length_of(values):
        import tensorflow as tf

        return tf.cast(tf.strings.length(tf.strings.as_string(values)), "float32") * 0.0

    choice = try_xla(network, feed, steps=10**7, compile_with=compile_with)
    assert (choice.compiled, choice.trial) == (False, None)
    assert "can't be compiled" in choice.reason


@pytest.mark.parametrize(
    ("trial", "compiled"),
    [
        (PAYS, True),
        (XlaTrial(steps=700, compile_s=4.0, xla_ms=5.0, plain_ms=10.0), False),
        (XlaTrial(steps=801, compile_s=4.0, xla_ms=5.0, plain_ms=10.0), True),
        (XlaTrial(steps=10**6, compile_s=0.0, xla_ms=10.0, plain_ms=10.0), False),
    ],
)
def test_compiling_has_to_be_earned_back(trial, compiled):
    choice = judge(trial)
    assert choice.compiled is compiled
    assert f"at least {trial.steps} steps are to come" in choice.reason


def test_a_trial_that_was_made_is_not_made_again(network, feed, tmp_path):
    path = tmp_path / "xla-head.json"
    decided = judge(PAYS)
    decided.save(path)
    assert choose(network, feed, path) == decided
    assert XlaChoice.load(path).text.startswith("on: a step takes 5 ms with it and 10 ms without")


def test_on_a_processor_it_is_off_by_a_rule_that_is_told(network, feed, tmp_path):
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU") or keras.backend.backend() != "tensorflow":
        pytest.skip("the rule is for TensorFlow without a GPU")
    choice = choose(network, feed, tmp_path / "xla-head.json")
    assert not choice.compiled
    assert "15 times slower" in choice.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("asked", "compiled"), [("on", True), ("off", False)])
def test_what_is_asked_for_is_done(network, feed, tmp_path, asked, compiled):
    choice = choose(network, feed, tmp_path / "xla-head.json", asked=asked)
    assert choice == XlaChoice(compiled=compiled, reason="asked for")


def test_asking_for_what_cannot_be_compiled_is_refused(network, feed, tmp_path):
    network.layers[1].supports_jit = False
    with pytest.raises(UnsupportedError, match=f"can't compile {network.layers[1].name}"):
        choose(network, feed, tmp_path / "xla-head.json", asked="on")
    assert not choose(network, feed, tmp_path / "xla-head.json").compiled


@pytest.mark.parametrize(("setting", "words"), [("xla", ("auto", "on", "off")), ("cache", ("auto", "off"))])
def test_on_and_off_are_words_though_yaml_reads_booleans(setting, words):
    for word in words:
        config = resolve_config({"data": {"path": "x"}}, dict([parse_assignment(f"train.{setting}={word}")]))
        assert getattr(config.train, setting) == word
    with pytest.raises(ConfigError, match=rf"train\.{setting}: must be one of"):
        resolve_config({"data": {"path": "x"}}, {f"train.{setting}": 1})


def test_a_boolean_where_no_such_word_is_allowed_stays_wrong():
    with pytest.raises(ConfigError, match="Received: True"):
        resolve_config({"data": {"path": "x"}}, dict([parse_assignment("train.cache=on")]))
