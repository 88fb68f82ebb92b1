"""A balanced epoch has as many samples of each class, is as long as a natural one, and follows from seed and epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.training.feed import balanced_order, make_feed

pytest.importorskip("keras")

LABELS = np.asarray([0] * 40 + [1] * 4 + [3] * 6, dtype=np.int32)


def orders(labels, epochs, **options):
    feed = make_feed(np.arange(len(labels))[:, None], labels, batch_size=8, sampling="balanced", **options)
    for epoch in epochs:
        feed.go_to(epoch)
        batches = [feed[index] for index in range(len(feed))]
        yield np.concatenate([batch[0][:, 0] for batch in batches]), np.concatenate([batch[1] for batch in batches])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(0, 2**32 - 1))
def test_every_class_has_its_share_and_members_take_turns(labels, seed):
    classes = np.asarray(labels)
    order = balanced_order(classes, np.random.default_rng(seed))
    assert len(order) == len(classes)
    per_class = np.bincount(classes[order], minlength=6)[np.unique(classes)]
    assert np.ptp(per_class) <= 1
    for label in np.unique(classes):
        times = np.bincount(order, minlength=len(classes))[classes == label]
        assert np.ptp(times) <= 1


def test_epochs_differ_and_a_resumed_run_sees_the_same():
    straight = list(orders(LABELS, range(4), shuffle_seed=9))
    resumed = list(orders(LABELS, [2, 3], shuffle_seed=9))
    for first, second in zip(straight[2:], resumed, strict=True):
        np.testing.assert_array_equal(first[0], second[0])
    assert not np.array_equal(straight[0][0], straight[1][0])
    for seen, labels in straight:
        np.testing.assert_array_equal(LABELS[seen], labels)
        assert sorted(np.bincount(labels)[[0, 1, 3]]) == [16, 17, 17]
    majority = np.unique(np.concatenate([seen[labels == 0] for seen, labels in straight]))
    assert len(majority) > 25


def test_rows_of_mixed_labels_count_as_their_largest_share():
    rows = np.eye(4, dtype=np.float32)[LABELS] * 0.7 + 0.075
    (_, labels), *_ = orders(rows, [0], shuffle_seed=9)
    assert sorted(np.bincount(labels.argmax(axis=1), minlength=4)) == [0, 16, 17, 17]
