"""What the data check finds in sets of pictures, and what it costs: cold, and again with nothing changed.

    python benchmarks/check.py DATA [DATA ...]

Prints one line a set with the findings by rule, and the most telling of them by name. Each check runs in a process
of its own with an empty cache, then again with what the first one kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

_NAMED = 2


def run_check(data: Path, cache: str) -> tuple[float, dict[str, Any]]:
    """Check a set from the command line and return seconds and the report; an unreadable one gives no report."""
    command = [str(Path(sys.executable).with_name("tfl")), "data", "check", str(data), "--json"]
    start = time.perf_counter()
    process = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TFL_CACHE": cache})
    seconds = time.perf_counter() - start
    if process.returncode == 2:
        return seconds, {"verdict": process.stderr.strip().splitlines()[-2:][0], "findings": [], "examples": 0}
    return seconds, json.loads(process.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    arguments = parser.parse_args()
    print("| data | pictures | cold s | again s | found |\n|---|---|---|---|---|")
    told: list[str] = []
    for data in arguments.data:
        with tempfile.TemporaryDirectory() as cache:
            cold, report = run_check(data, cache)
            again, _ = run_check(data, cache)
        counts = Counter(item["rule"] for item in report["findings"])
        found = ", ".join(f"{number} {rule}" for rule, number in counts.items()) or report["verdict"]
        print(f"| {data.name} | {report['examples']} | {cold:.1f} | {again:.1f} | {found} |", flush=True)
        for rule in counts:
            named = [item for item in report["findings"] if item["rule"] == rule][:_NAMED]
            told += [f"- {data.name}, {rule}: `{item['path']}` {item['message']}" for item in named]
    print("\n" + "\n".join(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
