import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.bundle import Artifact, Recipe
from tfl.core.errors import UserError
from tfl.targets import Quantizer
from tfl.targets._quantizer import candidates, relative_error, upstream

#: stem -> relu -> [expand -> sigmoid -> gated, relu -> gated] -> added(stem's relu) -> dense -> softmax -> scaled
BEFORE = {
    "stem": [],
    "relu": ["stem"],
    "expand": ["relu"],
    "sigmoid": ["expand"],
    "gated": ["sigmoid", "relu"],
    "added": ["gated", "relu"],
    "dense": ["added"],
    "softmax": ["dense"],
    "scaled": ["softmax"],
}
WEIGHTED = {"stem", "expand", "dense"}


def test_a_layers_inputs_come_through_operations_without_weights_up_to_those_with():
    assert upstream(["dense"], BEFORE, WEIGHTED) == {"added", "gated", "sigmoid", "relu"}
    assert upstream(["expand"], BEFORE, WEIGHTED) == {"relu"}
    assert upstream(["stem"], BEFORE, WEIGHTED) == set()


def test_candidates_are_layers_with_weights_and_the_end():
    assert candidates(list(BEFORE), BEFORE, WEIGHTED) == ["stem", "expand", "dense", "scaled"]


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=30), st.sets(st.integers(0, 29)))
def test_all_candidates_and_what_follows_them_are_everything(inputs, weighted):
    before = {str(index): [str(item) for item in items if item < index] for index, items in enumerate(inputs)}
    names, heavy = list(before), {str(item) for item in weighted if item < len(inputs)}
    chosen = candidates(names, before, heavy)
    assert set(chosen) | upstream(chosen, before, heavy) >= set(names)
    assert heavy <= set(chosen)


def test_a_relative_error_is_the_share_of_the_power():
    values = np.array([3.0, 4.0], dtype=np.float32)
    assert relative_error(values, values) == 0.0
    assert relative_error(values, np.zeros(2, dtype=np.float32)) == 1.0
    assert relative_error(values, values * 1.1) == pytest.approx(0.01, rel=1e-3)
    assert relative_error(np.zeros(2, dtype=np.float32), values) == 1.0


class _Nothing(Quantizer):
    layers = ("a",)
    methods = ("minmax",)

    def write(self, recipe, out_dir, *, sample_count):
        raise NotImplementedError


def test_what_a_quantizer_does_not_know_is_refused(tmp_path):
    tool = _Nothing()
    tool.check(Recipe(calibration="minmax", float_layers=("a",)))
    with pytest.raises(UserError, match="no calibration method 'guess'"):
        tool.check(Recipe(calibration="guess"))
    with pytest.raises(UserError, match="no layer b"):
        tool.check(Recipe(calibration="minmax", float_layers=("a", "b")))
    assert tool.layer_errors(Recipe(), np.zeros((1, 2, 2, 3), dtype=np.float32), sample_count=1) == {}


def test_an_artefact_of_before_recipes_is_still_read():
    record = {
        "schema": 1,
        "task": "image_classification",
        "target": "onnx",
        "precision": "int8",
        "labels": ["a"],
        "preprocessing": {"schema": 1, "height": 8, "width": 8},
        "signature": {"schema": 1, "inputs": [], "outputs": []},
        "model_files": ["model.onnx"],
        "size_bytes": 1,
        "bundle_fingerprint": "",
        "backbone": {"schema": 1, "spec": "", "source": "", "digest": "", "licence": "", "weights_origin": ""},
        "calibration": None,
        "created": "",
        "versions": {},
        "files": {},
    }
    assert Artifact.from_dict(record).recipe is None
    mixed = {**record, "recipe": Recipe(calibration="minmax", float_layers=("a",)).to_dict()}
    assert Artifact.from_dict(mixed).recipe == Recipe(calibration="minmax", float_layers=("a",))
