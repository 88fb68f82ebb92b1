"""Filters, orders, search and tables, on entries whose figures are easy to tell apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfl
from tests.unit.catalogue.conftest import make
from tfl.catalogue import (
    SORT_KEYS,
    Filters,
    entry_table,
    facts_table,
    legend,
    search_entries,
    select_entries,
    short_number,
    sort_entries,
)
from tfl.core.errors import ConfigError, NotFoundError

SMALL = make("small", parameters=1_000_000, multiply_adds=50_000_000, score=0.6, latency_ms=4.0)
LARGE = make("large", parameters=90_000_000, multiply_adds=9_000_000_000, score=0.8, licence="Apache-2.0")
DARK = make("dark", parameters=None, available_offline=True)
TEXT = make("words", task="text_classification", parameters=3_000_000)
ALL = (LARGE, SMALL, DARK, TEXT)


def kept(**asked):
    return [entry.name for entry in select_entries(ALL, Filters(**asked))[0]]


def test_limits_leave_what_keeps_them():
    assert kept() == ["large", "small", "dark", "words"]
    assert kept(task="text_classification") == ["words"]
    assert kept(licences=("apache-2.0",)) == ["large"]
    assert kept(licences=("MIT", "Apache-2.0")) == ["large", "small", "dark", "words"]
    assert kept(offline=True) == ["dark"]
    assert kept(max_parameters=1_000_000) == ["small"]
    assert kept(max_parameters=999_999) == []
    assert kept(max_multiply_adds=50_000_000) == ["small"]
    assert kept(max_bytes=4e6) == ["small"]
    assert kept(max_bytes=4e6, precision="int8") == ["small", "words"]
    assert kept(min_score=0.6) == ["large", "small"]
    assert kept(min_score=0.61) == ["large"]
    assert kept(max_latency_ms=4) == ["small"]
    assert kept(max_latency_ms=3.9) == []


def test_what_is_left_out_only_since_it_is_not_known_is_counted():
    assert select_entries(ALL, Filters(max_parameters=1_000_000))[1] == {"number of weights": 1}
    assert select_entries(ALL, Filters(max_latency_ms=9))[1] == {"latency here": 3}
    # The one that is not known of is of the wrong task anyway.
    assert select_entries(ALL, Filters(max_parameters=4_000_000, task="text_classification"))[1] == {}


def test_bad_limits_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Filters(max_parameters=0, max_bytes=-1.0, min_score=2.0, precision="int4")
    assert [line.partition(":")[0] for line in caught.value.message.splitlines()] == [
        *("max_parameters", "max_bytes", "min_score", "precision")
    ]
    with pytest.raises(
        NotFoundError, match=r"Unknown task 'image_classifcation'\. Did you mean 'image_classification'"
    ):
        Filters(task="image_classifcation")
    with pytest.raises(NotFoundError, match=r"Unknown licence 'apache'\. Did you mean 'Apache-2\.0'"):
        select_entries(ALL, Filters(licences=("apache",)))


def test_orders_put_the_best_first_and_the_unknown_last():
    def names(key):
        return [entry.name for entry in sort_entries(ALL, key)]

    assert names("parameters") == ["small", "words", "large", "dark"]
    assert names("size") == names("parameters")
    assert names("multiply-adds") == ["small", "large", "dark", "words"]
    assert names("score") == ["large", "small", "dark", "words"]
    assert names("latency") == ["small", "large", "dark", "words"]
    assert names("name") == ["dark", "large", "small", "words"]
    assert names("source") == ["large", "small", "dark", "words"]
    with pytest.raises(ConfigError, match="Did you mean 'score'"):
        sort_entries(ALL, "scor")


@pytest.mark.parametrize("key", SORT_KEYS)
def test_every_order_keeps_every_backbone(key):
    everything = tfl.list_models()
    assert {entry.spec for entry in tfl.list_models(sort=key)} == {entry.spec for entry in everything}


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("mobilenetv2", "keras_applications:MobileNetV2"),
        ("mobilnet v2", "keras_applications:MobileNetV2"),
        ("eficientnet b0", "keras_applications:EfficientNetB0"),
        ("ResNet50V2", "keras_applications:ResNet50V2"),
        ("resnet 50", "keras_applications:ResNet50"),
        ("bert tiny", "keras_hub:bert_tiny_en_uncased"),
        ("sketch", "embedded:sketchnet"),
        ("mobilenet_v2_035_96", "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_96/feature_vector/5"),
        ("inception v1", "tfhub:https://tfhub.dev/google/imagenet/inception_v1/feature_vector/5"),
    ],
)
def test_search_puts_what_was_meant_first(words, first):
    assert tfl.list_models(search=words)[0].spec == first


def test_search_wants_every_word():
    chinese = tfl.list_models(search="chinese bge")
    assert len(chinese) > 2
    assert all("zh" in entry.name for entry in chinese)
    assert len(tfl.list_models(search="mobilenet texts")) == 0
    assert all(entry.task == "text_classification" for entry in tfl.list_models(search="reviews"))
    assert any(entry.name == "bert_base_multi" for entry in tfl.list_models(search="multilingual"))


@given(st.text(max_size=30))
def test_search_takes_any_text(text):
    found = search_entries(ALL, [text])
    assert all(entry in ALL for entry in found)
    assert len(found) == 4 or text.strip()


def test_a_misspelt_word_finds_less_than_the_right_one():
    right, close = make("mobilenet"), make("mobilenat")
    assert search_entries((close, right), ["mobilenet"]) == (right, close)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (999, "999"),
        (1_000, "1.00 k"),
        (269_784, "270 k"),
        (999_400, "999 k"),
        (999_600, "1.00 M"),
        (9_996_000, "10.0 M"),
        (2_257_984, "2.26 M"),
        (300_774_272, "301 M"),
        (4_454_763_264, "4.45 G"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert short_number(value) == text


def test_tables_show_what_is_known_and_say_what_is_not():
    table = entry_table((SMALL, DARK), precision="int8")
    assert table.head[4] == "MB int8"
    rows = [dict(zip(table.head, row, strict=True)) for row in table.rows]
    assert rows[0] == {
        "backbone": "others:small",
        "input": "64 x 64",
        "weights": "1.00 M",
        "MACs": "50.0 M",
        "MB int8": "1.0",
        "score": "60.0%",
        "licence": "MIT",
        "ms here": "4.00",
        "offline": "",
    }
    assert rows[1]["weights"] == rows[1]["MB int8"] == rows[1]["ms here"] == ""
    assert "licence" not in entry_table((SMALL,), brief=True).head
    assert "ImageNet-1k top-1" in legend((SMALL, DARK))
    assert "score" not in legend((DARK,))
    facts = dict(facts_table(DARK).rows)
    assert facts["weights"] == facts["size, estimated"] == "not known"
    assert facts["multiply-adds"] == "not counted"
    assert facts["measured here"] == "not yet"
    assert "4.00 ms openvino-fp32, backbone alone" in dict(facts_table(SMALL).rows)["measured here"]
