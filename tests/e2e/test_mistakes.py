"""A user's mistakes: exit code 2, what and where and what to do, no traceback, nothing lost."""

import pytest
from PIL import Image

from tests.conftest import draw_classes
from tests.e2e.conftest import assert_user_error, call, call_json


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], ["Say which data"]),
        (["run", "{missing}"], ["does not exist"]),
        (["trian"], ["There is no command 'trian'", "Did you mean 'train'?"]),
        (["run", "{data}", "--backbone", "embedded:sketchnt"], ["Did you mean", "sketchnet"]),
        (["run", "{data}", "--backbone", "embeded:sketchnet"], ["Did you mean 'embedded'?"]),
        (["run", "{data}", "--backbone", "MobileNetV2"], ["source:name"]),
        (["run", "{data}", "--target", "openvin"], ["Unknown target 'openvin'", "Did you mean 'openvino'?"]),
        (["run", "{data}", "--precision", "int9"], ["Unknown precision 'int9'", "int8"]),
        (["run", "{data}", "--set", "train.epoch=3"], ["train.epoch: unknown key", "Did you mean 'epochs'?"]),
        (["run", "{data}", "--set", "train.epochs=many"], ["train.epochs: must be int", "many"]),
        (
            ["run", "{data}", "--set", "export.fuse_preprocessing=crop"],
            ["export.fuse_preprocessing", "normalize", "crop"],
        ),
        (
            ["run", "{data}", "--target", "tflite", "--fuse-preprocessing", "resize"],
            ["tflite-fp32-fused-resize", "anti-aliased"],
        ),
        (["run", "{data}", "--epochs", "-1"], ["train.epochs: must be at least 0"]),
        (["run", "{data}", "--config", "{missing}"], ["There is no config file"]),
        (["run", "--resume"], ["--resume needs the run's folder"]),
        (["evaluate", "{missing}"], ["missing"]),
        (["predict", "{data}", "x.png"], ["artifact.json"]),
        (["models", "info", "keras_applications:MobileNetv9"], ["Did you mean", "MobileNetV"]),
        (["models", "list", "--source", "tfhubb"], ["Did you mean 'tfhub'?"]),
        (["runs", "show", "{missing}"], ["not a run"]),
    ],
)
def test_mistakes_in_what_is_asked(arguments, words, colours, tmp_path):
    filled = [word.format(data=colours, missing=tmp_path / "missing") for word in arguments]
    assert_user_error(call(*filled, cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


def test_data_that_can_not_be_used(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert_user_error(call("run", empty, cwd=tmp_path), "empty")
    one = draw_classes(tmp_path / "one", per_class=4, names=("red",))
    assert_user_error(call("run", one, cwd=tmp_path), "one class")
    single = draw_classes(tmp_path / "single", per_class=6)
    for extra in list((single / "blue").iterdir())[1:]:
        extra.unlink()
    assert_user_error(call("run", single, "--out", tmp_path / "out"), "blue")


def test_bad_files_are_named_with_their_reason_and_can_be_skipped(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=12)
    (data / "red" / "empty.png").write_bytes(b"")
    (data / "red" / "text.png").write_text("not a picture")
    whole = (data / "blue" / "blue-00.png").read_bytes()
    (data / "blue" / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (40, 40)).save(data / "green" / "liar.png", format="JPEG")
    report = call_json("data", "check", data, code=1)
    found = {(item["path"], item["severity"]) for item in report["findings"]}
    assert {("red/empty.png", "error"), ("red/text.png", "error"), ("blue/cut.png", "error")} <= found
    assert ("green/liar.png", "warning") in found
    process = call("train", data, "--out", tmp_path / "out", "--epochs", "2")
    assert_user_error(process, "red/empty.png", "red/text.png", "blue/cut.png", "--skip-bad")


@pytest.mark.slow
def test_skipping_bad_files_says_so_and_goes_on(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=12)
    (data / "red" / "empty.png").write_bytes(b"")
    process = call("train", data, "--out", tmp_path / "out", "--skip-bad", "--epochs", "2", "--augment", "none")
    assert process.returncode == 0, process.stderr
    assert "red/empty.png" in process.stderr
    assert '"red/empty.png"' not in (tmp_path / "out" / "manifest.json").read_text()


def test_an_output_that_can_not_be_written(colours):
    assert_user_error(call("run", colours, "--out", "/proc/tfl-run"), "can't be written", "--out")


def test_help_of_every_command_is_there():
    text = call("--help").stdout
    for name in ("demo", "run", "models", "data", "train", "evaluate", "predict", "export", "verify"):
        assert f"\n  {name} " in text
        assert call(name, "--help").returncode == 0
