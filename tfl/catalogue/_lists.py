"""The catalogue as a notebook has it: one call for a list, one for a backbone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfl.catalogue._entries import ModelEntry, SourceFailure, find_entry, read_catalogue
from tfl.catalogue._filters import LATENCY, Filters, select_entries, sort_entries
from tfl.catalogue._search import search_entries
from tfl.catalogue._tables import entry_table, legend
from tfl.core.tables import html_lines

#: In a terminal.
_NAMED = 8
#: Of the table in a notebook: a list is asked for to be read to its end.
_MOST_CHARS = 1_000_000


@dataclass(frozen=True)
class ModelList:
    """Backbones, as a sequence and as a table in a notebook.

    Attributes:
        items: Those that were asked for.
        unknown: Figure that was asked about -> how many more backbones are left out only since it is not known.
        failures: Sources that could not be listed.
        precision: That the table tells sizes in.
    """

    items: tuple[ModelEntry, ...]
    unknown: dict[str, int]
    failures: tuple[SourceFailure, ...] = ()
    precision: str = "fp32"

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> ModelEntry:
        return self.items[index]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the list must know, a sentence each."""
        left_out = [
            f"{count} more {'is' if count == 1 else 'are'} left out: the {name} is not known."
            + (" To measure: tfl models recommend YOUR_DATA" if name == LATENCY else "")
            for name, count in self.unknown.items()
        ]
        failed = [f"The source '{item.source}' could not be listed: {item.message}" for item in self.failures]
        return (*left_out, *failed)

    def __repr__(self) -> str:
        specs = [item.spec for item in self.items]
        rest = f", ... {len(specs) - _NAMED} more" if len(specs) > _NAMED else ""
        return f"ModelList({len(specs)} backbones: {', '.join(specs[:_NAMED])}{rest})"

    def _repr_html_(self) -> str:
        table = entry_table(self.items, precision=self.precision, title=f"{len(self.items)} backbones")
        return table.html(most_chars=_MOST_CHARS) + html_lines((legend(self.items), *self.remarks))


def list_models(
    *,
    search: str = "",
    task: str | None = None,
    source: str | Sequence[str] | None = None,
    licence: str | Sequence[str] = (),
    max_parameters: int | None = None,
    max_multiply_adds: int | None = None,
    max_mb: float | None = None,
    min_score: float | None = None,
    max_latency_ms: float | None = None,
    precision: str = "fp32",
    offline: bool = False,
    sort: str | None = None,
) -> ModelList:
    """List the known backbones. Sources take other names too, such as any TF Hub handle.

    Args:
        search: Words over names, families, tasks and origins; the best match comes first.
        task: Only those for this task's kind of input.
        source: Only those of this source, or of these.
        licence: Only those under this licence, or one of these, by SPDX identifier.
        max_parameters: Only those known to have at most so many weights.
        max_multiply_adds: Only those known to take at most so many multiply-adds for one sample.
        max_mb: Only those whose weights take at most so many 10^6 bytes in `precision`; an estimate.
        min_score: Only those whose published score is at least this, in (0, 1].
        max_latency_ms: Only those that were measured on this machine with at most this.
        precision: `fp32`, `fp16` or `int8`.
        offline: Only those that can be loaded now without a network.
        sort: One of `source`, `name`, `parameters`, `size`, `multiply-adds`, `score`, `latency`; the order of the
            search, or of the sources, where None.

    Raises:
        NotFoundError: There is no such source, task or licence.
        ConfigError: A limit or the order is wrong.
        JobError: A source that was asked for can't be listed.
    """
    filters = Filters(
        task=task,
        licences=(licence,) if isinstance(licence, str) else tuple(licence),
        max_parameters=max_parameters,
        max_multiply_adds=max_multiply_adds,
        max_bytes=None if max_mb is None else max_mb * 1e6,
        min_score=min_score,
        max_latency_ms=max_latency_ms,
        precision=precision,
        offline=offline,
    )
    catalogue = read_catalogue(sources=(source,) if isinstance(source, str) else tuple(source or ()))
    found, unknown = select_entries(catalogue.entries, filters)
    if search:
        hits = search_entries(found, [search])
        # Of what is not known, only what the search is about would be missed.
        unknown = unknown if len(hits) == len(found) else {}
        found = hits
    items = sort_entries(found, sort) if sort else found
    return ModelList(items, dict(unknown), catalogue.failures, precision)


def model_info(spec: str) -> ModelEntry:
    """Describe one backbone, written `source:name`, or by a name that only one source lists.

    Raises:
        NotFoundError: There is no such source or backbone.
        UserError: Several sources have the name.
    """
    return find_entry(spec)
