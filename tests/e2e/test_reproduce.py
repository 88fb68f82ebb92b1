"""A run is done again from its record: the same comes of it, or what was different is named."""

import json
import shutil

import pytest
import yaml
from PIL import Image

import tfl
from tests.e2e.conftest import assert_user_error, call, call_json
from tfl.core.errors import UserError
from tfl.core.run_folder import RunFolder, RunRecord

pytestmark = pytest.mark.slow
ARGUMENTS = ["--epochs", "3", "--set", "train.augmented_views=1", "--fine-tune", "1", "--fine-tune-layers", "3"]


@pytest.fixture(scope="module")
def trained(colours, tmp_path_factory):
    """A run over a copy of the pictures: (run, pictures); not to be changed."""
    folder = tmp_path_factory.mktemp("reproduced")
    pictures = shutil.copytree(colours, folder / "pictures")
    run = folder / "first"
    call_json("train", pictures, "--out", run, *ARGUMENTS)
    return run, pictures


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of the run whose pictures may be changed: (run, pictures)."""
    pictures = shutil.copytree(trained[1], tmp_path / "pictures")
    run = shutil.copytree(trained[0], tmp_path / "first")
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "root": str(pictures)}))
    return run, pictures


def test_a_run_comes_out_the_same_byte_for_byte(trained, tmp_path):
    import keras

    run, _ = trained
    document = call_json("runs", "reproduce", run, "--out", tmp_path / "second", OMP_NUM_THREADS="1")
    assert document["verdict"] == "identical"
    assert document["weight_differences"] == []
    assert document["weights"] == len(keras.saving.load_model(run / "bundle" / "model.keras").get_weights())
    assert document["max_abs_difference"] == 0.0
    assert document["first_epoch"] == ""
    assert document["settings"] == []
    assert "variables.OMP_NUM_THREADS: none -> 1" in document["made_with"]
    again = RunFolder(tmp_path / "second")
    assert json.loads(again.reproduction_file.read_text()) == document
    record = RunRecord.load(again.record_file)
    assert record.reproduces == str(run)
    assert record.status == "done"
    assert record.data_fingerprint == RunRecord.load(RunFolder(run).record_file).data_fingerprint
    # The new run is a run like any other.
    assert call_json("evaluate", again.path)["sample_count"] == document["samples"]
    assert_user_error(call("runs", "reproduce", run, "--out", again.path), "exists already")


def test_a_changed_setting_is_named_and_where_the_runs_part(copied, tmp_path):
    run, _ = copied
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump({**config, "seed": 1}))
    process = call("runs", "reproduce", run, "--out", tmp_path / "second", OMP_NUM_THREADS="1")
    assert process.returncode == 1, process.stderr
    assert "not as in the run: variables.OMP_NUM_THREADS: none -> 1" in process.stderr
    assert "settings changed since the run: seed: 0 -> 1" in process.stdout
    assert "First epoch that differs: head 1: loss" in process.stdout
    document = json.loads((tmp_path / "second" / "reproduction.json").read_text())
    assert document["verdict"] in ("same decisions", "different")
    assert document["weight_differences"]
    # Whatever the seed, answers differ by less than all there is.
    is_same = document["verdict"] == "same decisions"
    result = tfl.Reproduction.from_dict(document)
    assert result.is_reproduced(tolerance=1.0) == is_same
    assert not result.is_reproduced(tolerance=0.0)
    assert not result.is_reproduced()


def test_changed_pictures_are_refused_by_name_and_can_be_allowed(copied, tmp_path):
    run, pictures = copied
    manifest = json.loads((run / "manifest.json").read_text())
    learned = [item["path"] for item in manifest["examples"] if item["split"] == "train"]
    with Image.open(pictures / learned[0]) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).point(lambda value: value // 2).save(pictures / learned[0])
    (pictures / learned[1]).unlink()
    process = call("runs", "reproduce", run, "--out", tmp_path / "second")
    assert_user_error(process, f"{learned[0]}: altered", f"{learned[1]}: missing", "--allow-changed-data")
    assert not (tmp_path / "second").exists()
    document = call_json("runs", "reproduce", run, "--out", tmp_path / "second", "--allow-changed-data", code=1)
    assert document["verdict"] != "identical"
    assert [line.split(" (")[0] for line in document["data"]] == [f"{learned[0]}: altered", f"{learned[1]}: missing"]
    assert document["weight_differences"]


def test_what_was_never_finished_and_data_that_are_gone_are_told(copied, tmp_path):
    run, pictures = copied
    shutil.rmtree(pictures)
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["path"] = str(pictures)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert_user_error(call("runs", "reproduce", run, "--out", tmp_path / "second"), str(pictures))
    record = RunRecord.load(RunFolder(run).record_file).to_dict()
    del record["stages"]["evaluate"]
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="not done yet: evaluate"):
        tfl.reproduce(run)
