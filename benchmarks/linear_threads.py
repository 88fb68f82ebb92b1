"""What the threads of BLAS and OpenMP cost a logistic regression: `fit_linear` against scikit-learn as it comes.

    python benchmarks/linear_threads.py [--rounds 5]

Random features of the sizes that backbones make. Both sides fit the same data in the same rounds, one after the other;
the figure is the median over the rounds of plain wall time over that of `fit_linear`, and so for processor time. Run it
beside other work too: threads that spin while they wait lose most there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

from tfl.training.linear import fit_linear

#: Samples, features, classes.
CASES = ((245, 2560, 2), (2000, 256, 10), (2000, 384, 30), (10000, 384, 77), (20000, 1280, 10), (20000, 1280, 100))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds of wall and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    from sklearn.linear_model import LogisticRegression

    warnings.filterwarnings("ignore", message="lbfgs failed to converge")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {rounds} rounds")
    print("| samples | features | classes | fit_linear, s | plain / fit_linear, wall | processor |")
    print("|---|---|---|---|---|---|")
    for samples, features, classes in CASES:
        generator = np.random.default_rng(0)
        x = generator.normal(size=(samples, features)).astype(np.float32)
        noise = 8.0 * generator.normal(size=(samples, classes))
        y = (x @ generator.normal(size=(features, classes)) + noise).argmax(axis=1)
        wall, cpu, ours = [], [], []
        for _ in range(rounds):
            model = LogisticRegression(max_iter=30, C=0.1)
            plain = timed(lambda model=model, x=x, y=y: model.fit(x, y))
            limited = timed(lambda model=model, x=x, y=y, k=classes: fit_linear(model, x, y, class_count=k))
            ours.append(limited[0])
            wall.append(plain[0] / limited[0])
            cpu.append(plain[1] / max(limited[1], 1e-6))
        figures = [statistics.median(values) for values in (ours, wall, cpu)]
        print(f"| {samples} | {features} | {classes} | {figures[0]:.3f} | {figures[1]:.1f} | {figures[2]:.1f} |")


if __name__ == "__main__":
    main()
