"""Which networks of keras.applications can be replayed in tf_keras, and how exactly.

Every network is built without its classifier and with seeded random weights, BatchNorm statistics included, in a
process of its own, replayed, and asked for two seeded inputs. Writes `docs/compression-replay.md`; rows of networks
that are not asked for stay as they are.

    python benchmarks/replay_table.py [NAME ...]
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "docs" / "compression-replay.md"
SIDE = 96
#: Networks that take no input as small as the others.
SIDES = {"InceptionV3": 128, "InceptionResNetV2": 128, "Xception": 128}


def names() -> list[str]:
    import keras

    found = inspect.getmembers(keras.applications, inspect.isfunction)
    return [name for name, function in found if "weights" in inspect.signature(function).parameters]


def judge(name: str) -> dict[str, object]:
    from tfl.core.lean_imports import load_lean

    load_lean()
    import keras
    import numpy as np

    from tfl.compress.replay import replay, replay_difference
    from tfl.core.errors import UnsupportedError

    keras.utils.set_random_seed(0)
    side = SIDES.get(name, SIDE)
    model = getattr(keras.applications, name)(
        weights=None, include_top=False, pooling="avg", input_shape=(side, side, 3)
    )
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                spread = weight.name in ("gamma", "moving_variance")
                values = generator.uniform(0.5, 1.5, weight.shape) if spread else generator.normal(0, 0.1, weight.shape)
                weight.assign(values)
    row: dict[str, object] = {"name": name, "layers": len(model.layers), "parameters": model.count_params()}
    try:
        made = replay(model)
    except UnsupportedError as error:
        lines = error.message.splitlines()
        reasons = sorted({line.partition("(")[2] for line in lines[1:]}) or lines
        return row | {"why_not": "; ".join(reason.replace("):", ":") for reason in reasons)}
    batch = generator.normal(size=(2, side, side, 3)).astype(np.float32)
    return row | {"difference": replay_difference(model, made.model, batch)}


def judged(name: str) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", name]
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return {"name": name, "why_not": f"the process ended with {done.returncode}: {done.stderr.splitlines()[-1]}"}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def row_of(found: dict[str, object]) -> str:
    """A line of the table."""
    difference = found.get("difference")
    if difference is None:
        answer = f"refused: {found['why_not']}"
    else:
        answer = "exact" if difference == 0 else f"{difference:.1e}"
    layers, parameters = found.get("layers", ""), found.get("parameters", "")
    parameters = f"{parameters:,}" if isinstance(parameters, int) else parameters
    return f"| {found['name']} | {layers} | {parameters} | {answer} |"


def kept() -> dict[str, str]:
    """The rows of the table as it is, by network."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| network ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in rows}


def is_good(row: str) -> bool:
    """Whether a row's difference is one that a replay may have."""
    answer = row.rstrip(" |").rpartition(" | ")[2]
    return answer == "exact" or (not answer.startswith("refused") and float(answer) <= 1e-5)


def write(rows: dict[str, str]) -> None:
    lines = [
        "# Replay in tf_keras",
        "",
        "TensorFlow Model Optimization takes tf_keras models only, so a Keras 3 network is built anew there, layer by",
        "layer, with the same weights. Written by `python benchmarks/replay_table.py`: networks without their",
        "classifier, seeded random weights and BatchNorm statistics, two seeded inputs. The difference is the largest",
        "one of any feature, relative to the largest feature where that is above 1; `exact` means the same bits. Above",
        "1e-05 a replay is refused. Networks that are not listed have not been tried.",
        "",
        "BatchNorm is computed without the fused kernel of tf_keras, as Keras 3 does. With it EfficientNetV2B1, B2 and",
        "B3 differed by 0.0025, 0.28 and 0.51: with random weights their features reach 10,000, and the last bit of a",
        "layer grows on the way through the others. Without it they are the same, bit for bit.",
        "",
        "| network | layers | parameters | replay |",
        "|---|---:|---:|---|",
        *(rows[name] for name in sorted(rows)),
    ]
    good = sum(is_good(row) for row in rows.values())
    lines += ["", f"{good} of the {len(rows)} that were tried can be replayed."]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(judge(sys.argv[2])))
        return
    rows = kept()
    for name in sys.argv[1:] or names():
        found = judged(name)
        print(found, flush=True)
        rows[name] = row_of(found)
        write(rows)


if __name__ == "__main__":
    main()
