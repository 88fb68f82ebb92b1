"""SavedModels are looked at before they are loaded, and what can't be read is told of."""

from __future__ import annotations

import pytest

from tfl.core.errors import IntegrityError
from tfl.core.saved_models import load_saved_model, operations_of, read_saved_model

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    class Doubles(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
        def __call__(self, values):
            return tf.math.softplus(values)

    place = tmp_path_factory.mktemp("saved") / "model"
    tf.saved_model.save(Doubles(), str(place))
    return place


def test_operations_inside_functions_are_seen_and_the_model_runs(folder):
    operations = operations_of(read_saved_model(folder))
    assert "Softplus" in operations
    loaded = load_saved_model(folder, operations=operations, purpose="a test")
    assert float(loaded(tf.constant([0.0]))[0]) == pytest.approx(0.6931, abs=1e-3)


def test_what_is_no_saved_model_is_told(folder, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff no graph")
    with pytest.raises(IntegrityError, match=r"saved_model\.pb is not a SavedModel"):
        read_saved_model(tmp_path)
    with pytest.raises(IntegrityError, match="is not a SavedModel"):
        read_saved_model(tmp_path / "nowhere")
    with pytest.raises(IntegrityError, match="can't be read"):
        load_saved_model(tmp_path, operations=(), purpose="a test")
