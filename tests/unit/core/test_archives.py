"""Archives from outside: only plain files inside the folder, within limits, and nothing left of a refused one."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile

import pytest

from tfl.core.archives import Limits, unpack_tar, unpack_zip
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
LIMITS = Limits(max_files=10_000, max_bytes=8 << 30, max_ratio=100)


@pytest.mark.parametrize(("name", "mode"), [("m.tar.gz", "w:gz"), ("m.tar", "w")])
def test_unpacks_what_tf_hub_serves(tmp_path, name, mode):
    folder = special("./variables", tarfile.DIRTYPE)
    archive = write_tar(
        tmp_path / name, folder, ("./saved_model.pb", b"graph"), ("./variables/data", b"values"), mode=mode
    )
    unpack_tar(archive, tmp_path / "out", limits=LIMITS, must_hold="saved_model.pb")
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
        unpack_tar(archive, tmp_path / "deep" / "er" / "out", limits=LIMITS, must_hold="saved_model.pb")
    assert {path.name for path in tmp_path.rglob("*")} <= {"evil.tar.gz", "deep", "er"}


def test_refuses_a_bomb_before_it_is_written(tmp_path):
    archive = write_tar(tmp_path / "bomb.tar.gz", GRAPH, ("zeros", bytes(70 << 20)))
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="more than"):
        unpack_tar(archive, tmp_path / "out", limits=LIMITS, must_hold="saved_model.pb")
    assert list(tmp_path.iterdir()) == [archive]


def test_refuses_too_many_files(tmp_path):
    archive = write_tar(tmp_path / "many.tar.gz", *[(f"file{index}", b"") for index in range(10_001)])
    with pytest.raises(DataError, match="10,000 files"):
        unpack_tar(archive, tmp_path / "out", limits=LIMITS, must_hold="saved_model.pb")


def test_refuses_what_is_damaged_or_something_else(tmp_path):
    whole = write_tar(tmp_path / "whole.tar.gz", GRAPH, ("data", bytes(range(256)) * 4000)).read_bytes()
    for name, data in (("half.tar.gz", whole[: len(whole) // 2]), ("text.tar.gz", b"hello"), ("empty.tar.gz", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=name):
            unpack_tar(tmp_path / name, tmp_path / "out", limits=LIMITS, must_hold="saved_model.pb")
    assert not (tmp_path / "out").exists()


def test_refuses_an_archive_without_the_model(tmp_path):
    archive = write_tar(tmp_path / "tf1.tar.gz", ("tfhub_module.pb", b"old"))
    with pytest.raises(DataError, match=r"saved_model\.pb"):
        unpack_tar(archive, tmp_path / "out", limits=LIMITS, must_hold="saved_model.pb")
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("name", ["damaged.tar.gz", "damaged.tar.bz2", "damaged.tar.xz"])
def test_refuses_a_tar_with_a_bad_byte_in_the_middle(tmp_path, name):
    noise = bytes((index * index * 7 + index // 3) % 251 for index in range(400_000))
    archive = write_tar(tmp_path / name, GRAPH, ("data", noise), mode=f"w:{name.split('.')[-1]}")
    data = bytearray(archive.read_bytes())
    for index in range(len(data) // 2, len(data) // 2 + 20):
        data[index] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DataError, match="not a readable tar archive"):
        unpack_tar(archive, tmp_path / "out", limits=LIMITS)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("where", ["a header", "the end", "in a file"])
def test_refuses_a_plain_tar_that_is_damaged_at(tmp_path, where):
    archive = write_tar(tmp_path / "plain.tar", *[(f"{index}.txt", bytes(600)) for index in range(5)], mode="w")
    data = bytearray(archive.read_bytes())
    start = 3 * (512 + 1024)
    if where == "a header":
        data[start + 10] ^= 0xFF
    archive.write_bytes(data if where == "a header" else data[: start + (700 if where == "in a file" else 0)])
    with pytest.raises(DataError, match=r"plain\.tar is not a readable tar archive"):
        unpack_tar(archive, tmp_path / "out", limits=LIMITS)
    assert list(tmp_path.iterdir()) == [archive]


def write_zip(path, *members):
    """Each member is a name with bytes, or a `ZipInfo` with bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members:
            opened.writestr(name, data)
    return path


def zip_special(name, kind):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o644) << 16
    return info


def test_unpacks_a_zip_with_folders_and_names_of_all_kinds(tmp_path):
    archive = write_zip(tmp_path / "a.zip", ("chat/", b""), ("chat/1.jpg", b"one"), ("été/ü 2.jpg", b"two"))
    unpack_zip(archive, tmp_path / "out", limits=LIMITS)
    assert (tmp_path / "out" / "chat" / "1.jpg").read_bytes() == b"one"
    assert (tmp_path / "out" / "été" / "ü 2.jpg").read_bytes() == b"two"


def test_utf_8_names_without_the_flag_are_kept(tmp_path):
    archive = write_zip(tmp_path / "a.zip", ("été/1.jpg", b"one"))
    data = bytearray(archive.read_bytes())
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    data[local + 7] &= ~0x08
    data[central + 9] &= ~0x08
    archive.write_bytes(data)
    unpack_zip(archive, tmp_path / "out", limits=LIMITS)
    assert (tmp_path / "out" / "été" / "1.jpg").is_file()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("../outside", b"x"),
        ("a/../../outside", b"x"),
        ("/tmp/outside", b"x"),
        ("..\\outside", b"x"),
        ("C:\\outside", b"x"),
        (zip_special("link", stat.S_IFLNK), b"/etc/passwd"),
        (zip_special("pipe", stat.S_IFIFO), b""),
        (zip_special("device", stat.S_IFCHR), b""),
        ("first", b"again"),
        ("first/below", b"x"),
        ("first/", b""),
    ],
    ids=lambda value: getattr(value, "filename", value) if not isinstance(value, bytes) else "",
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_what_is_no_plain_file_inside_a_zip(tmp_path, name, data):
    archive = write_zip(tmp_path / "evil.zip", ("first", b"x"), (name, data))
    with pytest.raises(DataError, match="refused"):
        unpack_zip(archive, tmp_path / "deep" / "er" / "out", limits=LIMITS)
    assert {path.name for path in tmp_path.rglob("*")} <= {"evil.zip", "deep", "er"}


def test_refuses_a_zip_bomb(tmp_path):
    archive = write_zip(tmp_path / "bomb.zip", ("zeros", bytes(70 << 20)))
    with pytest.raises(DataError, match="more than"):
        unpack_zip(archive, tmp_path / "out", limits=LIMITS)
    assert list(tmp_path.iterdir()) == [archive]


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path):
    size = 70 << 20
    archive = write_zip(tmp_path / "liar.zip", ("zeros", bytes(size)))
    archive.write_bytes(archive.read_bytes().replace(struct.pack("<I", size), struct.pack("<I", 10)))
    with pytest.raises(DataError, match=r"liar\.zip"):
        unpack_zip(archive, tmp_path / "out", limits=LIMITS)
    assert list(tmp_path.iterdir()) == [archive]


def test_refuses_too_many_files_in_a_zip(tmp_path):
    archive = write_zip(tmp_path / "many.zip", *[(f"file{index}", b"") for index in range(11)])
    with pytest.raises(DataError, match="10 files"):
        unpack_zip(archive, tmp_path / "out", limits=Limits(max_files=10, max_bytes=1 << 30, max_ratio=100))


def test_refuses_an_encrypted_zip(tmp_path):
    archive = write_zip(tmp_path / "secret.zip", ("a.txt", b"text"))
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"encrypted.*\n.*password"):
        unpack_zip(archive, tmp_path / "out", limits=LIMITS)


def test_refuses_a_compression_that_python_does_not_know(tmp_path):
    archive = write_zip(tmp_path / "odd.zip", ("a.txt", b"text"))
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x03\x04") + 8] = 9
    data[data.index(b"PK\x01\x02") + 10] = 9
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"odd\.zip.*compression"):
        unpack_zip(archive, tmp_path / "out", limits=LIMITS)


def test_refuses_a_damaged_zip(tmp_path):
    noise = bytes((index * index * 7 + index // 3) % 251 for index in range(100_000))
    whole = write_zip(tmp_path / "whole.zip", ("data", noise)).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for name, data in (("half.zip", whole[: len(whole) // 2]), ("flip.zip", bytes(flipped)), ("text.zip", b"hello")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=f"{name} is not a readable ZIP"):
            unpack_zip(tmp_path / name, tmp_path / "out", limits=LIMITS)
    assert not (tmp_path / "out").exists()
