"""The summary's steps are those that training and service take, in text, in HTML and in the command."""

import pytest

import tfl
from tests.e2e.conftest import call, call_json
from tfl.core.augmentation import PRESETS, AugmentConfig
from tfl.core.config import DEFAULT_BACKBONE
from tfl.data.loading import read_manifest
from tfl.data.preprocess import ImagePreprocessing
from tfl.report.data_summary import DataSummary, summarize_sample
from tfl.training.augment import make_augmenter
from tfl.training.crop import presized

pytest.importorskip("keras")

CONTRACT = ImagePreprocessing(height=20, width=30, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (PRESETS["light"], ["batch", "normalized", "translation 0.08", "zoom 0.12", "rotation 0.03", "contrast 0.25"]),
        (
            AugmentConfig(crop_scale=(0.5, 1.0), noise=4.0, flip="both", mixup=0.2),
            [
                "batch, resized larger",
                "crop_scale 0.5 to 1",
                "in [0, 1]",
                "flip both",
                "noise 4",
                "normalized",
                "mixup 0.2, with another sample of the batch",
            ],
        ),
    ],
)
def test_training_steps_end_in_what_training_gets(colours, values, names):
    manifest = read_manifest(colours)
    summary = summarize_sample(manifest, CONTRACT, backbone="a:b", augmentation=values, seed=3)
    assert [step.name for step in summary.training_steps] == names
    start = presized(CONTRACT) if values.crop_scale else CONTRACT
    pixels = start.read(colours / summary.path)[None]
    expected = make_augmenter(values, CONTRACT, seed=3)(pixels, 0, 0)
    last = summary.training_steps[-1]
    assert (last.shape, last.dtype) == ((1, 20, 30, 3), "float32")
    assert (last.low, last.high) == (float(expected.min()), float(expected.max()))
    assert summary.training_steps[0].shape == (1, start.height, start.width, 3)
    assert DataSummary.from_dict(summary.to_dict()) == summary


def test_steps_of_all_samples_do_not_depend_on_augmentation(colours):
    manifest = read_manifest(colours)
    plain, strong = (
        summarize_sample(manifest, CONTRACT, backbone="a:b", augmentation=PRESETS[name]) for name in ("none", "strong")
    )
    assert plain.training_steps == ()
    assert plain.steps == strong.steps
    assert len(strong.training_steps) == 2 + len(PRESETS["strong"].active()) + 1


def test_text_and_html_have_every_step(colours):
    data = tfl.load_data(colours)
    summary = data.summary(augment={"rotation": 0.2, "zoom": 0})
    text, page = repr(summary), summary._repr_html_()
    assert DEFAULT_BACKBONE in text
    for name in ("file", "decoded, upright RGB", "training only: rotation 0.2", "training only: contrast 0.25"):
        assert name in text
        assert name in page
    assert "zoom" not in text
    assert page.count("<tr>") == 1 + len(summary.steps) + len(summary.training_steps)
    assert data.summary(augmentation="none").training_steps == ()


def test_the_command_says_the_same(colours):
    document = call_json("data", "summary", colours, "--augment", "none", "--set", "augment.flip=both")
    assert [step["name"] for step in document["training_steps"]] == ["batch", "normalized", "flip both"]
    assert call_json("data", "summary", colours)["training_steps"] == []
    text = call("data", "summary", colours).stdout
    assert "normalized, rgb" in text
    assert "training only" not in text
