"""What the check sees in texts: alone, nearly the same, and in which language."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import sentence, sentences, write_table
from tfl.core import extras
from tfl.data.check import check
from tfl.data.check.examine_texts import TextExaminer
from tfl.data.check.near_texts import LEAST_SIMILARITY, near_text_groups, similarity
from tfl.data.check.texts import cleaned, length_class, look_at_text, plain_text
from tfl.data.loading import read_manifest

LONG = "The parcel was left at the neighbour's door although I was at home the whole day and heard no bell."


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("I lost my card", "  i LOST my\ncard. ", True),
        ("“I lost my card”", "I lost my card!!!", True),
        ("ﬁne ①", "fine 1", True),
        ("great :)", "great :(", False),
        ("great 😀", "great 😡", False),
        ("C++ is fast", "C is fast", False),
        ("resume", "résumé", False),
        ("3 stars", "5 stars", False),
        ("!!!", "???", False),
    ],
)
def test_what_says_the_same_is_the_same(one, other, same):
    assert (plain_text(one) == plain_text(other)) is same


@given(st.text())
def test_plain_texts_stay_as_they_are(text):
    plain = plain_text(text)
    assert bool(plain) == bool(text)
    assert plain_text(plain) == plain_text(plain_text(plain))


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("The zip broke on day one.", set()),
        ("مرحبا بالعالم", set()),
        ("👩\u200d👩\u200d👧 😀", set()),
        ("これはとても良いです", set()),
        ("Preis < 5 und > 3", set()),
        ("See https://example.org/a for more", set()),
        ("Ça va, señor Müller? Ârbol Ão", set()),
        ("tab\tand\nline ends\r\n", set()),
        ("   \n", {"empty_text"}),
        ("zero\0byte", {"control_characters"}),
        ("\x1b[31mred\x1b[0m", {"control_characters"}),
        ("doesn\u00e2\u20ac\u2122t", {"broken_characters"}),
        ("caf\u00c3\u00a9", {"broken_characters"}),
        ("caf\ufffd", {"broken_characters"}),
        ("<p>Good</p>", {"markup"}),
        ("Tom &amp; Jerry", {"markup"}),
        ("https://example.org", {"no_words"}),
        ("me@example.org", {"no_words"}),
        ("12/10 ...", {"no_words"}),
        ("!!!", {"no_words"}),
    ],
)
def test_faults_of_one_text(text, rules):
    assert {rule for rule, _ in look_at_text(text).faults} == rules


@pytest.mark.parametrize(
    ("rule", "text", "right"),
    [
        ("control_characters", "zero\0byte\there", "zerobyte\there"),
        ("broken_characters", "caf\u00c3\u00a9 doesn\u00e2\u20ac\u2122t", "café doesn’t"),
        ("broken_characters", "caf\ufffd", "caf\ufffd"),
        ("markup", "<b>bold</b>", "<b>bold</b>"),
    ],
)
def test_what_has_one_right_way_is_put_right(rule, text, right):
    assert cleaned(text, rule) == right


def test_words_are_counted_also_without_spaces():
    assert look_at_text("It's two, or three?").words == 5
    assert look_at_text("我很喜欢").words == 4
    assert [length_class(words) for words in (1, 5, 6, 20, 500, 501)] == [
        *("1-5 words", "1-5 words", "6-10 words", "11-20 words", "201-500 words", "over 500 words"),
    ]


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (LONG.replace("the neighbour's", "our neighbour's"), True),
        (LONG.replace("heard", "herd"), True),
        (f"Hi, {LONG}", True),
        (LONG.replace("parcel", "letter").replace("door", "gate"), False),
        (" ".join(reversed(LONG.split())), False),
    ],
)
def test_texts_that_are_nearly_the_same_are_found(other, near):
    pytest.importorskip("datasketch")
    texts = [plain_text(text) for text in (LONG, *(sentence("quality", seed) for seed in range(50)), other)]
    assert (similarity(texts[0], texts[-1]) >= LEAST_SIMILARITY) is near
    assert near_text_groups(texts) == ([(0, 51)] if near else [])


def test_the_search_finds_what_comparing_all_pairs_finds():
    pytest.importorskip("datasketch")
    draw = random.Random(3)
    texts = []
    for seed in range(60):
        words = sentence("payment", seed).split()
        texts.append(" ".join(words))
        words[draw.randrange(len(words))] = "so"
        texts.append(" ".join(words))
    texts = sorted(set(texts))
    near = {(i, j) for j in range(len(texts)) for i in range(j) if similarity(texts[i], texts[j]) >= LEAST_SIMILARITY}
    groups = near_text_groups(texts)
    together = {(i, j) for group in groups for j in group for i in group if i < j}
    assert len(near) > 5
    assert near <= together
    assert near_text_groups(texts) == groups


def test_many_copies_of_one_form_are_one_group():
    pytest.importorskip("datasketch")
    texts = [f"{LONG.lower()} {number}" for number in range(500)]
    assert near_text_groups(texts) == [tuple(range(500))]


def test_the_check_tells_length_and_language_to_score_by(tmp_path):
    pytest.importorskip("py3langid")
    rows = [*sentences(), ("Mein Paket ist leider immer noch nicht angekommen.", "delivery"), ("ok", "quality")]
    report, manifest = check(read_manifest(write_table(tmp_path / "a.csv", rows)))
    assert report.added == ("length", "language")
    found = {item.text: item.attributes for item in manifest.examples}
    assert found[rows[0][0]] == {"length": "11-20 words", "language": "en"}
    assert found[rows[-2][0]]["language"] == "de"
    assert found["ok"] == {"length": "1-5 words", "language": "not told"}


def test_a_column_of_the_same_name_is_not_overwritten(tmp_path):
    rows = [(text, label, "xx") for text, label in sentences()]
    report, manifest = check(read_manifest(write_table(tmp_path / "a.csv", rows, ("text", "label", "language"))))
    assert report.added == ("length",)
    assert {item.attributes["language"] for item in manifest.examples} == {"xx"}


def test_what_is_not_installed_is_told(tmp_path, monkeypatch):
    file = write_table(tmp_path / "a.csv", [*sentences(), (f"Hello! {sentence('delivery', 0)}", "delivery")])
    monkeypatch.setattr("tfl.data.check.examine_texts.is_installed", lambda module: False)
    report, manifest = check(read_manifest(file))
    assert {item.rule for item in report.findings} == {"not_checked"}
    assert sum("tfl[data]" in item.message for item in report.findings) == 2
    assert set(manifest.examples[0].attributes) == {"length"}
    assert extras.EXTRA_OF_MODULE["datasketch"] == extras.EXTRA_OF_MODULE["py3langid"] == "data"


def test_copies_but_for_case_stay_on_one_side_of_a_split(tmp_path):
    from tfl.data.split import assign_splits

    rows = sentences(20)
    report, manifest = check(read_manifest(write_table(tmp_path / "a.csv", [*rows, (rows[0][0].upper(), rows[0][1])])))
    assert report.duplicate_groups == (("a.csv:2", "a.csv:62"),)
    for seed in range(5):
        split = assign_splits(manifest, seed=seed, duplicate_groups=report.duplicate_groups)
        sides = {item.path: item.split for item in split.examples}
        assert sides["a.csv:2"] == sides["a.csv:62"]


def test_nothing_to_look_at_is_no_error():
    examiner = TextExaminer()
    assert list(examiner.judge((), ())) == []
    assert examiner.near_groups(()) == []


@pytest.mark.real
def test_real_questions(real_data):
    """The questions of banking77, whose copies are known from comparing all pairs."""
    pytest.importorskip("datasketch")
    pytest.importorskip("py3langid")
    manifest = read_manifest(real_data / "text_banking77")
    assert (len(manifest.examples), len(manifest.labels)) == (13083, 77)
    assert manifest.split_names == {"test": "test", "train": "train"}
    report, manifest = check(manifest)
    rules = {item.rule for item in report.findings}
    assert {"leakage", "near_leakage", "near_conflict", "imbalance"} <= rules
    assert "language_mix" not in rules
    languages = [item.attributes["language"] for item in manifest.examples]
    assert languages.count("en") > 12_500
    assert set(languages) == {"en", "not told"}
