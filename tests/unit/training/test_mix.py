"""Mixed labels say what share of each picture is in the mix, and weighted mixes are the mix of the weighted losses."""

import numpy as np
import pytest

from tfl.core.augmentation import PRESETS, AugmentConfig
from tfl.training.feed import balanced_weights, make_feed, one_hot
from tfl.training.mix import make_mixer

pytest.importorskip("keras")

MIXES = [AugmentConfig(mixup=0.4), AugmentConfig(cutmix=1.0), AugmentConfig(mixup=0.4, cutmix=1.0)]
COUNT = 24


def flat_pictures():
    """Picture k has the value k everywhere, and class k: a mix then tells its shares."""
    values = np.arange(COUNT, dtype=np.float32)
    return np.broadcast_to(values[:, None, None, None], (COUNT, 10, 14, 3)).copy(), one_hot(np.arange(COUNT), COUNT)


@pytest.mark.parametrize("values", MIXES)
def test_labels_are_mixed_in_the_shares_of_the_pixels(values):
    inputs, rows = flat_pictures()
    mixed, labels = make_mixer(values, seed=1)(inputs, rows, 0, 0)
    assert mixed.dtype == labels.dtype == np.float32
    assert mixed.shape == inputs.shape
    np.testing.assert_allclose(labels.sum(axis=1), 1.0, atol=1e-6)
    # The mean value of a picture is the mean of its labels, because value and class are the same number.
    np.testing.assert_allclose(mixed.mean(axis=(1, 2, 3)), labels @ np.arange(COUNT), atol=1e-4)
    assert (np.count_nonzero(labels, axis=1) <= 2).all()
    assert (np.count_nonzero(labels, axis=1) == 2).sum() > COUNT / 2


def test_mixup_is_one_share_for_the_whole_picture_and_cutmix_one_box():
    inputs, rows = flat_pictures()
    mixed, _ = make_mixer(AugmentConfig(mixup=1.0), seed=1)(inputs, rows, 0, 0)
    assert (mixed.std(axis=(1, 2, 3)) < 1e-5).all()
    pasted, labels = make_mixer(AugmentConfig(cutmix=1.0), seed=1)(inputs, rows, 0, 0)
    for own, picture, row in zip(np.arange(COUNT), pasted, labels, strict=True):
        foreign = picture[..., 0] != own
        places = np.argwhere(foreign)
        if len(places):
            box = np.ptp(places, axis=0) + 1
            assert foreign.sum() == box.prod()
            assert row[own] == pytest.approx(1 - box.prod() / 140, abs=1e-6)


@pytest.mark.parametrize("values", MIXES)
def test_mixing_follows_from_seed_epoch_and_batch_index(values):
    inputs, rows = flat_pictures()
    mix, again = (make_mixer(values, seed=1) for _ in range(2))
    first = mix(inputs, rows, 3, 2)
    mix(inputs, rows, 0, 0)
    for one, same in zip(first, again(inputs, rows, 3, 2), strict=True):
        np.testing.assert_array_equal(one, same)
    for other in (mix(inputs, rows, 2, 2), mix(inputs, rows, 3, 1), make_mixer(values, seed=2)(inputs, rows, 3, 2)):
        assert not np.array_equal(first[0], other[0])


def test_both_take_turns():
    inputs, rows = flat_pictures()
    mix = make_mixer(AugmentConfig(mixup=1.0, cutmix=1.0), seed=1)
    flat = [bool((mix(inputs, rows, epoch, 0)[0].std(axis=(1, 2, 3)) < 1e-5).all()) for epoch in range(40)]
    assert 8 < sum(flat) < 32


def test_nothing_is_mixed_unless_asked():
    assert all(make_mixer(values, seed=0) is None for values in PRESETS.values())
    assert make_mixer(AugmentConfig(mixup=0.0, cutmix=0.0), seed=0) is None


def test_a_feed_gives_rows_and_the_weighted_loss_is_the_mix_of_two():
    labels = np.asarray([0] * 8 + [1] * 2 + [2] * 6, dtype=np.int32)
    inputs, _ = flat_pictures()
    weights = balanced_weights(labels, 3)
    keys = {"batch_size": 16, "class_count": 3, "shuffle_seed": 1, "mix": make_mixer(AugmentConfig(mixup=0.7), seed=5)}
    plain = make_feed(inputs[:16], labels, **keys)[0]
    mixed, rows, sample_weights = make_feed(inputs[:16], labels, class_weights=weights, **keys)[0]
    assert len(plain) == 2
    np.testing.assert_array_equal(plain[0], mixed)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-6)
    logs = -np.log(np.random.default_rng(0).dirichlet(np.ones(3), 16))
    np.testing.assert_allclose(
        sample_weights * (rows * logs).sum(axis=1), (plain[1] * weights * logs).sum(axis=1), rtol=1e-5
    )


def test_rows_without_mixing_are_the_classes():
    labels = np.asarray([0, 1, 2, 1], dtype=np.int32)
    feed = make_feed(np.zeros((4, 2), dtype=np.float32), labels, batch_size=4, class_count=4)
    np.testing.assert_array_equal(feed[0][1], np.eye(4, dtype=np.float32)[labels])
    assert feed[0][1].dtype == np.float32
