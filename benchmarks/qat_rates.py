"""Whether quantization-aware training ends better, or steadier, with a learning rate that falls.

    PYTHONPATH=. python benchmarks/qat_rates.py [--out FOLDER] [--network everywhere,narrow] [--seeds 5]
        [--final 1,0.1,0] [--epochs 10] [--lr 1e-4]

Each network (`tests/hard_runs.py`) learns scikit-learn's digits once and is rescaled so that plain int8 breaks it. Then
it is trained for int8 once per seed and rate: constant, and on half a cosine down to a share of the first rate. A seed
has the same order of samples whatever the rate, so that two rates are compared seed by seed. Scored is the saved
simulation on the test split. The result are two Markdown tables on standard output: every training, and the summary.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

#: Two-sided 95 % point of Student's t by degrees of freedom, for the few seeds that anybody waits for.
_T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def trained(folder, place: Path, *, seed: int, final: float, epochs: int, lr: float) -> tuple[float, float, int]:
    """Train once; return accuracy in percent and log loss on the test split, and the kept epoch."""
    import keras
    import numpy as np
    import tf_keras

    from tfl.compress.compress_worker import ANSWERS_FILE, compress_in_child
    from tfl.compress.records import CompressSettings
    from tfl.core.config import load_config
    from tfl.data.manifest import Manifest

    keras.utils.clear_session()
    tf_keras.backend.clear_session()
    place.mkdir(parents=True)
    settings = CompressSettings(method="qat", epochs=epochs, learning_rate=lr, final_rate=final, seed=seed)
    made = compress_in_child(
        {
            "bundle_dir": str(folder.bundle_dir),
            "manifest_file": str(folder.manifest_file),
            "config": load_config(folder).to_dict(),
            "settings": settings.to_dict(),
            "work_dir": str(folder.work_dir),
            "state_file": str(place / "state.npz"),
            "out_dir": str(place),
            "told": str(place / "told"),
        }
    )
    manifest = Manifest.load(folder.manifest_file)
    truth = np.asarray(manifest.label_indices(manifest.of_split("test")))
    with np.load(place / ANSWERS_FILE, allow_pickle=False) as arrays:
        outputs = arrays["simulated"]
    right = outputs[np.arange(len(truth)), truth]
    loss = float(-np.log(np.maximum(right, 1e-7)).mean())
    return float((outputs.argmax(axis=1) == truth).mean() * 100), loss, made["kept_epochs"]["qat"]


def summary(kind: str, rows: dict[float, list[tuple[float, float, int]]]) -> list[str]:
    """Say of each rate how good and how steady it is, and what it gains on the first rate, seed by seed."""
    first, lines = next(iter(rows)), []
    for final, found in rows.items():
        accuracy, loss = [item[0] for item in found], [item[1] for item in found]
        gains = [item[0] - base[0] for item, base in zip(found, rows[first], strict=True)]
        half = _T_95[len(gains) - 1] * statistics.stdev(gains) / len(gains) ** 0.5
        gain = "" if final == first else f"{statistics.mean(gains):+.1f} ± {half:.1f}"
        lines.append(
            f"| {kind} | {final:g} | {statistics.mean(accuracy):.1f} | {statistics.stdev(accuracy):.1f} "
            f"| {min(accuracy):.1f} to {max(accuracy):.1f} | {statistics.mean(loss):.3f} | {gain} |"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--network", default="everywhere,narrow")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--final", default="1,0.1,0")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-4)
    arguments = parser.parse_args()
    if arguments.seeds - 1 not in _T_95:
        parser.error(f"--seeds must be 2 to {max(_T_95) + 1}. Received: {arguments.seeds}.")
    from tfl.compress.replay import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    from tests.hard_runs import make_hard_run
    from tfl.core.run_folder import RunFolder

    place = arguments.out or Path(tempfile.mkdtemp(prefix="rates-"))
    place.mkdir(parents=True, exist_ok=True)
    print("| network | rate ends at | seed | accuracy | log loss | kept epoch |")
    print("|---|---|---|---|---|---|", flush=True)
    lines = []
    for kind in arguments.network.split(","):
        folder = RunFolder(place / kind)
        if not folder.predictions_file.is_file():
            make_hard_run(folder.path, kind, epochs=20 if kind == "everywhere" else 12)
        rows: dict[float, list[tuple[float, float, int]]] = {float(text): [] for text in arguments.final.split(",")}
        for seed in range(arguments.seeds):
            for final, found in rows.items():
                where = place / f"{kind}-{seed}-{final:g}"
                found.append(trained(folder, where, seed=seed, final=final, epochs=arguments.epochs, lr=arguments.lr))
                accuracy, loss, kept = found[-1]
                print(f"| {kind} | {final:g} | {seed} | {accuracy:.1f} | {loss:.3f} | {kept} |", flush=True)
        lines += summary(kind, rows)
    print("\n| network | rate ends at | accuracy | standard deviation | least to most | log loss | gain in points |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
