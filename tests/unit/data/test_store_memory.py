"""Pixels of four times the memory that a process may have are stored and read."""

import json
import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")

PROGRAM = """
import json, resource, sys
import numpy as np
from pathlib import Path
from tfl.core.progress import Progress
from tfl.data.loading import read_manifest
from tfl.data.preprocess import ImagePreprocessing
from tfl.data.store import open_rows

data, cache, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
manifest = read_manifest(data)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
contract = ImagePreprocessing(height=1200, width=1200)
pixels = open_rows(manifest.examples, manifest.root, contract, cache_dir=cache, progress=Progress(),
                     shard_bytes=limit // 4)
sums = [int(pixels[start : start + 2].sum()) for start in range(0, len(pixels), 2)]
try:
    np.asarray(pixels)
    whole = "fits"
except MemoryError:
    whole = "does not fit"
print(json.dumps({"bytes": int(np.prod(pixels.shape)), "batches": len(sums), "least": min(sums), "whole": whole}))
"""
LIMIT = 200 << 20


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA counts mappings on Linux only")
def test_four_times_the_memory(colours, tmp_path):
    data = tmp_path / "data"
    for copy in range(3):
        for file in colours.rglob("*.png"):
            target = data / file.parent.name / f"{copy}-{file.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, data, tmp_path / "cache", str(LIMIT)], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    assert found["bytes"] > 4 * LIMIT
    assert found["whole"] == "does not fit"
    assert found["batches"] == 108
    assert found["least"] > 0
