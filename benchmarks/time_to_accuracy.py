"""Time to a given accuracy, side by side: the recipe of the Keras guide, KerasHub's classifier, and tfl.

    python benchmarks/time_to_accuracy.py DATA --keras-home FOLDER [--target 0.94|recipe] [--rounds 1] [--epochs 10]
        [--hub-s 240] [--allow RULES] [--sides "keras,tfl cold"] [--end-at-target]

DATA is a folder with `train` and `val`, each with a folder of photos per class; or of one folder per class alone, of
which a quarter becomes `val`, near copies on one side. All sides start from the ImageNet
weights of keras.applications' MobileNetV2 at 224 in FOLDER, use float32 and two threads, and are scored on `val`:

- keras: the guide "Transfer learning & fine-tuning" (keras.io): flips and rotations, the head by Adam at 0.001, then
  the whole network by Adam at 0.00001, `--epochs` each, batch 32, ended at the target with `--end-at-target`;
- keras_hub: `keras_hub.models.ImageClassifier` on the same backbone with the defaults of its `compile` and `fit`,
  ended after the first epoch past `--hub-s` seconds, because it fits the whole network from the start;
- tfl cold and tfl warm: `tfl.run` up to training with `--until accuracy=TARGET`, with empty caches and again with
  what that left; `val` is what it validates on, as it is for the others, and a picture of each class of `train`,
  which tfl alone does without, is the test split that it asks for;
- fine-tuning from block 13 up: `fit` of the whole network against tfl's stage on cached activations; training
  pictures over the seconds of an epoch, which on both sides end with validation on pictures that are not learned from.

Each side runs in a process of its own, in turn. Seconds begin when the libraries are imported; the import is told
apart. With `--target recipe` the goal is 99 % of the best accuracy that the guide's recipe had in the same round.
A side's time to the target is when the first epoch that has it is over and scored; `sealed` is when tfl has
also written its bundle. The accuracy that tfl told is counted again after that with the bundle in Keras, and the
lower one is shown. Exit status 1 when tfl cold needs more than a tenth of the time of keras, or is under 2.5 times
its pictures per second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIDES = ("keras", "keras_hub", "tfl cold", "tfl warm", "keras fine-tune", "tfl fine-tune")
SIZE, BATCH, FROM_BLOCK, EPOCHS = 224, 32, "block_13_expand", 4


def load_split(data: Path, split: str, *, shuffle: bool) -> Any:
    """Return the guide's way of reading pictures."""
    import keras

    return keras.utils.image_dataset_from_directory(
        data / split, image_size=(SIZE, SIZE), batch_size=BATCH, shuffle=shuffle, seed=0, verbose=False
    ).prefetch(2)


def two_sides(data: Path, place: Path) -> Path:
    """Return a folder with `train` and `val`; where there is none, of links to the pictures of the class folders."""
    if (data / "train").is_dir():
        return data
    from tfl.data.check import check
    from tfl.data.loading import read_manifest
    from tfl.data.split import assign_splits

    report, manifest = check(read_manifest(str(data)))
    groups = report.duplicate_groups
    manifest = assign_splits(manifest, validation_fraction=0.25, test_fraction=0.0, seed=0, duplicate_groups=groups)
    for example in manifest.examples:
        link = place / ("train" if example.split == "train" else "val") / example.label / Path(example.path).name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(manifest.root).resolve() / example.path)
    return place


def with_a_test(data: Path, place: Path) -> Path:
    """Return a folder of links to the same pictures, with one of each class of `train` as `test` instead."""
    for split in ("train", "val"):
        for folder in sorted((data / split).iterdir()):
            pictures = sorted(folder.iterdir())
            for number, picture in enumerate(pictures):
                part = "test" if split == "train" and number == len(pictures) - 1 else split
                link = place / part / folder.name / picture.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(picture.resolve())
    return place


def backbone() -> Any:
    """Return the backbone without its top."""
    import keras

    return keras.applications.MobileNetV2(include_top=False, input_shape=(SIZE, SIZE, 3), weights="imagenet")


class Clock:
    """Times at which accuracies were known."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.points: list[tuple[float, float]] = []

    def note(self, accuracy: float) -> None:
        """Note an accuracy that is known now."""
        self.points.append((round(time.monotonic() - self.start, 2), float(accuracy)))

    @property
    def best(self) -> float:
        """The best accuracy so far."""
        return max((accuracy for _, accuracy in self.points), default=0.0)

    def callback(self, *, limit_s: float = float("inf"), goal: float = float("inf")) -> Any:
        """Return what notes the validation accuracy after each epoch, and ends the fit at a time or a goal."""
        import keras

        clock = self

        class Note(keras.callbacks.Callback):  # type: ignore[misc]
            def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
                clock.note((logs or {})["val_accuracy"])
                self.model.stop_training = clock.points[-1][0] > limit_s or clock.best >= goal

        return Note()


def run_keras(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Do what the guide does."""
    import keras

    clock = Clock()
    train, val = load_split(data, "train", shuffle=True), load_split(data, "val", shuffle=False)
    base = backbone()
    base.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.RandomRotation(0.1)(keras.layers.RandomFlip("horizontal")(inputs))
    x = base(keras.layers.Rescaling(1 / 127.5, offset=-1)(x), training=False)
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    classes = len(list((data / "train").iterdir()))
    model = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))
    goal = options.target if options.end_at_target else float("inf")
    for rate, learning in ((1e-3, False), (1e-5, True)):
        if clock.best >= goal:
            break
        base.trainable = learning
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
        )
        model.fit(train, validation_data=val, epochs=options.epochs, verbose=0, callbacks=[clock.callback(goal=goal)])
    return {"points": clock.points}


def run_keras_hub(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Give the backbone to KerasHub's classifier."""
    import keras
    import keras_hub

    clock = Clock()
    normal = keras.layers.Rescaling(1 / 127.5, offset=-1)
    train, val = (
        load_split(data, split, shuffle=split == "train").map(lambda x, y: (normal(x), y)) for split in ("train", "val")
    )
    classes = len(list((data / "train").iterdir()))
    model = keras_hub.models.ImageClassifier(backbone=backbone(), num_classes=classes, preprocessor=None)
    model.compile(jit_compile=False, metrics=["accuracy"])
    stop = clock.callback(limit_s=options.hub_s)
    model.fit(train, validation_data=val, epochs=2 * options.epochs, verbose=0, callbacks=[stop])
    return {"points": clock.points}


def run_tfl(data: Path, options: argparse.Namespace, *, warm: bool) -> dict[str, Any]:
    """Train up to the goal, with empty caches or with what the run before left."""
    from tfl.core.config import resolve_config
    from tfl.core.progress import Progress
    from tfl.pipeline import run

    out = Path(options.work) / ("warm" if warm else "cold")
    history = out / "training" / "history.jsonl"
    parts = Path(options.work) / "parts"
    if not parts.is_dir():
        with_a_test(data, parts)
    # Its links alone: what tfl reads of the pictures counts.
    clock = Clock()

    class Note(Progress):
        """Reads the log whenever something is told, which is after every epoch too."""

        def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
            rows = history.read_text().splitlines() if history.is_file() else []
            for row in rows[len(clock.points) :]:
                clock.note(json.loads(row)["val_accuracy"])

        def result(self, text: str) -> None:
            self.update(text)

    settings = {
        "train.until": f"accuracy={options.target}",
        "data.allow": [rule for rule in options.allow.split(",") if rule],
    }
    base = {"data.path": str(parts), "model.backbone": "keras_applications:MobileNetV2", "out": str(out)}
    shutil.rmtree(out, ignore_errors=True)
    run(resolve_config({}, base | settings), stages=("check", "split", "train"), progress=Note())
    sealed_s = round(time.monotonic() - clock.start, 2)
    cache = Path(os.environ["TFL_CACHE"])
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    summary = json.loads((out / "training" / "summary.json").read_text())
    again = accuracy_of(out, data / "val")
    clock.points = [(seconds, min(accuracy, again)) for seconds, accuracy in clock.points]
    return {
        "points": clock.points,
        "sealed_s": sealed_s,
        "disk_mb": round(size / 1e6, 1),
        "stopped_by": summary["stopped_by"],
    }


def accuracy_of(run_folder: Path, pictures: Path) -> float:
    """Return the share of the pictures that the run's bundle names right in Keras."""
    import tfl

    paths = sorted(path for path in pictures.rglob("*") if path.is_file())
    model = tfl.load(run_folder / "bundle")
    right = [answer.label == path.parent.name for path, answer in zip(paths, model.predict(paths, top=1), strict=True)]
    return statistics.mean(right)


def run_keras_fine_tune(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Fit the whole network with the layers from block 13 up learning, pictures in memory, a tenth for validation."""
    import keras
    import numpy as np

    base = backbone()
    learning = False
    for layer in base.layers:
        learning = learning or layer.name == FROM_BLOCK
        layer.trainable = learning and not isinstance(layer, keras.layers.BatchNormalization)
    classes = len(list((data / "train").iterdir()))
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    model = keras.Model(base.input, keras.layers.Dense(classes, activation="softmax")(x))
    model.compile(
        keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    batches = [(np.asarray(x) / 127.5 - 1, np.asarray(y)) for x, y in load_split(data, "train", shuffle=False)]
    pictures, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    learned = len(labels) - len(labels) // 10
    validation = (pictures[learned:], labels[learned:])
    speeds = []
    for _ in range(EPOCHS):
        begin = time.monotonic()
        model.fit(
            pictures[:learned], labels[:learned], validation_data=validation, batch_size=BATCH, epochs=1, verbose=0
        )
        speeds.append(learned / (time.monotonic() - begin))
    return {"pictures_per_s": max(speeds[1:])}


def run_tfl_fine_tune(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Fine-tune the same layers on cached activations."""
    from tfl.core.config import resolve_config
    from tfl.pipeline import run

    out = Path(options.work) / "fine-tune"
    # The layers with weights from block 13 up, normalizations not counted: 3 blocks of 3 and the last convolution.
    settings = {"train.epochs": 0, "train.fine_tune_epochs": EPOCHS, "train.fine_tune_layers": 13, "train.patience": 9}
    settings |= {"data.allow": [rule for rule in options.allow.split(",") if rule]}
    base = {"data.path": str(data), "model.backbone": "keras_applications:MobileNetV2", "out": str(out)}
    run(resolve_config({}, base | settings), stages=("check", "split", "train"), if_exists="overwrite")
    rows = [json.loads(line) for line in (out / "training" / "history.jsonl").read_text().splitlines()]
    summary = json.loads((out / "training" / "summary.json").read_text())
    seconds = min(row["seconds"] for row in rows if row["stage"] == "fine_tune" and row["epoch"] > 1)
    return {"pictures_per_s": summary["train_samples"] / seconds, "cut_at": summary["cut_at"]["fine_tune"]}


def one_side(options: argparse.Namespace) -> dict[str, Any]:
    """Run a side in this process."""
    begin = time.monotonic()
    import keras  # noqa: F401

    imported = time.monotonic() - begin
    data = Path(options.data)
    works = {
        "keras": run_keras,
        "keras_hub": run_keras_hub,
        "tfl cold": lambda data, options: run_tfl(data, options, warm=False),
        "tfl warm": lambda data, options: run_tfl(data, options, warm=True),
        "keras fine-tune": run_keras_fine_tune,
        "tfl fine-tune": run_tfl_fine_tune,
    }
    from tfl.core.environment import peak_rss_bytes

    found = works[options.side](data, options)
    return {**found, "import_s": round(imported, 2), "peak_mb": round(peak_rss_bytes() / 1e6)}


def in_process(side: str, options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Run a side in a process of its own and return what it says."""
    if side == "tfl cold":
        shutil.rmtree(work / "cache", ignore_errors=True)
    answer = work / "answer.json"
    answer.unlink(missing_ok=True)
    command = [sys.executable, __file__, options.data, "--side", side, "--work", str(work), "--answer", str(answer)]
    for name in ("epochs", "allow", "hub_s"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    command += ["--target", "recipe" if options.target is None else repr(options.target)]
    command += ["--end-at-target"] if options.end_at_target else []
    environment = {"KERAS_HOME": options.keras_home, "TFL_CACHE": str(work / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if not answer.is_file():
        return {"failed": result.stderr.strip().splitlines()[-1] if result.stderr.strip() else str(result.returncode)}
    return dict(json.loads(answer.read_text()))


def one_round(sides: list[str], options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Run each side once; where the goal is the recipe's, the others are told what it had."""
    told, found = argparse.Namespace(**vars(options)), {}
    for side in sides:
        found[side] = in_process(side, told, work)
        if side == "keras" and options.target is None:
            told.target = 0.99 * best_of(found[side])
    return found


def best_of(side: dict[str, Any]) -> float:
    """Return the best accuracy that a side had."""
    return max((accuracy for _, accuracy in side.get("points", [])), default=0.0)


def goal(text: str) -> float | None:
    """Read the goal: an accuracy, or None for that of the recipe."""
    return None if text == "recipe" else float(text)


def seconds_to(points: list[list[float]], target: float) -> float | None:
    """Return when the target was first reached, or None."""
    return next((seconds for seconds, accuracy in points if accuracy >= target), None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--keras-home", default=os.environ.get("KERAS_HOME", ""))
    parser.add_argument("--target", type=goal, default=0.94, help="An accuracy, or `recipe`.")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--hub-s", type=float, default=240.0, help="Seconds that KerasHub's classifier gets.")
    parser.add_argument("--allow", default="", help="Rules of the data check that may be broken, comma-separated.")
    parser.add_argument("--sides", default=",".join(SIDES), help="Those to run, comma-separated; all by default.")
    parser.add_argument("--end-at-target", action="store_true", help="End the guide's recipe at the target.")
    for hidden in ("--side", "--work", "--answer"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        Path(options.answer).write_text(json.dumps(one_side(options)))
        return 0
    sides = [side for side in SIDES if side in options.sides.split(",")]
    if options.target is None and ("keras" not in sides or options.end_at_target):
        parser.error("--target recipe needs the side `keras`, run to its end: no --end-at-target.")
    with tempfile.TemporaryDirectory() as name:
        options.data = str(two_sides(Path(options.data), Path(name) / "data"))
        rounds = [one_round(sides, options, Path(name)) for _ in range(options.rounds)]
    answers = []
    if {*SIDES[:4]} & {*sides}:
        answers.append(report_times(rounds, options.target))
    if {*SIDES[4:]} <= {*sides}:
        answers.append(report_speeds(rounds))
    return 0 if all(answers) else 1


def report_times(rounds: list[dict[str, Any]], target: float | None) -> bool:
    """Print the table; return whether tfl takes at most a tenth of the guide's time."""
    nearly = 0.99 * statistics.median(best_of(each["keras"]) if "keras" in each else target or 0.0 for each in rounds)
    target = round(nearly, 4) if target is None else target
    print(f"target {target}; 99 % of the recipe's best: {nearly:.4f}\n")
    print(
        f"| side | s to {target} | s to {nearly:.3f} | best accuracy | all or sealed s | import s | peak MB | disk MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    times: dict[str, float | None] = {}
    for side in [side for side in SIDES[:4] if side in rounds[0]]:
        found = [each[side] for each in rounds if "points" in each[side]]
        if not found:
            print(f"| {side} | failed: {rounds[0][side].get('failed')} |")
            continue
        reached = [[seconds_to(each["points"], goal) for each in found] for goal in (target, nearly)]
        medians = [statistics.median(x) if all(x) else None for x in reached]  # type: ignore[type-var]
        times[side] = medians[0]
        shown = [f"{x:.1f}" if x is not None else "never" for x in medians]
        accuracy = statistics.median(max(a for _, a in each["points"]) for each in found)
        whole = statistics.median(each.get("sealed_s", each["points"][-1][0]) for each in found)
        facts = found[0]
        print(
            f"| {side} | {' | '.join(shown)} | {accuracy:.4f} | {whole:.1f} | {facts['import_s']} | {facts['peak_mb']}"
            f" | {facts.get('disk_mb', '')} |"
        )
    cold, warm, guide = times.get("tfl cold"), times.get("tfl warm"), times.get("keras")
    if cold and warm and guide:
        whole = statistics.median(each["keras"]["points"][-1][0] for each in rounds)
        print(f"\nThe whole recipe takes {whole / cold:.1f} times as long as tfl cold, {whole / warm:.1f} as tfl warm.")
    if cold and guide:
        print(f"To {target}: {guide / cold:.1f} times as long as tfl cold; {guide / (warm or cold):.1f} as tfl warm.")
    return "keras" not in rounds[0] or bool(cold and guide and cold <= guide / 10)


def report_speeds(rounds: list[dict[str, Any]]) -> bool:
    """Print the speeds of fine-tuning; return whether tfl's is at least 2.5 times that of fit."""
    failed = [f"{side}: {each[side]['failed']}" for each in rounds for side in SIDES[4:] if "failed" in each[side]]
    if failed:
        print("\n".join(failed))
        return False
    speeds = [statistics.median(each[side]["pictures_per_s"] for each in rounds) for side in SIDES[4:]]
    print(f"Fine-tuning from block 13: {speeds[0]:.1f} pictures a second by fit, {speeds[1]:.1f} by tfl:", end=" ")
    print(f"{speeds[1] / speeds[0]:.2f} times (cut at {rounds[0]['tfl fine-tune'].get('cut_at')}).")
    return speeds[1] >= 2.5 * speeds[0]


if __name__ == "__main__":
    sys.exit(main())
