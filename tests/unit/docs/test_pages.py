"""Generated pages say what the code says, and a drift is found."""

import importlib

import click
import pytest

from docs import check_docs, command_notes, command_pages, troubleshooting_page
from tfl.core.error_guide import read_guide


def test_pages_of_commands_and_errors_are_fresh():
    assert command_pages.stale() == []
    assert troubleshooting_page.stale() == []


def test_an_option_that_no_page_has_is_found(monkeypatch):
    command = command_pages.command_tree()["verify"]
    monkeypatch.setattr(command, "params", [*command.params, click.Option(["--stranger"], help="New.")])
    assert command_pages.stale() == [
        "docs/commands/verify.md is not what the command says; python -m docs.command_pages"
    ]


def test_a_command_without_a_note_is_found(monkeypatch):
    notes = {words: note for words, note in command_notes.NOTES.items() if words != "data relabel apply"}
    monkeypatch.setattr(command_pages, "NOTES", notes)
    assert command_pages.stale() == ["docs/command_notes.py has nothing about 'tfl data relabel apply'"]


def test_every_command_and_option_is_on_its_page():
    pages = command_pages.build()
    for words, command in command_pages.command_tree().items():
        page = pages[f"{words.split()[0]}.md"]
        assert f"# tfl {words}\n" in page
        for option in command.params:
            if isinstance(option, click.Option):
                assert all(f"`{name}`" in page for name in option.opts), option.opts


def test_every_error_has_an_anchor_on_the_page():
    page = troubleshooting_page.PAGE.read_text(encoding="utf-8")
    for item in read_guide():
        assert f"\n## {item.code}\n" in page
        for symptom in item.symptoms:
            assert symptom.remedy in page


def test_a_changed_explanation_is_found(monkeypatch):
    first, *others = read_guide()
    monkeypatch.setattr(troubleshooting_page, "read_guide", lambda: tuple(others))
    problems = troubleshooting_page.stale()
    assert f"tfl/core/error_guide.toml has nothing about {first.code}" in problems
    assert any("docs/troubleshooting.md is not what the guide says" in text for text in problems)


def test_options_in_the_documents_that_do_not_exist_are_found(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```\ntfl data relabel apply TABLE --out x --nowhere\ntfl run DATA --epochs 3\n```\n")
    monkeypatch.setattr(check_docs, "PAGES", [page])
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    assert check_docs.unknown_options() == ["page.md: 'tfl data relabel apply' has no option --nowhere"]


@pytest.mark.parametrize(
    ("html", "address"),
    [
        ('<script async src="https://cdn.example/x.js">', "https://cdn.example/x.js"),
        ("<img alt=logo src=http://example/x.png>", "http://example/x.png"),
        ('<link href="https://fonts.example/css" rel="stylesheet">', "https://fonts.example/css"),
        ("@font-face{src:url(https://fonts.example/a.woff2)}", "https://fonts.example/a.woff2"),
        ('<a href="https://keepachangelog.com">', None),
        ('<link rel="canonical" href="https://example">', None),
    ],
)
def test_what_a_browser_would_fetch_from_elsewhere_is_told_from_links(html, address):
    found = check_docs.loaded_from_elsewhere(html)
    assert found == ([] if address is None else [address])


def test_the_hooks_bring_linked_files_from_outside():
    pytest.importorskip("mkdocs")
    hooks = importlib.import_module("docs.site_hooks")
    assert hooks.target_of("docs/training.md", "../notebooks/03_training.ipynb") == "notebooks/03_training.ipynb"
    assert hooks.target_of("CHANGELOG.md", "docs/text.md") == "docs/text.md"
    assert hooks.target_of("docs/text.md", "https://example.org") is None
    assert hooks.target_of("docs/text.md", "../../elsewhere.md") is None
