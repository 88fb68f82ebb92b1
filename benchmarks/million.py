"""What a data set of a million files costs before training: time and peak memory of each step.

    python benchmarks/million.py [--counts 10000,100000,1000000] [--classes 100] [--folder FOLDER]

The files are hard links to a few small pictures in a temporary folder, so that they take directory entries and no
space. Each step runs in a fresh process and hands its manifest on as JSON: `read` lists the files and saves, `load`
reads the JSON, `check` loads and checks the structure, `split` loads, splits and saves. No step opens a picture. Exit
status 1 when read, check and split of the largest count, with all reading and writing of JSON, take more than 5
minutes in all or any process more than 2 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest
from tfl.data.split import assign_splits

STEPS = ("read", "load", "check", "split")
MOST_SECONDS = 300.0
MOST_BYTES = 2_000_000_000
#: File systems limit the links to one file; ext4 takes 65,000.
_LINKS_PER_FILE = 10_000


def make_links(folder: Path, count: int, classes: int) -> None:
    """Write `count` names over `classes` folders."""
    folder.mkdir()
    for index in range(classes):
        (folder / f"class-{index:04d}").mkdir()
    source = ""
    for index in range(count):
        file = f"{folder}/class-{index % classes:04d}/picture-{index:07d}.png"
        if index % _LINKS_PER_FILE == 0:
            Image.new("RGB", (8, 8), (index % 251, 0, 0)).save(file)
            source = file
        else:
            os.link(source, file)


def step(name: str, data: Path, place: Path) -> dict[str, float]:
    """Do one step and return its seconds and this process's peak memory."""
    start = time.perf_counter()
    if name == "read":
        manifest = read_manifest(data)
        listed_s = time.perf_counter() - start
        manifest.save(place / "manifest.json")
    else:
        manifest = Manifest.load(place / "manifest.json")
        listed_s = time.perf_counter() - start
        if name == "check":
            check(manifest, depth="structure")
            listed_s = time.perf_counter() - start - listed_s
        if name == "split":
            manifest = assign_splits(manifest)
            listed_s = time.perf_counter() - start - listed_s
            manifest.save(place / "split.json")
    return {
        "examples": len(manifest.examples),
        "work_s": listed_s,
        "total_s": time.perf_counter() - start,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def run_step(name: str, data: Path, place: Path) -> dict[str, float]:
    """Do one step in a fresh process."""
    command = [sys.executable, __file__, "--step", name, "--folder", str(place), "--data", str(data)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="10000,100000,1000000")
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=None, help="where the links go; a temporary folder by default")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(step(arguments.step, arguments.data, arguments.folder)))
        return 0
    print("| files | step | step alone s | with JSON s | peak MB |\n|---|---|---|---|---|")
    missed = False
    for count in (int(text) for text in arguments.counts.split(",")):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
            place = Path(temporary)
            make_links(place / "data", count, arguments.classes)
            results = {name: run_step(name, place / "data", place) for name in STEPS}
        for name, found in results.items():
            print(
                f"| {count:,} | {name} | {found['work_s']:.1f} | {found['total_s']:.1f} | "
                f"{found['peak_bytes'] / 1e6:.0f} |",
                flush=True,
            )
        missed = sum(found["total_s"] for name, found in results.items() if name != "load") > MOST_SECONDS or any(
            found["peak_bytes"] > MOST_BYTES for found in results.values()
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
