"""What is particular to a format: integer kernels where int8 is claimed, and the metadata that other tools read."""

import json
import zipfile

import numpy as np
import pytest

from tests.tiny import CONTRACT, LABELS, draw_pixels
from tfl.bundle import Calibration
from tfl.data.preprocess import normalize
from tfl.targets import export_artifact, open_artifact, predict_all

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def exported(tiny_bundle, tiny_saved_model, calibration_rows, tmp_path_factory):
    """Folder of the tiny model's artefact of a target and precision, made once."""
    root = tmp_path_factory.mktemp("artifacts")
    calibration = Calibration(split="train", sample_count=len(calibration_rows), seed=0, fingerprint="0" * 64)

    def export(target, precision):
        folder = root / f"{target}-{precision}"
        if not folder.exists():
            export_artifact(
                tiny_bundle,
                folder,
                target=target,
                precision=precision,
                saved_model_dir=tiny_saved_model,
                calibration=calibration,
                calibration_rows=calibration_rows,
            )
        return folder

    return export


def test_openvino_int8_has_integer_weights_per_channel_and_quantized_activations(exported):
    import openvino

    model = openvino.Core().read_model(str(exported("openvino", "int8") / "model.xml"))
    kinds = [operation.get_type_name() for operation in model.get_ops()]
    convolutions = kinds.count("Convolution") + kinds.count("GroupConvolution")
    integers = [
        operation
        for operation in model.get_ops()
        if operation.get_type_name() == "Constant" and operation.get_element_type() == openvino.Type.i8
    ]
    assert len(integers) >= convolutions == 4
    assert kinds.count("FakeQuantize") >= convolutions
    scales = [
        target.get_node().input_value(1).get_shape()
        for constant in integers
        for convert in constant.output(0).get_target_inputs()
        for target in convert.get_node().output(0).get_target_inputs()
        if target.get_node().get_type_name() == "Multiply"
    ]
    assert all(np.prod(list(shape)) > 1 for shape in scales)


def test_openvino_ir_says_the_contract_in_the_words_of_model_api(exported):
    import openvino

    model = openvino.Core().read_model(str(exported("openvino", "fp32") / "model.xml"))
    info = {
        key: model.get_rt_info(["model_info", key]).astype(str) for key in ("labels", "mean_values", "scale_values")
    }
    assert info["labels"].split() == ["blue_sky", "green", "red"]
    assert [float(value) for value in info["mean_values"].split()] == [127.5] * 3
    assert [float(value) for value in info["scale_values"].split()] == [127.5] * 3
    assert model.get_rt_info(["model_info", "model_type"]).astype(str) == "Classification"
    assert model.get_rt_info(["model_info", "reverse_input_channels"]).astype(str) == "True"
    assert json.loads(model.get_rt_info(["tfl", "labels"]).astype(str)) == list(LABELS)


def test_openvino_stream_answers_in_order_whatever_the_batch_sizes(exported):
    inputs = normalize(draw_pixels(41, seed=5)[0], CONTRACT)
    _, one = open_artifact(exported("openvino", "fp32"))
    _, many = open_artifact(exported("openvino", "fp32"), mode="throughput", threads=2)
    cuts = [1, 3, 4, 8, 7, 1, 2, 5, 6, 4]
    batches = np.split(inputs, np.cumsum(cuts)[:-1])
    answers = list(many.predict_stream(batches))
    assert [len(answer) for answer in answers] == cuts
    np.testing.assert_allclose(np.concatenate(answers), predict_all(one, inputs, batch_size=41), atol=1e-5)


@pytest.mark.parametrize(("precision", "ends"), [("int8", "float32"), ("int8-io", "int8")])
def test_tflite_int8_computes_in_integers_only(exported, precision, ends):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(exported("tflite", precision) / "model.tflite"))
    details = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    assert {np.dtype(item["dtype"]).name for item in details} == {ends}
    float_names = {item["name"] for item in interpreter.get_tensor_details() if item["dtype"] == np.float32}
    assert len(float_names) == (2 if ends == "float32" else 0)
    per_channel = [
        len(item["quantization_parameters"]["scales"])
        for item in interpreter.get_tensor_details()
        if item["dtype"] == np.int8 and len(item["shape"]) == 4 and len(item["quantization_parameters"]["scales"]) > 1
    ]
    assert len(per_channel) == 4


def test_tflite_file_carries_labels_and_normalization(exported):
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    path = exported("tflite", "int8") / "model.tflite"
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(LABELS)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))
    (entry,) = [item for item in model.metadata if item.name == b"TFLITE_METADATA"]
    metadata = bytes(model.buffers[entry.buffer].data)
    assert metadata[4:8] == b"M001"
    root = flatbuffers.table.Table(bytearray(metadata), int.from_bytes(metadata[:4], "little"))

    def child(table, slot):
        return flatbuffers.table.Table(table.Bytes, table.Indirect(table.Pos + table.Offset(4 + 2 * slot)))

    def first(table, slot):
        return flatbuffers.table.Table(table.Bytes, table.Indirect(table.Vector(table.Offset(4 + 2 * slot))))

    tensor = first(first(root, 3), 2)
    options = child(first(tensor, 4), 1)
    floats = flatbuffers.number_types.Float32Flags
    for slot in (0, 1):
        values = options.GetVectorAsNumpy(floats, options.Offset(4 + 2 * slot))
        np.testing.assert_allclose(values, 127.5)


def test_onnx_int8_has_integer_weights_per_channel(exported):
    import onnx

    model = onnx.load_model(str(exported("onnx", "int8") / "model.onnx"))
    weights = {item.name: item for item in model.graph.initializer}
    source = {name: node for node in model.graph.node for name in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 4
    for node in convolutions:
        activation, weight = (source[name] for name in node.input[:2])
        assert activation.op_type == weight.op_type == "DequantizeLinear"
        assert weights[weight.input[0]].data_type == onnx.TensorProto.INT8
        assert weights[weight.input[1]].dims[0] == weights[weight.input[0]].dims[0]


def test_onnx_file_carries_the_contract_and_one_transpose_at_most(exported):
    import onnx

    model = onnx.load_model(str(exported("onnx", "fp32") / "model.onnx"))
    properties = {item.key: item.value for item in model.metadata_props}
    assert json.loads(properties["labels"]) == list(LABELS)
    assert json.loads(properties["preprocessing"]) == CONTRACT.to_dict()
    assert [node.op_type for node in model.graph.node].count("Transpose") == 1
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
