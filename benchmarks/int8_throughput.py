"""How many times float32's throughput int8 reaches on OpenVINO, each at its best, and what it loses in accuracy.

    tfl export RUN --target openvino --precision fp32,int8
    tfl export RUN --target openvino --precision fp32,int8 --fuse-preprocessing normalize
    python benchmarks/int8_throughput.py RUN --part sweep --out FILE
    python benchmarks/int8_throughput.py RUN --part rounds --out FILE [--rounds 5] [--seconds 2]

`sweep` looks for each artefact's best batch and number of streams, which FILE keeps. `rounds` measures each artefact
there, artefact after artefact in fresh processes, as many times over as there are rounds, through the offline scenario
of `tfl benchmark`, and scores the same files. A ratio is taken inside of a round, over the faster of the float32
artefacts at its best; the median over the rounds counts. Rounds during which other processes took more than a fifth of
the machine are set aside and taken again, as in `harness_checks.py`. RUN is a run on MobileNetV2 at 224 pixels, see
`photos.py`.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness_checks import watched
from tfl.bench.held_out import HeldOut
from tfl.bench.scenario_records import RoundResult
from tfl.bench.scenarios import SCENARIOS, Load, Setting
from tfl.bundle import Artifact
from tfl.core.child import call_in_child
from tfl.core.environment import read_environment
from tfl.model import load
from tfl.targets import open_artifact

NAMES = ("openvino-fp32", "openvino-fp32-fused", "openvino-int8", "openvino-int8-fused")
BATCHES = (1, 4, 16)
LANES = (0, 1, 2)
SWEEP_SECONDS = 0.5
INPUTS = 32


def sweep(folders: dict[str, Path], samples: HeldOut) -> dict[str, Any]:
    """Try every point once, artefact after artefact at each point, and keep the best of each."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in folders}
    inputs = {
        name: Artifact.open(folders[name]).preprocessing.load_uniform(samples.sources[:INPUTS]) for name in folders
    }
    for batch, lanes in itertools.product(BATCHES, LANES):
        for name, folder in folders.items():
            setting = Setting(batch=batch, lanes=lanes)
            load_ = Load(inputs=inputs[name], setting=setting, seconds=SWEEP_SECONDS, least_queries=1, seed=0)
            with open_artifact(folder, mode="throughput", lanes=lanes)[1] as runtime:
                figures = SCENARIOS.get("offline").run(runtime, load_).figures
            found[name].append({"setting": setting.to_dict(), "per_s": figures.rate_per_s})
            print(f"{name} {setting.text}: {figures.rate_per_s:.0f} per s", file=sys.stderr, flush=True)
    best = {name: max(points, key=lambda point: point["per_s"])["setting"] for name, points in found.items()}
    return {"points": found, "best": best}


def in_child(folder: Path, samples: Path, root: Path, setting: dict[str, Any], seconds: float) -> dict[str, float]:
    """Return pictures per second of one artefact in a fresh process, as `tfl benchmark` measures it."""
    with tempfile.TemporaryDirectory() as scratch:
        arguments = {
            "artifact_dir": str(folder),
            "held_out": str(samples),
            "root": str(root),
            "scenario": "offline",
            "setting": setting,
            "round": 0,
            "seconds": seconds,
            "least_queries": 1,
            "latency_bound_ms": None,
            "seed": 0,
            "samples": str(Path(scratch) / "samples.npz"),
        }
        answer = call_in_child("tfl.bench.scenario_child:run_here", arguments)
    return {"per_s": RoundResult.from_dict(answer).figures.rate_per_s}


def take_rounds(
    folders: dict[str, Path], best: dict[str, Any], held_out: HeldOut, options: argparse.Namespace
) -> dict[str, Any]:
    """Measure all artefacts in turn, every other round backwards, then score them."""
    deadline = time.monotonic() + options.limit_s
    rounds: list[dict[str, float]] = []
    aside: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        samples = Path(scratch) / "held_out.npz"
        held_out.limited().save(samples)
        while len(rounds) < options.rounds and time.monotonic() < deadline:
            order = list(folders.items())[:: 1 if len(rounds) % 2 == 0 else -1]
            one: dict[str, float] = {"others_share": 0.0}
            for name, at in order:
                side = functools.partial(in_child, at, samples, held_out.root, best[name], options.seconds)
                figures, share = watched(side)
                one |= {name: figures["per_s"], "others_share": max(one["others_share"], share)}
            (rounds if one["others_share"] <= options.most_others else aside).append(one)
            print({name: round(rate, 2) for name, rate in one.items()}, file=sys.stderr, flush=True)
        scored = {name: _score(folder, samples, held_out.root) for name, folder in folders.items()}
    return {"rounds": rounds, "aside": aside, "scored": scored}


def _score(folder: Path, samples: Path, root: Path) -> dict[str, Any]:
    arguments = {"artifact_dir": str(folder), "held_out": str(samples), "root": str(root)}
    return dict(call_in_child("tfl.bench.scenario_child:score_here", arguments))


def show(document: dict[str, Any]) -> None:
    rounds, scored = document["rounds"], document["scored"]
    print(f"{len(rounds)} rounds, {len(document['aside'])} set aside\n")
    if not rounds:
        raise SystemExit("Others took too much of the machine in every round; take them again.")
    floats = [name for name in scored if "fp32" in name]
    reference = max(scored[name]["accuracy"]["metric"] for name in floats)
    print(
        "| artefact | at its best | per s, median of the rounds | from, to | times float32 | accuracy | points lost |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in scored:
        rates = [one[name] for one in rounds]
        ratio = statistics.median(one[name] / max(one[item] for item in floats) for one in rounds)
        metric = scored[name]["accuracy"]["metric"]
        print(
            f"| {name} | {Setting.from_dict(document['best'][name]).text} | {statistics.median(rates):.0f} |"
            f" {min(rates):.0f}, {max(rates):.0f} | {ratio:.2f} | {metric:.4f} | {(reference - metric) * 100:.2f} |"
        )
    for name in scored:
        kernels = scored[name]["kernels"]["kernels"]
        told = ", ".join(f"{item['count']} {item['operation']} {item['precision']}" for item in kernels)
        print(f"\n{name}: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--part", choices=["sweep", "rounds"], required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSON, which `rounds` reads the settings from")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--limit-s", type=float, default=150.0, help="begin no round after so long")
    parser.add_argument("--most-others", type=float, default=0.2, help="share of the machine that others may take")
    options = parser.parse_args()
    run = load(options.run)
    folders = {folder.name: folder for folder in run.artifacts() if folder.name in NAMES}
    missing = [name for name in NAMES if name not in folders]
    if missing:
        raise SystemExit(f"{options.run} has no {', '.join(missing)}; the first lines of --help say how to make them.")
    held_out = run.held_out()[0]
    document = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    document["environment"] = read_environment().to_dict()
    if options.part == "sweep":
        document |= sweep(folders, held_out)
        print(json.dumps(document["best"], indent=2))
    else:
        if "best" not in document:
            raise SystemExit(f"{options.out} has no settings; take --part sweep first.")
        document |= take_rounds(folders, document["best"], held_out, options)
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if options.part == "rounds":
        show(document)


if __name__ == "__main__":
    main()
