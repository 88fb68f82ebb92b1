"""Counters of the kernel, from files that say what the kernel would."""

import pytest

from tfl.bench.conditions import Conditions, ConditionsMeter


def _write(folder, *, throttled, stat):
    (folder / "cpu.stat").write_text(f"usage_usec 1\nnr_throttled 3\nthrottled_usec {throttled}\n")
    (folder / "stat").write_text(f"cpu  {stat}\ncpu0 1 2 3\n")


def test_limits_and_what_happened_are_read(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text("1073741824\n")
    _write(tmp_path, throttled=5000, stat="100 0 100 1000 0 0 0 10 0 0")
    meter = ConditionsMeter(tmp_path, tmp_path / "stat")
    _write(tmp_path, throttled=47000, stat="300000 0 100 1200 0 0 0 30 0 0")
    found = meter.read()
    assert found.cpu_quota == 1.5
    assert found.memory_limit_bytes == 1 << 30
    assert found.throttled_ms == 42.0
    assert found.stolen_ms == pytest.approx(200.0)
    assert 0.9 < found.others_share <= 1.0
    assert Conditions.from_dict(found.to_dict()) == found


def test_what_the_system_does_not_tell_is_none(tmp_path):
    (tmp_path / "cpu.max").write_text("max 100000\n")
    found = ConditionsMeter(tmp_path, tmp_path / "nothing").read()
    assert found.cpu_quota is found.throttled_ms is found.stolen_ms is found.others_share is None
    assert found.involuntary_switches >= 0
