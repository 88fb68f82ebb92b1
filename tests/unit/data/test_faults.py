"""Every kind of fault is found and called by its name, and clean data raise no alarm."""

import pytest

pytest.importorskip("cleanvision")
pytest.importorskip("imagehash")
pytest.importorskip("datasketch")
pytest.importorskip("py3langid")

from tests.faults import FAULTS, folders, with_splits, with_table
from tests.text_faults import TEXT_FAULTS, files, table, tables
from tfl.data.check import RULES, check
from tfl.data.check.rules import fix_of
from tfl.data.kinds import KINDS
from tfl.data.loading import read_manifest

#: Told of what is not looked for, and of saved manifests, which have a test of their own.
_NEVER_PLANTED = {"not_checked", "not_compared", "altered"}


@pytest.mark.parametrize("write", [folders, with_splits, with_table, table, tables, files])
def test_clean_data_raise_no_alarm(tmp_path, write):
    report, _ = check(read_manifest(write(tmp_path / "data")))
    expected = {"few"} if write is with_table else set()
    assert {item.rule for item in report.findings} == expected


@pytest.mark.parametrize("fault", FAULTS + TEXT_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_and_named(tmp_path, fault):
    data = fault.clean(tmp_path / "data")
    fault.plant(data)
    report, _ = check(read_manifest(data))
    found = {(item.rule, item.path) for item in report.findings}
    assert (fault.rule, fault.path) in found
    severity, of_rule = RULES[fault.rule][0], [item for item in report.findings if item.rule == fault.rule]
    kind = KINDS.get(report.kind)
    fix = fix_of(fault.rule, noun=kind.noun, nouns=kind.nouns)
    assert all((item.severity, item.fix) == (severity, fix) and item.message for item in of_rule)
    quiet = {"few"} if fault.clean is with_table else set()
    assert {rule for rule, _ in found} <= {fault.rule, *fault.also, *quiet}
    if severity == "error":
        assert "not ready" in report.verdict


def test_there_are_forty_kinds_of_faults_and_one_for_every_rule():
    faults = FAULTS + TEXT_FAULTS
    assert len({fault.name for fault in faults}) == len(faults) >= 40
    assert {fault.rule for fault in faults} == set(RULES) - _NEVER_PLANTED
