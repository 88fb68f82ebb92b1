"""A table of reviews, from the check to artefacts in use, and the mistakes that people make with tables."""

import csv
import json

import pytest

from tests.e2e.conftest import assert_user_error, call, call_json
from tests.presence import skip_without
from tests.texts import sentence, sentences, write_table

pytestmark = pytest.mark.slow
TARGETS = ("onnx", "openvino", "saved_model", "tflite")


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("texts") / "reviews.csv", sentences(60), header=("review", "topic"))


@pytest.fixture(scope="module")
def text_run(reviews, tmp_path_factory):
    for module in ("tensorflow", "openvino", "onnxruntime", "ai_edge_litert", "sklearn"):
        skip_without(module)
    run = tmp_path_factory.mktemp("text-run") / "run"
    done = call("run", reviews, "--out", run, "--precision", "fp32,int8", "--seconds", "0.1")
    assert done.returncode == 0, done.stderr
    assert "texts the model never saw are recognised" in done.stdout
    return run


def test_a_table_is_learned_exported_and_proven(text_run):
    cells = json.loads((text_run / "exports.json").read_text())["cells"]
    verified = {(cell["target"], cell["precision"]) for cell in cells if cell["status"] == "ok"}
    assert {target for target, precision in verified if precision == "fp32"} == set(TARGETS)
    assert {target for target, precision in verified if precision == "int8"} == set(TARGETS) - {"saved_model"}
    assert not [cell for cell in cells if cell["status"] == "failed"]
    scores = json.loads((text_run / "evaluation" / "test.json").read_text())
    assert scores["task"] == "text_classification"
    assert scores["accuracy"] > 0.9
    measured = json.loads((text_run / "benchmark.json").read_text())["measurements"]
    assert {item["artifact"] for item in measured} == {f"{target}-{precision}" for target, precision in verified}


def test_the_report_shows_texts_and_the_words_that_count(text_run):
    page = (text_run / "report.html").read_text()
    assert "new texts" in page
    assert "picture" not in page.lower().replace("<picture", "")
    assert '<mark style="--weight' in page
    assert "What it reads" in (text_run / "report.md").read_text()


def test_every_artefact_answers_texts_as_the_run_does(text_run):
    text = sentence("payment", 1000)
    expected = call_json("predict", text_run, text)["predictions"][0]
    assert expected["label"] == "payment"
    for folder in sorted((text_run / "bundle" / "artifacts").iterdir()):
        (answer,) = call_json("predict", folder, text)["predictions"]
        assert answer["label"] == "payment"
        assert answer["probability"] == pytest.approx(expected["probability"], abs=0.15)


def test_words_are_explained_on_the_terminal(text_run):
    artifact = text_run / "bundle" / "artifacts" / "onnx-int8"
    done = call("predict", artifact, "yesterday the courier was late again", "--explain")
    assert done.returncode == 0
    assert "[courier]" in done.stdout or "[[courier]]" in done.stdout
    (explained,) = call_json("predict", artifact, "yesterday the courier was late again", "--explain")["explanations"]
    assert "".join(piece["text"] for piece in explained["pieces"]) == "yesterday the courier was late again"


def test_files_folders_and_lines_are_answered(text_run, tmp_path):
    (tmp_path / "one.txt").write_text(sentence("delivery", 2000))
    (tmp_path / "two.txt").write_text(sentence("quality", 2001))
    answers = call_json("predict", text_run, tmp_path)["predictions"]
    assert [answer["label"] for answer in answers] == ["delivery", "quality"]
    done = call("predict", text_run, "-", "--json", stdin=f"{sentence('payment', 7)}\n\n{sentence('quality', 8)}\n")
    assert [answer["label"] for answer in json.loads(done.stdout)["predictions"]] == ["payment", "quality"]


def test_slices_by_length_and_by_language(text_run):
    scores = call_json("evaluate", text_run, "--by", "length")
    assert {item["column"] for item in scores["slices"]} == {"length"}
    assert_user_error(call("evaluate", text_run, "--by", "lenght"), "Did you mean 'length'")


def test_an_artefact_is_verified_alone_and_an_altered_one_refused(text_run, tmp_path):
    assert call("verify", text_run / "bundle" / "artifacts" / "tflite-int8").returncode == 0
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(text_run / "bundle" / "artifacts" / "onnx-fp32", copy)
    record = json.loads((copy / "artifact.json").read_text())
    record["preprocessing"]["kind"] = "hashed_txt"
    (copy / "artifact.json").write_text(json.dumps(record))
    assert_user_error(call("predict", copy, "a text"), "hashed_txt")


def test_what_is_for_pictures_is_refused_with_the_reason(text_run, reviews, tmp_path):
    assert_user_error(call("compress", text_run, "--method", "prune", "--out", tmp_path / "small"), "pictures")
    assert_user_error(call("run", reviews, "--fuse-preprocessing", "normalize", "--out", tmp_path / "run"), "pictures")
    assert_user_error(call("run", reviews, "--image-size", "64", "--out", tmp_path / "run"), "image_size")
    assert_user_error(call("run", reviews, "--augment", "light", "--out", tmp_path / "run"), "pictures")


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (b"", [], ["empty"]),
        (b"review;topic\nfine;good\nbad;awful\n", ["--label-column", "topik"], ["Did you mean 'topic'"]),
        (b"review,topic\nfine,good\ngreat,good\n", [], ["one class"]),
        (b"review,topic\n\xff\xfe\x00\x01 fine,good\n", [], []),
        (b"\x00\x00\x00\x00\x00\x00", [], []),
    ],
)
def test_tables_that_can_not_be_used_are_told_of(content, arguments, words, tmp_path):
    table = tmp_path / "reviews.csv"
    table.write_bytes(content)
    assert_user_error(call("run", table, *arguments, "--out", tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()
    assert table.read_bytes() == content


def test_too_few_texts_to_choose_by_are_told_of(tmp_path):
    table = write_table(tmp_path / "reviews.csv", sentences(2))
    assert_user_error(call("train", table, "--out", tmp_path / "run"), "No text is left to choose the epoch by")


def test_a_single_line_of_ten_megabytes_is_no_end(tmp_path):
    table = tmp_path / "reviews.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *sentences(4), ("x" * 10_000_000, "delivery")])
    found = call_json("data", "check", table, code=None)
    assert [item for item in found["findings"] if item["rule"] == "bad_row" and "line 14" in item["message"]]


def test_labels_that_only_the_test_has(tmp_path):
    write_table(tmp_path / "data" / "train.csv", sentences(5, topics=("delivery", "payment")))
    write_table(tmp_path / "data" / "test.csv", sentences(5, first=50))
    assert_user_error(call("train", tmp_path / "data", "--out", tmp_path / "run"), "quality")


def test_a_transformer_is_fine_tuned_from_cached_activations_and_exported(tmp_path):
    skip_without("keras_hub", "tokenizers", "openvino", "onnxruntime", "ai_edge_litert")
    from tests.tiny_transformers import save_preset

    preset = save_preset(tmp_path / "preset", family="DebertaV3")
    # Batches of texts of very different lengths are of different widths; what is kept of all of them is not.
    rows = [(text if index % 3 else f"{text} {text}", label) for index, (text, label) in enumerate(sentences(40))]
    table = write_table(tmp_path / "reviews.csv", [*rows[::5], *(row for i, row in enumerate(rows) if i % 5)])
    run = tmp_path / "run"
    options = ["--fine-tune", "2", "--fine-tune-layers", "1", "--epochs", "2", "--seconds", "0.1", "--seed", "3"]
    done = call("run", table, "--backbone", f"keras_hub:{preset}", *options, "--precision", "fp32", "--out", run)
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "training" / "summary.json").read_text())["cut_at"] == {"fine_tune": "block_0"}
    folders = sorted((run / "bundle" / "artifacts").iterdir())
    assert [folder.name for folder in folders] == [f"{target}-fp32" for target in TARGETS]
    for folder in folders:
        assert (folder / "tokenizer.json").read_bytes() == (run / "bundle" / "tokenizer.json").read_bytes()
    proof = call_json("runs", "verify-resume", run)
    assert proof["identical"] is True
    (folders[0] / "tokenizer.json").write_text("{}")
    assert_user_error(call("predict", folders[0], "a text"), "tokenizer.json")


def test_a_run_of_texts_goes_on_to_the_same_bytes(text_run):
    proof = call_json("runs", "verify-resume", text_run)
    assert proof["identical"] is True
