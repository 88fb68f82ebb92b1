"""Every target in every precision with a model of texts: what a target promises, and that padding changes nothing."""

import numpy as np
import pytest

from tests.texts import sentences
from tests.tiny_texts import CONTRACT, make_tiny_text_bundle, read_sentences
from tfl.bundle import Artifact, Calibration
from tfl.core.errors import UnsupportedError
from tfl.targets import TARGETS, export_artifact, open_artifact, stage_saved_model
from tfl.targets._base import FUSED_FLOAT32
from tfl.testing import check_target

CELLS = [
    (name, precision)
    for name in TARGETS.names()
    for precision in TARGETS.get(name).precisions
    # What is trained with quantization simulated begins with pictures.
    if precision not in TARGETS.get(name).simulated
]
#: What a format can't hold, with the words that it says so in.
REFUSED = {("tflite", "int16x8"): "Empty min/max"}
#: Kernels add the same numbers in another order when a batch has another width.
_ROUNDING = 2e-6


@pytest.fixture(scope="module")
def text_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "bundle"
    make_tiny_text_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def text_saved_model(text_bundle, tmp_path_factory):
    return stage_saved_model(text_bundle, tmp_path_factory.mktemp("staged") / "saved_model")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), [cell for cell in CELLS if cell not in REFUSED])
def test_a_target_keeps_its_promises_to_texts(name, precision, text_bundle, text_saved_model, tmp_path):
    artifact = check_target(
        name,
        precision,
        text_bundle,
        saved_model_dir=text_saved_model,
        work_dir=tmp_path,
        calibration_rows=read_sentences(20, first=200)[0],
    )
    assert artifact.preprocessing == CONTRACT
    assert artifact.signature.inputs[0].dtype == "int32"
    assert artifact.signature.outputs[0].dtype == ("int8" if precision == "int8-io" else "float32")
    _require_padding_is_nothing(tmp_path)


def _require_padding_is_nothing(place):
    """Ask an artefact for texts in batches of their own width, of a larger one, and side by side with a long text."""
    folder = next(path.parent for path in place.rglob("artifact.json"))
    texts = ["my parcel", "a refund", "scratched", "the courier was late"]
    artifact, runtime = open_artifact(folder)
    declared = TARGETS.get(artifact.target).tolerance_of(artifact.precision, "none").batch_difference
    # What takes ranges over a whole batch says so; anything else adds up the same numbers.
    limit = declared if declared > FUSED_FLOAT32.batch_difference else _ROUNDING
    with runtime:
        contract = artifact.preprocessing
        plain = contract.load_batch(texts)
        wider = np.pad(plain, ((0, 0), (0, 64)))
        together = contract.load_batch([*texts, sentences(1, first=400)[0][0]])
        assert together.shape[1] > plain.shape[1]
        alone = np.concatenate([runtime.predict(contract.load_batch([text])) for text in texts])
        answers = runtime.predict(plain)
        for other in (runtime.predict(wider), runtime.predict(together)[: len(texts)], alone):
            np.testing.assert_allclose(other, answers, atol=limit)
            np.testing.assert_array_equal(other.argmax(axis=1), answers.argmax(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), REFUSED)
def test_what_a_format_can_not_hold_is_said(name, precision, text_bundle, text_saved_model, tmp_path):
    with pytest.raises(UnsupportedError, match=REFUSED[name, precision]):
        check_target(
            name,
            precision,
            text_bundle,
            saved_model_dir=text_saved_model,
            work_dir=tmp_path,
            calibration_rows=read_sentences(20, first=200)[0],
        )


def test_pictures_alone_are_fused(text_bundle, tmp_path):
    with pytest.raises(UnsupportedError):
        export_artifact(
            text_bundle,
            tmp_path / "out",
            target="onnx",
            precision="fp32",
            saved_model_dir=tmp_path / "nothing",
            fused="normalize",
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["onnx", "openvino", "tflite"])
def test_a_table_takes_a_quarter_of_the_room_in_8_bits(name, text_bundle, text_saved_model, tmp_path):
    sizes = {}
    calibration = Calibration(split="train", sample_count=20, seed=0, fingerprint="0" * 64)
    for precision in [item for item in ("fp32", "int8", "w8", "dynamic") if item in TARGETS.get(name).precisions]:
        folder = tmp_path / precision
        export_artifact(
            text_bundle,
            folder,
            target=name,
            precision=precision,
            saved_model_dir=text_saved_model,
            calibration=calibration,
            calibration_rows=read_sentences(20, first=200)[0],
        )
        artifact = Artifact.open(folder)
        # Of OpenVINO the description beside the weights is larger than this little table.
        weights = [file for file in artifact.model_files if not file.endswith(".xml")]
        sizes[precision] = sum((folder / file).stat().st_size for file in weights)
    table_bytes = 4 * (CONTRACT.buckets + 1) * 12
    for precision in sizes.keys() - {"fp32"}:
        assert sizes["fp32"] - sizes[precision] > 0.4 * table_bytes, (precision, sizes)
