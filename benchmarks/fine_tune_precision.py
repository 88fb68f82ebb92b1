"""Fine-tuning in float32 against mixed_bfloat16, whole networks, augmentation included.

    python benchmarks/fine_tune_precision.py [--networks MobileNetV2,ResNet50] [--size 224] [--batch 32]
        [--pictures 512] [--epochs 4] [--rounds 2] [--backend jax|tensorflow]

Networks of keras.applications without their tops start from seeded random weights; all layers but BatchNorm learn a
brightness in pictures of noise, by tfl's stage with its feed, augmentation and optimizer. Every side runs in a process
of its own, in turn, `--rounds` times. Pictures per second are those of the fastest epoch after the first, validation
not counted; losses are those of the last epoch. Where there is a GPU it is used, and the table says which; JAX needs no
TensorFlow here.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

POLICIES = ("float32", "mixed_bfloat16")
CLASSES = 4


def pictures_of(count: int, size: int, seed: int) -> tuple[Any, Any]:
    """Return noise whose brightness tells the class: `(count, size, size, 3)` uint8 and `(count,)` int32."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, count).astype(np.int32)
    noise = generator.integers(0, 128, (count, size, size, 3), dtype=np.uint8)
    return noise + (labels * (127 // (CLASSES - 1))).astype(np.uint8)[:, None, None, None], labels


def one_side(options: argparse.Namespace) -> dict[str, Any]:
    """Fine-tune a network under a policy in this process."""
    import keras

    from tfl.core.augmentation import PRESETS
    from tfl.core.environment import peak_rss_bytes
    from tfl.core.progress import Progress
    from tfl.core.train_config import TrainConfig
    from tfl.data.preprocess import ImagePreprocessing
    from tfl.training.augment import make_augmenter
    from tfl.training.feed import make_feed, preparer
    from tfl.training.goals import Goals
    from tfl.training.logs import TrainingLog
    from tfl.training.network import join, thaw_top
    from tfl.training.optimizer import make_optimizer
    from tfl.training.stage import StagePlan, run_stage

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(options.policy)
    build = getattr(keras.applications, options.network)
    network = build(include_top=False, input_shape=(options.size, options.size, 3), weights=None, pooling="avg")
    thaw_top(network, 0)
    features = network.output_shape[-1]
    head = keras.Sequential(
        [keras.Input((features,)), keras.layers.Dense(CLASSES, activation="softmax", dtype="float32")]
    )
    model = join(network, head)
    contract = ImagePreprocessing(height=options.size, width=options.size, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
    pixels, labels = pictures_of(options.pictures, options.size, 0)
    augmented = make_augmenter(PRESETS["light"], contract, seed=0)
    training = make_feed(pixels, labels, batch_size=options.batch, prepare=augmented, shuffle_seed=0)
    held_out = make_feed(
        *pictures_of(options.batch, options.size, 1), batch_size=options.batch, prepare=preparer(contract)
    )
    train = TrainConfig()

    def compile_with(factor: float) -> None:
        model.compile(
            optimizer=make_optimizer(train, 1e-3 * factor, steps=options.epochs * len(training)),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=keras.backend.backend() == "jax",
        )

    marks = []

    class Marks(Progress):
        """Notes the end of each step."""

        def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
            marks.append((done, time.perf_counter()))

    with tempfile.TemporaryDirectory() as name:
        plan = StagePlan("fine_tune", options.epochs, options.epochs, False, Path(name) / "stage", 1e9)
        log = TrainingLog(Path(name), progress=Progress())
        goals = Goals(train)
        state = run_stage(
            plan,
            model,
            compile_with=compile_with,
            training=training,
            validation=held_out,
            goals=goals,
            log=log,
            progress=Marks(),
        )
    steps = len(training)
    ends = [at for done, at in marks if done is not None]
    # From the end of an epoch's first step to that of its last.
    seconds = [ends[(epoch + 1) * steps - 1] - ends[epoch * steps] for epoch in range(1, options.epochs)]
    return {
        "pictures_per_s": (steps - 1) * options.batch / min(seconds),
        "loss": state.history[-1]["loss"],
        "accuracy": state.history[-1]["accuracy"],
        "peak_mb": round(peak_rss_bytes() / 1e6),
        "device": device(),
        "tensorflow": "tensorflow" in sys.modules,
    }


def device() -> str:
    """Name what Keras computes on."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return f"jax {jax.__version__}, {jax.devices()[0].device_kind}"
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else "cpu"
    return f"tensorflow {tf.__version__}, {name}"


def in_process(network: str, policy: str, options: argparse.Namespace, answer: Path) -> dict[str, Any]:
    """Run a side in a process of its own and return what it says."""
    command = [sys.executable, __file__, "--network", network, "--policy", policy, "--answer", str(answer)]
    for name in ("size", "batch", "pictures", "epochs"):
        command += [f"--{name}", str(getattr(options, name))]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if options.backend:
        environment["KERAS_BACKEND"] = options.backend
    answer.unlink(missing_ok=True)
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if not answer.is_file():
        sys.exit(f"{network} in {policy} failed:\n{result.stderr[-2000:]}")
    return dict(json.loads(answer.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="MobileNetV2,ResNet50")
    for name, usual in (("size", 224), ("batch", 32), ("pictures", 512), ("epochs", 4), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--backend", choices=["jax", "tensorflow"])
    for hidden in ("--network", "--policy", "--answer"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pictures < 2 * options.batch or options.pictures % options.batch or options.epochs < 2:
        parser.error("--pictures must be a multiple of --batch, at least twice as many; --epochs at least 2.")
    if options.network:
        Path(options.answer).write_text(json.dumps(one_side(options)))
        return
    print("| network | policy | pictures/s | ratio | loss | accuracy | peak MB (host) |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for network in options.networks.split(","):
            found: dict[str, list[dict[str, Any]]] = {policy: [] for policy in POLICIES}
            for _ in range(options.rounds):
                for policy in POLICIES:
                    found[policy].append(in_process(network, policy, options, Path(name) / "answer.json"))
            speeds = {policy: [side["pictures_per_s"] for side in sides] for policy, sides in found.items()}
            for policy, sides in found.items():
                ratios = [one / two for one, two in zip(speeds[policy], speeds["float32"], strict=True)]
                speed, ratio = statistics.median(speeds[policy]), statistics.median(ratios)
                print(
                    f"| {network} | {policy} | {speed:.1f} | {ratio:.2f}"
                    f" | {sides[-1]['loss']:.4f} | {sides[-1]['accuracy']:.3f} | {sides[-1]['peak_mb']} |",
                    flush=True,
                )
    print(f"\n{sides[-1]['device']}; TensorFlow {'was' if sides[-1]['tensorflow'] else 'was not'} loaded")


if __name__ == "__main__":
    main()
