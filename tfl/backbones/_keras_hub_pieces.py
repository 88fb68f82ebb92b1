"""From a SentencePiece model to a tokenizer of the library `tokenizers`, which reads texts without SentencePiece.

Only unigram models are rebuilt (Kudo, 2018): every encoder of KerasHub that has a SentencePiece vocabulary has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require

MODEL_FILE = "vocabulary.spm"
_SPACE = "\u2581"
_UNIGRAM = 1
#: Kinds of a piece, as SentencePiece's file numbers them.
_NORMAL, _UNKNOWN, _USER_DEFINED, _BYTE = 1, 2, 4, 6


@dataclass(frozen=True)
class PieceLayout:
    """How one of KerasHub's tokenizers numbers the pieces of a SentencePiece model.

    Attributes:
        specials: Names of start, end and padding.
        first: Tokens that stand before the pieces, in the place of the file's own first ones; the unknown one is last.
        dropped: How many pieces of the file have no number of their own.
    """

    specials: tuple[str, str, str]
    first: tuple[str, ...] = ()
    dropped: int = 0


#: KerasHub's class -> its layout. XLM-RoBERTa's is fairseq's, where the file's `<unk> <s> </s>` become four tokens.
#: A mask that KerasHub numbers behind the file's pieces is left out: no text has one.
LAYOUTS = {
    "AlbertTokenizer": PieceLayout(("[CLS]", "[SEP]", "<pad>")),
    "DebertaV3Tokenizer": PieceLayout(("[CLS]", "[SEP]", "[PAD]")),
    "XLMRobertaTokenizer": PieceLayout(("<s>", "</s>", "<pad>"), first=("<s>", "<pad>", "</s>", "<unk>"), dropped=3),
}

#: What a rebuilt one must cut the same besides `PROOF_TEXTS`: spaces, what Unicode's NFC and NFKC change, and names of
#: special tokens, which are no tokens in a text.
PIECE_TEXTS = (
    "  leading, trailing and   many spaces  ",
    "   ",
    " \u3000wide\u00a0and\u2009thin\u200bnone\ufeff ",
    "\u2581card \u2581 a\u2581b",
    "\uff76\uff9e\uff8a\uff9f \uff28\uff45\uff4c\uff4c\uff4f\uff5e \u337f \u2474 \u00bd \u2026 \u017f",
    "Vie\u0323\u0302t e\u0302\u0301 \u1112\u1161\u11ab\u1100\u1173\u11af \u0e01\u0e33 soft\u00adhyphen",
    "[CLS] [SEP] [PAD] [UNK] [MASK] <s> </s> <pad> <unk> <mask>",
    "\U00010348\U00010349 \u16a0\u16a2\u16a6 \ue000",
)


def read_pieces(path: Path, layout: PieceLayout) -> tuple[Any, tuple[int, int, int]]:
    """Build a tokenizer from a SentencePiece model.

    Args:
        path: `vocabulary.spm`.
        layout: Of KerasHub's tokenizer.

    Returns:
        A `tokenizers.Tokenizer` that adds no special tokens, and the identifiers of start, end and padding.

    Raises:
        UnsupportedError: It is not a unigram model, or reads spaces in a way that is not rebuilt.
        IntegrityError: It is no SentencePiece model, or has not the tokens that KerasHub's class needs.
        MissingExtraError: SentencePiece or tokenizers is not installed.
    """
    from tokenizers import Tokenizer, models

    proto, processor = _parse(path)
    _require_rebuildable(proto, path)
    vocabulary, unknown = _numbered(proto, layout, path)
    specials = tuple(_number_of(name, vocabulary, path) for name in layout.specials)
    bytes_known = bool(proto.trainer_spec.byte_fallback)
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=unknown, byte_fallback=bytes_known))
    tokenizer.normalizer = _normalizer(proto, path, joins="\u00e9" in processor.normalize("e\u0301"))
    splitter = _splitter([name for name, _ in vocabulary])
    if splitter is not None:
        tokenizer.pre_tokenizer = splitter
    return tokenizer, (specials[0], specials[1], specials[2])


def _parse(path: Path) -> tuple[Any, Any]:
    """Return a model's message, and SentencePiece's own processor of it."""
    sentencepiece = require("sentencepiece", purpose="reading a SentencePiece vocabulary")
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    try:
        data = path.read_bytes()
        proto.ParseFromString(data)
        if not proto.pieces:
            raise IntegrityError(f"{path} is no SentencePiece model: it holds no pieces.")
        processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    except (OSError, RuntimeError, DecodeError) as error:
        raise IntegrityError(f"{path} is no SentencePiece model: {error}.") from error
    return proto, processor


def _require_rebuildable(proto: Any, path: Path) -> None:
    trainer, normalizer = proto.trainer_spec, proto.normalizer_spec
    reasons = []
    if trainer.model_type != _UNIGRAM:
        kind = trainer.ModelType.Name(trainer.model_type).lower()
        reasons.append(f"it is a model of kind '{kind}', not 'unigram'")
    if trainer.treat_whitespace_as_suffix:
        reasons.append("it writes spaces behind words")
    if not normalizer.escape_whitespaces:
        reasons.append("it does not write spaces as a character of their own")
    if reasons:
        raise UnsupportedError(
            f"{path} is not rebuilt: {'; '.join(reasons)}.",
            hint="Take the same network as a Hugging Face folder with tokenizer.json.",
        )


def _numbered(proto: Any, layout: PieceLayout, path: Path) -> tuple[list[tuple[str, float]], int]:
    """Return pieces and scores by identifier, and the identifier of the unknown token."""
    pieces = list(proto.pieces)
    unknown = [number for number, piece in enumerate(pieces) if piece.type == _UNKNOWN]
    if len(unknown) != 1:
        raise IntegrityError(f"{path} has {len(unknown)} unknown tokens, where one is needed.")
    dropped = pieces[: layout.dropped]
    if layout.dropped and (unknown != [0] or any(piece.type == _NORMAL for piece in dropped)):
        raise UnsupportedError(
            f"{path}: its first {layout.dropped} pieces are {', '.join(repr(piece.piece) for piece in dropped)}, where "
            "KerasHub expects <unk>, <s> and </s>."
        )
    best = max((piece.score for piece in pieces if piece.type == _NORMAL), default=0.0)
    found = [(_hidden(name), 0.0) for name in layout.first]
    found += [_scored(piece, best) for piece in pieces[layout.dropped :]]
    return found, len(layout.first) - 1 if layout.first else unknown[0]


def _scored(piece: Any, best: float) -> tuple[str, float]:
    """Return a piece's name and score.

    Args:
        piece: Of the file.
        best: The highest score of a normal piece.
    """
    if piece.type == _USER_DEFINED:
        # As SentencePiece scores it, so that it is nearly always taken.
        return piece.piece, len(piece.piece.encode()) * best - 0.1
    if piece.type in (_NORMAL, _BYTE):
        return piece.piece, piece.score
    return _hidden(piece.piece), 0.0


def _hidden(name: str) -> str:
    """Return a name that no text can spell, since spaces are replaced before pieces are looked up."""
    return f" {name}"


def _number_of(name: str, vocabulary: list[tuple[str, float]], path: Path) -> int:
    for number, (known, _) in enumerate(vocabulary):
        if known in (name, _hidden(name)):
            return number
    raise IntegrityError(f"{path}: the vocabulary has no '{name}'.")


def _normalizer(proto: Any, path: Path, *, joins: bool) -> Any:
    """Build what is done to a text before it is cut.

    Args:
        proto: The model's message.
        path: For messages.
        joins: Whether its table joins a letter and its accent.
    """
    from tokenizers import Regex, normalizers

    spec = proto.normalizer_spec
    steps: list[Any] = []
    if spec.precompiled_charsmap:
        try:
            by_table = normalizers.Precompiled(spec.precompiled_charsmap)
        except Exception as error:
            # The library raises nothing narrower.
            raise IntegrityError(f"{path}: its table of characters can't be read: {error}.") from error
        # `tokenizers` looks up what stands together as one letter, if short, and otherwise each character.
        # SentencePiece's tables join what NFC joins; joined before and after as well, both come to the same.
        steps += [normalizers.NFC(), by_table, normalizers.NFC()] if joins else [by_table]
        if not spec.remove_extra_whitespaces:
            # Two characters, of which `tokenizers` would make one space.
            steps.insert(0, normalizers.Replace("\r\n", "\n\n"))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Replace(Regex(r"\A +| +\z"), "")]
    steps.append(normalizers.Replace(" ", _SPACE))
    if spec.add_dummy_prefix:
        steps.append(normalizers.Prepend(_SPACE))
    return normalizers.Sequence(steps)


def _splitter(names: list[str]) -> Any:
    """Return what cuts a text into words, so that each is looked up once; None where a piece reaches over words."""
    from tokenizers import pre_tokenizers

    if _SPACE not in names or any(_SPACE in name[1:] for name in names):
        return None
    return pre_tokenizers.Split(_SPACE, "merged_with_next")
