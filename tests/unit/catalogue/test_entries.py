"""What the catalogue says of every listed backbone, where that comes from, and sources of others."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import tfl
from tests.unit.catalogue.conftest import describe
from tfl.backbones import SOURCES
from tfl.backbones._costs_table import COSTS
from tfl.bench.measured_here import MeasuredHere
from tfl.catalogue import ModelEntry, find_entry, read_catalogue, short_name
from tfl.core.errors import JobError, NotFoundError, UserError

ENTRIES = {entry.spec: entry for entry in read_catalogue(measured=False).entries}


def test_every_listed_backbone_is_an_entry():
    listed = [info.spec for name in SOURCES.names() for info in SOURCES.get(name).list()]
    assert list(ENTRIES) == listed


def test_the_names_of_the_page_lead_to_their_backbones():
    assert find_entry("s-r50x1").spec == "tfhub:https://tfhub.dev/google/bit/s-r50x1/1"
    short = Counter(short_name(entry.name).casefold() for entry in ENTRIES.values())
    assert [name for name, count in short.items() if count > 1] == []


@pytest.mark.parametrize("spec", ENTRIES)
def test_an_entry_holds_together(spec):
    entry = ENTRIES[spec]
    facts = entry.facts
    assert ModelEntry.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry
    assert facts.family or entry.spec not in COSTS
    assert bool(facts.multiply_adds) == bool(facts.multiply_adds_at)
    assert not facts.licence_source or entry.licence != "unknown"
    assert entry.estimated_bytes == (
        {"fp32": 4 * entry.parameters, "fp16": 2 * entry.parameters, "int8": entry.parameters}
        if entry.parameters
        else {}
    )
    for score in facts.scores:
        assert 0.4 < score.value < 1
        assert score.source
    if facts.parameters_with_top:
        assert facts.parameters_with_top > entry.parameters
        assert facts.multiply_adds_with_top > facts.multiply_adds
    values = {(score.data, score.metric): score.value for score in facts.scores}
    if ("ImageNet-1k", "top-5") in values:
        assert values["ImageNet-1k", "top-1"] < values["ImageNet-1k", "top-5"]


def test_what_is_known_where_figures_are_published():
    known = ENTRIES["keras_applications:MobileNetV2"]
    assert known.score.value == 0.713
    assert "keras.io" in known.score.source
    # The checkpoint of TF Hub is another one than that of Keras.
    assert ENTRIES["tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5"].score.value == 0.718
    assert ENTRIES["keras_hub:bert_base_en_uncased"].score.data == "SST-2"
    # What was fine-tuned on SST-2 itself is not what was scored there after fine-tuning.
    assert ENTRIES["keras_hub:bert_tiny_en_uncased_sst2"].score is None
    assert ENTRIES["embedded:sketchnet"].score is None


def test_other_weights_have_the_cost_but_neither_score_nor_licence():
    own = find_entry("keras_applications:MobileNetV2")
    random = find_entry("keras_applications:MobileNetV2@none")
    assert random.facts.multiply_adds == own.facts.multiply_adds
    assert (random.facts.scores, random.facts.licence_source) == ((), "")


def test_offline_is_what_the_caches_hold(caches):
    hub = "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_96/feature_vector/5"
    names = ["keras_applications:MobileNetV2", hub, "keras_hub:bert_tiny_en_uncased"]
    embedded = [entry for entry in read_catalogue().entries if entry.available_offline]
    assert [entry.spec for entry in embedded] == [info.spec for info in SOURCES.get("embedded").list()]
    weights = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    # SHA-1 of the address, as the library tensorflow_hub names its folders.
    folder = hashlib.sha1(hub.partition(":")[2].encode()).hexdigest()
    places = (caches / "keras_home" / "models" / weights, caches / "tfhub_cache_dir" / folder / "saved_model.pb")
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_bytes(b"")
    preset = caches / "kagglehub_cache" / "models" / "keras/bert/keras/bert_tiny_en_uncased/3"
    preset.mkdir(parents=True)
    (preset / "config.json").write_text("{}")
    assert not find_entry(names[2]).available_offline, "there are no weights yet"
    (preset / "model.weights.h5").write_bytes(b"")
    for name in names:
        assert find_entry(name).available_offline, name
    assert len(tfl.list_models(offline=True)) == len(embedded) + len(names)


def test_names_alone_are_enough_where_one_source_has_them():
    assert find_entry("mobilenetv2").spec == "keras_applications:MobileNetV2"
    assert find_entry("sketchnet").spec == "embedded:sketchnet"
    assert find_entry("mobilenet_v2_035_96").name.endswith("/mobilenet_v2_035_96/feature_vector/5")
    address = "https://tfhub.dev/google/imagenet/mobilenet_v2_035_96/feature_vector/5"
    assert find_entry(address).spec == f"tfhub:{address}"
    with pytest.raises(NotFoundError, match=r"'mobilenetv3'\. Did you mean 'MobileNetV2'"):
        find_entry("mobilenetv3")
    with pytest.raises(NotFoundError, match="Unknown backbone source 'nope'"):
        find_entry("nope:x")


def test_a_name_of_two_sources_is_asked_about(register, monkeypatch):
    from tests.unit.catalogue import conftest

    register(others="OTHER")
    twin = describe("x", spec="others:sketchnet")
    monkeypatch.setattr(conftest.OtherSource, "list", lambda self: (twin,))
    with pytest.raises(UserError, match="Several backbones are called 'sketchnet': embedded:sketchnet, others:"):
        find_entry("sketchnet")


def test_sources_of_others_are_listed_too(register):
    register(others="OTHER")
    found = {entry.spec: entry for entry in read_catalogue().entries}
    assert [spec for spec in found if spec not in ENTRIES] == ["others:one", "others:two"]
    assert found["others:one"].estimated_bytes["int8"] == 1_000_000
    assert found["others:two"].estimated_bytes == {}
    assert [item.spec for item in tfl.list_models(source="others", offline=True)] == ["others:two"]
    assert tfl.model_info("others:two").facts.multiply_adds is None


def test_a_source_that_fails_breaks_no_other(register):
    register(others="OTHER", worse="BROKEN", absent="NOT_THERE")
    catalogue = read_catalogue()
    assert len(catalogue.entries) == len(ENTRIES) + 2
    told = {failure.source: failure.message for failure in catalogue.failures}
    assert told["worse"] == "RuntimeError: the index is gone"
    assert told["absent"].startswith("AttributeError")
    assert any("worse" in line for line in tfl.list_models().remarks)
    with pytest.raises(JobError, match="'worse' can't be listed: RuntimeError: the index is gone"):
        read_catalogue(sources=["worse"])
    with pytest.raises(NotFoundError, match="Did you mean 'worse'"):
        read_catalogue(sources=["worze"])


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, tfl; models = tfl.list_models(search='mobilnet', sort='score'); tfl.model_info('MobileNetV2')\n"
        "assert len(models) > 20\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'openvino', 'onnxruntime', 'pandas',"
        " 'sklearn', 'matplotlib')))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, cwd=Path.cwd()).returncode == 0


def test_a_list_is_a_table_in_a_notebook():
    shown = tfl.list_models(source="embedded")
    assert ">MACs</th>" in shown._repr_html_()
    assert [item.spec for item in shown] == [info.spec for info in SOURCES.get("embedded").list()]
    assert shown[0] == next(iter(shown))
    one = tfl.model_info("MobileNetV2")._repr_html_()
    assert "2,257,984" in one
    assert "keras.io/api/applications" in one


def test_of_many_measurements_the_newest_of_each_kind_are_told():
    def measured(artifact, latency_ms, created):
        return MeasuredHere(
            backbone="embedded:sketchnet",
            artifact=artifact,
            target="openvino",
            precision="int8",
            input="96 x 96 x 3",
            latency_ms_p50=latency_ms,
            size_bytes=440_000,
            threads=0,
            versions={},
            created=created,
        )

    known = (
        measured("openvino-int8", 0.25, "2026-02-01"),
        measured("openvino-fp32", 0.5, "2026-02-01"),
        measured("openvino-int8", 9.75, "2026-01-01"),
    )
    page = dataclasses.replace(ENTRIES["embedded:sketchnet"], measured=known)._repr_html_()
    assert page.count("measured here") == 3
    assert "0.25 ms openvino-int8" in page
    assert "9.75 ms" not in page
    assert "1 more, which are older" in page
