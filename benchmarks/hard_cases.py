"""Networks that plain int8 breaks: what every rung of every target's ladder loses on them.

    PYTHONPATH=. python benchmarks/hard_cases.py [--out FOLDER] [--target openvino,...] [--network rescaled,...]
        [--approach auto,qat]

Each network (`tests/hard_runs.py`) learns scikit-learn's digits and is rescaled so that its float function stays and
its ranges become wild. Every target's ladder is climbed with --max-drop 0.01 and once more with approach `qat`. The
result is a Markdown table on standard output; the records stay in --out. Exit status 1 when approach `auto` finds
nothing that holds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.hard_runs import make_hard_run
from tfl.compress.ladder_records import Approach, Ladder, LadderSettings
from tfl.compress.ladder_run import quantize_run, rungs_of
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.targets import TARGETS

MAX_DROP = 0.01
RUNGS = ("int8", "int8-corrected", "mixed", "int8-qat")


def climbed(folder: RunFolder, target: str, approach: Approach) -> Ladder | None:
    """Climb one ladder, or return None where the target has no rung of the approach."""
    settings = LadderSettings(max_drop=MAX_DROP, calibration_samples=100, approach=approach, qat_minutes=0.0)
    if not rungs_of(target, settings):
        return None
    return quantize_run(folder, targets=[target], settings=settings, progress=Progress()).ladders[0]


def row(kind: str, target: str, ladders: list[Ladder]) -> str:
    """Format what one target's rungs lose, in points on the samples that choose, and what the test split says."""
    ladders = [item for item in ladders if item.climb is not None]
    tries = {tried.rung: tried for ladder in ladders for tried in ladder.climb.tries}
    drops = {name: tried.drop.drop * 100 for name, tried in tries.items() if tried.drop is not None}
    cells = [f"{drops[name]:.1f}" if name in drops else "" for name in RUNGS]
    mixed = tries.get("mixed")
    if mixed is not None and mixed.recipe is not None and mixed.ranking:
        cells[2] += f" ({len(mixed.recipe.float_layers)} of {len(mixed.ranking)} in float)"
    said = "; ".join(
        f"{item.chosen.rung} {item.test.drop * 100:+.1f} [{item.test.low * 100:+.1f}, {item.test.high * 100:+.1f}]"
        for item in ladders
        if item.chosen is not None and item.test is not None
    )
    seconds = sum(item.seconds for item in ladders)
    return f"| {kind} | {target} | {' | '.join(cells)} | {said} | {seconds:.0f} s |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--target", default=",".join(name for name in TARGETS.names() if TARGETS.get(name).rungs))
    parser.add_argument("--network", default="rescaled,squeezing,everywhere")
    parser.add_argument("--approach", default="auto,qat")
    arguments = parser.parse_args()
    place = arguments.out or Path(tempfile.mkdtemp(prefix="hard-"))
    place.mkdir(parents=True, exist_ok=True)
    print(f"| network | target | {' | '.join(RUNGS)} | takes, drop on test | took |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    failed = False
    for kind in arguments.network.split(","):
        folder = RunFolder(place / kind)
        if not folder.predictions_file.is_file():
            make_hard_run(folder.path, kind, epochs=20 if kind == "everywhere" else 12)
        for target in arguments.target.split(","):
            ladders = [climbed(folder, target, approach) for approach in arguments.approach.split(",")]
            found = [ladder for ladder in ladders if ladder is not None]
            failed |= any(ladder.settings.approach == "auto" and not ladder.holds for ladder in found)
            print(row(kind, target, found), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
