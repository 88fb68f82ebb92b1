"""OpenVINO beside Keras for frozen layers: the same answers, kept networks, and Keras where it can't."""

import io
import os
import signal

import numpy as np
import pytest

from tests.unit.training.told import Told
from tfl.core.errors import JobError
from tfl.core.progress import Progress
from tfl.training.engine_worker import OpenVinoWorker, _read, _write
from tfl.training.engines import engine_name, open_engine

keras = pytest.importorskip("keras")
pytest.importorskip("openvino")
tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow


def network(seed=3):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((16, 16, 3))
    values = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(values))


def opened(model, samples, *, key="a", progress=None, count=1000):
    return open_engine(
        model,
        count,
        policy="float32",
        batch_size=8,
        sample=samples[:1],
        key=(key,),
        progress=progress or Progress(),
    )


@pytest.fixture
def samples():
    return np.random.default_rng(0).normal(size=(11, 16, 16, 3)).astype(np.float32)


def test_both_engines_give_what_the_network_gives(tmp_path, monkeypatch, samples):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path))
    model = network()
    expected = np.asarray(model(samples, training=False))
    fast, plain = opened(model, samples), opened(model, samples, count=3)
    assert fast.name.startswith("openvino ")
    assert plain.name.startswith("keras ")
    np.testing.assert_allclose(fast.run(samples), expected, atol=1e-5)
    np.testing.assert_allclose(plain.run(samples), expected, atol=1e-5)
    kept = list((tmp_path / "engines").iterdir())
    assert sorted(path.suffix for path in kept) == [".bin", ".xml"]


class Outside(keras.layers.Layer):
    """Holds a variable that Keras does not know, and a function of TensorFlow's."""

    def build(self, shape):
        self.factor = tf.Variable(1.5, trainable=False)
        self.scale = tf.function(lambda values: values * self.factor)

    def call(self, values):
        return self.scale(values)


def test_a_layer_with_variables_of_its_own_is_converted_too(tmp_path, monkeypatch, samples):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path))
    model = network()
    model = keras.Model(model.input, Outside()(model.output))
    engine = opened(model, samples)
    assert engine.name.startswith("openvino ")
    np.testing.assert_allclose(engine.run(samples), np.asarray(model(samples, training=False)), atol=1e-5)


def test_a_kept_network_with_other_weights_is_found_out(tmp_path, monkeypatch, samples):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path))
    opened(network(seed=3), samples)
    told, other = Told(), network(seed=4)
    engine = opened(other, samples, progress=told)
    assert engine.name.startswith("keras ")
    assert "differs from that of Keras" in told.results[0]
    np.testing.assert_allclose(engine.run(samples), np.asarray(other(samples, training=False)), atol=1e-5)


def test_a_damaged_network_leaves_it_to_keras(tmp_path, monkeypatch, samples):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path))
    model = network()
    opened(model, samples)
    next((tmp_path / "engines").glob("*.xml")).write_text("<net")
    told = Told()
    engine = opened(model, samples, progress=told)
    assert engine.name.startswith("keras ")
    assert "OpenVINO can't run" in told.results[0]
    assert "RuntimeError" in told.results[0]


def test_other_arithmetic_than_float32_is_not_given_to_openvino():
    assert engine_name(10_000, policy="mixed_bfloat16").startswith("keras ")


def test_a_process_that_the_system_killed_is_told_as_lack_of_memory(tmp_path, monkeypatch, samples):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path))
    opened(network(), samples)
    worker = OpenVinoWorker()
    worker.open(next((tmp_path / "engines").glob("*.xml")))
    assert worker.run(samples).shape == (11, 8)
    os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(JobError, match=r"killed by SIGKILL.*memory") as raised:
        worker.run(samples)
    assert "--resume" in raised.value.hint
    assert "--image-size" in raised.value.hint


def test_an_answer_that_breaks_off_is_no_answer():
    whole = io.BytesIO()
    _write(whole, np.ones((2, 3), dtype=np.float32))
    content = whole.getvalue()
    np.testing.assert_array_equal(_read(io.BytesIO(content)), np.ones((2, 3)))
    for length in range(len(content)):
        assert _read(io.BytesIO(content[:length])) is None
