"""`tfl models list`, `search` and `info` as people, notebooks and scripts call them."""

import json

import pytest

from tests.e2e.conftest import assert_user_error, call, call_json
from tfl.core.config import DEFAULT_BACKBONE

SOURCE = """
from tfl.backbones import SOURCES, BackboneInfo, BackboneSource
from tfl.data.preprocess import ImagePreprocessing


class Others(BackboneSource):
    summary = "Of another package."

    def list(self):
        return (self.info("tiny"),)

    def info(self, name):
        contract = ImagePreprocessing(height=64, width=64)
        known = dict(task="image_classification", preprocessing=contract, min_size=32, parameters=999, feature_size=10)
        return BackboneInfo(
            spec=f"others:{name}", licence="Zlib", weights_origin="drawn", available_offline=True, **known
        )

    def load(self, name, *, image_size=None):
        raise NotImplementedError


class Broken(Others):
    def list(self):
        raise OSError("the index is gone")


OTHERS, BROKEN = Others(), Broken()
"""


@pytest.fixture
def own_caches(tmp_path):
    """Empty caches, so that what this machine has fetched does not count."""
    names = ("TFL_CACHE", "KERAS_HOME", "TFHUB_CACHE_DIR", "KAGGLEHUB_CACHE")
    return {name: str(tmp_path / name.lower()) for name in names}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package with sources of backbones, as pip would."""

    def install(**sources):
        place = tmp_path / "site"
        information = place / "others-1.0.dist-info"
        information.mkdir(parents=True)
        (place / "others_backbones.py").write_text(SOURCE)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
        lines = [f"{name} = others_backbones:{attribute}" for name, attribute in sources.items()]
        (information / "entry_points.txt").write_text("\n".join(["[tfl.backbones]", *lines]) + "\n")
        monkeypatch.setenv("PYTHONPATH", str(place), prepend=":")

    return install


def test_a_list_is_filtered_sorted_and_shown_in_three_ways(own_caches):
    asked = ["models", "list", "--task", "image-classification", "--max-mb", "2", "--precision", "int8"]
    asked += ["--licence", "apache-2.0", "--sort", "score", "--limit", "3"]
    document = call_json(*asked, **own_caches)
    scores = [item["facts"]["scores"][0]["value"] for item in document]
    assert len(document) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(item["estimated_bytes"]["int8"] <= 2e6 and item["facts"]["multiply_adds"] for item in document)
    assert call(*asked, "--format", "json", **own_caches).stdout == json.dumps(document, indent=2) + "\n"
    table = call(*asked, **own_caches)
    assert table.returncode == 0
    assert all(item["spec"] in table.stdout for item in document)
    assert "3 of them shown" in table.stdout
    unknown = call("models", "list", "--source", "tfhub", "--min-score", "0.7", **own_caches)
    assert "more are left out: the score is not known." in unknown.stdout
    markdown = call(*asked, "--format", "markdown", **own_caches).stdout.splitlines()
    assert markdown[0].startswith("| backbone | input | weights | MACs | MB int8 | score |")
    assert len(markdown) == 5


def test_what_is_here_and_what_is_found(own_caches):
    offline = call_json("models", "list", "--offline", **own_caches)
    assert {item["source"] for item in offline} == {"embedded"}
    assert call_json("models", "list", "--offline", "--source", "tfhub", **own_caches) == []
    none = call("models", "list", "--offline", "--source", "tfhub", **own_caches)
    assert none.returncode == 0
    assert "No backbone fits. Widen the filters." in none.stdout
    found = call_json("models", "search", "eficientnet", "b0", **own_caches)
    assert found[0]["spec"] == "keras_applications:EfficientNetB0"
    assert call_json("models", "search", "qwertyuiop", **own_caches) == []
    assert "No backbone is found for 'qwertyuiop'." in call("models", "search", "qwertyuiop", **own_caches).stdout
    filtered = call("models", "search", "nasnet", "--offline", **own_caches).stdout
    assert "found for 'nasnet', and the filters leave none. Widen the filters." in filtered
    texts = call("models", "list", "--task", "text_classification", **own_caches)
    assert texts.returncode == 0
    assert "256 tokens" in texts.stdout


def test_info_tells_all_and_the_next_step(own_caches):
    shown = call("models", "info", "mobilenetv2", **own_caches)
    assert shown.returncode == 0
    for words in ("299 M for 224 x 224 pixels", "71.3%", "keras.io", "Apache-2.0", "not yet", "storage.googleapis.com"):
        assert words in shown.stdout, shown.stdout
    assert "tfl models fetch keras_applications:MobileNetV2" in shown.stdout
    here = call("models", "info", "sketchnet", **own_caches).stdout
    assert "tfl run YOUR_DATA --backbone embedded:sketchnet" in here
    assert "fetch" not in here
    document = call_json("models", "info", "keras_hub:bert_tiny_en_uncased", **own_caches)
    assert document["facts"]["multiply_adds_at"] == "128 tokens"
    assert call("models", "info", "sketchnet", "--format", "markdown", **own_caches).stdout.startswith("| ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--task", "image_classifcation"], ["Unknown task", "Did you mean 'image_classification'"]),
        (["list", "--source", "keras_aplications"], ["Did you mean 'keras_applications'"]),
        (["list", "--licence", "apache"], ["Unknown licence 'apache'", "Did you mean 'Apache-2.0'"]),
        (["list", "--max-params", "many"], ["--max-params", "such as 5M", "'many'"]),
        (["list", "--max-mb", "0"], ["--max-mb"]),
        (["list", "--precision", "int4"], ["int4", "int8"]),
        (["list", "--min-score", "71"], ["--min-score"]),
        (["list", "--sort", "accuracy"], ["--sort", "score"]),
        (["search"], ["WORDS"]),
        (["info", "MobileNetV"], ["Did you mean 'MobileNetV2'", "tfl models search MobileNetV"]),
        (["info", "tfhub:/no/such/folder"], ["/no/such/folder"]),
    ],
)
def test_mistakes_are_told(arguments, words, own_caches):
    assert_user_error(call("models", *arguments, **own_caches), *words)


def test_json_and_another_format_are_told_as_json(own_caches):
    process = call("models", "list", "--json", "--format", "markdown", **own_caches)
    assert process.returncode == 2
    assert "can't both be had" in process.stderr
    error = json.loads(process.stdout)["error"]
    assert (error["code"], error["exit_code"]) == ("usage-error", 2)
    assert "can't both be had" in error["message"]


def test_a_file_that_was_carried_here_goes_where_its_name_looks_for_it(own_caches, tmp_path):
    module = tmp_path / "module"
    module.mkdir()
    (module / "saved_model.pb").write_bytes(b"")
    name = "mobilenet_v2_035_96"
    assert call_json("models", "info", name, **own_caches)["available_offline"] is False
    imported = call("models", "import", name, module, **own_caches)
    assert imported.returncode == 0, imported.stderr
    assert f"tfl run YOUR_DATA --backbone tfhub:https://tfhub.dev/google/imagenet/{name}/" in imported.stdout
    assert call_json("models", "info", name, **own_caches)["available_offline"] is True
    assert_user_error(call("models", "fetch", "nothing_like_it", **own_caches), "No backbone is called")
    assert_user_error(call("models", "fetch", "embedded:sketchnet", **own_caches), "needs no download")


def test_counts_may_be_written_short(own_caches):
    short = call_json("models", "list", "--max-params", "1.5M", "--max-multiply-adds", "50m", **own_caches)
    assert short == call_json(
        *("models", "list", "--max-parameters", "1500000", "--max-multiply-adds", "50_000_000"), **own_caches
    )
    assert all(item["parameters"] <= 1_500_000 for item in short)
    assert short


def test_sources_of_another_package_are_listed(package, own_caches):
    package(others="OTHERS")
    assert [item["spec"] for item in call_json("models", "list", "--licence", "zlib", **own_caches)] == ["others:tiny"]
    assert call_json("models", "info", "tiny", **own_caches)["facts"]["multiply_adds"] is None
    assert call_json("models", "search", "tiny", "zlib", **own_caches)[0]["spec"] == "others:tiny"


def test_a_broken_source_is_told_and_breaks_no_other(package, own_caches):
    package(others="OTHERS", broken="BROKEN")
    listed = call("models", "list", "--json", **own_caches)
    assert listed.returncode == 1
    assert "The source 'broken' could not be listed: OSError: the index is gone" in listed.stderr
    assert {item["source"] for item in json.loads(listed.stdout)} > {"others", "embedded", "keras_applications"}
    alone = call("models", "list", "--source", "broken", **own_caches)
    assert (alone.returncode, alone.stdout) == (1, "")
    assert "can't be listed: OSError: the index is gone" in alone.stderr
    assert call("models", "list", "--source", "others", **own_caches).returncode == 0


@pytest.mark.slow
def test_what_a_run_measured_is_shown_for_its_backbone(finished_run):
    out, _ = finished_run
    table = json.loads((out / "benchmark.json").read_text())
    measured = {item["artifact"]: item["model_ms"]["p50"] for item in table["measurements"]}
    record = str((out / "benchmark.json").resolve())
    shown = call_json("models", "info", DEFAULT_BACKBONE)["measured"]
    assert {item["artifact"]: item["latency_ms_p50"] for item in shown if item["record"] == record} == measured
    text = call("models", "info", DEFAULT_BACKBONE).stdout
    assert "ms openvino-int8 at" in text
