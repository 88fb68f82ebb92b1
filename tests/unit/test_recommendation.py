"""Recommending a backbone: the choice on made-up candidates, and the whole on drawn pictures."""

import numpy as np
import pytest
from PIL import Image

import tfl
from tests.e2e.conftest import call_json
from tfl.bench.paired import mcnemar_of
from tfl.core.errors import NotFoundError
from tfl.core.files import cache_dir
from tfl.recommendation import Candidate, _ranked, choose, recommend
from tfl.report.backbone_chart import BackbonePoint, draw_backbones

TINY, RANDOM = "embedded:sketchnet", "keras_applications:MobileNetV2@none"


def candidate(name, accuracy, latency_ms, standard_error=0.0):
    return Candidate(
        backbone=name,
        accuracy=accuracy,
        accuracy_low=accuracy - 0.05,
        accuracy_high=accuracy + 0.05,
        logme=0.0,
        latency_ms=latency_ms,
        timings=30,
        engine="none",
        size_bytes=1,
        feature_size=1,
        standard_error=standard_error,
    )


SMALL, MIDDLE, LARGE = (
    candidate("s:s", 0.80, 2.0, 0.03),
    candidate("s:m", 0.93, 8.0, 0.021),
    candidate("s:l", 0.95, 40.0),
)
ALL = (LARGE, MIDDLE, SMALL)


@pytest.mark.parametrize(
    ("limits", "wanted", "words"),
    [
        ((None, None), "s:m", "5.0 times as fast as s:l"),
        ((None, 0.94), "s:l", "most accurate"),
        ((10.0, None), "s:m", "most accurate"),
        ((5.0, None), "s:s", "most accurate"),
    ],
)
def test_the_choice_keeps_the_limits(limits, wanted, words):
    recommended, closest, reason = choose(ALL, max_latency_ms=limits[0], min_accuracy=limits[1])
    assert (recommended, closest) == (wanted, "")
    assert words in reason


def test_a_difference_of_more_than_a_standard_error_is_not_given_away_for_speed():
    doubtful = candidate("s:d", 0.90, 1.0, 0.04)
    assert choose((LARGE, doubtful), max_latency_ms=None, min_accuracy=None)[0] == "s:l"


def test_limits_that_none_keeps_name_the_closest():
    # 8 ms is a third over 6 ms; 0.80 is 0.14 under 0.93.
    recommended, closest, reason = choose(ALL, max_latency_ms=6.0, min_accuracy=0.93)
    assert (recommended, closest) == ("", "s:s")
    assert "at most 6 ms and an accuracy of at least 0.93" in reason


def test_the_front_comes_first():
    right = np.arange(100) < 90
    found = [(candidate("a", 0.7, 1.0), right), (candidate("b", 0.9, 5.0), right), (candidate("c", 0.8, 6.0), right)]
    ranked = _ranked(found)
    assert [(item.backbone, item.is_on_front) for item in ranked] == [("b", True), ("a", True), ("c", False)]


def test_the_standard_error_is_of_the_difference_on_the_same_samples():
    first, second = np.arange(100) < 90, np.arange(100) < 84
    by_name = {
        item.backbone: item
        for item in _ranked([(candidate("a", 0.9, 1.0), first), (candidate("b", 0.84, 2.0), second)])
    }
    # 6 of 100 samples differ, all to one side: a share of 0.06 with the variance 0.06 * 0.94.
    assert by_name["b"].standard_error == pytest.approx((0.06 * 0.94 / 99) ** 0.5)
    assert by_name["a"].standard_error == 0.0


def test_the_chart_tells_many_backbones_apart(tmp_path):
    pytest.importorskip("matplotlib")
    points = [
        BackbonePoint(
            name=f"source:{index}$<b>",
            latency_ms=10.0 + index % 3,
            accuracy=0.9,
            low=0.85,
            high=0.95,
            is_best=index == 0,
            is_chosen=index == 0,
        )
        for index in range(12)
    ]
    draw_backbones(points, tmp_path / "some.png", max_latency_ms=20.0, min_accuracy=0.8)
    draw_backbones(points[:1], tmp_path / "one.png", max_latency_ms=None, min_accuracy=None)
    with Image.open(tmp_path / "some.png") as some, Image.open(tmp_path / "one.png") as one:
        assert some.height > one.height
        assert len(some.convert("RGB").getcolors(1 << 20)) > len(one.convert("RGB").getcolors(1 << 20)) > 20


def test_the_exact_test_of_mcnemar():
    first = np.asarray([True] * 10 + [False] * 2 + [True] * 20)
    second = np.asarray([False] * 10 + [True] * 2 + [True] * 20)
    # 10 against 2 of 12 even throws: 2 * (1 + 12 + 66) / 4096.
    assert mcnemar_of(first, second) == pytest.approx(2 * 79 / 4096)
    assert mcnemar_of(first, first) == 1.0


def test_an_unknown_backbone_is_told_before_any_work(colours):
    with pytest.raises(NotFoundError):
        recommend(colours, backbones=["embedded:nothing"])


@pytest.fixture(scope="module")
def recommended(colours, tmp_path_factory):
    pytest.importorskip("tensorflow")
    chart = tmp_path_factory.mktemp("chart") / "chart.png"
    return recommend(colours, backbones=[TINY, RANDOM], image_size=32, chart=chart), chart


@pytest.mark.slow
def test_backbones_are_measured_and_compared_on_real_pictures(recommended, colours):
    result, chart = recommended
    assert {item.backbone for item in result.candidates} == {TINY, RANDOM}
    assert result.failures == {}
    for item in result.candidates:
        assert item.timings >= 30
        assert item.latency_ms > 0
        assert item.accuracy_low <= item.accuracy <= item.accuracy_high
    by_name = {item.backbone: item for item in result.candidates}
    # What was measured is remembered, for the lists of backbones.
    for name, item in by_name.items():
        [remembered] = [found for found in tfl.model_info(name).measured if found.input == "32 x 32 x 3"]
        assert (remembered.latency_ms_p50, remembered.size_bytes) == (item.latency_ms, item.size_bytes)
    assert by_name[TINY].accuracy > 0.9
    assert by_name[TINY].size_bytes < by_name[RANDOM].size_bytes
    assert result.recommended
    assert result.sample_count < 72
    with Image.open(chart) as picture:
        assert len(set(picture.convert("L").getdata())) > 20
    assert result.recommended in result._repr_html_()
    assert type(result).from_dict(result.to_dict()) == result
    # Those that were named are those that were meant.
    assert result.not_here == result.remarks == ()


@pytest.mark.slow
def test_features_come_from_the_cache_and_limits_that_none_keeps_exit_with_1(recommended, colours):
    files = sorted((cache_dir() / "probe").iterdir())
    before = [file.stat().st_mtime_ns for file in files]
    document = call_json(
        "models", "recommend", colours, "--backbone", TINY, "--image-size", 32, "--max-latency-ms", 0.0001, code=1
    )
    assert (document["recommended"], document["closest"]) == ("", TINY)
    assert [file.stat().st_mtime_ns for file in files] == before
