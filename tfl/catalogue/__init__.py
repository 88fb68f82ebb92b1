"""The catalogue: every known backbone with its size, cost, published scores, licence, and what was measured here."""

from __future__ import annotations

from tfl.catalogue._entries import (
    BYTES_PER_WEIGHT,
    Catalogue,
    ModelEntry,
    SourceFailure,
    find_entry,
    read_catalogue,
    short_name,
)
from tfl.catalogue._filters import SORT_KEYS, Filters, select_entries, sort_entries
from tfl.catalogue._lists import ModelList, list_models, model_info
from tfl.catalogue._search import search_entries
from tfl.catalogue._stronger import NotHere, best_not_here
from tfl.catalogue._tables import entry_table, facts_table, legend, short_number

__all__ = [
    "BYTES_PER_WEIGHT",
    "SORT_KEYS",
    "Catalogue",
    "Filters",
    "ModelEntry",
    "ModelList",
    "NotHere",
    "SourceFailure",
    "best_not_here",
    "entry_table",
    "facts_table",
    "find_entry",
    "legend",
    "list_models",
    "model_info",
    "read_catalogue",
    "search_entries",
    "select_entries",
    "short_name",
    "short_number",
    "sort_entries",
]
