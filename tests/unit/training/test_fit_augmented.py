"""Training with everything random on: it learns, a resumed run ends in the same bytes, and nothing is exported."""

import dataclasses
import re
import zipfile

import pytest

import tfl
from tfl.bundle.records import MODEL_FILE
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.training.checkpoint import StageState
from tfl.training.fit import TrainingSummary

pytest.importorskip("keras")
pytestmark = pytest.mark.slow

OPTIONS = {
    "augment": {"mixup": 0.3, "cutmix": 1.0, "crop_scale": [0.5, 1.0], "rotation": 0.05, "blur": 0.3},
    "augmentation": "standard",
    "augmented_views": 1,
    "class_weights": "balanced",
    "sampling": "balanced",
    "epochs": 8,
    "fine_tune_epochs": 3,
    "fine_tune_layers": 2,
    "image_size": 48,
    "resize": "squish",
    "seed": 3,
}


class StopsInTheSecondStage(Progress):
    """Interrupts as Ctrl-C would, in the second epoch of fine-tuning."""

    def update(self, text, *, done=None, total=None):
        if text == f"epoch 2 of at most {OPTIONS['fine_tune_epochs']}":
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def straight(colours, tmp_path_factory):
    return tfl.fit(colours, out=tmp_path_factory.mktemp("straight") / "run", **OPTIONS)


def test_it_learns_from_mixed_labels(straight):
    assert straight.evaluate().accuracy > 0.9


def test_validation_is_not_augmented_and_the_model_holds_no_random_layer(straight):
    folder = RunFolder(straight.path)
    kept = TrainingSummary.load(folder.training_dir / "summary.json").best_validation_loss
    # Another batch size moves float32 sums by some units in the sixth digit.
    assert straight.evaluate(split="validation").log_loss == pytest.approx(kept, abs=1e-4)
    with zipfile.ZipFile(folder.bundle_dir / MODEL_FILE) as archive:
        layers = re.findall(r'"module": "keras\.layers", "class_name": "(\w+)"', archive.read("config.json").decode())
    assert "Dense" in layers
    assert not [name for name in layers if name.startswith("Rand")]


def test_a_resumed_run_ends_in_the_same_bytes(straight, colours, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        tfl.fit(colours, out=out, progress=StopsInTheSecondStage(), **OPTIONS)
    resumed = tfl.fit(colours, out=out, if_exists="resume", **OPTIONS)
    first, second = (RunFolder(model.path) for model in (straight, resumed))
    for stage in ("head", "fine_tune"):
        one, two = (StageState.load(folder.training_dir / f"{stage}.state") for folder in (first, second))
        for group in ("variables", "optimizer", "best"):
            for left, right in zip(getattr(one, group), getattr(two, group), strict=True):
                assert left.tobytes() == right.tobytes()


def test_what_is_exported_resizes_as_asked_and_else_as_the_backbone(straight):
    contract = tfl.model_info("embedded:sketchnet").preprocessing
    assert straight.preprocessing == dataclasses.replace(contract, height=48, width=48, resize="squish")
    assert contract.resize == "crop"
