"""Artefacts that take pixels, from the command line to the answer."""

import json
import shutil

import pytest
from PIL import Image

from tests.e2e.conftest import assert_user_error, call, call_json

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fused_run(finished_run, tmp_path_factory):
    """A copy of the finished run with fused artefacts of every target beside the others, and what was said."""
    run = tmp_path_factory.mktemp("fused") / "run"
    shutil.copytree(finished_run[0], run)
    documents = {
        fused: call_json("export", run, "--precision", "fp32,int8", "--fuse-preprocessing", fused)
        for fused in ("normalize", "resize")
    }
    return run, documents


@pytest.fixture(scope="module")
def fused_by_setting(colours, tmp_path_factory):
    """A run that was begun with the setting, trained, and then gone on with; not to be changed."""
    run = tmp_path_factory.mktemp("setting") / "run"
    settings = ("export.fuse_preprocessing=normalize", "export.targets=[openvino, tflite]", "export.precisions=[int8]")
    assignments = [word for setting in settings for word in ("--set", setting)]
    call_json("train", colours, "--out", run, "--epochs", "6", "--augment", "none", "--image-size", "48", *assignments)
    return run, call_json("run", "--out", run, "--resume")


def cells_of(document):
    return {(cell["target"], cell["precision"]): cell for cell in document["cells"]}


def test_every_fused_artefact_is_verified_on_held_out_pictures(fused_run):
    run, documents = fused_run
    for fused, suffix in (("normalize", "-fused"), ("resize", "-fused-resize")):
        made = 0
        for (target, precision), cell in cells_of(documents[fused]).items():
            if cell["status"] == "unsupported":
                assert cell["reason"]
                continue
            made += 1
            assert cell["status"] == "ok", cell["failure"]
            assert cell["artifact_dir"].endswith(f"{target}-{precision}{suffix}")
            assert cell["verification"]["held_out"]["sample_count"] > 0
            record = json.loads((run / cell["artifact_dir"] / "artifact.json").read_text(encoding="utf-8"))
            assert record["preprocessing"]["fused"] == fused
            assert record["signature"]["inputs"][0]["dtype"] == "uint8"
        assert made >= 5
    refused = cells_of(documents["resize"])["tflite", "fp32"]
    assert refused["status"] == "unsupported"
    assert "anti-aliased" in refused["reason"]


def test_a_fused_artefact_predicts_what_the_plain_one_does(fused_run, colours):
    run, documents = fused_run
    pictures = sorted(path for path in colours.rglob("*") if path.is_file())[:3]
    for fused in documents:
        for (target, precision), cell in cells_of(documents[fused]).items():
            if precision != "fp32" or cell["status"] != "ok":
                continue
            plain = call_json("predict", run / f"bundle/artifacts/{target}-fp32", *pictures)["predictions"]
            found = call_json("predict", run / cell["artifact_dir"], *pictures)["predictions"]
            for before, after in zip(plain, found, strict=True):
                assert after["label"] == before["label"]
                # Pixels that round to the next level, where the model file resizes.
                assert after["probability"] == pytest.approx(before["probability"], abs=5e-3)


def test_plain_cells_stay_beside_the_fused_ones(fused_run):
    run, _ = fused_run
    cells = json.loads((run / "exports.json").read_text(encoding="utf-8"))["cells"]
    names = [(cell["target"], cell["precision"], cell["fused"]) for cell in cells]
    assert len(set(names)) == len(names)
    assert {"none", "normalize", "resize"} == {name[2] for name in names}


def test_pictures_of_any_size_are_answered_and_a_benchmark_times_them(fused_run, tmp_path):
    run, _ = fused_run
    sizes = ((90, 61), (40, 133))
    files = []
    for index, size in enumerate(sizes):
        files.append(tmp_path / f"{index}.png")
        Image.new("RGB", size, (200, 40, 40)).save(files[-1])
    artefact = run / "bundle/artifacts/openvino-int8-fused-resize"
    answers = call_json("predict", artefact, *files)["predictions"]
    assert len(answers) == len(sizes)
    scenario = ("--scenario", "single-stream,offline", "--sweep", "batch=2")
    document = call_json(
        "benchmark", run, *scenario, "--seconds", "0.1", "--least-queries", "40", "--artifact", artefact.name
    )
    assert {cell["artifact"] for cell in document["cells"]} == {artefact.name}


def test_resizing_that_a_target_can_not_do_is_refused(finished_run):
    process = call(
        "export", finished_run[0], "--target", "tflite", "--precision", "fp32", "--fuse-preprocessing", "resize"
    )
    assert_user_error(process, "tflite-fp32-fused-resize", "anti-aliased")


def test_the_setting_of_a_run_decides_what_its_export_makes(fused_by_setting):
    run, document = fused_by_setting
    made = {cell["artifact_dir"].rpartition("/")[2]: cell for cell in document["exports"]["cells"]}
    assert made.keys() == {"openvino-int8-fused", "tflite-int8-fused"}
    for cell in made.values():
        assert cell["status"] == "ok", cell["failure"]
        record = json.loads((run / cell["artifact_dir"] / "artifact.json").read_text(encoding="utf-8"))
        assert record["preprocessing"]["fused"] == "normalize"
        assert record["signature"]["inputs"][0]["dtype"] == "uint8"
    measured = json.loads((run / "benchmark.json").read_text(encoding="utf-8"))["measurements"]
    assert len(measured) == len(made)


def test_a_run_that_is_gone_on_with_keeps_what_it_fuses(fused_by_setting):
    run, _ = fused_by_setting
    process = call("run", "--out", run, "--resume", "--fuse-preprocessing", "resize")
    assert_user_error(process, "export.fuse_preprocessing: 'normalize' -> 'resize'")
