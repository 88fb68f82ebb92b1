"""From a preset's vocabulary to `tokenizer.json`, proven equal to KerasHub's own tokenizer on texts of many scripts."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

from tfl.backbones._keras_hub_pieces import LAYOUTS, MODEL_FILE, PIECE_TEXTS, PieceLayout, read_pieces
from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require

#: What both tokenizers must cut the same before a preset is used.
PROOF_TEXTS = (
    "Hello world, I'm 42 years old!",
    "What is the exchange rate? It's 1,234,567.89 EUR (or 12%)...",
    "UPPER lower MiXeD don't CAN'T we'll they've x_y a-b/c\\d e@f.org #tag $5 https://example.org/?q=1&r=2",
    "na\u00efve caf\u00e9 \u00dcber stra\u00dfe \u0141\u00f3d\u017a \u00c5ngstr\u00f6m e\u0301 \ufb01sh Stra\u1e9eE",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! "
    "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5\u03c2",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8\u3002\u4e2d\u6587\uff0c"
    "\u6d4b\u8bd5\uff01\ud55c\uad6d\uc5b4 \uff21\uff22\uff11",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd "
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c \u0661\u0662\u0663",
    "\U0001f600 ok \U0001f44d\U0001f3fd \u2764\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2600",
    "tabs\tand\nlines\r\nand  many   spaces \u201cquotes\u201d \u2018single\u2019 \u2013 \u2014 \u20ac \u00a3",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
    "m\u00b2 x\u00b3 \u2122 \u2460 \u212b",
    "pneumonoultramicroscopicsilicovolcanoconiosis " * 12 + "end",
    "",
)

_WHITESPACE = r"[ \t\n\r\f]|\p{Cc}|\p{Cf}"
_PUNCTUATION = r"[!-/]|[:-@]|[\[-`]|[{-~]|\p{P}"
_CJK = "[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f]"
#: The default ignorable characters of Unicode that are no format characters, which split words already.
_IGNORED = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"


def build_tokenizer(preset: Path) -> tuple[bytes, int]:
    """Write a KerasHub preset's tokenizer as a `tokenizer.json`.

    Args:
        preset: A KerasHub preset: `tokenizer.json` as Keras writes it, and `assets/tokenizer/`.

    Returns:
        The file's bytes, and the identifier that pads.

    Raises:
        UnsupportedError: It is of a kind that `tokenizers` does not run the same; says on which text.
        IntegrityError: A file is missing or is none of a tokenizer.
        MissingExtraError: KerasHub or tokenizers is not installed.
    """
    require("tokenizers", purpose="reading texts for a transformer")
    config = _config_of(preset)
    assets = preset / "assets" / "tokenizer"
    if (assets / "vocabulary.txt").is_file():
        vocabulary = [line.rstrip() for line in _read(assets / "vocabulary.txt").splitlines()]
        built, names = word_piece(vocabulary, config.get("config", {})), ("[CLS]", "[SEP]", "[PAD]")
        specials = tuple(_id_of(built, token, preset) for token in names)
    elif (assets / "merges.txt").is_file():
        built, names = byte_pairs(assets, config.get("config", {})), ("<s>", "</s>", "<pad>")
        specials = tuple(_id_of(built, token, preset) for token in names)
    else:
        layout = _layout_of(preset, config)
        (built, specials), names = read_pieces(assets / MODEL_FILE, layout), layout.specials
    from tokenizers import processors

    start, end, pad = specials
    built.post_processor = processors.TemplateProcessing(
        single=f"{names[0]} $A {names[1]}", special_tokens=[(names[0], start), (names[1], end)]
    )
    prove_same(built, preset, config, (start, end, pad))
    return built.to_str().encode(), pad


def _layout_of(preset: Path, config: dict[str, Any]) -> PieceLayout:
    kind = str(config.get("class_name", ""))
    if kind not in LAYOUTS or not (preset / "assets" / "tokenizer" / MODEL_FILE).is_file():
        raise UnsupportedError(
            f"{preset}: its tokenizer '{kind}' has neither vocabulary.txt nor merges.txt nor a {MODEL_FILE} of "
            f"{', '.join(LAYOUTS)}, and no other is rebuilt provably.",
            hint="Choose another preset, or a Hugging Face folder with tokenizer.json.",
        )
    return LAYOUTS[kind]


def word_piece(vocabulary: list[str], options: dict[str, Any]) -> Any:
    """Build a WordPiece tokenizer with KerasHub's rules for words, which differ a little from BERT's own.

    Compatibility characters that Unicode's NFKC turns into spaces or several punctuation marks (a no-break space, an
    ellipsis) split words here, and give the unknown token there; so do words of over 100 bytes there, of over 100
    characters here.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    unknown, prefix = options.get("oov_token", "[UNK]"), options.get("suffix_indicator", "##")
    tokenizer = Tokenizer(
        models.WordPiece(
            {token: index for index, token in enumerate(vocabulary)},
            unk_token=unknown,
            continuing_subword_prefix=prefix,
            max_input_chars_per_word=100,
        )
    )
    steps: list[Any] = []
    if options.get("strip_accents", False):
        steps += [normalizers.NFD(), normalizers.Replace(Regex(r"\p{Mn}"), "")]
    if options.get("lowercase", False):
        folded = _unlike_lower_case({character for token in vocabulary for character in token})
        steps += [normalizers.NFKC(), *(normalizers.Replace(old, new) for old, new in folded.items())]
        steps += [normalizers.Lowercase(), normalizers.NFKC(), normalizers.Replace(Regex(_IGNORED), "")]
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    kept = f"{_PUNCTUATION}|{_CJK}" if options.get("split_on_cjk", True) else _PUNCTUATION
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_WHITESPACE), "removed"), pre_tokenizers.Split(Regex(kept), "isolated")]
    )
    return tokenizer


def _unlike_lower_case(known: set[str]) -> dict[str, str]:
    """Map the characters whose case folding is not their lower case, where the vocabulary could tell the two apart."""
    found = {}
    for number in range(0x110000):
        character = chr(number)
        folded = character.casefold()
        if folded == character.lower() or unicodedata.normalize("NFKC", character) != character:
            continue
        if known.intersection(unicodedata.normalize("NFKC", folded + character.lower())):
            found[character] = folded
    return found


def byte_pairs(assets: Path, options: dict[str, Any]) -> Any:
    """Build GPT-2's byte-pair tokenizer, on which RoBERTa learned.

    KerasHub splits words so in its TensorFlow graph. Outside of it KerasHub uses Llama 3's rule, which cuts numbers
    into three digits each; no weights of RoBERTa have seen such numbers.
    """
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    vocabulary = _json(assets / "vocabulary.json")
    lines = _read(assets / "merges.txt").splitlines()
    rules = [line for line in lines if line.strip() and not line.lstrip().startswith("#version:")]
    if any(rule.count(" ") != 1 for rule in rules):
        raise IntegrityError(f"{assets / 'merges.txt'} holds a line that is not two tokens.")
    merges = [(first, second) for first, _, second in (rule.partition(" ") for rule in rules)]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=bool(options.get("add_prefix_space", False)))
    whole = options.get("unsplittable_tokens") or ["<s>", "</s>", "<pad>", "<mask>"]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in whole if token in vocabulary])
    return tokenizer


def prove_same(built: Any, preset: Path, config: dict[str, Any], specials: tuple[int, int, int]) -> None:
    """Compare a built tokenizer with KerasHub's on `PROOF_TEXTS`, and one of SentencePiece on `PIECE_TEXTS` too.

    Args:
        built: A `tokenizers.Tokenizer`.
        preset: The preset it was built from.
        config: Of KerasHub's tokenizer.
        specials: Identifiers of start, end and padding.

    Raises:
        UnsupportedError: They differ; says on which text.
    """
    own = _keras_hub_tokenizer(preset, config)
    texts = (*PROOF_TEXTS, *PIECE_TEXTS) if (preset / "assets" / "tokenizer" / MODEL_FILE).is_file() else PROOF_TEXTS
    if specials != (own.start_token_id, own.end_token_id, own.pad_token_id):
        raise UnsupportedError(
            f"{preset}: the special tokens start, end and pad are {specials} in the vocabulary, but "
            f"{(own.start_token_id, own.end_token_id, own.pad_token_id)} in KerasHub."
        )
    # All at once: in graph form KerasHub traces anew for each call.
    for text, row in zip(texts, own(list(texts)), strict=True):
        theirs, ours = [int(item) for item in row], built.encode(text, add_special_tokens=False).ids
        if theirs != ours:
            first = next((i for i, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), None)
            place = min(len(theirs), len(ours)) if first is None else first
            raise UnsupportedError(
                f"{preset}: tokenizers cuts '{text[:60]}' otherwise than KerasHub, from token {place} on: "
                f"{ours[place : place + 5]}, KerasHub {theirs[place : place + 5]}.",
                hint="What a model sees on a device must be what it learned on. Choose another preset, or the same "
                "network as a Hugging Face folder with tokenizer.json.",
            )


def _keras_hub_tokenizer(preset: Path, config: dict[str, Any]) -> Any:
    hub = require("keras_hub", purpose="reading a KerasHub preset")
    name = str(config.get("class_name", ""))
    kind = getattr(hub.tokenizers, name, None)
    if kind is None:
        raise UnsupportedError(f"{preset}: KerasHub {hub.__version__} has no tokenizer '{name}'.")
    taken = ("lowercase", "strip_accents", "split", "split_on_cjk", "suffix_indicator", "oov_token", "add_prefix_space")
    options = {key: value for key, value in config.get("config", {}).items() if key in taken}
    assets = preset / "assets" / "tokenizer"
    if (assets / MODEL_FILE).is_file():
        return kind(proto=(assets / MODEL_FILE).read_bytes())
    if (assets / "merges.txt").is_file():
        # In graph form, whose rule for words is the one that the weights were trained with.
        options["_allow_python_workflow"] = False
        return kind(vocabulary=str(assets / "vocabulary.json"), merges=str(assets / "merges.txt"), **options)
    return kind(vocabulary=str(assets / "vocabulary.txt"), **options)


def _config_of(preset: Path) -> dict[str, Any]:
    config = _json(preset / "tokenizer.json")
    inner = config.get("config", {})
    if not isinstance(inner, dict) or inner.get("split", True) is not True:
        raise UnsupportedError(f"{preset}: its tokenizer does not split texts into words itself.")
    if inner.get("special_tokens_in_strings"):
        raise UnsupportedError(f"{preset}: its tokenizer looks for special tokens inside texts.")
    return config


def _id_of(tokenizer: Any, token: str, preset: Path) -> int:
    number = tokenizer.token_to_id(token)
    if number is None:
        raise IntegrityError(f"{preset}: the vocabulary has no '{token}'.")
    return int(number)


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise IntegrityError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise IntegrityError(f"{path} is not a JSON object.")
    return data


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path} can't be read: {error}.") from error
