"""Where no integer rung after training holds, the network is trained on; the run's own network stays as it is."""

import pytest

from tests.hard_runs import make_hard_run
from tfl.bundle import Artifact, Bundle, Simulation
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


class StopsBeforeTheTraining(Told):
    """Interrupts as Ctrl-C would."""

    def update(self, text, *, done=None, total=None):
        super().update(text, done=done, total=total)
        if text.startswith("training with quantization simulated"):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory):
    """A run whose network no int8 after training keeps: its folder, and what `auto` made of it, interrupted once."""
    pytest.importorskip("tensorflow_model_optimization")
    folder = make_hard_run(tmp_path_factory.mktemp("trained") / "everywhere", "everywhere", epochs=20)
    before = sha256_file(folder.bundle_dir / "model.keras")
    settings = LadderSettings(max_drop=0.005, calibration_samples=100)
    stopped, resumed = StopsBeforeTheTraining(), Told()
    with pytest.raises(KeyboardInterrupt):
        quantize_run(folder, targets=["openvino"], settings=settings, progress=stopped)
    (ladder,) = quantize_run(folder, targets=["openvino"], settings=settings, progress=resumed).ladders
    assert sha256_file(folder.bundle_dir / "model.keras") == before
    return folder, ladder, stopped.lines, resumed.lines


@pytest.fixture(scope="module")
def trained(everywhere):
    """The ladders of every target that a training helps, by approach `qat`, and what was told."""
    told = Told()
    settings = LadderSettings(max_drop=0.4, calibration_samples=100, approach="qat")
    return quantize_run(everywhere[0], targets=TRAINED, settings=settings, progress=told).ladders, told.lines


@pytest.mark.slow
def test_the_network_is_trained_on_where_no_integer_rung_holds_and_before_the_wider_ones(everywhere):
    ladder = everywhere[1]
    tries = {tried.rung: tried for tried in ladder.climb.tries}
    assert list(tries)[:4] == ["int8", "int8-corrected", "mixed", "int8-qat"]
    assert [tries[name].status for name in ("int8", "int8-corrected", "mixed")] == ["drops"] * 3
    assert tries["int8"].drop.drop > 0.1, "plain int8 is no hard case here"
    assert tries["int8-qat"].drop.drop < 0.5 * tries["int8"].drop.drop
    assert all(name in tries["int8-qat"].reason for name in ("int8 falls", "int8-corrected falls", "mixed falls"))
    assert len(tries["mixed"].recipe.float_layers) <= len(tries["mixed"].ranking) / 2
    assert "50%" in tries["mixed"].reason
    assert len(ladder.training.epochs) == ladder.training.settings.epochs
    assert ladder.holds


@pytest.mark.slow
def test_an_interruption_before_the_training_costs_no_rung(everywhere):
    _, _, stopped, resumed = everywhere
    assert any("trying int8," in line for line in stopped)
    assert not any("trying int8," in line or "trying mixed" in line for line in resumed)
    assert any("epoch 1 of 10" in line for line in resumed)


@pytest.mark.slow
def test_training_recovers_what_int8_lost_and_is_done_once_for_all_targets(everywhere, trained):
    folder, auto, _, _ = everywhere
    lost = {tried.rung: tried.drop.drop for tried in auto.climb.tries if tried.drop is not None}["int8"]
    ladders, told = trained
    assert [ladder.target for ladder in ladders] == TRAINED
    assert not any("epoch 1 of" in line for line in told)
    for ladder in ladders:
        assert [tried.rung for tried in ladder.climb.tries] == ["int8-qat"]
        assert ladder.training == auto.training
        assert ladder.chosen.drop.drop < 0.5 * lost
        assert ladder.holds == ladder.cell.verification.passed
        # Were a single tensor rounded in another way, ranges as wild as these would change one decision in seven.
        assert ladder.cell.verification.held_out.flipped <= 0.03 * ladder.cell.verification.held_out.sample_count
        artifact = Artifact.open(folder.path / ladder.cell.artifact_dir)
        assert (artifact.precision, artifact.calibration) == ("int8-qat", None)
        assert ladder.cell.verification.float_metric == ladder.training.metric, "verified against the simulation"
        assert ladder.test.float_metric != ladder.training.metric, "stated against the float network"
        assert Ladder.load(folder.quantize_dir / f"{ladder.target}.json") == ladder


@pytest.mark.slow
def test_another_training_takes_the_place_of_the_one_before_and_of_its_artefacts(everywhere, trained):
    folder = everywhere[0]
    before = {ladder.target: folder.path / ladder.cell.artifact_dir for ladder in trained[0]}
    settings = LadderSettings(max_drop=0.9, calibration_samples=100, approach="qat", qat_epochs=2, qat_minutes=1e-6)
    (ladder,) = quantize_run(folder, targets=TRAINED[:1], settings=settings, progress=Progress()).ladders
    assert len(ladder.training.epochs) == 1, "its minutes were over after the first epoch"
    assert [path.exists() for path in before.values()] == [True, *[False] * (len(TRAINED) - 1)]
    simulation = Simulation.open(folder.simulation_dir, Bundle.open(folder.bundle_dir))
    assert simulation.metrics == {ladder.training.metric_name: ladder.training.metric}


@pytest.mark.slow
def test_a_network_that_can_not_be_trained_goes_on_to_wider_rungs_and_says_why(tmp_path):
    pytest.importorskip("tensorflow_model_optimization")
    folder = make_hard_run(tmp_path / "unreplayable", "unreplayable")
    settings = LadderSettings(max_drop=0.005, calibration_samples=60)
    (ladder,) = quantize_run(folder, targets=["openvino"], settings=settings, progress=Progress()).ladders
    tries = {tried.rung: tried for tried in ladder.climb.tries}
    assert tries["int8-qat"].status == "failed"
    assert "mixed falls too far" in tries["int8-qat"].reason
    assert "no layer" in tries["int8-qat"].reason
    assert ladder.training is None
    assert ladder.chosen.rung in ("w8", "fp16")
    assert ladder.holds
    qat = LadderSettings(max_drop=0.01, calibration_samples=60, approach="qat")
    with pytest.raises(UnsupportedError, match="replayed"):
        quantize_run(folder, targets=["openvino"], settings=qat, progress=Progress())


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


@pytest.mark.parametrize("name", [name for name in TARGETS.names() if TARGETS.get(name).rungs])
def test_a_network_of_identifiers_is_tried_without_a_search_first(name):
    usual = [rung.name for rung in rungs_of(name, LadderSettings())]
    assert usual == [rung.name for rung in TARGETS.get(name).rungs]
    found = rungs_of(name, LadderSettings(), input_dtype="int32")
    assert sorted(rung.name for rung in found) == sorted(usual)
    searching = [place for place, rung in enumerate(found) if rung.search != "none"]
    dynamic = [place for place, rung in enumerate(found) if rung.name == "dynamic"]
    assert all(place > first for place in searching for first in dynamic)
    others = [rung.name for rung in found if rung.search == "none"]
    assert others == [item for item in usual if item in others]
    assert [rung.name for rung in rungs_of(name, LadderSettings(), input_dtype="uint8")] == usual
