"""Train on four times more pixels than the process may have memory, under a limit that the kernel enforces.

    python benchmarks/larger_than_memory.py [--limit-mb 1200] [--times 4] [--size 224] [--folder FOLDER]

The limit is a memory cgroup (version 1 or 2) for `tfl train`, which includes what the kernel caches of its files; it
has to be writable, which takes root on most machines. Pictures are drawn, each another one, and decoded, stored,
learned from and scored as always. Exit status 1 when the training fails, 2 where no cgroup can be made.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

CGROUPS = Path("/sys/fs/cgroup")
_SIZE = (64, 48)


def draw(folder: Path, count: int) -> None:
    """Write two classes of blobs, red above blue and blue above red, on noise."""
    generator = np.random.default_rng(0)
    for index in range(count):
        label = index % 2
        place = folder / ("red-above", "blue-above")[label] / f"{index // 1000:04d}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(40, 200, (*_SIZE[::-1], 3))
        upper, lower = (slice(0, 24), slice(24, 48)) if label == 0 else (slice(24, 48), slice(0, 24))
        pixels[upper, :, 0] += 55
        pixels[lower, :, 2] += 55
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{index:06d}.jpg", quality=85)


def make_group(limit_bytes: int) -> Path | None:
    """Make a cgroup with a limit, or return None."""
    version_1 = (CGROUPS / "memory").is_dir()
    group = (CGROUPS / "memory" if version_1 else CGROUPS) / f"tfl-benchmark-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if version_1 else "memory.max")).write_text(str(limit_bytes))
    except OSError as error:
        print(f"No memory cgroup can be made here: {error}", file=sys.stderr)
        return None
    return group


def peak_bytes(group: Path) -> int:
    """Return the most that the group used."""
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if (group / name).is_file():
            return int((group / name).read_text())
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit-mb", type=int, default=1200)
    parser.add_argument("--times", type=float, default=4.0)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--folder", type=Path, default=None, help="where the data go; a temporary folder by default")
    arguments = parser.parse_args()
    limit = arguments.limit_mb * 1_000_000
    picture = arguments.size**2 * 3
    # The part that is learned from alone is larger than the limit so many times.
    count = int(limit * arguments.times / picture / 0.7) + 1
    group = make_group(limit)
    if group is None:
        return 2
    try:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
            place = Path(temporary)
            draw(place / "data", count)
            command = [str(Path(sys.executable).with_name("tfl")), "train", str(place / "data")]
            command += ["--image-size", str(arguments.size), "--epochs", "3", "--augment", "none"]
            command += ["--out", str(place / "run")]
            start = time.perf_counter()
            process = subprocess.run(
                ["/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command],
                stdout=subprocess.DEVNULL,
                env={**os.environ, "TFL_CACHE": str(place / "cache")},
            )
            seconds = time.perf_counter() - start
            used = peak_bytes(group)
            if process.returncode:
                print(f"tfl train ended with status {process.returncode}", file=sys.stderr)
                return 1
            evaluation = json.loads((place / "run" / "evaluation" / "test.json").read_text())
    finally:
        group.rmdir()
    pixels = count * picture
    print("| pictures | pixels GB | limit GB | times | peak GB | seconds | accuracy |\n|---|---|---|---|---|---|---|")
    print(
        f"| {count:,} | {pixels / 1e9:.2f} | {limit / 1e9:.2f} | {pixels / limit:.1f} | {used / 1e9:.2f} | "
        f"{seconds:.0f} | {evaluation['accuracy']:.3f} |"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
