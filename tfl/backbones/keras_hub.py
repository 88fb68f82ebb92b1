"""Transformers of KerasHub: `keras_hub:NAME[@mean|@cls]`.

A name is one of KerasHub's presets (`bert_tiny_en_uncased`), a Kaggle handle (`kaggle://keras/bert/keras/...`), a
folder that KerasHub saved, or the folder of a Hugging Face model with `model.safetensors`.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Literal

from tfl.backbones import _cache
from tfl.backbones._base import Backbone, BackboneFacts, BackboneInfo, BackboneSource
from tfl.backbones._encoder import Pooling, encoder_layers
from tfl.backbones._kaggle import kaggle_address, kaggle_place
from tfl.backbones._keras_hub_facts import preset_facts
from tfl.backbones._keras_hub_reading import (
    CONFIG_FILE,
    HF_WEIGHTS,
    PRESET_WEIGHTS,
    carry_over,
    hf_details,
    is_hugging_face,
    plan_of,
    read_config,
    read_network,
)
from tfl.backbones._keras_hub_table import PRESETS
from tfl.backbones._keras_hub_tokenizer import build_tokenizer
from tfl.core.archives import Limits, unpack_tar
from tfl.core.errors import IntegrityError, JobError, NotFoundError, UnsupportedError, UserError, closest
from tfl.core.extras import require_installed
from tfl.core.files import read_json, sha256_file, sha256_text
from tfl.data.contracts.tokens import TOKENIZER_FILE, TokenizedText, open_tokenizer

#: Texts are cut at so many tokens unless the network takes fewer; attention grows with the square.
_DEFAULT_LENGTH = 256
_LONGEST = 512
_LIMITS = Limits(max_files=1_000, max_bytes=16 << 30, max_ratio=100)
_KAGGLE = re.compile(r"kaggle://([\w-]+/[\w.-]+/keras/[\w.-]+(?:/\d+)?)", re.IGNORECASE)
_POOLED = re.compile(r"(.+)@(mean|cls)")
_EXAMPLES = (
    "A name is a preset such as bert_tiny_en_uncased, a Kaggle handle such as "
    "kaggle://keras/bert/keras/bert_tiny_en_uncased/3, or a folder with config.json, weights and tokenizer. "
    "See: tfl models list --source keras_hub"
)


class KerasHubSource(BackboneSource):
    """KerasHub's encoders: BERT, DistilBERT, RoBERTa, ELECTRA, ALBERT, DeBERTa, and Hugging Face's of their kind."""

    summary = "Transformers for text: KerasHub presets, Kaggle handles, local KerasHub or Hugging Face folders."

    def list(self) -> tuple[BackboneInfo, ...]:
        return tuple(self.info(name) for name in PRESETS)

    def info(self, name: str) -> BackboneInfo:
        bare, _ = _parse(name)
        preset = PRESETS.get(bare)
        folder = _place(bare)
        return BackboneInfo(
            spec=f"keras_hub:{name}",
            task="text_classification",
            preprocessing=_described(folder),
            min_size=0,
            parameters=preset.parameters if preset else None,
            feature_size=None,
            licence=preset.licence if preset else "unknown",
            weights_origin=preset.about if preset else "unknown",
            available_offline=_is_here(folder),
            note="" if preset else "Its licence is not known to tfl: look at where it came from.",
        )

    def facts(self, name: str) -> BackboneFacts:
        bare, _ = _parse(name)
        if bare not in PRESETS:
            return BackboneFacts()
        handle = PRESETS[bare].handle
        return preset_facts(bare, handle.split("/")[1], address=kaggle_address(handle))

    def load(self, name: str, *, image_size: int | None = None) -> Backbone:
        """Load `ids (batch, tokens) int32` -> `(batch, features)`, under the active dtype policy.

        The vector is the mean of a text's tokens, or the first one's where the name ends in `@cls` or the folder
        says so (`1_Pooling/config.json`). It is not scaled to length 1.

        Args:
            name: A preset, a Kaggle handle or a folder.
            image_size: Must be None: texts have no size in pixels.

        Raises:
            NotFoundError: There is no such preset or folder.
            UnsupportedError: The network or its tokenizer is of a kind that tfl does not carry, or an image size
                was asked for.
            IntegrityError: A file is missing, altered or does not fit.
            JobError: It is not cached and can't be downloaded; says which file to put where.
            MissingExtraError: Keras, KerasHub or tokenizers is not installed.
        """
        if image_size is not None:
            raise UnsupportedError(
                f"image_size: '{name}' takes texts. Received: {image_size}.", hint="Leave image_size out."
            )
        info = self.info(name)
        for module in ("keras", "keras_hub", "tokenizers"):
            require_installed(module, purpose="loading a backbone of KerasHub")
        bare, pooling = _parse(name)
        folder = _folder(bare)
        config = read_config(folder)
        hugging_face = is_hugging_face(config)
        if _kind(bare) != "local":
            _cache.check(folder)
        place, pad_id = _hf_tokenizer(folder, config) if hugging_face else _preset_tokenizer(folder)
        activation, epsilon = hf_details(folder, config) if hugging_face else (None, None)
        network = read_network(folder, config)
        plan = plan_of(network, pad_id=pad_id, activation=activation, epsilon=epsilon)
        model = carry_over(network, plan, pooling=pooling or _own_pooling(folder))
        contract = TokenizedText(
            length=min(_DEFAULT_LENGTH, plan.longest),
            longest=plan.longest,
            vocabulary_size=plan.vocabulary_size,
            pad_id=pad_id,
            tokenizer_sha256=sha256_file(place / TOKENIZER_FILE),
            folder=place,
        )
        _require_known(contract, folder)
        loaded = dataclasses.replace(
            info,
            preprocessing=contract,
            parameters=int(model.count_params()),
            feature_size=int(model.output_shape[-1]),
        )
        return Backbone(info=loaded, model=model, digest=_digest(folder, place))

    def custom_objects(self) -> dict[str, Any]:
        found = vars(encoder_layers())
        return {**found, **{f"tfl>{name}": kind for name, kind in found.items()}}

    def fetch(self, name: str) -> tuple[Path, ...]:
        bare, _ = _parse(name)
        if _kind(bare) == "local":
            raise UserError(f"'{name}' is on this machine already; nothing to fetch.")
        place = _place(bare)
        if not _is_here(place):
            _download(bare)
        else:
            _cache.remember(place, origin=kaggle_address(_handle(bare)))
        return (place,)

    def import_file(self, name: str, file: Path) -> tuple[Path, ...]:
        bare, _ = _parse(name)
        if _kind(bare) == "local":
            raise UserError(f"'{name}' is a local folder; it needs no import: {file} was left alone.")
        place = _place(bare)
        _cache.bring_in(file, place, must_hold=CONFIG_FILE, limits=_LIMITS)
        _cache.remember(place, origin=str(file))
        return (place,)


def _parse(name: str) -> tuple[str, Pooling | None]:
    """Split off the pooling."""
    match = _POOLED.fullmatch(name)
    if match is None:
        return name, None
    return match[1], "mean" if match[2] == "mean" else "cls"


def _kind(bare: str) -> Literal["local", "preset", "kaggle"]:
    if bare in PRESETS:
        return "preset"
    if _KAGGLE.fullmatch(bare):
        return "kaggle"
    if Path(bare).expanduser().is_dir():
        return "local"
    if bare.startswith(("hf://", "https://huggingface.co/")):
        raise NotFoundError(
            f"'{bare}' is not fetched from Hugging Face.",
            hint="Download its folder with config.json, model.safetensors and tokenizer.json, and give the folder.",
        )
    raise NotFoundError(
        f"'{bare}' is no preset of KerasHub and no folder here.{closest(bare, PRESETS)}", hint=_EXAMPLES
    )


def _handle(bare: str) -> str:
    match = _KAGGLE.fullmatch(bare)
    return match[1] if match else PRESETS[bare].handle


def _place(bare: str) -> Path:
    if _kind(bare) == "local":
        return Path(bare).expanduser()
    return kaggle_place(_handle(bare), holds=CONFIG_FILE)


def _is_here(folder: Path) -> bool:
    weights = any((folder / name).is_file() for name in (*HF_WEIGHTS, *PRESET_WEIGHTS))
    return weights and (folder / CONFIG_FILE).is_file()


def _folder(bare: str) -> Path:
    place = _place(bare)
    if _kind(bare) != "local" and not _is_here(place):
        _download(bare)
    return place


def _download(bare: str) -> None:
    handle, place = _handle(bare), _place(bare)
    address = kaggle_address(handle)
    if not place.name.isdigit():
        raise JobError(
            f"The Kaggle handle '{bare}' names no version, and none is cached in {place}.",
            hint=f"Add the version, as in {bare}/1.",
        )
    advice = (
        f"Download {address} on a machine with a network as preset.tar.gz, bring it here and run: "
        f"tfl models import 'keras_hub:{bare}' preset.tar.gz\n"
        f"or unpack it so that these files exist: {place / CONFIG_FILE}, {place / PRESET_WEIGHTS[0]}, "
        f"{place / TOKENIZER_FILE}, {place / 'assets' / 'tokenizer'}"
    )
    archive = place.with_name(f"{place.name}.download.tar.gz")
    try:
        _cache.download(address, archive, checksum="", advice=advice)
        unpack_tar(archive, place, limits=_LIMITS, must_hold=CONFIG_FILE)
    finally:
        archive.unlink(missing_ok=True)
    _cache.remember(place, origin=address)


def _described(folder: Path) -> TokenizedText:
    """Say what is known of the contract without loading anything; a folder's own numbers where it has some."""
    longest = _LONGEST
    if (folder / CONFIG_FILE).is_file():
        config = read_config(folder)
        inner = config if is_hugging_face(config) else config.get("config", {})
        said = inner.get("max_position_embeddings", inner.get("max_sequence_length"))
        longest = int(said) if isinstance(said, int) and said > 1 else _LONGEST
    return TokenizedText(length=min(_DEFAULT_LENGTH, longest), longest=longest, vocabulary_size=0, pad_id=0)


def _hf_tokenizer(folder: Path, config: dict[str, Any]) -> tuple[Path, int]:
    """Return the folder of a Hugging Face model's `tokenizer.json`, and its padding."""
    if not (folder / TOKENIZER_FILE).is_file():
        raise UnsupportedError(
            f"{folder} holds no {TOKENIZER_FILE}.",
            hint="Save it beside the weights; in transformers: AutoTokenizer.from_pretrained(...).save_pretrained(...)",
        )
    said = config.get("pad_token_id")
    return folder, said if isinstance(said, int) else 0


def _preset_tokenizer(folder: Path) -> tuple[Path, int]:
    """Build a preset's `tokenizer.json` into the cache; return the folder, and its padding."""
    data, pad_id = build_tokenizer(folder)
    return _cache.keep_file("tokenizers", TOKENIZER_FILE, data), pad_id


def _own_pooling(folder: Path) -> Pooling:
    """Return the pooling that a folder of sentence-transformers names; the mean elsewhere."""
    path = folder / "1_Pooling" / CONFIG_FILE
    return "cls" if path.is_file() and read_json(path).get("pooling_mode_cls_token") else "mean"


def _require_known(contract: TokenizedText, folder: Path) -> None:
    """Check that the network has a vector for every token."""
    place = contract.folder
    if place is None:
        return
    vocabulary = open_tokenizer(place, contract.tokenizer_sha256).get_vocab(with_added_tokens=True)
    highest = max(vocabulary.values(), default=0)
    if highest >= contract.vocabulary_size:
        raise IntegrityError(
            f"{folder}: its tokenizer has tokens up to {highest}, its network only {contract.vocabulary_size} of them.",
            hint="Tokenizer and weights are of two models.",
        )


def _digest(folder: Path, tokenizer_folder: Path) -> str:
    """Return the SHA-256 over the files that the network was made of."""
    names = [CONFIG_FILE, *HF_WEIGHTS, *PRESET_WEIGHTS, "1_Pooling/config.json"]
    files = [folder / name for name in names] + sorted(folder.glob("model*.safetensors"))
    files += [*sorted(folder.glob("model_*.weights.h5")), tokenizer_folder / TOKENIZER_FILE]
    present = dict.fromkeys(path for path in files if path.is_file())
    return sha256_text(*(part for path in present for part in (path.name, sha256_file(path))))


SOURCE = KerasHubSource()
