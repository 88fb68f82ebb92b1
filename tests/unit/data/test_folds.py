"""Folds for cross-validation."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.test_sets import grouped, manifest_of
from tfl.core.errors import ConfigError, DataError
from tfl.data.folds import k_folds


@settings(max_examples=40, deadline=None)
@given(
    # In groups of two, joined by copies and the chain, at least six units of a class are left.
    count=st.integers(16, 60),
    k=st.integers(2, 6),
    repeats=st.integers(1, 3),
    seed=st.integers(0, 5),
    size=st.integers(1, 2),
)
def test_each_picture_is_scored_once_in_a_repeat_and_nothing_leaks(count, k, repeats, seed, size):
    manifest = grouped(manifest_of({"a": count, "b": count}, copies=("a", "b")), size)
    chain = [("a/2.png", "b/5.png")]
    folds = k_folds(manifest, k, repeats=repeats, seed=seed, duplicate_groups=chain)
    assert folds == k_folds(manifest, k, repeats=repeats, seed=seed, duplicate_groups=chain)
    assert [(fold.repeat, fold.fold) for fold in folds] == [(r, f) for r in range(repeats) for f in range(k)]
    by_path = {item.path: item for item in manifest.examples}
    for fold in folds:
        assert sorted(fold.train + fold.validation) == sorted(by_path)
        for what in ("sha256", "group"):
            sides = [{getattr(by_path[path], what) for path in paths} for paths in (fold.train, fold.validation)]
            assert not sides[0] & sides[1]
        assert len({"a/2.png", "b/5.png"} & set(fold.validation)) in (0, 2)
        assert {by_path[path].label for path in fold.validation} == {"a", "b"}
    for repeat in range(repeats):
        scored = Counter(path for fold in folds if fold.repeat == repeat for path in fold.validation)
        assert scored == dict.fromkeys(by_path, 1)


def test_more_pictures_move_no_old_one_and_repeats_differ():
    before = k_folds(manifest_of({"a": 80, "b": 80}), 5, repeats=2)
    after = k_folds(manifest_of({"a": 120, "b": 80}), 5, repeats=2)
    for old, new in zip(before, after, strict=True):
        assert set(old.validation) <= set(new.validation)
    assert {fold.validation for fold in before[:5]} != {fold.validation for fold in before[5:]}


def test_a_given_test_split_takes_no_part():
    manifest = manifest_of({"a": 20, "b": 20})
    examples = tuple(
        replace(item, split="test" if item.path.endswith("1.png") else "train") for item in manifest.examples
    )
    folds = k_folds(replace(manifest, examples=examples), 3)
    assert not any(path.endswith("1.png") for fold in folds for path in fold.train + fold.validation)


def test_impossible_folds_are_refused():
    with pytest.raises(DataError, match=r"fewer: b \(3\)"):
        k_folds(manifest_of({"a": 20, "b": 3}), 5)
    with pytest.raises(ConfigError, match="k must be at least 2"):
        k_folds(manifest_of({"a": 20, "b": 3}), 1)
