"""Which samples a model is tried on: a data set, one of its splits, and the model's classes of each sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfl.bench.held_out import HeldOut
from tfl.core.errors import DataError, UserError
from tfl.data.manifest import Example, Manifest


def find_manifest(data: str | Path | None, *, own: Manifest | None, path: Path) -> Manifest:
    """Read a data set, or take the run's own.

    Args:
        data: Where it lies, or None for the run's own.
        own: What the run was made from, or None outside of a run.
        path: Of the model, for messages.

    Raises:
        UserError: Neither is at hand.
        DataError: The run's data are gone.
    """
    from tfl.data.loading import read_manifest
    from tfl.data.readers import as_location

    if data is not None:
        return read_manifest(as_location(data))
    if own is None:
        raise UserError(f"{path} lies in no run, so its data are not known.", hint="Name them with --data DATA.")
    if not Path(own.root).is_dir():
        raise DataError(f"The data of the run, {own.root}, are not there any more.", hint="Name them with --data DATA.")
    return own


def choose_examples(
    manifest: Manifest, *, own: Manifest | None, split: str | None
) -> tuple[Manifest, tuple[Example, ...], str]:
    """Choose the examples of a split, by the run's own splits where the data are the run's.

    Args:
        manifest: The data.
        own: What the run was made from, or None.
        split: A split's name, `all`, or None for the test split, and for all of data that have no splits.

    Returns:
        The data with their splits, the examples, and the split's name.

    Raises:
        UserError: There is no such split, or it is empty.
    """
    if own is not None and Path(own.root).resolve() == Path(manifest.root).resolve():
        manifest = own
    has_splits = any(example.split for example in manifest.examples)
    if split is None:
        split = "test" if has_splits else "all"
    if split != "all" and not has_splits:
        raise UserError(f"{manifest.root} has no splits, so it has no '{split}'.", hint="Use --split all.")
    examples = manifest.examples if split == "all" else manifest.of_split(manifest.resolve_split(split))
    if not examples:
        raise UserError(f"{manifest.root} has no examples in the split '{split}'.")
    return manifest, examples, split


def as_held_out(manifest: Manifest, examples: tuple[Example, ...], labels: Sequence[str]) -> HeldOut:
    """Return the examples with the model's indices of their classes.

    Raises:
        DataError: The data have classes that the model does not know.
    """
    index = {label: position for position, label in enumerate(labels)}
    unknown = sorted({example.label for example in examples} - set(index))
    if unknown:
        raise DataError(
            f"{manifest.root} has classes that the model does not know: {', '.join(unknown)}.",
            hint=f"It knows: {', '.join(labels)}.",
        )
    return HeldOut.of_examples(Path(manifest.root), examples, [index[example.label] for example in examples], None)
