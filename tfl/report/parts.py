"""What a report is put together from: pictures, tables and sections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """A picture of the run's folder; `missing` says why there is none."""

    title: str
    description: str
    path: Path
    missing: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the export table; `reason` stands below it, and `key` is what charts call the record by."""

    state: str
    values: tuple[str, ...]
    reason: str = ""
    key: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under titles, with a caption."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Link:
    """Another page."""

    title: str
    address: str


@dataclass(frozen=True)
class Page:
    """A page of sections below an answer.

    Attributes:
        title: Its heading.
        subtitle: What it is of.
        answer: Sentences; the first one is the answer.
        warning: What must be known before anything is read, or empty.
        sections: In their order.
        links: At the end.
    """

    title: str
    subtitle: str
    answer: tuple[str, ...]
    warning: str
    sections: tuple[Section, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the report that only some runs have.

    Attributes:
        name: Its anchor in the page, a word.
        title: Its heading.
        words: Paragraphs before tables and pictures.
        tables: Shown in their order.
        figures: Shown after the tables.
        notes: Small print after the pictures.
        details: Tables that are folded away, at the end.
    """

    name: str
    title: str
    words: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    details: tuple[Table, ...] = ()
