"""Archives from outside: only plain files inside the folder, within limits, and nothing left of a refused one."""

from __future__ import annotations

import io
import tarfile

import pytest

from tfl.backbones._archive import unpack
from tfl.core.errors import DataError


def write_tar(path, *members, mode="w:gz"):
    """Each member is a name with bytes, or a ready `TarInfo`."""
    with tarfile.open(path, mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, data = member
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GRAPH = ("saved_model.pb", b"graph")


@pytest.mark.parametrize(("name", "mode"), [("m.tar.gz", "w:gz"), ("m.tar", "w")])
def test_unpacks_what_tf_hub_serves(tmp_path, name, mode):
    folder = special("./variables", tarfile.DIRTYPE)
    archive = write_tar(
        tmp_path / name, folder, ("./saved_model.pb", b"graph"), ("./variables/data", b"values"), mode=mode
    )
    unpack(archive, tmp_path / "out", must_hold="saved_model.pb")
    assert (tmp_path / "out" / "saved_model.pb").read_bytes() == b"graph"
    assert (tmp_path / "out" / "variables" / "data").read_bytes() == b"values"


@pytest.mark.parametrize(
    "member",
    [
        ("../outside", b"x"),
        ("variables/../../outside", b"x"),
        ("/tmp/outside", b"x"),
        ("..\\outside", b"x"),
        ("C:\\outside", b"x"),
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("variables", tarfile.SYMTYPE, ".."),
        special("hard", tarfile.LNKTYPE, "saved_model.pb"),
        special("pipe", tarfile.FIFOTYPE),
        special("device", tarfile.CHRTYPE),
        ("saved_model.pb", b"again"),
    ],
    ids=lambda member: member.name if isinstance(member, tarfile.TarInfo) else member[0],
)
def test_refuses_what_is_no_plain_file_inside(tmp_path, member):
    archive = write_tar(tmp_path / "evil.tar.gz", GRAPH, member)
    with pytest.raises(DataError, match="refused"):
        unpack(archive, tmp_path / "deep" / "er" / "out", must_hold="saved_model.pb")
    assert {path.name for path in tmp_path.rglob("*")} <= {"evil.tar.gz", "deep", "er"}


def test_refuses_a_bomb_before_it_is_written(tmp_path):
    archive = write_tar(tmp_path / "bomb.tar.gz", GRAPH, ("zeros", bytes(70 << 20)))
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="more than"):
        unpack(archive, tmp_path / "out", must_hold="saved_model.pb")
    assert list(tmp_path.iterdir()) == [archive]


def test_refuses_too_many_files(tmp_path):
    archive = write_tar(tmp_path / "many.tar.gz", *[(f"file{index}", b"") for index in range(10_001)])
    with pytest.raises(DataError, match="10,000 files"):
        unpack(archive, tmp_path / "out", must_hold="saved_model.pb")


def test_refuses_what_is_damaged_or_something_else(tmp_path):
    whole = write_tar(tmp_path / "whole.tar.gz", GRAPH, ("data", bytes(range(256)) * 4000)).read_bytes()
    for name, data in (("half.tar.gz", whole[: len(whole) // 2]), ("text.tar.gz", b"hello"), ("empty.tar.gz", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=name):
            unpack(tmp_path / name, tmp_path / "out", must_hold="saved_model.pb")
    assert not (tmp_path / "out").exists()


def test_refuses_an_archive_without_the_model(tmp_path):
    archive = write_tar(tmp_path / "tf1.tar.gz", ("tfhub_module.pb", b"old"))
    with pytest.raises(DataError, match=r"saved_model\.pb"):
        unpack(archive, tmp_path / "out", must_hold="saved_model.pb")
    assert list(tmp_path.iterdir()) == [archive]
