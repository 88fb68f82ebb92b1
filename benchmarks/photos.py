"""The main job on real photos, offline: accuracy, agreement, int8 loss and speed-up, as the README states them.

    python benchmarks/photos.py DATA --keras-home FOLDER --tfhub-cache FOLDER [--out FOLDER] [--rounds 3]

DATA is a folder with `train` and `val`, each with a folder of photos per class. The two caches hold the
ImageNet weights of MobileNetV2 as keras.applications and TF Hub look for them. Each backbone runs through
`tfl run` in a process of its own, wall time included; the result is a Markdown table on standard output, and the
runs stay in --out. The speed-up of int8 is then taken side by side: float32 and int8 in turn, five times, each in
a fresh process. Exit status 1 when a statement does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tfl.bench.held_out import HeldOut
from tfl.bench.measure import measure
from tfl.core.config import BenchmarkConfig
from tfl.core.run_folder import RunFolder

BACKBONES = {
    "keras.applications MobileNetV2": "keras_applications:MobileNetV2",
    "TF Hub MobileNetV2": "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5",
}
LEAST_ACCURACY = 0.94
MOST_INT8_LOST = 2
LEAST_SPEED_UP = 2.5
MOST_MINUTES = 8.0
PAIRS = 5


def run_once(spec: str, out: Path, arguments: argparse.Namespace) -> tuple[dict[str, Any], float, int]:
    """Run `tfl run` and return its JSON document, its wall time in seconds and its exit code."""
    environment = {
        **os.environ,
        "KERAS_HOME": str(arguments.keras_home.resolve()),
        "TFHUB_CACHE_DIR": str(arguments.tfhub_cache.resolve()),
    }
    command = [Path(sys.executable).with_name("tfl"), "run", arguments.data, "--backbone", spec, "--out", out]
    command += ["--overwrite", "--json", "--rounds", str(arguments.rounds)]
    start = time.perf_counter()
    process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(process.stdout), time.perf_counter() - start, process.returncode


def statements(document: dict[str, Any], seconds: float) -> list[tuple[str, bool]]:
    """Say what should hold and whether it does."""
    evaluation = document["evaluation"]
    cells = {f"{cell['target']}-{cell['precision']}": cell for cell in document["exports"]["cells"]}
    float_right = round(evaluation["accuracy"] * evaluation["sample_count"])
    found = [
        (f"accuracy on val {evaluation['accuracy']:.4f} >= {LEAST_ACCURACY}", evaluation["accuracy"] >= LEAST_ACCURACY)
    ]
    for name, cell in cells.items():
        if cell["status"] == "unsupported":
            continue
        proof = cell["verification"]
        if proof is None:
            found.append((f"{name} was verified", False))
        elif name.endswith("fp32"):
            flipped = proof["held_out"]["flipped"]
            found.append((f"{name}: {flipped} decisions differ from Keras", flipped == 0))
        elif name.endswith("int8"):
            lost = float_right - round(proof["metric"] * evaluation["sample_count"])
            found.append((f"{name}: {lost} photos lost, at most {MOST_INT8_LOST}", lost <= MOST_INT8_LOST))
    found.append((f"the whole run took {seconds / 60:.1f} minutes", seconds / 60 <= MOST_MINUTES))
    return found


def speed_up(run: RunFolder) -> tuple[str, bool]:
    """Say how many times float32's throughput int8 reaches on OpenVINO, measured in pairs.

    What should hold is said of the batch size that int8 is fastest at; float32 is often faster at batch 1,
    so each one's best against the other's best is said too.
    """
    held_out = HeldOut.of_run(run)
    if held_out is None:
        raise SystemExit(f"The photos of {run.path} are gone.")
    config = BenchmarkConfig()
    rates: dict[str, list[dict[str, float]]] = {"fp32": [], "int8": []}
    for _ in range(PAIRS):
        for name, found in rates.items():
            artifact = run.artifacts_dir / f"openvino-{name}"
            found.append(measure(artifact, held_out=held_out, config=config).throughput_by_batch)
    pairs = list(zip(rates["int8"], rates["fp32"], strict=True))
    by_batch = {size: [int8[size] / fp32[size] for int8, fp32 in pairs] for size in pairs[0][0]}
    bests = [max(int8.values()) / max(fp32.values()) for int8, fp32 in pairs]
    batch = max(by_batch, key=lambda size: statistics.median(int8[size] for int8, _ in pairs))
    others = ", ".join(f"batch {size}: {statistics.median(found):.2f}" for size, found in by_batch.items())
    ratio = statistics.median(by_batch[batch])
    text = (
        f"OpenVINO int8 is {ratio:.2f} times fp32 in throughput at batch {batch} "
        f"({min(by_batch[batch]):.2f} to {max(by_batch[batch]):.2f} in {PAIRS} pairs); {others}; "
        f"best batch against best batch: {statistics.median(bests):.2f}"
    )
    return text, ratio >= LEAST_SPEED_UP


def table(document: dict[str, Any]) -> str:
    """Format the cells as Markdown."""
    cells = {f"{cell['target']}-{cell['precision']}": cell for cell in document["exports"]["cells"]}
    lines = [
        "| target | precision | MB | accuracy | decisions that differ | ms p50 | file to answer ms | photos per s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for item in document["benchmark"]["measurements"]:
        held_out = cells[item["artifact"]]["verification"]["held_out"]
        lines.append(
            f"| {item['target']} | {item['precision']} | {item['size_bytes'] / 1e6:.2f} | {item['metric']:.4f} "
            f"| {held_out['flipped']} of {held_out['sample_count']} | {item['model_ms']['p50']:.1f} "
            f"| {item['end_to_end_ms']['p50']:.1f} | {item['throughput_per_s']:.0f} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keras-home", type=Path, required=True)
    parser.add_argument("--tfhub-cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("photos-runs"))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=["keras_applications", "tfhub"])
    arguments = parser.parse_args()
    failed = False
    for title, spec in BACKBONES.items():
        if arguments.only and not spec.startswith(arguments.only):
            continue
        run = RunFolder(arguments.out / spec.partition(":")[0])
        document, seconds, code = run_once(spec, run.path, arguments)
        environment = document["benchmark"]["environment"]
        print(f"\n### {title}\n\n`{spec}` on {environment['cpu']}, {environment['cpu_count']} processors.\n")
        print(table(document) + "\n")
        found = [*statements(document, seconds), (f"exit status {code}", code == 0)]
        if {"avx512_vnni", "avx_vnni", "amx_int8"} & set(environment["isa"]):
            found.append(speed_up(run))
        for text, holds in found:
            failed |= not holds
            print(f"- {'yes' if holds else 'NO'}: {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
