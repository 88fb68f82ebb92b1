"""Which arithmetic is trained in: real trials on small networks, and what is made of them."""

import dataclasses
import os
import subprocess
import sys

import pytest

from tfl.core.environment import read_environment
from tfl.core.errors import UnsupportedError
from tfl.training.precision import PrecisionChoice, _version_of, choose_precision, judge, remembered_choice
from tfl.training.precision_trial import PrecisionTrial, small_network, try_precision

keras = pytest.importorskip("keras")

FASTER = PrecisionTrial(
    network="drawn up",
    policy="mixed_bfloat16",
    float32_ms=10.0,
    policy_ms=8.0,
    noise=0.1,
    float32_losses=(1.0, 0.9),
    policy_losses=(1.0, 0.91),
    tolerance=0.02,
)


def changed(**values):
    return dataclasses.replace(FASTER, **values)


def offset_network(offset):
    """A network whose signal rides on an offset that the last layer takes away again."""

    def build():
        inputs = keras.Input((8,))
        keras.utils.set_random_seed(1)
        x = keras.layers.Dense(64, bias_initializer=keras.initializers.Constant(offset))(inputs)
        signs = keras.ops.tile(keras.ops.array([[1.0, -1.0], [-1.0, 1.0]]), (32, 1))
        last = keras.layers.Dense(2, activation="softmax", dtype="float32")
        model = keras.Model(inputs, last(x), name="offset")
        last.kernel.assign(signs)
        return model

    return build


@pytest.fixture(scope="module")
def trial():
    return try_precision("mixed_bfloat16", small_network)


def test_both_policies_start_from_the_same_weights_and_see_the_same_batches(trial):
    assert trial.float32_losses[0] == pytest.approx(trial.policy_losses[0], rel=trial.tolerance)
    assert len(set(trial.float32_losses)) == len(trial.float32_losses) == len(trial.policy_losses)
    assert trial.float32_ms > 0.0
    assert trial.policy_ms > 0.0
    assert trial.noise > 0.0


def test_rounding_alone_is_agreement(trial):
    assert 0.0 < trial.loss_difference <= trial.tolerance
    assert trial.agrees
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(("policy", "offset"), [("mixed_bfloat16", 1e4), ("mixed_float16", 1e6)])
def test_a_network_that_16_bits_ruin_disagrees_and_is_trained_in_float32(policy, offset):
    ruined = try_precision(policy, offset_network(offset))
    assert ruined.loss_difference > ruined.tolerance
    choice = judge(dataclasses.replace(ruined, policy_ms=ruined.float32_ms / 10), "a reason")
    assert choice.policy == "float32"
    assert choice.reason.endswith("they disagree")


def test_without_the_offset_the_same_network_agrees():
    assert try_precision("mixed_bfloat16", offset_network(0.0)).agrees


def test_faster_and_agreeing_is_taken_and_the_figures_are_told():
    choice = judge(FASTER, "the GPU has units")
    assert choice.policy == "mixed_bfloat16"
    for words in ("the GPU has units", "8 ms", "10 ms", "1.25 times", "noise 10%", "1.11%", "2.00%"):
        assert words in choice.reason
    assert choice.trial == FASTER


@pytest.mark.parametrize(
    ("trial", "why"),
    [
        (changed(policy_ms=9.5), "not faster"),
        (changed(noise=0.3), "not faster"),
        (changed(noise=0.0, policy_ms=9.8), "not faster"),
        (changed(policy_ms=12.0), "not faster"),
        (changed(policy_losses=(1.0, 1.0)), "they disagree"),
        (changed(policy_losses=(1.0, float("nan"))), "they disagree"),
        (changed(float32_losses=(float("inf"), 1.0)), "they disagree"),
    ],
)
def test_anything_else_is_trained_in_float32(trial, why):
    choice = judge(trial, "a reason")
    assert choice.policy == "float32"
    assert choice.reason.endswith(why)


def test_what_an_earlier_sitting_decided_is_decided(tmp_path):
    path = tmp_path / "precision.json"
    decided = judge(FASTER, "decided before")
    decided.save(path)
    assert choose_precision("auto", path=path) == decided
    assert choose_precision("float32", path=path) == PrecisionChoice(policy="float32", reason="asked for")


@pytest.fixture
def has_units():
    if choose_precision("auto", network=offset_network(0.0)).trial is None:
        pytest.skip("this machine has no 16-bit units")


def test_a_second_run_takes_what_the_first_decided(has_units, tmp_path):
    first = choose_precision("auto", path=tmp_path / "first.json", remembered=lambda: remembered_choice("a network", 1))
    second = choose_precision(
        "auto", path=tmp_path / "second.json", remembered=lambda: remembered_choice("a network", 1)
    )
    assert first.trial is not None
    assert second == first == PrecisionChoice.load(tmp_path / "second.json")


def test_a_cache_that_cannot_be_written_ends_no_training(has_units, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where a folder is needed", encoding="utf-8")
    choice = choose_precision("auto", remembered=lambda: tmp_path / "cache" / "precision" / "choice.json")
    assert choice.trial is not None
    assert "can't be remembered" in caplog.text


def test_another_network_is_tried_anew(has_units):
    one = choose_precision("auto", remembered=lambda: remembered_choice("one"))
    other = choose_precision("auto", network=offset_network(0.0), remembered=lambda: remembered_choice("other"))
    assert (one.trial.network, other.trial.network) == ("small", "offset")


def test_without_bfloat16_nothing_is_tried():
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU") or {"avx512_bf16", "amx_bf16", "bf16"} & set(read_environment().isa):
        pytest.skip("this machine has 16-bit units")

    def never():
        raise ValueError("a trial was made")

    choice = choose_precision("auto", network=never)
    assert choice.policy == "float32"
    assert choice.reason == "no GPU, and the processor has no bfloat16 instructions"
    assert choice.trial is None


@pytest.mark.parametrize(
    ("text", "version"), [("8.0", (8, 0)), ("12.1", (12, 1)), ("gfx90a", (0, 0)), ("", (0, 0)), ("8", (0, 0))]
)
def test_the_capability_that_jax_tells_is_read(text, version):
    assert _version_of(text) == version


@pytest.mark.slow
def test_the_trial_runs_on_jax_too():
    pytest.importorskip("jax")
    code = (
        "from tfl.training.precision_trial import small_network, try_precision\n"
        "import keras; assert keras.backend.backend() == 'jax'\n"
        "trial = try_precision('mixed_bfloat16', small_network)\n"
        "print(trial.agrees, 0.0 < trial.loss_difference, trial.policy_ms > 0.0, len(trial.policy_losses))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert process.stdout.split() == ["True", "True", "True", "7"], process.stderr


def test_float16_without_a_gpu_is_refused():
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(UnsupportedError, match="needs a GPU"):
        choose_precision("mixed_float16")
    assert choose_precision("mixed_bfloat16").policy == "mixed_bfloat16"
