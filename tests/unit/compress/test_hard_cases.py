"""Networks that plain int8 breaks: the ladder must notice, find why, and end at a model whose metric holds."""

import pytest

from tests.hard_runs import NETWORKS
from tfl.bench.cells import ExportSummary
from tfl.bundle import Artifact
from tfl.compress.ladder_records import Ladder, LadderSettings
from tfl.compress.ladder_run import quantize_run
from tfl.core.progress import Progress
from tfl.targets import TARGETS

LADDERS = [name for name in TARGETS.names() if TARGETS.get(name).rungs]
SETTINGS = LadderSettings(max_drop=0.01, calibration_samples=100, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("target", LADDERS)
def test_the_ladder_recovers_what_plain_int8_loses(hard_runs, kind, target):
    folder = hard_runs[kind]
    (ladder,) = quantize_run(folder, targets=[target], settings=SETTINGS, progress=Progress()).ladders
    assert not ladder.failure
    tries = {tried.rung: tried for tried in ladder.climb.tries}
    assert tries["int8"].status == "drops"
    assert tries["int8"].drop.drop > 0.03, "plain int8 is no hard case here"
    assert ladder.chosen is not None
    assert ladder.chosen.drop.drop <= 0.01
    assert ladder.test.drop <= 0.02
    assert ladder.holds
    mixed = tries["mixed"]
    assert mixed.status == "holds"
    left = [item for item in mixed.ranking if item.left_in_float]
    assert 0 < len(left) < len(mixed.ranking)
    assert {item.layer for item in left} == set(mixed.recipe.float_layers)
    assert max(item.relative_error for item in ladder.climb.layer_errors) > 0
    artifact = Artifact.open(folder.path / ladder.cell.artifact_dir)
    assert artifact.recipe == mixed.recipe
    assert ladder.cell in ExportSummary.load(folder.exports_file).cells
    assert Ladder.load(folder.quantize_dir / f"{target}.json") == ladder
