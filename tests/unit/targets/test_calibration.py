import pytest

from tfl.core.errors import UserError
from tfl.data.manifest import Example, Manifest
from tfl.targets import choose_calibration


def manifest(counts, *, test_digests=("t0", "t1")):
    examples = [
        Example(path=f"{label}/{index:03d}.png", label=label, split="train", sha256=f"{label}{index}")
        for label, count in counts.items()
        for index in range(count)
    ]
    examples += [
        Example(path=f"held/{name}.png", label=next(iter(counts)), split="test", sha256=name) for name in test_digests
    ]
    return Manifest(root="/", reader="r", labels=tuple(sorted(counts)), examples=tuple(examples), split_names={})


def test_classes_share_equally_and_rare_ones_give_all_they_have():
    data = manifest({"a": 100, "b": 3, "c": 100})
    record, chosen = choose_calibration(data, sample_count=43, seed=0, scored=data.of_split("test"))
    counts = {label: sum(item.label == label for item in chosen) for label in "abc"}
    assert counts == {"a": 20, "b": 3, "c": 20}
    assert record.sample_count == 43
    assert record.split == "train"
    assert all(item.split == "train" for item in chosen)


def test_the_draw_is_the_seeds():
    data = manifest({"a": 50, "b": 50})
    first, second, other = (choose_calibration(data, sample_count=10, seed=seed, scored=()) for seed in (0, 0, 1))
    assert first == second
    assert first[0].fingerprint != other[0].fingerprint


def test_few_samples_are_all_taken():
    data = manifest({"a": 4, "b": 2})
    assert choose_calibration(data, sample_count=200, seed=0, scored=())[0].sample_count == 6


def test_a_copy_of_a_scored_file_is_refused_and_named():
    data = manifest({"a": 4, "b": 4}, test_digests=("t0", "b2"))
    with pytest.raises(UserError, match=r"b/002\.png = held/b2\.png"):
        choose_calibration(data, sample_count=4, seed=0, scored=data.of_split("test"))


def test_scoring_on_the_training_split_is_refused():
    data = manifest({"a": 4, "b": 4})
    with pytest.raises(UserError, match="8 training samples are also scored"):
        choose_calibration(data, sample_count=4, seed=0, scored=data.of_split("train"))


def test_no_training_samples_is_an_error():
    data = manifest({"a": 0})
    with pytest.raises(UserError, match="no training samples"):
        choose_calibration(data, sample_count=4, seed=0, scored=())
