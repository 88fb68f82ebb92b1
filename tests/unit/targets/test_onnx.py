"""ONNX files of networks that the converter alone has trouble with."""

import numpy as np
import pytest

from tfl.backbones import SOURCES, Backbone
from tfl.bundle import Calibration
from tfl.core.errors import UnsupportedError
from tfl.targets import TARGETS, export_artifacts, stage_saved_model

keras = pytest.importorskip("keras")
pytest.importorskip("tf2onnx")
pytest.importorskip("onnxruntime")


pytestmark = pytest.mark.slow
LABELS = ("one", "two", "three")


def build_normalized():
    keras.utils.set_random_seed(3)
    image = keras.Input((96, 96, 3))
    values = keras.layers.Normalization(mean=[0.2, -0.4, 0.6], variance=[0.02, 0.2, 0.05])(image)
    values = keras.layers.Conv2D(6, 5, strides=4, activation="relu")(values)
    values = keras.layers.GlobalAveragePooling2D()(values)
    return keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(values))


def build_grouped():
    """Convolutions that Keras compiles with XLA: of as many groups as channels, as in ConvNeXt, and of two."""
    keras.utils.set_random_seed(3)
    image = keras.Input((96, 96, 3))
    values = keras.layers.Conv2D(8, 4, strides=4, activation="relu")(image)
    values = keras.layers.Conv2D(8, 7, padding="same", groups=8)(values)
    values = keras.layers.Conv2D(12, 3, strides=2, groups=2, activation="relu")(values)
    # Answers that are all alike would prove nothing.
    values = keras.layers.Rescaling(10.0)(keras.layers.GlobalAveragePooling2D()(values))
    return keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(values))


def build_gelu():
    """The exact GELU, which TensorFlow computes by the complementary error function."""
    keras.utils.set_random_seed(3)
    image = keras.Input((96, 96, 3))
    values = keras.layers.Conv2D(8, 4, strides=4, activation="gelu")(image)
    values = keras.layers.Rescaling(10.0)(keras.layers.GlobalAveragePooling2D()(values))
    return keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(values))


def build_hard_sigmoid():
    """A number that is added right after a convolution without a bias, as in MobileNetV3."""
    keras.utils.set_random_seed(3)
    image = keras.Input((96, 96, 3))
    values = keras.layers.Conv2D(8, 4, strides=4, use_bias=False)(image)
    values = keras.layers.ReLU(6.0)(values + 3.0) / 6.0
    values = keras.layers.Conv2D(8, 3, activation="relu")(values)
    values = keras.layers.Rescaling(10.0)(keras.layers.GlobalAveragePooling2D()(values))
    return keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(values))


def build_foreign():
    """An operation of TensorFlow that tf2onnx has no like of."""
    image = keras.Input((96, 96, 3))
    values = keras.layers.GlobalAveragePooling2D()(image)
    values = keras.ops.erfinv(values)
    return keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(values))


def export(model, folder):
    """Write a bundle and export it: the inputs, the float model's answers, and what was made by precision."""
    from tfl.training.bundle_writer import write_bundle

    info = SOURCES.get("embedded").info("sketchnet")
    generator = np.random.default_rng(1)
    tints = generator.uniform(0.2, 1.0, (8, 1, 1, 3))
    rows = (generator.integers(0, 256, (8, 96, 96, 3)) * tints).astype(np.uint8)
    batch = info.preprocessing.prepare(rows)
    expected = np.asarray(model.predict_on_batch(batch), dtype=np.float32)
    write_bundle(
        *(folder / "bundle", model, Backbone(info=info, model=model, digest="0" * 64)),
        task="image_classification",
        labels=LABELS,
        rows=rows,
        outputs=expected,
        truth=[0, 1, 2, 0, 1, 2, 0, 1],
        metrics={},
        data_fingerprint="0" * 64,
    )
    made = export_artifacts(
        folder / "bundle",
        {precision: folder / precision for precision in ("fp32", "int8")},
        target="onnx",
        saved_model_dir=stage_saved_model(folder / "bundle", folder / "staged"),
        calibration=Calibration(split="train", sample_count=8, seed=0, fingerprint="0" * 64),
        calibration_rows=rows,
    )
    return batch, expected, made


def assert_same_answers(folder, batch, expected, made):
    for precision, allowed in {"fp32": 1e-5, "int8": 0.02}.items():
        with TARGETS.get("onnx").open(folder / precision, made[precision], threads=1) as runtime:
            assert np.abs(runtime.predict(batch) - expected).max() < allowed, precision


def nodes_of(folder, made):
    import onnx

    return onnx.load(folder / "fp32" / made["fp32"].model_files[0]).graph.node


def test_the_picture_is_the_only_input_of_a_network_that_begins_with_a_normalization(tmp_path):
    model = build_normalized()
    batch, expected, made = export(model, tmp_path)
    # Without the normalization an answer is off by more than is allowed.
    plain = keras.Model(model.layers[2].input, model.output)
    assert np.abs(np.asarray(plain.predict_on_batch(batch)) - expected).max() > 0.1
    assert_same_answers(tmp_path, batch, expected, made)


def test_grouped_convolutions_are_convolutions_in_the_file(tmp_path):
    batch, expected, made = export(build_grouped(), tmp_path)
    assert np.ptp(expected, axis=0).max() > 0.05
    assert_same_answers(tmp_path, batch, expected, made)
    nodes = nodes_of(tmp_path, made)
    groups = {item.i for node in nodes if node.op_type == "Conv" for item in node.attribute if item.name == "group"}
    assert groups == {1, 2, 8}


def test_the_exact_gelu_is_said_with_operations_of_onnx(tmp_path):
    batch, expected, made = export(build_gelu(), tmp_path)
    assert np.ptp(expected, axis=0).max() > 0.05
    assert_same_answers(tmp_path, batch, expected, made)


def test_a_number_added_after_a_convolution_keeps_no_transposition_in_the_file(tmp_path):
    batch, expected, made = export(build_hard_sigmoid(), tmp_path)
    assert np.ptp(expected, axis=0).max() > 0.05
    assert_same_answers(tmp_path, batch, expected, made)
    nodes = nodes_of(tmp_path, made)
    # The picture's own order is another than that of ONNX's convolutions.
    assert [node.op_type for node in nodes].count("Transpose") == 1


def test_a_network_with_an_operation_that_onnx_lacks_is_refused_by_its_name(tmp_path):
    _, _, made = export(build_foreign(), tmp_path)
    for precision, error in made.items():
        assert isinstance(error, UnsupportedError), precision
        assert "Erfinv (1)" in error.message
        assert not (tmp_path / precision).exists()
