"""Where no integer rung after training holds, the network is trained on; the run's own network stays as it is."""

import json

import pytest

from tests.hard_runs import make_hard_run
from tfl.bundle import Artifact, Simulation
from tfl.compress.ladder_records import Ladder, LadderSettings
from tfl.compress.ladder_run import quantize_run, rungs_of
from tfl.core.errors import ConfigError, UnsupportedError
from tfl.core.files import sha256_file
from tfl.core.progress import Progress
from tfl.targets import TARGETS

TRAINED = [name for name in TARGETS.names() if rungs_of(name, LadderSettings(approach="qat"))]


class Told(Progress):
    """Keeps what is told."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def update(self, text, *, done=None, total=None):
        self.lines.append(text)

    def result(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory):
    """A run whose network neither plain int8 nor half of its layers in float keep, and what `auto` made of it."""
    pytest.importorskip("tensorflow_model_optimization")
    folder = make_hard_run(tmp_path_factory.mktemp("trained") / "everywhere", "everywhere")
    before = sha256_file(folder.bundle_dir / "model.keras")
    settings = LadderSettings(max_drop=0.03, calibration_samples=100)
    found = quantize_run(folder, targets=TRAINED, settings=settings, progress=Progress())
    return folder, before, found


@pytest.mark.slow
def test_training_recovers_what_no_other_integer_rung_does(everywhere):
    folder, _, found = everywhere
    assert [ladder.target for ladder in found.ladders] == TRAINED
    for ladder in found.ladders:
        tries = {tried.rung: tried for tried in ladder.climb.tries}
        assert [tries[name].status for name in ("int8", "int8-corrected", "mixed")] == ["drops"] * 3
        assert tries["int8"].drop.drop > 0.1, "plain int8 is no hard case here"
        assert len(tries["mixed"].recipe.float_layers) <= len(tries["mixed"].ranking) / 2
        assert "50%" in tries["mixed"].reason
        assert ladder.chosen.rung == "int8-qat"
        assert ladder.chosen.drop.drop <= 0.03
        assert all(name in ladder.chosen.reason for name in ("int8 falls", "int8-corrected falls", "mixed falls"))
        assert ladder.holds
        assert ladder.test.drop <= 0.05
        artifact = Artifact.open(folder.path / ladder.cell.artifact_dir)
        assert (artifact.precision, artifact.calibration) == ("int8-qat", None)
        assert ladder.cell.verification.float_metric == ladder.training.metric, "verified against the simulation"
        assert Ladder.load(folder.quantize_dir / f"{ladder.target}.json") == ladder


@pytest.mark.slow
def test_the_network_of_the_run_stays_and_is_trained_on_once_for_all_targets(everywhere):
    folder, before, found = everywhere
    assert sha256_file(folder.bundle_dir / "model.keras") == before
    first, *others = (ladder.training for ladder in found.ladders)
    assert others == [first] * len(others)
    assert len(first.epochs) == 10
    told = Told()
    settings = LadderSettings(max_drop=0.03, calibration_samples=100, approach="qat")
    (ladder,) = quantize_run(folder, targets=TRAINED[:1], settings=settings, progress=told).ladders
    assert not any("epoch 1 of" in line for line in told.lines)
    assert ladder.training == first
    assert [tried.rung for tried in ladder.climb.tries] == ["int8-qat"]


@pytest.mark.slow
def test_another_training_takes_the_place_of_the_one_before_and_of_its_artefacts(everywhere):
    folder, _, found = everywhere
    others = {ladder.target: folder.path / ladder.cell.artifact_dir for ladder in found.ladders}
    settings = LadderSettings(max_drop=0.5, calibration_samples=100, approach="qat", qat_epochs=2, qat_minutes=1e-6)
    (ladder,) = quantize_run(folder, targets=TRAINED[:1], settings=settings, progress=Progress()).ladders
    assert len(ladder.training.epochs) == 1, "its minutes were over after the first epoch"
    assert Artifact.open(others[TRAINED[0]]).precision == "int8-qat"
    assert not any(others[name].exists() for name in TRAINED[1:])
    said = json.loads((folder.simulation_dir / "simulation.json").read_text())
    assert Simulation.from_dict(said).metrics == {ladder.training.metric_name: ladder.training.metric}


@pytest.mark.slow
def test_a_network_that_can_not_be_trained_goes_on_to_wider_rungs_and_says_why(tmp_path):
    pytest.importorskip("tensorflow_model_optimization")
    folder = make_hard_run(tmp_path / "unreplayable", "unreplayable")
    settings = LadderSettings(max_drop=0.01, calibration_samples=60)
    (ladder,) = quantize_run(folder, targets=["tflite"], settings=settings, progress=Progress()).ladders
    tries = {tried.rung: tried for tried in ladder.climb.tries}
    assert tries["int8-qat"].status == "failed"
    assert "mixed falls too far" in tries["int8-qat"].reason
    assert "no layer" in tries["int8-qat"].reason
    assert ladder.training is None
    assert ladder.chosen.rung in ("int16x8", "fp16")
    assert ladder.holds
    qat = LadderSettings(max_drop=0.01, calibration_samples=60, approach="qat")
    with pytest.raises(UnsupportedError, match="replayed"):
        quantize_run(folder, targets=["tflite"], settings=qat, progress=Progress())


def test_an_approach_is_a_part_of_the_ladder():
    for name in TARGETS.names():
        target = TARGETS.get(name)
        by = {approach: rungs_of(name, LadderSettings(approach=approach)) for approach in ("auto", "ptq", "qat")}
        assert by["auto"] == list(target.rungs)
        assert sorted(rung.name for rung in by["ptq"] + by["qat"]) == sorted(rung.name for rung in by["auto"])
        assert {rung.precision for rung in by["qat"]} <= target.simulated
        assert not any(rung.precision in target.simulated for rung in by["ptq"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"approach": "both"}, "approach: must be one of auto, ptq, qat"),
        ({"approach": "qat", "calibration_method": "minmax"}, "calibration_method: must be empty"),
        ({"qat_epochs": 0, "qat_minutes": -1.0}, "qat_epochs: must be at least 1.*\n.*qat_minutes"),
        ({"qat_learning_rate": 2.0}, "qat_learning_rate: must be above 0"),
        ({"max_drop": 1.5}, "max_drop: must be 0 to 1"),
    ],
)
def test_settings_out_of_range_are_told_all_at_once(wrong, told):
    with pytest.raises(ConfigError, match=told):
        LadderSettings(**wrong)
