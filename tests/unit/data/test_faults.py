"""Every kind of fault is found and called by its name, and clean data raise no alarm."""

import pytest

pytest.importorskip("cleanvision")
pytest.importorskip("imagehash")

from tests.faults import FAULTS, folders, with_splits, with_table
from tfl.data.check import RULES, check
from tfl.data.loading import read_manifest

#: Told of what is not looked for, and of saved manifests, which have a test of their own.
_NEVER_PLANTED = {"not_checked", "not_compared", "altered"}


@pytest.mark.parametrize("write", [folders, with_splits, with_table])
def test_clean_data_raise_no_alarm(tmp_path, write):
    report, _ = check(read_manifest(write(tmp_path / "data")))
    expected = {"few"} if write is with_table else set()
    assert {item.rule for item in report.findings} == expected


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_and_named(tmp_path, fault):
    data = fault.clean(tmp_path / "data")
    fault.plant(data)
    report, _ = check(read_manifest(data))
    found = {(item.rule, item.path) for item in report.findings}
    assert (fault.rule, fault.path) in found
    (severity, fix), of_rule = RULES[fault.rule], [item for item in report.findings if item.rule == fault.rule]
    assert all((item.severity, item.fix) == (severity, fix) and item.message for item in of_rule)
    quiet = {"few"} if fault.clean is with_table else set()
    assert {rule for rule, _ in found} <= {fault.rule, *fault.also, *quiet}
    if severity == "error":
        assert "not ready" in report.verdict


def test_there_are_forty_kinds_of_faults_and_one_for_every_rule():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
    assert {fault.rule for fault in FAULTS} == set(RULES) - _NEVER_PLANTED
