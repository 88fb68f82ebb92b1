"""Backbones of TF Hub: `tfhub:HANDLE`, a TF2 SavedModel in a Keras 3 layer, or, of words, as a Keras network.

A handle is an address (`https://tfhub.dev/...`), a Kaggle handle (`google/mobilenet-v2/tensorFlow2/...`), a
folder with a SavedModel, or a `.tar.gz` of one. Behind that of a transformer may stand `@preprocess=HANDLE`, the module
that makes its tokens, and `@pooled`, `@mean` or `@cls`, what a text's vector is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from tfl.backbones import _cache
from tfl.backbones._base import Backbone, BackboneFacts, BackboneInfo, BackboneSource
from tfl.backbones._hub_calls import Answer
from tfl.backbones._hub_encoder import is_encoder, load_encoder
from tfl.backbones._hub_facts import hub_facts
from tfl.backbones._hub_layer import hub_module_class, make_layer, static_size
from tfl.backbones._hub_strings import StringModule, load_string_module
from tfl.backbones._hub_table import HUB_MODULES
from tfl.backbones._hub_text import TextModule, is_text_module, load_text_module, word_bag_class
from tfl.backbones._hub_wordpiece import DEFAULT_LENGTH
from tfl.backbones._kaggle import kaggle_address, kaggle_place
from tfl.core.archives import Limits, unpack_tar
from tfl.core.errors import JobError, NotFoundError, UnsupportedError, UserError, closest
from tfl.core.extras import require
from tfl.core.files import cache_dir, sha256_file, sha256_text, write_text
from tfl.core.saved_models import SAVED_MODEL_FILE
from tfl.data.contract import Contract
from tfl.data.contracts.tokens import TokenizedText
from tfl.data.contracts.words import WordIds
from tfl.data.preprocess import ImagePreprocessing, as_pictures

_DEFAULT_SIZE = 224
_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar")
#: Weights hardly shrink, graphs shrink about tenfold.
_LIMITS = Limits(max_files=10_000, max_bytes=8 << 30, max_ratio=100)
_KAGGLE = re.compile(r"[\w-]+/[\w.-]+/tensorFlow2/[\w.-]+(/\d+)?", re.IGNORECASE)
_NAME = re.compile(r"(.+?)(?:@preprocess=(.+?))?(?:@(pooled|mean|cls))?")
_EXAMPLES = (
    "A handle is https://tfhub.dev/google/..., google/mobilenet-v2/tensorFlow2/100-224-feature-vector/2, "
    "a folder with saved_model.pb or a .tar.gz of one; behind that of a transformer may stand @preprocess=HANDLE and "
    "then @pooled, @mean or @cls. See: tfl models list --source tfhub"
)


class _Name(NamedTuple):
    """A name taken apart: the module, its preprocessor and its answer, where they were named."""

    module: str
    preprocessor: str | None
    answer: Answer | None


class TfHubSource(BackboneSource):
    """The well-known modules of pictures are listed; other TF2 SavedModels of pictures or of texts work too."""

    summary = "TF2 SavedModels: tfhub.dev addresses, Kaggle handles, local folders and .tar.gz archives."

    def list(self) -> tuple[BackboneInfo, ...]:
        return tuple(self.info(handle) for handle in HUB_MODULES)

    def info(self, name: str) -> BackboneInfo:
        parts = _parse(name)
        place = _place(parts.module)
        if is_encoder(place) or parts.preprocessor is not None or parts.answer is not None:
            return _described_text(name, _ENCODER, note=_ENCODER_NOTE)
        if is_text_module(place):
            return _described_text(name, WordIds(vocabulary_size=0), note=_WORDS_NOTE)
        entry = HUB_MODULES.get(name)
        size = entry.size if entry else _DEFAULT_SIZE
        return BackboneInfo(
            spec=f"tfhub:{name}",
            task="image_classification",
            preprocessing=_contract(size),
            min_size=size,
            parameters=entry.parameters if entry else None,
            feature_size=entry.feature_size if entry else None,
            licence=entry.licence if entry else "unknown",
            weights_origin=entry.weights_origin if entry else "unknown",
            available_offline=_is_here(parts.module),
            note=""
            if entry
            else "Contract not known to tfl: pixels are scaled to [0, 1]; the size is the module's own, else 224.",
        )

    def facts(self, name: str) -> BackboneFacts:
        return hub_facts(name, address=_address(name)) if name in HUB_MODULES else BackboneFacts()

    def load(self, name: str, *, image_size: int | None = None) -> Backbone:
        """Load `(batch, size, size, 3)` float32 in [0, 1] -> `(batch, features)`; a feature map is averaged.

        The module computes in float32; its output has the active policy's compute dtype. A module that takes strings
        becomes a network `ids (batch, words) int32` -> `(batch, features)` that is proven to answer the same, or one
        of `texts (batch,) string` where there is none; a transformer one of `ids (batch, tokens) int32`, whose tokens
        are proven equal to its preprocessor's.

        Args:
            name: The handle.
            image_size: Height and width in pixels; None for the module's own, and for texts.

        Raises:
            NotFoundError: There is no such folder, archive or kind of handle.
            UnsupportedError: It is no TF2 module of one vector for each picture or text, its tokens can't be rebuilt,
                or it does not accept the image size.
            IntegrityError: The files were altered since they were fetched or imported.
            JobError: It is not cached and can't be downloaded.
            MissingExtraError: TensorFlow or Keras is not installed.
        """
        info = self.info(name)
        keras = require("keras", purpose="loading a TF Hub module")
        parts = _parse(name)
        folder = _folder(parts.module)
        digest = _cache.check(folder)
        texts = is_encoder(folder) or is_text_module(folder)
        if texts and image_size is not None:
            raise UnsupportedError(
                f"image_size: '{name}' takes texts. Received: {image_size}.", hint="Leave image_size out."
            )
        if is_encoder(folder):
            return _load_encoder(name, parts, folder, digest)
        if parts.preprocessor is not None or parts.answer is not None:
            raise UnsupportedError(
                f"'{parts.module}' is no transformer, so that it has neither a preprocessor nor a choice of vectors.",
                hint=f"Give it as tfhub:{parts.module}",
            )
        if texts:
            return _load_text(name, folder, digest)
        size = image_size
        if size is None:
            size = (
                as_pictures(info.preprocessing, purpose=name).height
                if name in HUB_MODULES
                else static_size(folder) or _DEFAULT_SIZE
            )
        layer = make_layer(folder, image_size=size, name="hub_module")
        images = keras.Input((size, size, 3), dtype="float32", name="image")
        features = layer(images)
        if len(features.shape) == 4:
            features = keras.layers.GlobalAveragePooling2D(name="average")(features)
        model = keras.Model(images, features, name="hub_backbone")
        loaded = dataclasses.replace(
            info,
            preprocessing=_contract(size),
            min_size=min(size, info.min_size),
            parameters=int(model.count_params()),
            feature_size=int(model.output_shape[-1]),
        )
        return Backbone(info=loaded, model=model, digest=digest)

    def custom_objects(self) -> dict[str, Any]:
        layers = {"HubModule": hub_module_class(), "WordBag": word_bag_class()}
        return {**layers, **{f"tfl>{name}": layer for name, layer in layers.items()}}

    def fetch(self, name: str) -> tuple[Path, ...]:
        parts = _parse(name)
        away = [part for part in parts[:2] if part is not None and _kind(part) != "local"]
        if not away:
            raise UserError(f"'{name}' is on this machine already; nothing to fetch.")
        for part in away:
            if not _is_here(part):
                _download(part)
            else:
                _cache.remember(_place(part), origin=_address(part))
        return tuple(_place(part) for part in away)

    def import_file(self, name: str, file: Path) -> tuple[Path, ...]:
        name = _parse(name).module
        if _kind(name) == "local":
            raise UserError(f"'{name}' is a local module; it needs no import: {file} was left alone.")
        place = _place(name)
        _cache.bring_in(file, place, must_hold=SAVED_MODEL_FILE, limits=_LIMITS)
        _describe(name, place)
        _cache.remember(place, origin=str(file))
        return (place,)


_ENCODER = TokenizedText(length=DEFAULT_LENGTH, longest=512, vocabulary_size=0, pad_id=0)
_ENCODER_NOTE = "A transformer: its tokens are rebuilt, and refused where they then differ from its preprocessor's."
_WORDS_NOTE = "Takes strings: it is rebuilt on words, or runs in TensorFlow alone where it then answers otherwise."


def _described_text(name: str, contract: Contract, *, note: str) -> BackboneInfo:
    return BackboneInfo(
        spec=f"tfhub:{name}",
        task="text_classification",
        preprocessing=contract,
        min_size=0,
        parameters=None,
        feature_size=None,
        licence="unknown",
        weights_origin="unknown",
        available_offline=all(_is_here(part) for part in _parse(name)[:2] if part is not None),
        note=note,
    )


def _load_encoder(name: str, parts: _Name, folder: Path, digest: str) -> Backbone:
    preprocessor = None if parts.preprocessor is None else _folder(parts.preprocessor)
    if preprocessor is not None:
        _cache.check(preprocessor)
    answer = parts.answer or "pooled"
    module = load_encoder(folder, preprocessor=preprocessor, answer=answer)
    info = dataclasses.replace(
        _described_text(name, module.contract, note=f"Its tokens were found equal to: {module.compared_with}."),
        parameters=int(module.model.count_params()),
        feature_size=int(module.model.output_shape[-1]),
    )
    return Backbone(info=info, model=module.model, digest=sha256_text(digest, answer, module.contract.tokenizer_sha256))


def _load_text(name: str, folder: Path, digest: str) -> Backbone:
    module: TextModule | StringModule
    try:
        module, note = load_text_module(folder), "Rebuilt on words: it was found to answer as the module does."
    except UnsupportedError as error:
        module = load_string_module(folder)
        note = f"Strings stay strings, so that it runs in TensorFlow alone. {error.message}"
    info = dataclasses.replace(
        _described_text(name, module.contract, note=note),
        parameters=int(module.model.count_params()),
        feature_size=int(module.model.output_shape[-1]),
    )
    return Backbone(info=info, model=module.model, digest=digest)


def _parse(name: str) -> _Name:
    """Take a name apart; a folder may have any name."""
    match = None if Path(name).expanduser().exists() else _NAME.fullmatch(name)
    if match is None:
        return _Name(name, None, None)
    return _Name(match[1], match[2], cast("Answer | None", match[3]))


def _contract(size: int) -> ImagePreprocessing:
    return ImagePreprocessing(height=size, width=size, jpeg_draft=True, scale=1 / 255)


def _kind(name: str) -> Literal["local", "address", "kaggle"]:
    path = Path(name).expanduser()
    if path.is_dir() or path.is_file():
        return "local"
    if name.startswith("https://") and len(name) > len("https://"):
        return "address"
    if _KAGGLE.fullmatch(name):
        return "kaggle"
    if name.endswith(_ARCHIVE_SUFFIXES) or name.startswith(("/", "./", "../", "~")):
        raise NotFoundError(f"There is no folder or archive {name}.", hint=_EXAMPLES)
    if name.startswith("http://"):
        raise NotFoundError(f"'{name}' is not fetched over plain HTTP.", hint=_EXAMPLES)
    by_short_name = {handle.removeprefix("https://tfhub.dev/"): handle for handle in HUB_MODULES}
    by_short_name.update({handle.split("/")[-3]: handle for handle in HUB_MODULES if "/imagenet/" in handle})
    guess = closest(name.removeprefix("tfhub.dev/"), by_short_name)
    short = guess.removeprefix(" Did you mean '").removesuffix("'?")
    meant = f" Did you mean '{by_short_name[short]}'?" if short in by_short_name else ""
    raise NotFoundError(f"'{name}' is no handle of TF Hub, and no folder or archive here.{meant}", hint=_EXAMPLES)


def _place(name: str) -> Path:
    """Return where a module is or would be: the folder itself, or its place in the cache it belongs to."""
    kind = _kind(name)
    if kind == "local":
        path = Path(name).expanduser()
        return path if path.is_dir() else cache_dir() / "modules" / sha256_file(path)
    if kind == "kaggle":
        return kaggle_place(name, holds=SAVED_MODEL_FILE)
    home = Path(os.environ.get("TFHUB_CACHE_DIR") or cache_dir() / "tfhub").expanduser()
    # The layout of the cache is that of the tensorflow_hub library: SHA-1 names a folder, it protects nothing.
    return home / hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def _is_here(name: str) -> bool:
    return (_place(name) / SAVED_MODEL_FILE).is_file() or Path(name).expanduser().is_file()


def _address(name: str) -> str:
    return kaggle_address(name) if _kind(name) == "kaggle" else f"{name}?tf-hub-format=compressed"


def _folder(name: str) -> Path:
    """Return the folder with the SavedModel, unpacked or downloaded where it has to be."""
    place = _place(name)
    if (place / SAVED_MODEL_FILE).is_file():
        return place
    if _kind(name) == "local":
        archive = Path(name).expanduser()
        if archive.is_dir():
            raise UnsupportedError(f"{archive} holds no {SAVED_MODEL_FILE}, so it is not a TF2 SavedModel.")
        _cache.make_parent(place)
        unpack_tar(archive, place, limits=_LIMITS, must_hold=SAVED_MODEL_FILE)
        return place
    _download(name)
    return place


def _download(name: str) -> None:
    place, address = _place(name), _address(name)
    advice = (
        f"Download {address} on a machine with a network as module.tar.gz, bring it here and run: "
        f"tfl models import 'tfhub:{name}' module.tar.gz\n"
        f"or unpack it so that this file exists: {place / SAVED_MODEL_FILE}"
    )
    if _kind(name) == "kaggle" and not place.name.isdigit():
        raise JobError(
            f"The Kaggle handle '{name}' names no version, and none is cached in {place}.",
            hint=f"Add the version, as in {name}/1.",
        )
    archive = place.with_name(f"{place.name}.download.tar.gz")
    try:
        _cache.download(address, archive, checksum="", advice=advice)
        unpack_tar(archive, place, limits=_LIMITS, must_hold=SAVED_MODEL_FILE)
    finally:
        if archive.is_file():
            archive.unlink()
    _describe(name, place)
    _cache.remember(place, origin=address)


def _describe(name: str, place: Path) -> None:
    """Say beside the folder what it is, as the tensorflow_hub library does."""
    if _kind(name) == "address":
        write_text(place.with_name(f"{place.name}.descriptor.txt"), f"Module: {name}\n")


SOURCE = TfHubSource()
