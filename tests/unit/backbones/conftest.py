"""Caches of the test's own, a network that refuses, and tiny SavedModels with BatchNorm-like variables."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Point every cache into the test's folder, and every download at a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    places = {
        "KERAS_HOME": tmp_path / "keras",
        "TFHUB_CACHE_DIR": tmp_path / "hub",
        "KAGGLEHUB_CACHE": tmp_path / "kaggle",
        "TFL_CACHE": tmp_path / "tfl",
    }
    for name, place in places.items():
        monkeypatch.setenv(name, str(place))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, nobody)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    return places


def save_module(folder, *, feature_map=False, size=None, extra=None, seed=0):
    """Write a SavedModel in the form of TF Hub's: a call with `training`, and BatchNorm that moves when it is true."""
    tf = pytest.importorskip("tensorflow")

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            draw = tf.random.Generator.from_seed(seed)
            self.kernel = tf.Variable(draw.normal((3, 3, 3, 5)), name="conv/kernel")
            self.gamma = tf.Variable(draw.uniform((5,), 0.5, 1.5), name="bn/gamma")
            self.beta = tf.Variable(draw.normal((5,)), name="bn/beta")
            self.moving_mean = tf.Variable(draw.normal((5,)), trainable=False, name="bn/moving_mean")
            self.moving_variance = tf.Variable(draw.uniform((5,), 0.5, 1.5), trainable=False, name="bn/moving_var")

        @tf.function
        def __call__(self, images, training=False):
            x = tf.nn.conv2d(images, self.kernel, strides=2, padding="SAME")
            if training:
                mean, variance = tf.nn.moments(x, axes=(0, 1, 2))
                self.moving_mean.assign(0.9 * self.moving_mean + 0.1 * mean)
                self.moving_variance.assign(0.9 * self.moving_variance + 0.1 * variance)
            else:
                mean, variance = self.moving_mean, self.moving_variance
            x = tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, 1e-3))
            if extra is not None:
                x = extra(tf, x)
            return x if feature_map else tf.reduce_mean(x, axis=(1, 2))

    module = Module()
    spec = tf.TensorSpec((None, size, size, 3), tf.float32, name="images")
    for training in (True, False):
        module.__call__.get_concrete_function(spec, training=training)
    tf.saved_model.save(module, str(folder))
    return folder


@pytest.fixture(scope="session")
def make_module():
    """`make_module(folder, feature_map=False, size=None, extra=None, seed=0)` writes a SavedModel and returns it."""
    return save_module


@pytest.fixture(scope="session")
def module_folder(tmp_path_factory):
    """A module that takes pictures of any size; not to be changed."""
    return save_module(tmp_path_factory.mktemp("module") / "tiny")
