"""Does tfl's benchmark measure what others measure? The same files, the same machine, three other harnesses.

    python benchmarks/harness_checks.py RUN [--part PART] [--rounds 3] [--seconds 4]

- `openvino`: against OpenVINO's `benchmark_app`, batch 1, latency and throughput hints.
- `direct`: against LiteRT's interpreter and an ONNX Runtime session in a plain loop.
- `turns`: tfl's runtime and the engine called directly, in one process, ten inferences each in turn: what a neighbour
  takes, it takes from both.
- `inputs`: OpenVINO with many pictures in turn, as tfl, and with one that stays in the caches, as `benchmark_app`.
- `loadgen`: MLPerf LoadGen (`pip install mlcommons-loadgen`) drives tfl's runtime, SingleStream and Offline.
- `overhead`: what the harness itself costs per inference, with a model that does nothing.

Sides take turns round by round, each in a fresh process. Pairs during which other processes took more than a third of
the machine, the start of each side included, are set aside and taken again. A ratio is tfl's figure over the other's,
the median over the clean pairs; a spread is (max - min) / median of one side over them. RUN is a run with artefacts.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.scenario_records import RoundResult
from tfl.bench.scenarios import SCENARIOS, Load, Setting
from tfl.bundle import Artifact
from tfl.core.child import call_in_child, python_path
from tfl.core.environment import read_environment
from tfl.core.extras import version_of
from tfl.model import load
from tfl.targets import Runtime

DIRECT = ("tflite-fp32", "tflite-int8", "onnx-fp32", "onnx-int8")
Figures = dict[str, float]
SIDES_FILE = Path(__file__).with_name("harness_sides.py")


def ours(folder: Path, samples: Path, root: Path, seconds: float, *, scenario: str, threads: int = 0) -> Figures:
    """Tfl's own figures through the very function that `tfl benchmark` calls."""
    with tempfile.TemporaryDirectory() as scratch:
        arguments = {
            "artifact_dir": str(folder),
            "held_out": str(samples),
            "root": str(root),
            "scenario": scenario,
            "setting": Setting(batch=1 if scenario == "offline" else 0, threads=threads).to_dict(),
            "round": 0,
            "seconds": seconds,
            "least_queries": 1,
            "latency_bound_ms": None,
            "seed": 0,
            "samples": str(Path(scratch) / "samples.npz"),
        }
        result = RoundResult.from_dict(call_in_child("tfl.bench.scenario_child:run_here", arguments))
    found = {f"p{item.percent:g}_ms": item.value_ms for item in result.figures.percentiles if item.value_ms is not None}
    return {**found, "per_s": result.figures.rate_per_s}


def benchmark_app(folder: Path, seconds: float, *, hint: str) -> Figures:
    """OpenVINO's own tool on the same IR, in float32 arithmetic where the file is float32, as tfl sets it."""
    artifact = Artifact.open(folder)
    shape = ",".join(map(str, (1, *artifact.signature.inputs[0].shape[1:])))
    program = Path(sys.executable).with_name("benchmark_app")
    command = [str(program if program.exists() else shutil.which("benchmark_app")), "-m"]
    command += [str(folder / artifact.model_files[0]), "-d", "CPU", "-hint", hint, "-t", str(max(1, round(seconds)))]
    command += ["-shape", f"[{shape}]", "-ip", "f32", "-infer_precision", "f32"]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode != 0:
        raise SystemExit(f"benchmark_app failed:\n{process.stdout}\n{process.stderr}")
    median = re.search(r"Median:\s+([\d.]+) ms", process.stdout)
    rate = re.search(r"Throughput:\s+([\d.]+) FPS", process.stdout)
    if median is None or rate is None:
        raise SystemExit(f"benchmark_app said something else:\n{process.stdout}")
    return {"p50_ms": float(median[1]), "per_s": float(rate[1])}


def in_child(side: str, folder: Path, samples: Path, root: Path, seconds: float) -> Figures:
    """One side of `harness_sides.py` in a fresh process."""
    command = [sys.executable, "-P", str(SIDES_FILE), str(folder), "--side", side, "--samples", str(samples)]
    command += ["--root", str(root), "--seconds", str(seconds)]
    process = subprocess.run(command, capture_output=True, text=True, env=_environment())
    if process.returncode != 0:
        raise SystemExit(f"{side} failed:\n{process.stderr[-3000:]}")
    return dict(json.loads(process.stdout.splitlines()[-1]))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": python_path(), "TF_CPP_MIN_LOG_LEVEL": "3"}


class _Nothing(Runtime):
    def __init__(self) -> None:
        self._answer = np.zeros((1, 2), dtype=np.float32)

    def predict(self, batch: Any) -> Any:
        return self._answer

    def close(self) -> None:
        pass


def overhead(seconds: float) -> list[dict[str, Any]]:
    """What a model that does nothing costs under each scenario: inside of a timing, and in all."""
    rows = []
    inputs = np.zeros((64, 1), dtype=np.float32)
    for name in ("single_stream", "offline"):
        load_ = Load(inputs=inputs, setting=Setting(batch=1), seconds=seconds, least_queries=1, seed=0)
        start = time.perf_counter()
        outcome = SCENARIOS.get(name).run(_Nothing(), load_)
        took = time.perf_counter() - start
        timed_us = float(np.median(outcome.raw["latencies_ms"])) * 1e3 if "latencies_ms" in outcome.raw else None
        per_query_us = 1e6 / outcome.figures.rate_per_s if timed_us is None else seconds * 1e6 / outcome.figures.queries
        rows.append({"scenario": name, "timed_us": timed_us, "per_query_us": per_query_us, "took_s": took})
    return rows


def plan(run: Path, part: str, samples: Path, root: Path, seconds: float) -> list[tuple[str, str, Any, Any]]:
    """(what, figure, tfl's side, the other side) of a part, for the artefacts that the run has."""
    have = {folder.name: folder for folder in load(run).artifacts()}
    mine = functools.partial(ours, samples=samples, root=root, seconds=seconds)
    other = functools.partial(in_child, samples=samples, root=root, seconds=seconds)
    rows: list[tuple[str, str, Any, Any]] = []
    if part == "openvino":
        for name in ("openvino-fp32", "openvino-int8"):
            for hint, scenario, figure in (("latency", "single_stream", "p50_ms"), ("throughput", "offline", "per_s")):
                theirs = functools.partial(benchmark_app, have.get(name), seconds, hint=hint)
                own = functools.partial(mine, have.get(name), scenario=scenario)
                rows.append((f"{name}, benchmark_app -hint {hint}", figure, own, theirs))
    if part == "direct":
        for name in DIRECT:
            own = functools.partial(mine, have.get(name), scenario="single_stream")
            theirs = functools.partial(other, "direct", have.get(name))
            rows.append((f"{name}, the engine directly", "p50_ms", own, theirs))
    if part == "loadgen":
        for name in ("openvino-int8", "onnx-fp32"):
            for lg_name, scenario, figure in (
                ("SingleStream", "single_stream", "p90_ms"),
                ("Offline", "offline", "per_s"),
            ):
                own = functools.partial(mine, have.get(name), scenario=scenario)
                theirs = functools.partial(other, f"loadgen-{lg_name}", have.get(name))
                rows.append((f"{name}, LoadGen {lg_name}", figure, own, theirs))
    return [row for row in rows if row[0].split(",")[0] in have]


def watched(side: Callable[[], Figures]) -> tuple[Figures, float]:
    """Run a side; return also the share of the machine's time that processes which are none of ours took."""
    before, begin = machine_times(), os.times()
    figures = side()
    after, end = machine_times(), os.times()
    spent = [now - then for now, then in zip(after, before, strict=True)]
    own_s = sum(end[index] - begin[index] for index in range(4))
    busy_s = (sum(spent) - spent[3] - spent[4]) / os.sysconf("SC_CLK_TCK")
    return figures, max(0.0, busy_s - own_s) / (sum(spent) / os.sysconf("SC_CLK_TCK"))


def machine_times() -> list[int]:
    """User, nice, system, idle, iowait, irq, softirq and steal of all processors, in ticks."""
    return [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def compare_sides(
    rows: list[tuple[str, str, Any, Any]], options: argparse.Namespace, deadline: float
) -> list[dict[str, Any]]:
    """Take both sides of every row in turn, the first side changing each round, until there are enough clean pairs.

    A pair counts only if other processes took little of the machine during both sides, which is known without looking
    at what the sides came to.
    """
    found: dict[str, list[dict[str, Any]]] = {row[0]: [] for row in rows}
    for number in itertools.count():
        missing = [row for row in rows if len(clean(found[row[0]], options)) < options.rounds]
        if not missing or time.monotonic() > deadline:
            break
        for what, figure, own, theirs in missing:
            sides = {"tfl": own, "other": theirs}
            pair: dict[str, Any] = {"others_share": 0.0}
            for name in sides if number % 2 == 0 else reversed(sides):
                figures, share = watched(sides[name])
                pair |= {name: figures[figure], "others_share": max(pair["others_share"], share)}
            found[what].append(pair)
            print(f"{what}: {pair}", file=sys.stderr, flush=True)
            if time.monotonic() > deadline:
                break
    return [summary(what, figure, found[what], options) for what, figure, *_ in rows if found[what]]


def take_turns(options: argparse.Namespace, samples: Path, root: Path) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {}
    print("| in one process, in turns | tfl p50 ms | engine p50 ms | ratio | all ratios | tfl adds us |")
    print("|---|---|---|---|---|---|")
    for folder in load(options.run).artifacts():
        if folder.name in (*DIRECT, "openvino-fp32", "openvino-int8"):
            rounds = [in_child("turns", folder, samples, root, options.seconds) for _ in range(options.rounds)]
            found[folder.name] = rounds
            middle = {name: statistics.median(item[name] for item in rounds) for name in rounds[0]}
            ratios = ", ".join(f"{item['ratio']:.3f}" for item in rounds)
            print(
                f"| {folder.name} | {middle['tfl']:.2f} | {middle['other']:.2f} | {middle['ratio']:.3f} | {ratios} |"
                f" {middle['difference_us']:.0f} |",
                flush=True,
            )
    return found


def compare_inputs(options: argparse.Namespace, samples: Path, root: Path) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {}
    print("| p50 ms | pictures in turn | one picture | the same by the engine's counter | in turn over counter |")
    print("|---|---|---|---|---|")
    for folder in load(options.run).artifacts():
        if folder.name in ("openvino-fp32", "openvino-int8"):
            rounds = [in_child("inputs", folder, samples, root, options.seconds) for _ in range(options.rounds)]
            found[folder.name] = rounds
            middle = {name: statistics.median(item[name] for item in rounds) for name in rounds[0]}
            ratios = ", ".join(f"{item['all'] / item['one_engine']:.3f}" for item in rounds)
            figures = " | ".join(f"{middle[name]:.2f}" for name in ("all", "one", "one_engine"))
            print(f"| {folder.name} | {figures} | {ratios} |", flush=True)
    return found


def clean(pairs: list[dict[str, Any]], options: argparse.Namespace) -> list[dict[str, Any]]:
    return [pair for pair in pairs if pair["others_share"] <= options.most_others]


def summary(what: str, figure: str, pairs: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    taken = clean(pairs, options)
    row: dict[str, Any] = {"what": what, "figure": figure, "pairs": pairs, "clean": len(taken)}
    for name in ("tfl", "other"):
        values = [pair[name] for pair in taken]
        row[name] = statistics.median(values) if values else None
        row[f"spread_{name}"] = (max(values) - min(values)) / row[name] if values else None
    row["ratio"] = statistics.median(pair["tfl"] / pair["other"] for pair in taken) if taken else None
    return row


def show(results: list[Mapping[str, Any]]) -> None:
    print("| against | figure | tfl | other | ratio | spread of tfl | spread of other | clean pairs |")
    print("|---|---|---|---|---|---|---|---|")
    for row in results:
        if row["ratio"] is None:
            print(f"| {row['what']} | {row['figure']} | | | | | | 0 of {len(row['pairs'])} |")
            continue
        print(
            f"| {row['what']} | {row['figure']} | {row['tfl']:.2f} | {row['other']:.2f} | {row['ratio']:.3f} |"
            f" {row['spread_tfl']:.1%} | {row['spread_other']:.1%} | {row['clean']} of {len(row['pairs'])} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--part", choices=["openvino", "direct", "turns", "inputs", "loadgen", "overhead"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--limit-s", type=float, default=230.0, help="begin nothing new after so long")
    parser.add_argument("--most-others", type=float, default=0.35, help="share of the machine that others may take")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    deadline = time.monotonic() + options.limit_s
    parts = [options.part] if options.part else ["overhead", "turns", "inputs", "direct", "openvino", "loadgen"]
    document: dict[str, Any] = {"environment": read_environment().to_dict(), "loadgen": version_of("mlcommons-loadgen")}
    with tempfile.TemporaryDirectory() as scratch:
        held_out = load(options.run).held_out()[0]
        samples = Path(scratch) / "held_out.npz"
        held_out.limited().save(samples)
        for part in parts:
            if part == "overhead":
                document[part] = overhead(options.seconds)
                for row in document[part]:
                    timed_us = "" if row["timed_us"] is None else f", of it inside a timing {row['timed_us']:.2f} us"
                    print(f"{row['scenario']}: {row['per_query_us']:.2f} us per inference{timed_us}")
            elif part == "turns":
                document[part] = take_turns(options, samples, held_out.root)
            elif part == "inputs":
                document[part] = compare_inputs(options, samples, held_out.root)
            elif part == "loadgen" and document["loadgen"] is None:
                print("MLPerf LoadGen is not installed: pip install mlcommons-loadgen")
            else:
                rows = plan(options.run, part, samples, held_out.root, options.seconds)
                document[part] = compare_sides(rows, options, deadline)
                show(document[part])
    if options.out:
        options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
