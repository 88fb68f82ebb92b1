"""The cellar: records, files, registry, child processes."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.child import call_in_child
from tfl.core.config import RunConfig, differences, flatten, parse_assignment, read_yaml, resolve_config, save_yaml
from tfl.core.errors import (
    ChildError,
    ConfigError,
    IntegrityError,
    JobError,
    MissingExtraError,
    NotFoundError,
    OutputExistsError,
    TflError,
    UserError,
    closest,
)
from tfl.core.extras import require
from tfl.core.files import check_digests, claim_folder, digest_tree, fresh_folder, write_atomic, write_json
from tfl.core.records import Record
from tfl.core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Inner(Record):
    size_bytes: int
    share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Outer(Record):
    name: str
    inner: Inner
    many: tuple[Inner, ...] = ()
    pair: tuple[int, int] = (1, 2)
    maybe: float | None = None
    table: dict[str, int]


text = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
inners = st.builds(Inner, size_bytes=st.integers(), share=st.floats(allow_nan=False, allow_infinity=False))


@given(
    st.builds(
        Outer,
        name=text,
        inner=inners,
        many=st.lists(inners, max_size=3).map(tuple),
        maybe=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        table=st.dictionaries(text, st.integers()),
    )
)
def test_records_go_to_json_and_back(record):
    assert Outer.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_all_problems_of_a_record_are_told_at_once():
    with pytest.raises(ConfigError) as raised:
        Outer.from_dict({"nmae": "x", "inner": {"size_bytes": "big", "share": True}, "table": {}, "pair": [1]})
    message = raised.value.message
    assert "nmae: unknown key. Did you mean 'name'?" in message
    assert "name: missing." in message
    assert "inner.size_bytes: must be int. Received: 'big'." in message
    assert "inner.share: must be float. Received: True." in message
    assert "pair: must have 2 items" in message


def test_a_record_of_another_schema_is_refused():
    with pytest.raises(ConfigError, match=r"schema must be 1\. Received: 2"):
        Inner.from_dict({"schema": 2, "size_bytes": 1})


def test_a_damaged_record_file_is_said_so(tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"size_bytes": ')
    with pytest.raises(IntegrityError, match=r"record\.json is not readable JSON"):
        Inner.load(path)
    with pytest.raises(IntegrityError, match="missing"):
        Inner.load(tmp_path / "none.json")


def test_config_from_file_and_assignments(tmp_path):
    config = resolve_config({"train": {"epochs": 3}}, {"train.epochs": 5, "model.backbone": RunConfig().model.backbone})
    assert config.train.epochs == 5
    save_yaml(config, tmp_path / "config.yaml")
    assert resolve_config(read_yaml(tmp_path / "config.yaml"), {}) == config
    assert parse_assignment("benchmark.batch_sizes=[1, 8]") == ("benchmark.batch_sizes", [1, 8])
    assert differences(RunConfig(), config) == ("train.epochs: 40 -> 5",)
    assert "schema" not in flatten(config.to_dict())
    with pytest.raises(ConfigError, match="must look like"):
        parse_assignment("epochs")
    with pytest.raises(ConfigError, match="is a value, not a section"):
        resolve_config({"seed": 1}, {"seed.x": 2})
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="must be a mapping"):
        read_yaml(tmp_path / "list.yaml")


def test_a_seed_of_zero_is_a_seed():
    assert resolve_config({}, {"seed": 0}).seed == 0
    with pytest.raises(ConfigError, match="seed: must be at least 0"):
        resolve_config({}, {"seed": -1})


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(JobError, match="No space left on device"):
        write_atomic(path, fail)
    assert json.loads(path.read_text()) == {"old": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "bundle"
    with fresh_folder(target) as place:
        (place / "one").write_text("1")

    def interrupted():
        with fresh_folder(target) as place:
            (place / "two").write_text("2")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        interrupted()
    assert [item.name for item in target.iterdir()] == ["one"]
    assert [item.name for item in tmp_path.iterdir()] == ["bundle"]


def test_digests_tell_missing_altered_and_escaping_files(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_text("b")
    digests = digest_tree(tmp_path)
    assert set(digests) == {"a", "sub/b"}
    check_digests(tmp_path, digests)
    (tmp_path / "a").write_text("A")
    (tmp_path / "sub" / "b").unlink()
    with pytest.raises(IntegrityError) as raised:
        check_digests(tmp_path, {**digests, "../x": "0"})
    for part in ("a: altered", "sub/b: missing", "../x: the path leaves"):
        assert part in raised.value.message


def test_folders_are_claimed_and_never_trampled(tmp_path):
    folder = tmp_path / "run"
    claim_folder(folder, if_exists="refuse", marker="run.json")
    (folder / "precious").write_text("1")
    for policy in ("refuse", "resume", "overwrite"):
        with pytest.raises(OutputExistsError):
            claim_folder(folder, if_exists=policy, marker="run.json")
    assert (folder / "precious").exists()
    (folder / "run.json").write_text("{}")
    claim_folder(folder, if_exists="resume", marker="run.json")
    assert (folder / "precious").exists()
    claim_folder(folder, if_exists="overwrite", marker="run.json")
    assert not (folder / "precious").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputExistsError, match="is a file"):
        claim_folder(tmp_path / "file", if_exists="overwrite", marker="run.json")


def test_the_registry_imports_only_what_is_asked_for():
    code = (
        "import sys; from tfl.targets import TARGETS; names = TARGETS.names(); "
        "print(names, [m for m in sys.modules if m.startswith('tfl.targets.') and '._' not in m])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "('onnx', 'openvino', 'saved_model', 'tflite') []"
    with pytest.raises(NotFoundError, match="Did you mean 'tflite'"):
        Registry("tfl.targets", "TARGET", "target").get("tflight")


def answer(arguments):
    return {"pid": os.getpid(), "twice": 2 * arguments["value"]}


def refuse(arguments):
    raise NotFoundError("no such thing", hint="look elsewhere")


def stumble(arguments):
    return {"x": {}["key"]}


def crash(arguments):
    os.kill(os.getpid(), signal.SIGSEGV)


HERE = "tests.unit.core.test_core"


def test_a_child_answers_from_another_process():
    result = call_in_child(f"{HERE}:answer", {"value": 4})
    assert result["twice"] == 8
    assert result["pid"] != os.getpid()


def test_what_a_child_raises_arrives_as_it_was():
    with pytest.raises(NotFoundError, match="no such thing") as raised:
        call_in_child(f"{HERE}:refuse", {})
    assert raised.value.hint == "look elsewhere"
    with pytest.raises(ChildError, match="KeyError"):
        call_in_child(f"{HERE}:stumble", {})


def test_a_child_that_crashes_is_named_with_its_signal(tmp_path):
    with pytest.raises(ChildError, match="SIGSEGV"):
        call_in_child(f"{HERE}:crash", {}, log_path=tmp_path / "log.txt")
    assert (tmp_path / "log.txt").exists()


def test_exit_codes_follow_from_whose_fault_it_is():
    assert TflError("x").exit_code == JobError("x").exit_code == 1
    assert UserError("x").exit_code == ConfigError("x").exit_code == MissingExtraError("x").exit_code == 2


def test_the_closest_name_is_offered_without_regard_to_case():
    assert closest("OPENVIN", ["openvino", "onnx"]) == " Did you mean 'openvino'?"
    assert closest("zzz", ["openvino"]) == ""


def test_a_missing_extra_names_its_install_command(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as raised:
        require("openvino", purpose="exporting to OpenVINO")
    assert 'pip install "tfl[openvino]"' in raised.value.hint


def test_importing_tfl_and_its_help_loads_nothing_heavy():
    code = "import sys, tfl, tfl_cli.main; print(sorted({'numpy', 'tensorflow', 'rich', 'yaml'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_public_names_are_there():
    import tfl

    assert len(tfl.__all__) <= 25
    for name in tfl.__all__:
        assert getattr(tfl, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        tfl.fitt  # noqa: B018
