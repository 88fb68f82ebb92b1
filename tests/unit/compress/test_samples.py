import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.compress.ladder_records import LadderSettings
from tfl.compress.ladder_samples import MOST_CHOICE_SAMPLES, choose_samples
from tfl.core.errors import UserError
from tfl.data.manifest import Example, Manifest


def manifest(train, validation, test, *, copies=0):
    examples = [
        Example(path=f"{split}/{index}.png", label="ab"[index % 2], split=split, sha256=f"{split}{index}")
        for split, count in (("train", train), ("validation", validation), ("test", test))
        for index in range(count)
    ]
    examples += [
        Example(path=f"copy/{index}.png", label="a", split="train", sha256=f"test{index}") for index in range(copies)
    ]
    return Manifest(root="/", reader="r", labels=("a", "b"), examples=tuple(examples), split_names={})


@given(st.integers(2, 300), st.integers(0, 50), st.integers(1, 400), st.integers(0, 3))
def test_nobody_calibrates_and_judges_and_nobody_of_the_test_split_does_either(train, validation, asked, seed):
    data = manifest(train, validation, 20)
    chosen = choose_samples(data, LadderSettings(calibration_samples=asked, seed=seed), allow_leakage=False)
    calibration, choice = {item.path for item in chosen.calibration}, {item.path for item in chosen.choice}
    assert not calibration & choice
    assert not any(path.startswith("test/") for path in calibration | choice)
    assert all(path.startswith("train/") for path in calibration)
    assert len(calibration) <= max(1, train // 2)
    assert chosen.use.calibration.sample_count == min(asked, max(1, train // 2))
    assert chosen.use.more_calibration.sample_count == len(chosen.calibration) >= chosen.use.calibration.sample_count
    assert chosen.use.validation_samples + chosen.use.train_samples == len(chosen.choice)


def test_those_that_were_asked_for_come_first():
    data = manifest(400, 10, 20)
    few = choose_samples(data, LadderSettings(calibration_samples=40), allow_leakage=False)
    same = choose_samples(data, LadderSettings(calibration_samples=40), allow_leakage=False)
    assert few == same
    assert few.use.calibration.sample_count == 40
    assert few.use.more_calibration.sample_count == 160
    assert {item.label for item in few.calibration[:40]} == {"a", "b"}


def test_a_choice_set_is_no_longer_than_needed():
    chosen = choose_samples(manifest(5000, 3000, 20), LadderSettings(), allow_leakage=False)
    assert len(chosen.choice) == MOST_CHOICE_SAMPLES
    assert chosen.use.ranking_samples == 200


def test_a_copy_of_a_test_sample_is_refused_or_left_out():
    data = manifest(50, 5, 10, copies=2)
    with pytest.raises(UserError, match="also scored"):
        choose_samples(data, LadderSettings(), allow_leakage=False)
    chosen = choose_samples(data, LadderSettings(), allow_leakage=True)
    assert not any(item.path.startswith("copy/") for item in (*chosen.calibration, *chosen.choice))


def test_a_copy_of_a_calibration_sample_does_not_judge():
    data = manifest(40, 0, 5)
    twins = tuple(
        Example(path=f"twin/{item.path}", label=item.label, split="validation", sha256=item.sha256)
        for item in data.of_split("train")
    )
    data = Manifest(root="/", reader="r", labels=data.labels, examples=(*data.examples, *twins), split_names={})
    chosen = choose_samples(data, LadderSettings(calibration_samples=10), allow_leakage=False)
    used = {item.sha256 for item in chosen.calibration}
    assert not any(item.sha256 in used for item in chosen.choice)


def test_nothing_to_judge_by_is_an_error():
    with pytest.raises(UserError, match="judge"):
        choose_samples(manifest(1, 0, 5), LadderSettings(), allow_leakage=False)
