"""Encodings: what a file is in is found out from its bytes, and said where it is not plain UTF-8."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core import extras
from tfl.core.errors import DataError, MissingExtraError
from tfl.data.encodings import UTF8, decode_text, detect_encoding, has_undecoded, read_text

pytest.importorskip("charset_normalizer")

TEXTS = {
    "cp1252": "Der Käse schmeckt köstlich.\nTrès bon café à Paris, déjà vu.\n¿Dónde está el baño?\n",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy.\nZażółć gęślą jaźń.\n",
    "cp1251": "Отличный товар, всем рекомендую.\nОчень плохо, не покупайте.\n",
    "cp932": "この商品はとても良いです。\nまた買いたいと思います。\n",
    "gb18030": "这个产品非常好,我很喜欢。\n物流很快,包装也很好。\n" * 5,
    "cp1256": "هذا المنتج جيد جدا\n",
}


def write(folder, data):
    (folder / "a.txt").write_bytes(data)
    return folder / "a.txt"


@pytest.mark.parametrize("name", TEXTS)
def test_other_encodings_are_guessed_and_said(tmp_path, name):
    data = TEXTS[name].encode(name)
    found = detect_encoding(write(tmp_path, data))
    assert data.decode(found.name) == TEXTS[name]
    assert "not UTF-8" in found.said
    assert decode_text(data, name="a.txt") == (TEXTS[name], found)


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16 without a byte order mark"),
        ("utf-16-be", "UTF-16 without a byte order mark"),
        ("utf-32", "UTF-32"),
    ],
)
def test_unicode_is_told_by_its_mark_or_its_zeros(tmp_path, codec, said):
    text = "The parcel arrived, café included.\n" * 3
    file = write(tmp_path, text.encode(codec))
    found = detect_encoding(file)
    assert (file.read_bytes().decode(found.name), found.said) == (text, said)
    assert read_text(file) == text


def test_a_few_lines_of_another_encoding_do_not_spoil_the_file(tmp_path):
    data = "café\nnaïve\n".encode() + "thé\n".encode("cp1252")
    found = detect_encoding(write(tmp_path, data))
    assert found.name == "utf-8"
    assert found.said == "UTF-8, but 1 line is not, the first of them line 3"
    lines = data.decode(found.name, errors="surrogateescape").splitlines()
    assert [has_undecoded(line) for line in lines] == [False, False, True]


def test_what_no_encoding_fits_is_an_error():
    with pytest.raises(DataError, match=r"begins as UTF-16, but is not"):
        decode_text(b"\xff\xfea", name="a.txt")


def test_without_the_library_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setattr(extras, "is_installed", lambda module: module != "charset_normalizer")
    with pytest.raises(MissingExtraError, match=r"tfl\[data\]"):
        decode_text("thé".encode("cp1252"), name="a.txt")
    assert decode_text("thé".encode(), name="a.txt") == ("thé", UTF8)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt can't be read"):
        read_text(tmp_path / "none.txt")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_unicode_comes_back_as_it_was(tmp_path_factory, text):
    file = write(tmp_path_factory.getbasetemp(), text.encode())
    found = detect_encoding(file)
    if found == UTF8:
        assert read_text(file) == text
    else:
        # A text can begin with a mark of its own.
        assert text.startswith("\ufeff")
