"""Every error has a code that stays, and an explanation that is found by it."""

import pytest

from tfl.core.error_guide import UNEXPECTED_ERROR, USAGE_ERROR, error_classes, explain, read_guide
from tfl.core.errors import DataError, JobError, NotFoundError, TflError, UserError

#: Programs go by these: a change here is one that users must be told of.
CODES = {
    "tfl-error": 1,
    "user-error": 2,
    "config-error": 2,
    "data-error": 2,
    "not-found-error": 2,
    "output-exists-error": 2,
    "missing-extra-error": 2,
    "unsupported-error": 2,
    "integrity-error": 2,
    "job-error": 1,
    "child-error": 1,
    "verification-error": 1,
}


def test_codes_and_exit_codes_stay():
    assert {item.code: item.exit_code for item in error_classes()} == CODES


def test_every_class_is_explained_and_nothing_else():
    explained = {item.code: item.error for item in read_guide()}
    assert explained == {item.code: item.__name__ for item in error_classes()} | {USAGE_ERROR: "", UNEXPECTED_ERROR: ""}
    for item in read_guide():
        assert item.meaning
        assert item.symptoms or item.error == "TflError"
        assert all(symptom.message and symptom.why and symptom.remedy for symptom in item.symptoms)


def test_explanations_are_found_by_code_and_by_class():
    assert explain("data-error") == explain("DataError")
    assert explain("child-error").exit_code == JobError.exit_code
    with pytest.raises(NotFoundError, match="Did you mean 'data-error'") as caught:
        explain("data-eror")
    assert caught.value.code == "not-found-error"


def test_the_tree_has_no_class_without_a_parent_for_its_exit_code():
    for item in error_classes():
        assert item is TflError or issubclass(item, (UserError, JobError))
    assert DataError("x").code == "data-error"
