"""Entries: what a source says of a backbone, what is known for choosing, and what was measured on this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tfl.backbones import SOURCES, BackboneFacts, BackboneInfo, BackboneSource, PublishedScore, parse_spec
from tfl.bench.measured_here import MeasuredHere, read_measured_here
from tfl.core.errors import JobError, NotFoundError, UserError, closest, unknown_name
from tfl.core.records import Record

#: Bytes that one weight takes in a model file, by precision; what stands beside the weights is left out.
BYTES_PER_WEIGHT: Mapping[str, int] = MappingProxyType({"fp32": 4, "fp16": 2, "int8": 1})


@dataclass(frozen=True, kw_only=True)
class ModelEntry(BackboneInfo):
    """One backbone with all that is known of it here.

    Attributes:
        source: The plug-in that loads it.
        name: The part of the spec after that.
        facts: What helps to choose.
        estimated_bytes: Size by precision, worked out from the number of weights; empty where that is not known.
        measured: On this machine, newest first.
    """

    source: str
    name: str
    facts: BackboneFacts
    estimated_bytes: dict[str, int] = field(default_factory=dict)
    measured: tuple[MeasuredHere, ...] = ()

    @property
    def score(self) -> PublishedScore | None:
        """The published score to compare by, or None."""
        return self.facts.scores[0] if self.facts.scores else None

    @property
    def fastest(self) -> MeasuredHere | None:
        """The least latency that was measured on this machine at the backbone's own input, or None.

        A network that was trained for smaller pictures is quicker, and no measure of what is listed.
        """
        own = (item for item in self.measured if item.input == self.preprocessing.summary)
        return min(own, key=lambda item: item.latency_ms_p50, default=None)

    def _repr_html_(self) -> str:
        from tfl.catalogue._tables import facts_table

        return facts_table(self).html()


@dataclass(frozen=True, kw_only=True)
class SourceFailure(Record):
    """A source that could not be listed.

    Attributes:
        source: Its name.
        message: Why.
    """

    source: str
    message: str


@dataclass(frozen=True)
class Catalogue:
    """What the sources list.

    Attributes:
        entries: In the order of the sources and their lists.
        failures: Sources that could not be listed; the others went on.
    """

    entries: tuple[ModelEntry, ...]
    failures: tuple[SourceFailure, ...] = ()


def read_catalogue(*, sources: Sequence[str] = (), measured: bool = True) -> Catalogue:
    """List every backbone that the sources know, those of third parties included, importing no framework.

    Args:
        sources: Only these; one that can't be listed is an error then.
        measured: Whether to look up what was measured on this machine.

    Raises:
        NotFoundError: There is no source of such a name.
        JobError: A source that was asked for can't be listed.
    """
    known = (*SOURCES.names(), *SOURCES.third_party_names())
    for name in sources:
        if name not in known:
            raise unknown_name("backbone source", name, known)
    here = read_measured_here() if measured else {}
    entries: list[ModelEntry] = []
    failures = []
    for name in dict.fromkeys(sources or known):
        try:
            entries += _list_source(name, here)
        except Exception as error:  # noqa: BLE001 - a third party's source raises what it likes; the others go on
            failures.append(SourceFailure(source=name, message=f"{type(error).__name__}: {error}"))
    if sources and failures:
        raise JobError(
            "\n".join(f"The backbone source '{item.source}' can't be listed: {item.message}" for item in failures),
            hint="Ask the package that registers it, or leave --source out.",
        )
    return Catalogue(tuple(entries), tuple(failures))


def find_entry(text: str) -> ModelEntry:
    """Describe one backbone by its spec, or by a name that only one source lists.

    Args:
        text: `source:name`, or a listed name alone, in any case.

    Raises:
        NotFoundError: There is no such source or backbone.
        UserError: Several sources have the name.
    """
    if _has_source(text):
        prefix, name = parse_spec(text)
        source = SOURCES.get(prefix)
        return make_entry(source.info(name), source, read_measured_here())
    entries = read_catalogue().entries
    found = [entry for entry in entries if text.casefold() in _names_of(entry)]
    if len(found) == 1:
        return found[0]
    if found:
        specs = ", ".join(entry.spec for entry in found)
        raise UserError(f"Several backbones are called '{text}': {specs}.", hint="Name one of them with its source.")
    guess = closest(text, {name: None for entry in entries for name in (entry.name, short_name(entry.name))})
    raise NotFoundError(f"No backbone is called '{text}'.{guess}", hint=f"Look for it: tfl models search {text}")


def make_entry(
    info: BackboneInfo, source: BackboneSource, measured: Mapping[str, tuple[MeasuredHere, ...]]
) -> ModelEntry:
    """Put a description, the facts and the measurements of one backbone together."""
    prefix, name = parse_spec(info.spec)
    known = {item.name: getattr(info, item.name) for item in dataclasses.fields(BackboneInfo)}
    weights = info.parameters
    return ModelEntry(
        **known,
        source=prefix,
        name=name,
        facts=source.facts(name),
        estimated_bytes={} if weights is None else {key: weights * size for key, size in BYTES_PER_WEIGHT.items()},
        measured=measured.get(info.spec, ()),
    )


def short_name(name: str) -> str:
    """Return the telling part of an address, such as `mobilenet_v2_100_224`; other names as they are."""
    if "://" not in name:
        return name
    parts = [part for part in name.split("/") if part and not part.isdigit() and part != "feature_vector"]
    return parts[-1]


def _list_source(name: str, measured: Mapping[str, tuple[MeasuredHere, ...]]) -> Iterable[ModelEntry]:
    source = SOURCES.get(name)
    return [make_entry(info, source, measured) for info in source.list()]


def _has_source(text: str) -> bool:
    prefix, colon, _ = text.partition(":")
    # An address has a colon too, and is no source.
    return bool(colon) and not text.startswith(("http:", "https:")) and "/" not in prefix


def _names_of(entry: ModelEntry) -> set[str]:
    return {entry.name.casefold(), short_name(entry.name).casefold()}
