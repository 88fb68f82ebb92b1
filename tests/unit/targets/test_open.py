import pytest

from tfl.core.errors import IntegrityError, NotFoundError
from tfl.targets import kind_of, open_artifact


@pytest.mark.parametrize(
    ("record", "kind"), [("run.json", "run"), ("bundle.json", "bundle"), ("artifact.json", "artifact")]
)
def test_a_folder_is_what_its_record_says(tmp_path, record, kind):
    (tmp_path / record).write_text("{}")
    assert kind_of(tmp_path) == kind


def test_a_misspelt_folder_gets_the_closest_name(tmp_path):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(NotFoundError, match="Did you mean 'flowers'"):
        kind_of(tmp_path / "flwers")


def test_a_file_is_refused_and_its_folder_named(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(NotFoundError, match="Pass the folder"):
        kind_of(tmp_path / "model.onnx")


def test_a_folder_of_models_lists_them(tmp_path):
    (tmp_path / "onnx-fp32").mkdir()
    (tmp_path / "onnx-fp32" / "artifact.json").write_text("{}")
    with pytest.raises(NotFoundError, match="Inside it there is: onnx-fp32"):
        kind_of(tmp_path)


def test_a_damaged_record_is_an_integrity_error(tmp_path):
    (tmp_path / "artifact.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"artifact\.json"):
        open_artifact(tmp_path)
