"""What is frozen is computed once, kept, found again, and never half there."""

import resource

import numpy as np
import pytest

from tests.unit.training.told import Told
from tfl.core.errors import JobError
from tfl.core.progress import Progress
from tfl.training import activations
from tfl.training.activations import ActivationCache, Job
from tfl.training.engines import Engine
from tfl.training.feed import make_feed
from tfl.training.memory import memory_bytes

pytest.importorskip("keras")
SAMPLES = np.arange(70, dtype=np.float32).reshape(35, 2)
LABELS = np.arange(35, dtype=np.int32)


class Counted:
    """Doubles, and counts the samples that it was given."""

    def __init__(self, factor=2.0, fail_after=None, name="none 1.0"):
        self.factor, self.samples, self.fail_after, self.name = factor, 0, fail_after, name

    def open(self, sample):
        return Engine(self.name, self.run)

    def run(self, batch):
        self.samples += len(batch)
        if self.fail_after is not None and self.samples > self.fail_after:
            raise KeyboardInterrupt
        return batch * np.float32(self.factor)


def job(counted, *, key="a", views=1, batch_size=8):
    def feed():
        return make_feed(SAMPLES, LABELS, batch_size=batch_size, prepare=lambda batch, epoch, index: batch + epoch)

    return Job("test", (key,), len(SAMPLES), views, feed, counted.open, "none 1.0")


def test_it_is_computed_once_and_found_again_by_another_cache(tmp_path):
    first = Counted()
    made = ActivationCache(folder=tmp_path).get(job(first, views=2), progress=Progress())
    np.testing.assert_array_equal(np.asarray(made.values), np.concatenate([SAMPLES * 2, (SAMPLES + 1) * 2]))
    np.testing.assert_array_equal(made.labels, np.tile(LABELS, 2))
    second, cache = Counted(), ActivationCache(folder=tmp_path)
    again = cache.get(job(second, views=2), progress=Progress())
    np.testing.assert_array_equal(np.asarray(again.values), np.asarray(made.values))
    assert (second.samples, cache.hits, cache.computed) == (0, 1, 0)


@pytest.mark.parametrize("other", [{"key": "b"}, {"views": 3}])
def test_whatever_it_depends_on_makes_another_entry(tmp_path, other):
    cache = ActivationCache(folder=tmp_path)
    first = cache.get(job(Counted()), progress=Progress())
    second = cache.get(job(Counted(), **other), progress=Progress())
    assert first.digest != second.digest
    assert cache.computed == 2


def test_what_another_engine_computed_is_kept_under_its_own_name(tmp_path):
    cache, fallback = ActivationCache(folder=tmp_path), Counted(factor=2.5, name="other 1.0")
    made = cache.get(job(fallback), progress=Progress())
    np.testing.assert_array_equal(np.asarray(made.values), SAMPLES * 2.5)
    found = cache.get(job(Counted()), progress=Progress())
    np.testing.assert_array_equal(np.asarray(found.values), SAMPLES * 2)
    assert (cache.computed, cache.hits) == (2, 0)


def test_an_interrupted_computation_goes_on_with_the_next_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(activations, "SHARD_BYTES", 8 * 2 * 2)
    with pytest.raises(KeyboardInterrupt):
        ActivationCache(folder=tmp_path).get(job(Counted(fail_after=20)), progress=Progress())
    rest = Counted()
    found = ActivationCache(folder=tmp_path).get(job(rest), progress=Progress())
    np.testing.assert_array_equal(np.asarray(found.values[:]), SAMPLES * 2)
    np.testing.assert_array_equal(found.labels, LABELS)
    # One sample to learn the shape, and all but the two whole shards that were there.
    assert rest.samples == 1 + len(SAMPLES) - 16
    assert not list(tmp_path.rglob(".tmp-*"))


def test_values_beyond_float16_are_kept_in_float32(tmp_path):
    found = ActivationCache(folder=tmp_path).get(job(Counted(factor=1e5)), progress=Progress())
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(found.values), SAMPLES * np.float32(1e5))


@pytest.fixture
def no_large_files():
    """Let the system refuse files above 200 bytes, as a disk or a quota that is used up refuses them."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_turns_out_to_be_full_keeps_nothing_and_says_so(tmp_path, no_large_files):
    told, cache = Told(), ActivationCache(folder=tmp_path)
    assert cache.get(job(Counted()), progress=told) is None
    (text,) = told.results
    assert "not kept" in text
    assert str(tmp_path) in text
    assert [path for path in tmp_path.rglob("*") if path.suffix != ".lock"] == []


def test_a_cache_that_cannot_be_made_keeps_nothing_and_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    told = Told()
    assert ActivationCache(folder=tmp_path / "file" / "activations").get(job(Counted()), progress=told) is None
    assert "not kept" in told.results[0]


@pytest.mark.parametrize(("factor", "dtype"), [(2.0, np.float16), (1e5, np.float32)])
def test_what_is_held_in_memory_is_what_would_be_kept(tmp_path, factor, dtype):
    kept = ActivationCache(folder=tmp_path).get(job(Counted(factor), views=2), progress=Progress())
    held = ActivationCache(folder=tmp_path / "none").hold(job(Counted(factor), views=2), progress=Progress())
    assert held.values.dtype == kept.values.dtype == dtype
    np.testing.assert_array_equal(held.values, np.asarray(kept.values))
    np.testing.assert_array_equal(held.labels, kept.labels)
    assert held.digest == kept.digest
    assert not (tmp_path / "none").exists()


def test_more_than_half_of_the_memory_is_not_held(tmp_path):
    class Vast(Counted):
        def run(self, batch):
            return np.broadcast_to(np.float32(0), (len(batch), memory_bytes() // 40))

    assert ActivationCache(folder=tmp_path).hold(job(Vast()), progress=Progress()) is None


def test_values_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(JobError, match="not finite"):
        ActivationCache(folder=tmp_path).get(job(Counted(factor=np.inf)), progress=Progress())


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path):
    counted = Counted()
    assert ActivationCache(folder=tmp_path, limit_bytes=100).get(job(counted), progress=Progress()) is None
    assert counted.samples == 1


def test_the_longest_unused_goes_first(tmp_path):
    cache = ActivationCache(folder=tmp_path, limit_bytes=5000)
    made = {key: cache.get(job(Counted(), key=key), progress=Progress()) for key in ("a", "b")}
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) // 2
    small = ActivationCache(folder=tmp_path, limit_bytes=2 * size + 100)
    small.get(job(Counted(), key="a"), progress=Progress())
    small.get(job(Counted(), key="c"), progress=Progress())
    left = {path.parent.name for path in tmp_path.glob("*/entry.json")}
    assert made["a"].digest[:32] in left
    assert made["b"].digest[:32] not in left
    # Whoever has it open still reads it.
    np.testing.assert_array_equal(np.asarray(made["b"].values), SAMPLES * 2)
