"""What a backbone source is, and what it says about each backbone."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl.core.errors import UserError
from tfl.core.records import Record
from tfl.data.contract import Contract

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class BackboneInfo(Record):
    """What is known of a backbone without loading it.

    Attributes:
        spec: What to pass to `--backbone`, such as `keras_applications:MobileNetV2@imagenet`.
        task: The kind of input it was made for, such as `image_classification`.
        preprocessing: Its own input contract.
        min_size: The smallest height and width it accepts, in pixels; equal to the contract's where fixed, 0 for texts.
        parameters: Number of weights without the classification top, or None where not known.
        feature_size: Length of its output vector, or None where not known.
        licence: SPDX identifier of the weights, or `unknown`.
        weights_origin: What the weights were trained on, in a few words.
        available_offline: Whether it can be loaded now without a network.
        note: What a user should know, or empty.
        is_pretrained: Whether its weights know anything before a person's own data are learned.
    """

    spec: str
    task: str
    preprocessing: Contract
    min_size: int
    parameters: int | None
    feature_size: int | None
    licence: str
    weights_origin: str
    available_offline: bool
    note: str = ""
    is_pretrained: bool = True


@dataclass(frozen=True, kw_only=True)
class PublishedScore(Record):
    """What others say that a backbone's published classifier scores.

    Attributes:
        data: What it was scored on, such as `ImageNet-1k`.
        metric: Such as `top-1`.
        value: In [0, 1].
        source: Who says so.
    """

    data: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True, kw_only=True)
class BackboneFacts(Record):
    """What helps to choose a backbone and is not needed to load it. What is not known is None or empty.

    Attributes:
        family: Of its architecture, such as `mobilenet_v2`.
        multiply_adds: For one sample, without the classification top: products added to a sum in convolutions and
            products of matrices.
        multiply_adds_at: The input that they hold for, such as `224 x 224 pixels`.
        parameters_with_top: Number of weights with the published classifier.
        multiply_adds_with_top: The same.
        scores: As published; the first is the one to compare by.
        licence_source: Who states the licence.
        address: What its weights are downloaded from, for who has to carry them.
    """

    family: str = ""
    multiply_adds: int | None = None
    multiply_adds_at: str = ""
    parameters_with_top: int | None = None
    multiply_adds_with_top: int | None = None
    scores: tuple[PublishedScore, ...] = ()
    licence_source: str = ""
    address: str = ""


@dataclass(frozen=True)
class Backbone:
    """A loaded backbone.

    Attributes:
        info: Its description, with the preprocessing contract it was loaded for (`info.preprocessing`).
        model: A Functional `keras.Model` from the contract's input to `(batch, features)`, pooled, in the dtype
            policy that was active when it was loaded.
        digest: SHA-256 of the weights it was loaded from, or of its variables where there is no file.
    """

    info: BackboneInfo
    model: keras.Model
    digest: str


class BackboneSource(abc.ABC):
    """One place that backbones come from. One file, one object called `SOURCE`."""

    #: One line that says what the source is.
    summary: str

    @abc.abstractmethod
    def list(self) -> tuple[BackboneInfo, ...]:
        """Describe every backbone that the source knows, importing no framework."""

    @abc.abstractmethod
    def info(self, name: str) -> BackboneInfo:
        """Describe one backbone (the part of the spec after `source:`), importing no framework.

        Raises:
            NotFoundError: The source has no such backbone.
        """

    @abc.abstractmethod
    def load(self, name: str, *, image_size: int | None = None) -> Backbone:
        """Load one backbone with its weights, offline where a cache has them.

        Args:
            name: The part of the spec after `source:`.
            image_size: Height and width in pixels, or None for the contract's own; only None where it takes texts.

        Raises:
            NotFoundError: The source has no such backbone.
            UnsupportedError: It does not accept the image size.
            JobError: The weights are not cached and can't be downloaded; says which file to put where.
        """

    def facts(self, name: str) -> BackboneFacts:
        """Return what helps to choose, importing no framework; nothing is known of most.

        Raises:
            NotFoundError: The source has no such backbone.
        """
        return BackboneFacts()

    def recipe(self, name: str) -> Mapping[str, Any]:
        """Return the settings that a backbone is best trained with, by dotted name; they stand where nobody asks.

        Raises:
            NotFoundError: The source has no such backbone.
        """
        return {}

    def custom_objects(self) -> dict[str, Any]:
        """Return the Keras classes that a saved model with this backbone needs to be loaded again."""
        return {}

    def fetch(self, name: str) -> tuple[Path, ...]:
        """Download what `name` needs into the cache and return the files, with their digests recorded.

        Raises:
            UnsupportedError: The source has nothing to fetch.
            JobError: The download failed; says which file to put where.
        """
        raise UserError(f"'{name}' needs no download.")

    def import_file(self, name: str, file: Path) -> tuple[Path, ...]:
        """Put a file that was carried here by hand into the cache place of `name`, digest recorded.

        Raises:
            UserError: The source has no cache, or the file is not what `name` needs.
        """
        raise UserError(f"'{name}' needs no file: {file} was left alone.")


def parse_spec(spec: str) -> tuple[str, str]:
    """Split `source:name` at the first colon.

    Raises:
        UserError: There is no colon.
    """
    source, colon, name = spec.partition(":")
    if not colon or not name:
        raise UserError(
            f"A backbone is written source:name. Received: '{spec}'.",
            hint="For example embedded:sketchnet or keras_applications:MobileNetV2. See: tfl models list",
        )
    return source, name
