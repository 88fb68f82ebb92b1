"""The folder is the registry; other packages bring entry points."""

import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.errors import NotFoundError, closest, unknown_name
from tfl.core.registry import Registry


@pytest.fixture
def plug_ins(tmp_path, monkeypatch):
    """A package of plug-ins, one of which can't be imported, and a third party's distribution."""
    package = tmp_path / "shelf_of_tests"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_base.py").write_text("raise ImportError('not a plug-in')")
    (package / "broken.py").write_text("raise ImportError('imported though nobody asked')")
    (package / "lamp.py").write_text("THING = 'a lamp'")
    (tmp_path / "third_party_of_tests.py").write_text("THING = 'a foreign chair'\nLAMP = 'a foreign lamp'")
    info = tmp_path / "third_party_of_tests-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party-of-tests\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        textwrap.dedent("""
            [shelf_of_tests]
            chair = third_party_of_tests:THING
            lamp = third_party_of_tests:LAMP
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry("shelf_of_tests", "THING", "thing")
    for name in [name for name in sys.modules if name.startswith(("shelf_of_tests", "third_party_of_tests"))]:
        del sys.modules[name]


def test_names_import_nothing(plug_ins):
    assert plug_ins.names() == ("broken", "lamp")
    assert "shelf_of_tests.broken" not in sys.modules


def test_get_imports_one_module_and_the_folder_comes_first(plug_ins):
    assert plug_ins.get("lamp") == "a lamp"
    assert "shelf_of_tests.broken" not in sys.modules
    assert "third_party_of_tests" not in sys.modules


def test_other_packages_plug_in_by_entry_points(plug_ins):
    assert plug_ins.get("chair") == "a foreign chair"


def test_what_other_packages_bring_is_named_without_importing_it(plug_ins):
    # The folder's own lamp comes first, so the foreign one can't be had.
    assert plug_ins.third_party_names() == ("chair",)
    assert "third_party_of_tests" not in sys.modules


def test_an_unknown_name_is_told_with_all_that_there_are(plug_ins):
    with pytest.raises(NotFoundError, match=r"Unknown thing 'chiar'\. Did you mean 'chair'\?") as raised:
        plug_ins.get("chiar")
    assert raised.value.hint == "Allowed: broken, chair, lamp."
    with pytest.raises(NotFoundError):
        plug_ins.get("_base")


@pytest.mark.parametrize(
    ("package", "name", "attribute"),
    [("tfl.targets", "TARGETS", "TARGET"), ("tfl.data.readers", "READERS", "READER"), ("tfl.tasks", "TASKS", "TASK")],
)
def test_listing_the_plug_ins_of_tfl_loads_nothing_heavy(package, name, attribute):
    code = (
        f"import sys; from {package} import {name} as registry; print(len(registry.names()) > 0, "
        "sorted({'tensorflow', 'keras', 'openvino', 'onnx', 'sklearn'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "True []"


words = st.text("abcdefghij_", min_size=3, max_size=12)


@given(word=words, others=st.lists(words, max_size=5))
def test_an_allowed_name_in_another_case_is_its_own_closest(word, others):
    assert closest(word.upper(), [*others, word]) == f" Did you mean '{word}'?"


@given(word=st.text("abc", min_size=1, max_size=9), allowed=st.lists(st.text("xyz", min_size=1, max_size=9)))
def test_nothing_alike_is_offered_as_nothing(word, allowed):
    assert closest(word, allowed) == ""


def test_an_error_for_a_name_where_there_are_none():
    assert unknown_name("target", "x", ()).hint == "Allowed: none."
