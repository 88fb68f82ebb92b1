"""What a process of tfl's own loads, in a real process, as imports are once and for all."""

import json
import subprocess
import sys

import pytest

LOOK = """
import gc, json, sys
from tfl.core.lean_imports import UNUSED, load_lean
load_lean()
load_lean()
import tensorflow as tf
import keras, numpy
lean = sorted(set().union(*UNUSED.values()) & set(sys.modules))
model = keras.Sequential([keras.layers.Dense(2)])
model.compile("sgd", "mse", jit_compile=False)
model.fit(numpy.ones((4, 3)), numpy.ones((4, 2)), verbose=0)
flat = tf.lite.TFLiteConverter.from_keras_model(model).convert()
import pandas, sklearn.linear_model
frame = pandas.DataFrame({"a": [1, 2]})
print(json.dumps({
    "lean": lean,
    "finders": sum(type(finder).__name__ == "_LeanFinder" for finder in sys.meta_path),
    "collects": gc.isenabled(),
    "answer": model.predict(numpy.ones((4, 3)), verbose=0).shape,
    "flat": len(flat),
    "sum": int(frame["a"].sum()),
    "fitted": sklearn.linear_model.LinearRegression().fit([[0], [1]], [0, 2]).coef_.tolist(),
}))
"""


@pytest.mark.slow
def test_keras_and_tensorflow_work_without_what_they_only_look_for_and_others_find_it():
    for module in ("tensorflow", "keras", "pandas", "sklearn"):
        pytest.importorskip(module)
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["lean"] == []
    assert said["finders"] == 1
    assert said["collects"]
    assert said["answer"] == [4, 2]
    assert said["flat"] > 500
    assert said["sum"] == 3
    assert said["fitted"] == pytest.approx([2.0])


def test_a_package_is_refused_to_its_seeker_alone(tmp_path):
    for name, content in {
        "pandas": "",
        "keras": "try:\n    import pandas\nexcept ImportError:\n    pandas = None\n",
        "other": "import importlib\npandas = importlib.import_module('pandas')\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(content)
    code = f"""
from tfl.core.lean_imports import load_lean
load_lean()
import sys
sys.path.insert(0, {str(tmp_path)!r})
import keras, other
print(keras.pandas is None, other.pandas is sys.modules["pandas"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr
