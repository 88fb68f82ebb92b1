"""Energy is added up over wrap-arounds and without counting anything twice: from made counters and the real ones."""

from pathlib import Path

import pytest

from tfl.core.energy import EnergyMeter

RANGE = 262_143_328_850


def zone(root, folder, name, energy, *, reach=RANGE):
    place = root / folder
    place.mkdir(parents=True)
    (place / "name").write_text(f"{name}\n")
    (place / "max_energy_range_uj").write_text(f"{reach}\n")
    (place / "energy_uj").write_text(f"{energy}\n")
    return place / "energy_uj"


@pytest.fixture
def two_packages(tmp_path):
    """A machine of two packages, with everything that must not be counted beside them."""
    first = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", RANGE - 500_000)
    others = [
        zone(tmp_path, "intel-rapl:0:0", "core", 5),
        zone(tmp_path, "intel-rapl:0:1", "dram", 5),
        zone(tmp_path, "intel-rapl:2", "psys", 5),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 5),
    ]
    return first, second, others


def test_packages_are_added_and_a_counter_may_begin_again(tmp_path, two_packages):
    first, second, others = two_packages
    meter = EnergyMeter(tmp_path)
    assert meter.note == "packages: package-0, package-1"
    assert meter.joules() == 0.0
    first.write_text("4000000\n")
    for other in others:
        other.write_text("999000000\n")
    assert meter.joules() == pytest.approx(3.0)
    # 0.5 J to the end of the range, and 0.25 J from there on.
    second.write_text("250000\n")
    assert meter.joules() == pytest.approx(3.75)
    assert meter.joules() == pytest.approx(3.75)


def test_a_counter_may_wrap_more_than_once_when_it_is_looked_at_in_between(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 0, reach=1_000_000)
    meter = EnergyMeter(tmp_path)
    for value in (600_000, 200_000, 900_000, 100_000):
        counter.write_text(str(value))
        joules = meter.joules()
    assert joules == pytest.approx(2.1)


def test_no_counter_and_a_broken_one_say_so(tmp_path):
    assert EnergyMeter(tmp_path).joules() is None
    assert EnergyMeter(tmp_path).note == f"not measurable: {tmp_path} has no counter of a processor package"
    counter = zone(tmp_path, "intel-rapl:0", "package-0", "none")
    assert EnergyMeter(tmp_path).note.startswith("not measurable: a counter holds no number")
    counter.unlink()
    assert EnergyMeter(tmp_path).note == f"not measurable: {counter} can't be read (No such file or directory)"
    assert not EnergyMeter(tmp_path).is_measurable


def test_a_counter_that_goes_away_ends_the_measurement(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    with EnergyMeter(tmp_path) as meter:
        counter.unlink()
        assert meter.joules() is None
        assert str(counter) in meter.note
        assert meter.joules() is None


def test_this_machine_gives_energy_or_the_reason_why_not():
    with EnergyMeter() as meter:
        joules = meter.joules()
    if list(Path("/sys/class/powercap").glob("intel-rapl:*")) and meter.is_measurable:
        assert joules >= 0.0
        assert meter.note.startswith("packages: ")
    else:
        assert joules is None
        assert meter.note.startswith("not measurable: ")
