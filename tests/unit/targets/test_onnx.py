"""ONNX files of networks that hold tensors beside their variables, as a normalization of Keras does."""

import numpy as np
import pytest

from tfl.backbones import SOURCES, Backbone
from tfl.bundle import Calibration
from tfl.targets import TARGETS, export_artifacts, stage_saved_model

keras = pytest.importorskip("keras")
pytest.importorskip("tf2onnx")
pytest.importorskip("onnxruntime")


def build():
    keras.utils.set_random_seed(3)
    image = keras.Input((96, 96, 3))
    values = keras.layers.Normalization(mean=[0.2, -0.4, 0.6], variance=[0.02, 0.2, 0.05])(image)
    values = keras.layers.Conv2D(6, 5, strides=4, activation="relu")(values)
    values = keras.layers.GlobalAveragePooling2D()(values)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(values))


@pytest.mark.slow
def test_the_picture_is_the_only_input_of_a_network_that_begins_with_a_normalization(tmp_path):
    from tfl.training.bundle_writer import write_bundle

    info, model = SOURCES.get("embedded").info("sketchnet"), build()
    rows = np.random.default_rng(1).integers(0, 256, (8, 96, 96, 3), dtype=np.uint8)
    batch = info.preprocessing.prepare(rows)
    expected = np.asarray(model.predict_on_batch(batch), dtype=np.float32)
    # Without the normalization an answer is off by more than is allowed below.
    plain = keras.Model(model.layers[2].input, model.output)
    assert np.abs(np.asarray(plain.predict_on_batch(batch)) - expected).max() > 0.1
    write_bundle(
        *(tmp_path / "bundle", model, Backbone(info=info, model=model, digest="0" * 64)),
        task="image_classification",
        labels=("one", "two", "three"),
        rows=rows,
        outputs=expected,
        truth=[0, 1, 2, 0, 1, 2, 0, 1],
        metrics={},
        data_fingerprint="0" * 64,
    )
    made = export_artifacts(
        tmp_path / "bundle",
        {precision: tmp_path / precision for precision in ("fp32", "int8")},
        target="onnx",
        saved_model_dir=stage_saved_model(tmp_path / "bundle", tmp_path / "staged"),
        calibration=Calibration(split="train", sample_count=8, seed=0, fingerprint="0" * 64),
        calibration_rows=rows,
    )
    for precision, allowed in {"fp32": 1e-5, "int8": 0.02}.items():
        with TARGETS.get("onnx").open(tmp_path / precision, made[precision], threads=1) as runtime:
            assert np.abs(runtime.predict(batch) - expected).max() < allowed, precision
