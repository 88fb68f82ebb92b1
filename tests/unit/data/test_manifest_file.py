"""Manifest files: columns guessed or named, and every bad line told with its number."""

import json

import pytest

from tests.conftest import draw_classes
from tfl.core.errors import DataError, UserError
from tfl.data.check import check, require_clean
from tfl.data.describe import describe
from tfl.data.loading import read_manifest
from tfl.data.readers import READERS, ReadOptions

READER = READERS.get("manifest_file")


@pytest.fixture
def pictures(tmp_path):
    draw_classes(tmp_path, per_class=3, names=("blue", "red"))
    return tmp_path


def write(folder, text, name="labels.csv", encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


GOOD = "path,label\nblue/blue-00.png,blue\nblue/blue-01.png,blue\nred/red-00.png,red\n"


def told(manifest):
    return [(problem.rule, problem.message) for problem in manifest.problems]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("path,label", "Image Path,Species"),
        GOOD.replace("path,label", "FileName, Class "),
        GOOD.replace("/", "\\"),
        GOOD.replace("blue/", "./blue/../blue/"),
        GOOD + "\n\n",
    ],
)
def test_usual_ways_to_write_a_table_are_understood(pictures, text):
    manifest = READER.read(write(pictures, text))
    assert [(item.path, item.label) for item in manifest.examples] == [
        ("blue/blue-00.png", "blue"),
        ("blue/blue-01.png", "blue"),
        ("red/red-00.png", "red"),
    ]
    assert manifest.problems == ()
    assert manifest.labels == ("blue", "red")
    assert manifest.root == str(pictures.resolve())


def test_quoted_cells_may_hold_delimiters_and_line_ends(pictures):
    text = 'path,label,note\nblue/blue-00.png,"blue, dark","two\nlines"\nred/red-00.png,red,\nred/none.png,red,\n'
    manifest = READER.read(write(pictures, text))
    assert manifest.labels == ("blue, dark", "red")
    assert manifest.examples[0].attributes == {"note": "two\nlines"}
    # The third example stands on the fifth line of the file.
    assert told(manifest) == [("missing_file", f"labels.csv line 5: there is no file {pictures / 'red/none.png'}")]


def test_groups_and_further_columns_are_kept(pictures):
    text = "path,label,patient,camera,age\nblue/blue-00.png,blue,p1,phone,7\nred/red-00.png,red,p2,,8\n"
    manifest = READER.read(write(pictures, text))
    assert [item.group for item in manifest.examples] == ["p1", "p2"]
    assert [item.attributes for item in manifest.examples] == [
        {"camera": "phone", "age": "7"},
        {"camera": "", "age": "8"},
    ]
    found = describe(manifest)
    assert (found.groups, found.class_counts) == (2, {"blue": 1, "red": 1})
    assert [(column.name, column.distinct) for column in found.columns] == [("camera", 2), ("age", 2)]


def test_files_are_found_in_the_usual_folders(tmp_path):
    draw_classes(tmp_path / "images", per_class=3, names=("blue", "red"))
    manifest = READER.read(write(tmp_path, GOOD))
    assert manifest.root == str((tmp_path / "images").resolve())
    assert len(manifest.examples) == 3


def test_absolute_paths_below_the_folder_are_taken(pictures):
    text = "path,label\n" + "".join(
        f"{pictures.resolve() / path},{path.split('/')[0]}\n" for path in ("blue/blue-00.png", "red/red-00.png")
    )
    assert [item.path for item in READER.read(write(pictures, text)).examples] == ["blue/blue-00.png", "red/red-00.png"]


@pytest.mark.parametrize("path", ["../secret.png", "/etc/hostname", "blue/../../secret.png", "..\\secret.png"])
def test_paths_that_lead_out_are_not_followed(pictures, path):
    (pictures.parent / "secret.png").write_bytes(b"x")
    manifest = READER.read(write(pictures, GOOD + f"{path},red\n"))
    assert len(manifest.examples) == 3
    ((rule, message),) = told(manifest)
    assert rule == "bad_row"
    assert message.startswith("labels.csv line 5: the path '")
    assert f"leads out of {pictures}" in message


def test_absolute_paths_of_another_folder_say_where_the_file_has_to_lie(pictures):
    (pictures / "lists").mkdir()
    text = "path,label\n" + "".join(
        f"{pictures.resolve() / path},{path.split('/')[0]}\n" for path in ("blue/blue-00.png", "red/red-00.png")
    )
    with pytest.raises(DataError) as caught:
        READER.read(write(pictures / "lists", text))
    assert f"here {(pictures / 'lists').resolve()}." in caught.value.hint
    assert f"Put it into {pictures.resolve()}, or above that." in caught.value.hint


def test_measured_values_are_told_from_classes(tmp_path):
    draw_classes(tmp_path, per_class=11, names=("blue", "red"))
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    text = "path,price\n" + "".join(f"{path},{index * 0.73:.2f}5\n" for index, path in enumerate(files))
    with pytest.raises(DataError, match="the column 'price' holds 22 different numbers with fractions") as caught:
        READER.read(write(tmp_path, text), ReadOptions(label_column="price"))
    assert "Classes are learned, not measured values." in caught.value.hint


@pytest.mark.parametrize(
    ("line", "rule", "words"),
    [
        ("red/red-01.png", "bad_row", "labels.csv line 5 has 1 cell, the header has 2"),
        ("red/red-01.png,red,more", "bad_row", "labels.csv line 5 has 3 cells, the header has 2"),
        ("red/red-01.png,", "bad_row", "labels.csv line 5: there is no label"),
        (",red", "bad_row", "labels.csv line 5: there is no path"),
        ("red/red-00.png,red", "duplicate_row", "labels.csv line 5: the file is listed before, as 'red'"),
        ("red/red-00.png,blue", "bad_row", "labels.csv line 5: the file is listed before, as 'red'"),
        ("red/nothing.png,red", "missing_file", "labels.csv line 5: there is no file"),
        ('"red/red-01.png"x,red', "bad_row", "labels.csv line 5 is not CSV"),
    ],
)
def test_a_bad_line_is_told_and_the_rest_is_read(pictures, line, rule, words):
    manifest = READER.read(write(pictures, GOOD + line + "\nred/red-02.png,red\n"))
    assert len(manifest.examples) == 4
    ((found, message),) = told(manifest)
    assert found == rule
    assert words in message
    report, _ = check(manifest)
    assert [item.rule for item in report.findings if item.rule in ("bad_row", "missing_file", "duplicate_row")] == [
        rule
    ]
    if rule != "duplicate_row":
        with pytest.raises(DataError, match="line 5"):
            require_clean(report)
        require_clean(report, allow=frozenset({rule}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("path,label\n", "has no rows"),
        ("path,path,label\na,b,c\n", "names the column 'path' twice"),
        ("path,,label\na,b,c\n", "without a name"),
        ("where,label\nblue/blue-00.png,x\n", "no column is called like a path; it has: where, label"),
        ("path,what\nblue/blue-00.png,x\n", "no column is called like a label; it has: path, what"),
        ("path,label\nnone.png,a\nnope.png,b\n", "no row can be used"),
        ("path,label\nblue/blue-00.png,a\nred/red-00.png,a\n", "one class only, 'a'"),
    ],
)
def test_a_table_that_can_not_be_used_is_told(pictures, text, words):
    with pytest.raises(DataError, match=words):
        READER.read(write(pictures, text))


def test_another_encoding_is_told_with_the_line(pictures):
    text = GOOD + "blue/blue-02.png,blåu\n"
    with pytest.raises(DataError, match="not UTF-8 near line 5"):
        READER.read(write(pictures, text, encoding="latin-1"))


def test_columns_can_be_named(pictures):
    text = "path,label,photo,kind\nx,y,blue/blue-00.png,sky\nx,y,red/red-00.png,rose\n"
    options = ReadOptions(path_column="photo", label_column="kind")
    manifest = read_manifest(write(pictures, text), options=options)
    assert manifest.labels == ("rose", "sky")
    assert manifest.examples[0].attributes == {"path": "x", "label": "y"}


def test_a_column_that_is_not_there_is_told_with_the_closest(pictures):
    with pytest.raises(DataError, match=r"no column 'lable'\. Did you mean 'label'\?") as raised:
        READER.read(write(pictures, GOOD), ReadOptions(label_column="lable"))
    assert raised.value.hint == "It has: path, label."


def test_columns_of_a_folder_of_classes_are_refused(pictures):
    with pytest.raises(UserError, match=r"label_column: .* has no columns"):
        read_manifest(pictures, options=ReadOptions(label_column="label"))


def split_text(*values):
    paths = ["blue/blue-00.png", "red/red-00.png", "blue/blue-01.png", "red/red-01.png", "blue/blue-02.png"]
    return "path,label,split\n" + "".join(
        f"{path},{path.split('/')[0]},{value}\n" for path, value in zip(paths, values, strict=False)
    )


def test_given_splits_are_respected(pictures):
    manifest = READER.read(write(pictures, split_text("train", "Train", "train", "train", "test").replace("T", "t")))
    assert manifest.split_names == {"train": "train", "test": "test"}
    assert [item.split for item in manifest.examples] == ["train", "train", "test", "train", "train"]


def test_without_a_test_part_val_is_scored(pictures):
    manifest = READER.read(write(pictures, split_text("train", "train", "val", "val")))
    assert manifest.split_names == {"train": "train", "val": "test"}


def test_a_column_of_other_values_is_a_further_column_unless_it_was_named(pictures):
    file = write(pictures, split_text("1", "2", "1", "2"))
    manifest = READER.read(file)
    assert manifest.split_names == {}
    assert manifest.examples[0].attributes == {"split": "1"}
    with pytest.raises(DataError, match="the column 'split' has the values '1', '2'"):
        READER.read(file, ReadOptions(split_column="split"))


def test_a_line_without_a_split_is_told(pictures):
    manifest = READER.read(write(pictures, split_text("train", "train", "test", "")))
    assert told(manifest) == [("bad_row", "labels.csv line 5: there is no split in the column 'split'")]


@pytest.mark.parametrize("mark", ["|", ";"])
def test_several_labels_in_a_cell(pictures, mark):
    text = f"path\tlabels\nblue/blue-00.png\tsky{mark} sea\nred/red-00.png\trose\n"
    manifest = READER.read(write(pictures, text, name="labels.tsv"))
    assert manifest.is_multi_label
    assert [item.labels for item in manifest.examples] == [("sea", "sky"), ("rose",)]
    assert manifest.labels == ("rose", "sea", "sky")
    assert manifest.counts() == {"rose": 1, "sea": 1, "sky": 1}
    report, _ = check(manifest)
    assert report.class_counts == {"rose": 1, "sea": 1, "sky": 1}


def test_labels_as_columns_of_0_and_1(pictures):
    text = "path,sky,sea\nblue/blue-00.png,1,1\nred/red-00.png,0,1\nred/red-01.png,0,0\n"
    manifest = READER.read(write(pictures, text), ReadOptions(label_column="sky,sea"))
    assert [item.labels for item in manifest.examples] == [("sky", "sea"), ("sea",)]
    assert told(manifest) == [("bad_row", "labels.csv line 4: there is no label")]


def test_json_lines_tell_bad_lines_and_take_lists(pictures):
    lines = [
        json.dumps({"path": "blue/blue-00.png", "tags": ["sky", "sea"]}),
        "{broken",
        "[1, 2]",
        json.dumps({"path": "red/red-00.png", "tags": ["rose"], "size": 3}),
    ]
    manifest = READER.read(write(pictures, "\n".join(lines), name="labels.jsonl"))
    assert [item.labels for item in manifest.examples] == [("sea", "sky"), ("rose",)]
    assert manifest.examples[1].attributes == {"size": "3"}
    messages = [message for _, message in told(manifest)]
    assert messages[0].startswith("labels.jsonl line 2 is not JSON")
    assert messages[1].startswith("labels.jsonl line 3 is no JSON object")


def test_parquet(pictures):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"path": ["blue/blue-00.png", "red/red-00.png"], "label": ["blue", "red"], "age": [3, None]}
    parquet.write_table(arrow.table(columns), pictures / "labels.parquet")
    manifest = read_manifest(pictures / "labels.parquet")
    assert [item.attributes for item in manifest.examples] == [{"age": "3"}, {"age": ""}]
    (pictures / "labels.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="is not a Parquet file"):
        read_manifest(pictures / "labels.parquet")


def test_a_folder_of_classes_with_a_note_beside_them_stays_one(pictures):
    write(pictures, "name,phone\nme,123\n", name="contacts.csv")
    assert read_manifest(pictures).reader == "image_folder"


def test_a_folder_with_two_manifest_files_asks_for_one(tmp_path):
    draw_classes(tmp_path / "images", per_class=2, names=("blue", "red"))
    write(tmp_path, GOOD, name="a.csv")
    write(tmp_path, GOOD, name="b.csv")
    with pytest.raises(DataError, match="holds not exactly one"):
        READER.read(tmp_path)
