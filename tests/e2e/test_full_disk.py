"""A disk that is full costs what it must and nothing else: real file systems of a few kilobytes, the real CLI."""

import json
import shlex

import numpy as np
import pytest

from tests.e2e.conftest import TFL, call
from tests.namespace import run_in_namespace

pytest.importorskip("keras")
pytestmark = pytest.mark.slow

#: Which precision is faster would be decided by a trial.
ARGUMENTS = ["--epochs", "3", "--image-size", "48", "--set", "train.augmented_views=1", "--train-precision", "float32"]
#: Averages and gathered gradients of a network that learns whole make checkpoints much larger than all else of a run.
TUNED = [*ARGUMENTS, "--backbone", "embedded:sketchnet", "--fine-tune", "2", "--fine-tune-layers", "0"]
TUNED += ["--set", "train.checkpoint_steps=2"]
TUNED += ["--set", "train.ema=0.9", "--set", "train.accumulate=2"]
#: Of the decoded pictures, which are there until the run ends.
PIXELS_BYTES = 3 * 24 * 48 * 48 * 3
_PAGE_BYTES = 4096
#: Each call leaves its exit code and its output beside the mount, which is gone with the namespace.
SCRIPT = """
results=$1 place=$2
shift 2
run() {{
    name=$1
    shift
    code=0
    "$@" >"$results/$name.out" 2>"$results/$name.err" || code=$?
    echo $code >"$results/$name.code"
}}
mkdir -p "$place"
mount -t tmpfs -o size={size} tmpfs "$place"
{steps}
find "$place" -name '.tmp-*' >"$results/left-over"
cp -r "$place" "$results/kept"
"""


def sizes_of(folder):
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def history_of(folder):
    lines = (folder / "training" / "history.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": 0} for line in lines]


def weights_of(folder):
    import keras

    return keras.saving.load_model(folder / "bundle" / "model.keras").get_weights()


def assert_same_training(straight, other):
    assert history_of(straight) == history_of(other)
    for first, second in zip(weights_of(straight), weights_of(other), strict=True):
        np.testing.assert_array_equal(first, second)


class Results:
    """What a script left behind."""

    def __init__(self, folder):
        self.folder = folder
        self.kept = folder / "kept"

    def code(self, name):
        return int((self.folder / f"{name}.code").read_text())

    def text(self, name):
        return (self.folder / f"{name}.err").read_text()


def on_tiny_disk(results, place, steps, *, size_bytes, **environment):
    """Mount a file system of so many bytes at `place` and do the steps there; see `SCRIPT`."""
    results.mkdir()
    script = SCRIPT.format(size=size_bytes, steps=steps)
    run_in_namespace(script, results, place, **environment)
    assert (results / "left-over").read_text() == ""
    return Results(results)


def command(*arguments):
    return shlex.join([TFL, *map(str, arguments)])


@pytest.fixture(scope="module")
def straight(colours, tmp_path_factory):
    """A run with fine-tuning on a disk with room."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    process = call("train", colours, "--out", folder, *TUNED)
    assert process.returncode == 0, process.stderr
    return folder


def test_without_room_for_checkpoints_training_goes_on_to_the_same_end(colours, straight, tmp_path):
    sizes = sizes_of(straight)
    others = {name: size for name, size in sizes.items() if ".state" not in name}
    needed = sum(others.values()) + PIXELS_BYTES + 3 * _PAGE_BYTES * len(others)
    assert needed + others["report.html"] < sizes["training/fine_tune.state"]
    place = tmp_path / "disk"
    arguments = ["train", colours, "--out", place / "run", *TUNED]
    results = on_tiny_disk(
        tmp_path / "results", place, f"run train {command(*arguments)}", size_bytes=needed + others["report.html"] // 2
    )
    assert results.code("train") == 0, results.text("train")
    assert results.text("train").count("Training goes on without a new checkpoint") == 1
    assert "fine_tune.state: No space left on device" in results.text("train").replace("\n", " ")
    assert not list(results.kept.rglob("fine_tune.state*"))
    assert_same_training(straight, results.kept / "run")


def test_a_disk_that_is_full_at_the_end_is_told_and_gone_on_from(colours, straight, tmp_path):
    sizes = sizes_of(straight)
    training = sum(size for name, size in sizes.items() if name.startswith("training/"))
    size_bytes = training + PIXELS_BYTES + sizes["bundle/model.keras"] // 2
    place = tmp_path / "disk"
    first = command("train", colours, "--out", place / "run", *TUNED)
    again = command("train", "--out", place / "run", "--resume")
    steps = f"run first {first}\nmount -o remount,size=64m {shlex.quote(str(place))}\nrun again {again}"
    results = on_tiny_disk(tmp_path / "results", place, steps, size_bytes=size_bytes)
    assert results.code("first") == 1, results.text("first")
    assert "Traceback" not in results.text("first")
    assert "fault in tfl" not in results.text("first")
    assert f"Could not write {place}" in results.text("first").replace("\n", "")
    assert "--resume" in results.text("first")
    assert results.code("again") == 0, results.text("again")
    assert_same_training(straight, results.kept / "run")


def test_without_room_for_the_cache_the_same_is_computed_in_memory(colours, straight, tmp_path):
    place, run = tmp_path / "disk", tmp_path / "run"
    steps = f"run train {command('train', colours, '--out', run, *TUNED)}"
    results = on_tiny_disk(tmp_path / "results", place, steps, size_bytes=_PAGE_BYTES, TFL_CACHE=str(place))
    assert results.code("train") == 0, results.text("train")
    assert "not kept" in results.text("train")
    assert_same_training(straight, run)


def test_without_room_for_the_cache_the_same_features_are_computed_in_memory(colours, tmp_path):
    place, kept, run = tmp_path / "disk", tmp_path / "kept", tmp_path / "run"
    assert call("train", colours, "--out", kept, *ARGUMENTS).returncode == 0
    steps = f"run train {command('train', colours, '--out', run, *ARGUMENTS)}"
    results = on_tiny_disk(tmp_path / "results", place, steps, size_bytes=_PAGE_BYTES, TFL_CACHE=str(place))
    assert results.code("train") == 0, results.text("train")
    assert "not kept" in results.text("train")
    assert_same_training(kept, run)


def test_without_room_for_the_cache_fine_tuning_runs_the_whole_network(colours, tmp_path):
    place, run = tmp_path / "disk", tmp_path / "run"
    arguments = [*ARGUMENTS, "--fine-tune", "1", "--fine-tune-layers", "3"]
    steps = f"run train {command('train', colours, '--out', run, *arguments)}"
    results = on_tiny_disk(tmp_path / "results", place, steps, size_bytes=_PAGE_BYTES, TFL_CACHE=str(place))
    assert results.code("train") == 0, results.text("train")
    assert "not kept" in results.text("train")
    assert [row["stage"] for row in history_of(run)][-1] == "fine_tune"
    assert json.loads((run / "training" / "summary.json").read_text())["activations_reused"] == 0
