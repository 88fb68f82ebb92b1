"""Tables of texts: columns guessed or named, bad lines told with their number, encodings and delimiters found out."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import sentences, write_table
from tfl.core.errors import DataError, TflError, UserError
from tfl.data.check import check, require_clean, skip_bad
from tfl.data.describe import describe, typical
from tfl.data.loading import find_kind, read_manifest
from tfl.data.readers import READERS, ReadOptions

READER = READERS.get("text_table")
ROWS = [("I like it very much", "good"), ("I hate it so much", "bad"), ("Not bad at all here", "good")]
GOOD = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)


def write(folder, text, name="a.csv", encoding="utf-8"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def told(manifest):
    return [(problem.rule, problem.message) for problem in manifest.problems]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", GOOD),
        ("a.csv", GOOD.replace(",", ";")),
        ("a.csv", GOOD.replace(",", "|")),
        ("a.tsv", GOOD.replace(",", "\t")),
        ("a.csv", "\ufeff" + GOOD),
        ("a.csv", GOOD.replace("\n", "\r\n")),
        ("a.csv", GOOD.replace("text,label", "Question,Intent")),
        ("a.csv", GOOD.replace("text,label", " Review Text , Sentiment")),
        ("a.jsonl", "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS)),
    ],
)
def test_usual_ways_to_write_a_table_are_understood(tmp_path, name, text):
    file = write(tmp_path, text, name)
    manifest = read_manifest(file)
    first = 1 if name == "a.jsonl" else 2
    assert [(item.path, item.text, item.label) for item in manifest.examples] == [
        (f"{name}:{line}", text, label) for line, (text, label) in enumerate(ROWS, first)
    ]
    assert (manifest.reader, manifest.kind, find_kind(file)) == ("text_table", "text", "text")
    assert manifest.labels == ("bad", "good")
    assert manifest.root == str(tmp_path.resolve())
    assert {rule for rule, _ in told(manifest)} <= {"encoding"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("text,label", "text;label", 1), "parted by ';'(.|\n)*parted by ','"),
        ("text,label\n", "has no rows"),
        ("text,text,label\na b,b,c\n", "names the column 'text' twice"),
        ("text,what\none more thing,1\nanother two things,2\nthird of the things,3\n", "none has few different values"),
        ("text,label\nsome words,a\nother words,a\n", "one class only, 'a'"),
        (GOOD.split("\n", 1)[1], "seems to be a row"),
    ],
)
def test_a_table_that_can_not_be_used_is_told(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        READER.read(write(tmp_path, text))


def test_a_table_of_commas_called_tsv_is_told(tmp_path):
    with pytest.raises(DataError, match=r"ends in \.tsv, but its columns seem to be parted by ','"):
        READER.read(write(tmp_path, GOOD, "a.tsv"))


def test_an_empty_file_is_told(tmp_path):
    with pytest.raises(DataError, match="is empty"):
        read_manifest(write(tmp_path, ""))


@pytest.mark.parametrize(
    ("line", "rule", "words"),
    [
        ("only this", "bad_row", "a.csv line 5 has 1 cell, the header has 2"),
        ("one,two,three", "bad_row", "a.csv line 5 has 3 cells"),
        ("a text,", "bad_row", "a.csv line 5: there is no label"),
        (" ,good", "empty_text", "a.csv line 5: the text is empty"),
        ('"a text"x,good', "bad_row", "a.csv line 5 is not CSV"),
        ("x" * 2_000_000 + ",good", "bad_row", "a.csv line 5 is not CSV: field larger than"),
    ],
)
def test_a_bad_line_is_told_and_the_rest_is_read(tmp_path, line, rule, words):
    manifest = READER.read(write(tmp_path, f"{GOOD}{line}\nThe last one of all,bad\n"))
    assert [item.path for item in manifest.examples] == ["a.csv:2", "a.csv:3", "a.csv:4", "a.csv:6"]
    ((found, message),) = told(manifest)
    assert (found, words in message) == (rule, True)
    report, _ = check(manifest)
    with pytest.raises(DataError, match="line 5"):
        require_clean(report, allow=frozenset({"too_few"}))
    assert len(skip_bad(manifest, report)[0].examples) == 4


def test_an_open_quotation_mark_tells_which_lines_are_lost(tmp_path):
    manifest = READER.read(write(tmp_path, f'{GOOD}"an open mark,good\nlost,bad\nlost too,bad\n'))
    assert len(manifest.examples) == 3
    assert "lines 5 to 7 are lost" in told(manifest)[0][1]


def test_a_quoted_cell_over_several_lines_is_called_by_its_first(tmp_path):
    manifest = READER.read(write(tmp_path, 'text,label\n"two\nlines",good\nOne line,bad\n'))
    assert [(item.path, item.text) for item in manifest.examples] == [
        ("a.csv:2", "two\nlines"),
        ("a.csv:4", "One line"),
    ]


def test_tabs_without_quoting_keep_single_quotation_marks(tmp_path):
    text = 'text\tlabel\n"He said so\tgood\nShe did not\tbad\n'
    assert READER.read(write(tmp_path, text, "a.tsv")).examples[0].text == '"He said so'


def test_emoji_right_to_left_and_zero_bytes_are_kept(tmp_path):
    texts = ["😀 great 👩\u200d👩\u200d👧", "مرحبا بالعالم", "a zero\0byte"]
    rows = "".join(f"{text},{label}\n" for text, label in zip(texts, "aba", strict=True))
    assert [item.text for item in READER.read(write(tmp_path, f"text,label\n{rows}")).examples] == texts


def test_half_a_letter_of_json_is_replaced(tmp_path):
    lines = '{"text": "broken \\ud83d here", "label": 1}\n{"text": "whole \\ud83d\\ude00", "label": 0}\n'
    manifest = READER.read(write(tmp_path, lines, "a.jsonl"))
    assert [item.text for item in manifest.examples] == ["broken \ufffd here", "whole 😀"]
    manifest.save(tmp_path / "saved.json")
    assert read_manifest(tmp_path / "saved.json").examples == manifest.examples
    assert find_kind(tmp_path / "saved.json") == "text"


def test_a_guess_of_the_encoding_is_said(tmp_path):
    pytest.importorskip("charset_normalizer")
    manifest = READER.read(write(tmp_path, f"{GOOD}Trés chér café,bad\n", encoding="cp1252"))
    assert manifest.examples[-1].text == "Trés chér café"
    assert told(manifest) == [("encoding", "is cp1252, a guess from the letters; it is not UTF-8")]
    assert [note.rule for note in describe(manifest).notes] == ["encoding"]
    assert describe(manifest).problem_count == 0


def test_a_line_of_another_encoding_is_a_bad_row(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(f"{GOOD}Café,good\n".encode() + b"th\xe9,bad\n")
    manifest = READER.read(file)
    assert manifest.examples[-1].text == "Café"
    assert ("bad_row", "a.csv line 6 has bytes that are not of the file's encoding") in told(manifest)


def test_columns_are_told_by_their_contents_and_that_is_said(tmp_path):
    file = write_table(tmp_path / "a.csv", [(label, text) for text, label in sentences()], ("c1", "c2"))
    manifest = READER.read(file)
    assert manifest.labels == ("delivery", "payment", "quality")
    ((rule, message),) = told(manifest)
    assert rule == "guessed_columns"
    assert "'c2'" in message.split(";")[0]
    assert "'c1', with 3 different values" in message


def test_several_columns_that_could_be_labels_ask_for_one(tmp_path):
    rows = [(text, label, str(index % 4)) for index, (text, label) in enumerate(sentences())]
    file = write_table(tmp_path / "a.csv", rows, ("text", "c1", "c2"))
    with pytest.raises(DataError, match=r"few different values \(c1, c2\)(.|\n)*--label-column c1"):
        READER.read(file)
    assert len(READER.read(file, ReadOptions(label_column="c2")).labels) == 4


def test_several_texts_are_joined_and_what_is_left_out_is_said(tmp_path):
    rows = [(f"A title of number {index}", text, label) for index, (text, label) in enumerate(sentences(4))]
    file = write_table(tmp_path / "a.csv", rows, ("title", "body", "label"))
    assert "without 'title' (join them: --text-column body,title)" in told(READER.read(file))[0][1]
    manifest = read_manifest(file, options=ReadOptions(text_column="title,body"))
    assert manifest.examples[0].text.splitlines()[0].startswith("A title of number")
    assert manifest.examples[0].attributes == {}
    assert told(manifest) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ReadOptions(text_column="txt"), r"no column 'txt'\. Did you mean 'text'\?"),
        (ReadOptions(label_column="lable"), r"no column 'lable'\. Did you mean 'label'\?"),
        (ReadOptions(frame_rate=1.0), "has no videos"),
        (ReadOptions(path_column="text"), "holds the texts themselves"),
    ],
)
def test_what_was_named_wrongly_is_told(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        READER.read(write(tmp_path, GOOD), options)


def test_numbers_are_labels_and_measurements_are_none(tmp_path):
    rows = [{"text": f"text of number {index}", "label": float(index % 2), "note": None} for index in range(6)]
    file = write(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "a.jsonl")
    assert READER.read(file).labels == ("0", "1")
    rows = [(f"text of number {index}", f"{index / 37:.3f}") for index in range(40)]
    with pytest.raises(DataError, match="40 different numbers with fractions"):
        READER.read(write_table(tmp_path / "b.csv", rows, ("text", "score")))


def test_parquet_is_read_like_the_others(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts, labels = zip(*sentences(4), strict=True)
    columns = {"text": texts, "label": [list(dict.fromkeys(labels)).index(label) for label in labels]}
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test"):
        parquet.write_table(arrow.table(columns), tmp_path / f"{name}.parquet")
    manifest = read_manifest(tmp_path)
    assert manifest.labels == ("0", "1", "2")
    assert manifest.split_names == {"train": "train", "test": "test"}
    assert manifest.examples[0].path == "test.parquet:1"
    assert len(manifest.of_split("train")) == 2 * len(texts)


def test_files_called_like_splits_are_kept_as_they_are(tmp_path):
    for first, name in ((0, "train"), (100, "dev"), (200, "test")):
        write_table(tmp_path / f"{name}.csv", sentences(3, first))
    (tmp_path / "README.md").write_text("# Texts")
    manifest = read_manifest(tmp_path)
    assert manifest.split_names == {"dev": "validation", "test": "test", "train": "train"}
    assert {(item.given_split, item.split) for item in manifest.examples} == set(manifest.split_names.items())
    (tmp_path / "test.csv").unlink()
    assert read_manifest(tmp_path).split_names == {"dev": "test", "train": "train"}
    with pytest.raises(UserError, match="the files are splits by their names"):
        READER.read(tmp_path, ReadOptions(split_column="label"))


def test_a_part_without_labels_is_left_out_and_told(tmp_path):
    write_table(tmp_path / "train.csv", sentences())
    write_table(tmp_path / "test.csv", [(1, "No label here")], ("id", "text"))
    write_table(tmp_path / "sample_submission.csv", [(1, "good")], ("id", "label"))
    manifest = read_manifest(tmp_path)
    assert (manifest.split_names, {item.split for item in manifest.examples}) == ({}, {None})
    assert told(manifest) == [("unused", "has no column 'label' (it has: id, text), so it is left out")]
    assert manifest.unused == ("sample_submission.csv",)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("test", "val"), "there is no 'train' file"),
        (("train", "val", "valid"), "several files are the same split"),
        (("a", "b"), "their names don't say which part"),
    ],
)
def test_files_of_which_it_is_not_clear_what_they_are(tmp_path, names, words):
    for name in names:
        write_table(tmp_path / f"{name}.csv", sentences(2))
    with pytest.raises(DataError, match=words):
        read_manifest(tmp_path)


def test_splits_groups_and_further_columns(tmp_path):
    rows = [
        (text, label, ("train", "test")[index % 2], f"u{index}", "app")
        for index, (text, label) in enumerate(sentences(4))
    ]
    file = write_table(tmp_path / "a.csv", rows, ("text", "label", "split", "subject_id", "channel"))
    manifest = READER.read(file)
    assert manifest.split_names == {"train": "train", "test": "test"}
    assert {item.group for item in manifest.examples} == {f"u{index}" for index in range(12)}
    assert manifest.examples[0].attributes == {"channel": "app"}
    other = write_table(
        tmp_path / "b.csv", [(*row[:2], "x", *row[3:]) for row in rows], ("text", "label", "split", "a", "b")
    )
    assert READER.read(other).examples[0].attributes["split"] == "x"


def test_several_labels_of_a_text(tmp_path):
    file = write(tmp_path, "text,labels\nsome words here,a|b\nother words there,b\n")
    assert [item.labels for item in READER.read(file).examples] == [("a", "b"), ("b",)]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\nx.png,a\ny.png,b\n",
        "image,caption,label\nx.png,a nice thing here,a\ny.png,another nice thing,b\n",
        "clip,comment,label\nx.mp4,a nice thing here,a\ny.mp4,another nice thing,b\n",
    ],
)
def test_tables_of_files_are_not_taken(tmp_path, text):
    file = write(tmp_path, text)
    assert not READER.recognizes(file)
    assert not READERS.get("manifest_file").recognizes(write(tmp_path / "texts", GOOD))
    with pytest.raises(TflError):
        read_manifest(file)


def test_typical_texts_are_of_many_classes(tmp_path):
    manifest = READER.read(write_table(tmp_path / "a.csv", sentences()))
    drawn = typical(manifest, 3, seed=1)
    assert {item.label for item in drawn} == set(manifest.labels)
    assert typical(manifest, 3, seed=1) == drawn
    assert len(typical(manifest, 99)) == 36


CELLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: bool(text.strip()))


@given(st.lists(st.tuples(CELLS, st.sampled_from(["good", "bad"])), min_size=2))
def test_a_table_is_read_as_it_was_written(tmp_path_factory, rows):
    rows = [*rows, ("the last but one", "good"), ("the last", "bad")]
    file = tmp_path_factory.getbasetemp() / "written.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])
    manifest = READER.read(file, ReadOptions(text_column="text"))
    read = sorted(manifest.examples, key=lambda item: int(item.path.rpartition(":")[2]))
    assert [(item.text, item.label) for item in read] == rows
