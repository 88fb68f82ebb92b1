"""The tokenizer of a TF Hub encoder as a `tokenizer.json`, proven equal to its preprocessor on many texts."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfl.backbones import _cache
from tfl.backbones._hub_module import check_graph, first_line
from tfl.backbones._hub_text import PROOF_TEXTS
from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require
from tfl.core.files import sha256_file
from tfl.core.saved_models import load_saved_model
from tfl.data.contracts.tokens import TOKENIZER_FILE, TokenizedText

_Ids: TypeAlias = npt.NDArray[np.int32]

#: At this many tokens the preprocessors of TF Hub cut a text, unless they are told otherwise.
DEFAULT_LENGTH = 128
_UNKNOWN, _START, _END, _PAD = "[UNK]", "[CLS]", "[SEP]", "[PAD]"
#: Beside those on which modules of words are compared: accents, marks, scripts without spaces, very long words.
_MORE_TEXTS = (
    "What is the exchange rate? It's 1,234,567.89 EUR (or 12%)... don't CAN'T we'll",
    "\u0141\u00f3d\u017a \u00c5ngstr\u00f6m e\u0301 \ufb01sh Stra\u1e9eE soft\u00adhyphen zero\u200bwidth "
    "no\u2011break",
    "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5\u03c2 "
    "\u039f\u03b4\u03c5\u03c3\u03c3\u03b5\u03cd\u03c2 \u1fb3",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0451\u0436 \u0407\u0436\u0430\u043a "
    "\u0444\u0451\u043d",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8\u3002\u4e2d\u6587\uff0c\u6d4b\u8bd5\uff01\ud55c\uad6d\uc5b4 "
    "\uff21\uff22\uff11",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e "
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0661\u0662\u0663 \u0967\u0968",
    "\u0e01\u0e32\u0e23" * 20 + " \u3042\u304b\u3055" * 14,
    "\u043d\u0435" * 30 + " " + "\u043d\u0435" * 20 + " " + "ab" * 60,
    "m\u00b2 x\u00b3 \u2122 \u2460 \u212b \u2013 \u2014 \u20ac \u00a3 \u2026 [CLS] [SEP] [MASK] [PAD] [unused1]",
    "one more word " * 400,
)
#: Vocabulary entries that make up one text of the comparison.
_TOKENS_A_TEXT = 20

_PUNCTUATION = r"[!-/]|[:-@]|[\[-`]|[{-~]|\p{P}"
_CJK = "\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f"
_SPACE = r"[ \t\n\r\f]|\p{Cc}|\p{Cf}"
#: Default_Ignorable_Code_Point of Unicode, which its NFKC_Casefold takes out.
_IGNORED = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: TensorFlow Text knows no word of over 100 bytes; first character of at least that many bytes in UTF-8, and how many
#: of them are too long.
_TOO_MANY = (("\u0080", 51), ("\u0800", 34), ("\U00010000", 26))


@dataclass(frozen=True)
class Reference:
    """What a built tokenizer must be equal to.

    Attributes:
        name: For messages and notes.
        vocabulary: Its file.
        lower: Whether it folds case and strips accents; None where only trying tells.
        length: At how many tokens it cuts.
        ids: From texts to `(texts, length)` int32, special tokens included.
    """

    name: str
    vocabulary: bytes
    lower: bool | None
    length: int
    ids: Callable[[Sequence[str]], _Ids]


def equal_contract(reference: Reference) -> TokenizedText:
    """Build the tokenizer that cuts as a reference does, put it into the cache, and return its contract.

    They are compared on texts of many scripts and on every entry of the vocabulary.

    Raises:
        UnsupportedError: It can't be rebuilt; says on which text the two differ.
        IntegrityError: The vocabulary can't be read.
        MissingExtraError: The package `tokenizers` is not installed.
    """
    tokens = _tokens_of(reference)
    texts = [*PROOF_TEXTS, *_MORE_TEXTS, *_spelled_out(tokens)]
    wanted = reference.ids(texts)
    fewest: tuple[int, str] | None = None
    for lower in (True, False) if reference.lower is None else (reference.lower,):
        place = _cache.keep_file("tokenizers", TOKENIZER_FILE, build_tokenizer(tokens, lower=lower).to_str().encode())
        contract = TokenizedText(
            length=reference.length,
            longest=reference.length,
            vocabulary_size=len(tokens),
            pad_id=tokens.index(_PAD),
            tokenizer_sha256=sha256_file(place / TOKENIZER_FILE),
            folder=place,
        )
        found = np.stack([contract.read(text) for text in texts])
        different = np.flatnonzero((found != wanted).any(axis=1))
        if not len(different):
            return contract
        first = different[0]
        if fewest is None or len(different) < fewest[0]:
            fewest = len(different), _told(texts[first], found[first], wanted[first])
    raise UnsupportedError(
        f"{reference.name} cuts texts in a way that is not rebuilt: {fewest[1] if fewest else ''}",
        hint="What a model sees on a device must be what it learned on. Choose another encoder, or the same network as "
        "a Hugging Face folder with tokenizer.json: tfl models list --source keras_hub",
    )


def _told(text: str, ours: _Ids, theirs: _Ids) -> str:
    place = int(np.flatnonzero(ours != theirs)[0])
    return f"'{text[:60]}' differs from token {place} on, {ours[place : place + 5]} for {theirs[place : place + 5]}."


def _spelled_out(tokens: list[str]) -> Iterator[str]:
    for start in range(0, len(tokens), _TOKENS_A_TEXT):
        yield " ".join(token.removeprefix("##") for token in tokens[start : start + _TOKENS_A_TEXT])


def _tokens_of(reference: Reference) -> list[str]:
    try:
        text = reference.vocabulary.decode()
    except UnicodeDecodeError as error:
        raise UnsupportedError(f"The vocabulary of {reference.name} is not UTF-8 ({error}).") from error
    tokens = text.replace("\r", "").removesuffix("\n").split("\n")
    missing = [token for token in (_UNKNOWN, _START, _END, _PAD) if token not in tokens]
    if missing:
        raise UnsupportedError(f"The vocabulary of {reference.name} is none of WordPiece: it has no {missing[0]}.")
    if len(set(tokens)) != len(tokens):
        raise IntegrityError(f"The vocabulary of {reference.name} names a token twice.")
    return tokens


def build_tokenizer(tokens: Sequence[str], *, lower: bool) -> Any:
    """Build a WordPiece tokenizer with TensorFlow Text's rules for words.

    Args:
        tokens: The vocabulary.
        lower: Fold case and strip accents, as Unicode's NFKC_Casefold and then NFD without marks do.
    """
    require("tokenizers", purpose="reading texts for a transformer")
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    numbers = {token: number for number, token in enumerate(tokens)}
    known = {character for token in tokens for character in token}
    built = Tokenizer(models.WordPiece(numbers, unk_token=_UNKNOWN, max_input_chars_per_word=100))
    steps: list[Any] = []
    if lower:
        folded = [normalizers.Replace(Regex(old), new) for old, new in _folded(known)]
        steps = [normalizers.Replace(Regex(_IGNORED), ""), normalizers.NFKC(), normalizers.Lowercase()]
        steps += [normalizers.NFKD(), *folded, normalizers.NFD(), normalizers.Replace(Regex(r"\p{Mn}"), "")]
    stranger = next(chr(number) for number in range(0xE000, 0xF900) if chr(number) not in known)
    steps += [normalizers.Replace(Regex(_too_long(lowest, most)), stranger) for lowest, most in _TOO_MANY]
    built.normalizer = normalizers.Sequence(steps)
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPACE), "removed"),
            pre_tokenizers.Split(Regex(f"{_PUNCTUATION}|[{_CJK}]"), "isolated"),
        ]
    )
    built.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}", special_tokens=[(_START, numbers[_START]), (_END, numbers[_END])]
    )
    return built


def _folded(known: set[str]) -> Iterator[tuple[str, str]]:
    """Yield classes of characters that case folding turns into another, where the vocabulary could tell."""
    classes: dict[str, str] = {}
    for character in _unlike_their_lower_case():
        folded = character.casefold()
        if known & {folded[0], character}:
            classes[folded] = classes.get(folded, "") + character
    for folded, characters in classes.items():
        yield f"[{characters}]", folded


@functools.cache
def _unlike_their_lower_case() -> tuple[str, ...]:
    return tuple(
        character
        for character in map(chr, range(0x110000))
        if character.casefold() != character == character.lower() == unicodedata.normalize("NFKD", character)
    )


def _too_long(lowest: str, most: int) -> str:
    """Match the part of a word that makes it longer than 100 bytes by its characters of several bytes alone."""
    return f"[{lowest}-\U0010ffff&&[^{_CJK}" + r"\p{P}\p{Cc}\p{Cf}]]" + f"{{{most},}}"


def of_preprocessor(folder: Path) -> Reference:
    """Open a preprocessor of TF Hub: texts -> what an encoder takes.

    Raises:
        UnsupportedError: It cuts into SentencePiece's pieces, or is no preprocessor.
        IntegrityError: It can't be read.
        MissingExtraError: TensorFlow or TensorFlow Text is not installed.
    """
    tf = require("tensorflow", purpose="reading a text preprocessor of TF Hub")
    operations = check_graph(folder)
    _refuse_sentence_piece(folder, any(name.startswith("Sentencepiece") for name in operations))
    loaded = load_saved_model(folder, operations=operations, purpose="reading a text preprocessor of TF Hub")
    if not callable(loaded):
        raise UnsupportedError(f"{folder} can't be called, so it is no preprocessor of texts.")

    def ask(texts: Sequence[str]) -> Mapping[str, Any]:
        try:
            answers = loaded(tf.constant(list(texts)))
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise UnsupportedError(f"{folder} does not take a batch of texts: {first_line(error)}") from error
        if not isinstance(answers, Mapping) or set(answers) != {"input_word_ids", "input_mask", "input_type_ids"}:
            raise UnsupportedError(f"{folder} does not answer with what an encoder takes, so it is no preprocessor.")
        return answers

    def ids(texts: Sequence[str]) -> _Ids:
        answers = {name: np.asarray(values) for name, values in ask(texts).items()}
        found = answers["input_word_ids"].astype(np.int32)
        pad_id = int(found[0, -1])
        if answers["input_type_ids"].any() or ((found != pad_id) != (answers["input_mask"] != 0)).any():
            raise UnsupportedError(f"{folder} marks more than one text and its padding, which is not rebuilt.")
        return found

    length = int(ask([""])["input_word_ids"].shape[1])
    return Reference(f"The preprocessor {folder}", only_vocabulary(folder), None, length, ids)


def of_vocabulary(vocabulary: bytes, path: Path, *, lower: bool) -> Reference:
    """Stand for the preprocessor that TF Hub's exporter makes of a vocabulary: TensorFlow Text's `BertTokenizer`.

    Raises:
        MissingExtraError: TensorFlow or TensorFlow Text is not installed.
    """
    tf = require("tensorflow", purpose="reading the vocabulary of a TF Hub encoder")
    text = require("tensorflow_text", purpose="comparing the tokens of a TF Hub encoder")
    numbers = {token: index for index, token in enumerate(vocabulary.replace(b"\r", b"").split(b"\n"))}
    start, end, pad = (numbers.get(token.encode(), 0) for token in (_START, _END, _PAD))

    def ids(texts: Sequence[str]) -> _Ids:
        tokenizer = text.BertTokenizer(str(path), token_out_type=tf.int32, lower_case=lower)
        rows = tokenizer.tokenize(tf.constant(list(texts))).merge_dims(1, 2).to_list()
        found = np.full((len(rows), DEFAULT_LENGTH), pad, np.int32)
        for number, row in enumerate(rows):
            cut = [start, *row[: DEFAULT_LENGTH - 2], end]
            found[number, : len(cut)] = cut
        return found

    return Reference(f"TensorFlow Text with {path}", vocabulary, lower, DEFAULT_LENGTH, ids)


def only_vocabulary(folder: Path) -> bytes:
    """Return the one file in `assets/`.

    Raises:
        UnsupportedError: There is none, more than one, or it is SentencePiece's.
    """
    return vocabulary_file(folder).read_bytes()


def vocabulary_file(folder: Path) -> Path:
    """Return the path of the one file in `assets/`; see `only_vocabulary`."""
    files = sorted(path for path in (folder / "assets").glob("*") if path.is_file())
    _refuse_sentence_piece(folder, any(path.suffix == ".model" for path in files))
    if len(files) != 1:
        raise UnsupportedError(
            f"{folder} has {len(files)} files in assets/, not one with its vocabulary.",
            hint="Name its preprocessor: tfhub:ENCODER@preprocess=FOLDER_OR_HANDLE.",
        )
    return files[0]


def _refuse_sentence_piece(folder: Path, found: bool) -> None:
    if found:
        raise UnsupportedError(
            f"{folder} cuts texts into SentencePiece's pieces, as ALBERT does; from a module of TF Hub no tokenizer of "
            "such is rebuilt.",
            hint="Take the same network through another source: tfl models list --source keras_hub",
        )
