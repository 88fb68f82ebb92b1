"""What a preprocessing contract is: the way from a source to a model's input, as data that travel with the model.

One implementation serves training, calibration, evaluation, benchmark, service and edge, so that what a model saw in
training is bit for bit what it sees on a device. A contract needs no framework.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tfl.core.errors import UnsupportedError
from tfl.core.records import Record
from tfl.core.registry import Registry

Floats: TypeAlias = npt.NDArray[np.float32]
Integers: TypeAlias = npt.NDArray[np.int64]
#: What is read once and kept: pixels as uint8, identifiers of tokens as int32.
Rows: TypeAlias = npt.NDArray[np.uint8 | np.int32]
#: What a model file takes; objects are strings as UTF-8 bytes.
Inputs: TypeAlias = npt.NDArray[np.float32 | np.uint8 | np.int32 | np.object_]
#: What of the contract a model file does itself; each does what those before it do.
Fusion = Literal["none", "normalize", "resize"]

#: Of records written before there was a second one.
_FIRST = "image"


@dataclass(frozen=True)
class InputTensor:
    """What a model takes under a contract.

    Attributes:
        name: Of the tensor, in the model and in every artefact.
        shape: With the batch dimension first; -1 is free.
        dtype: NumPy's name, or `string` for texts as they are, which NumPy holds as objects.
        meaning: Range and meaning in words.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Contract(Record, abc.ABC):
    """How a source becomes a model's input, in two steps: `read` once for each sample, `prepare` for each batch.

    Each subclass is a file of `tfl.data.contracts`, which calls it `CONTRACT`; a field `kind` with the file's name
    tells in a saved record which one it is.
    """

    #: What is going on while sources are read, for progress.
    reading: ClassVar[str]

    @classmethod
    def variant_of(cls, data: Mapping[str, Any]) -> type[Record]:
        """Return the class that saved values are of; see `Record.variant_of`."""
        return cls if cls is not Contract else CONTRACTS.get(str(data.get("kind", _FIRST)))

    @property
    @abc.abstractmethod
    def row_shape(self) -> tuple[int, ...]:
        """Shape of what `read` returns."""

    @property
    @abc.abstractmethod
    def row_dtype(self) -> np.dtype[Any]:
        """Type of what `read` returns."""

    @property
    @abc.abstractmethod
    def rows_key(self) -> str:
        """Everything beside the sources that rows depend on; rows are kept under it."""

    @property
    @abc.abstractmethod
    def input(self) -> InputTensor:
        """What the model takes."""

    @property
    @abc.abstractmethod
    def summary(self) -> str:
        """The input's size in a few words, such as `96 x 96 x 3`."""

    @property
    @abc.abstractmethod
    def described(self) -> tuple[tuple[str, str], ...]:
        """What it does in words, as rows of name and text."""

    @abc.abstractmethod
    def draw_rows(self, count: int, *, seed: int) -> Rows:
        """Draw `(count, *row_shape)` at random, for trials without data."""

    @abc.abstractmethod
    def misread(self, rows: Rows) -> Rows:
        """Return rows as a wrong implementation would read them; a check must tell a model's answers apart by it."""

    @abc.abstractmethod
    def source_of(self, argument: str) -> Any:
        """Return the source that a word of a command line names."""

    @abc.abstractmethod
    def read(self, source: Any, *, name: str = "") -> Rows:
        """Read one source: `row_shape` of `row_dtype`.

        Args:
            source: What the kind of data is: a path, a picture, a text.
            name: What a message calls it.

        Raises:
            DataError: It can't be read.
        """

    @abc.abstractmethod
    def prepare(self, rows: Rows) -> Inputs:
        """Turn `(batch, *row_shape)` into the model file's input."""

    def prepare_alike(self, rows: Rows) -> Callable[[Rows], Inputs]:
        """Return a `prepare` whose batches of some rows have the same shape, but for the number of samples.

        Args:
            rows: `(samples, *row_shape)` that batches will be taken of; may be memory-mapped.
        """
        return self.prepare

    def used_positions(self, batch: Inputs) -> Integers | None:
        """Tell how many leading positions of each sample hold anything, where samples are sequences.

        What lies behind is padding, and changes no answer.

        Args:
            batch: Inputs `(batch, positions)`, or what a network makes of them within, `(batch, positions, features)`,
                which is 0 where a sample has ended.

        Returns:
            `(batch,)`, each at least 1; None where samples have no positions, such as pictures.
        """
        return None

    def open_source(self, source: Any) -> Any:
        """Do the first of the two steps that a benchmark times apart."""
        return self.read(source)

    def prepare_opened(self, opened: Any) -> Inputs:
        """Do the second one; returns a batch of one."""
        return self.prepare(opened[None])

    @property
    def files(self) -> dict[str, bytes]:
        """What the contract needs beside its record, such as a vocabulary, by file name; it travels with the model.

        Raises:
            IntegrityError: A file is missing or altered.
        """
        return {}

    def located(self, folder: Path) -> Contract:
        """Return the contract with the folder in which its files lie, that of a bundle or an artefact."""
        return self

    @property
    def fusion(self) -> Fusion:
        """What of the contract the model file does itself."""
        return "none"

    def with_fusion(self, fusion: Fusion) -> Contract:
        """Return the contract of a model file that does so much of it itself.

        Raises:
            UnsupportedError: Such a contract can't be put into a model file.
        """
        if fusion == "none":
            return self
        raise UnsupportedError(
            f"'{fusion}' can't be put into a model file: only the preprocessing of pictures can.",
            hint="Leave --fuse-preprocessing at none.",
        )

    def load_batch(self, sources: Sequence[Any]) -> Inputs:
        """Read sources and prepare them as one batch.

        Raises:
            DataError: One can't be read.
        """
        if not sources:
            return self.prepare(np.empty((0, *self.row_shape), dtype=self.row_dtype))
        return self.prepare(np.stack([self.read(source) for source in sources]))

    def input_batches(self, sources: Sequence[Any], *, size: int) -> Iterator[Inputs]:
        """Yield prepared batches of at most `size`, in order.

        Raises:
            DataError: A source can't be read.
        """
        for start in range(0, len(sources), size):
            yield self.load_batch(sources[start : start + size])

    def load_uniform(self, sources: Sequence[Any]) -> Inputs:
        """Prepare sources as one array, for a benchmark that cuts batches of it.

        Raises:
            DataError: One can't be read.
        """
        return self.load_batch(sources)


CONTRACTS: Registry[type[Contract]] = Registry("tfl.data.contracts", "CONTRACT", "preprocessing contract")
