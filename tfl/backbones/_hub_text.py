"""A SavedModel that takes strings, as a Keras network that takes words: proven to answer the same, or refused.

Strings are split and looked up by operations that only TensorFlow has, so that such a module runs nowhere else. What
it does to a text is read off its graph; what it does to the vectors of the words is found by trying.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfl.backbones import _cache
from tfl.backbones._hub_module import check_graph
from tfl.core.errors import ConfigError, UnsupportedError
from tfl.core.extras import require
from tfl.core.saved_models import SAVED_MODEL_FILE, load_saved_model, read_saved_model
from tfl.data.contract import Floats
from tfl.data.contracts.words import VOCABULARY_FILE, WordIds

Combiner = Literal["mean", "sum", "sqrtn"]

#: Names of operations that no network of pictures has.
_MARKS = (
    *(b"StringSplit", b"StringLower", b"StringUpper", b"StringStrip", b"StringNGrams", b"StringToHashBucket"),
    *(b"RegexReplace", b"RegexSplit", b"UnicodeDecode", b"UnicodeTranscode", b"CaseFoldUTF8", b"NormalizeUTF8"),
    *(b"SentencepieceTokenizeOp", b"WordpieceTokenize", b"WhitespaceTokenize", b"UnicodeScriptTokenize"),
)
#: What is understood of operations on strings.
_UNDERSTOOD = frozenset({"StringLower", "StaticRegexReplace", "StringSplit", "StringSplitV2"})
_STRING_OPS = ("String", "Regex", "Unicode", "Sentencepiece", "Wordpiece", "Normalize", "CaseFold", "Utf8", "AsString")
#: Both sum in float32, in another order.
_TOLERANCE = 1e-5
#: On these the network must answer as the module does; made longer by words of the vocabulary.
PROOF_TEXTS = (
    "",
    "   ",
    "The quick brown fox, isn't it? It's 42.5 % of $1,000!",
    "UPPER lower MiXeD x_y a-b/c\\d e@f.org #tag https://example.org/?q=1&r=2",
    "caf\u00e9 na\u00efve \u00dcber stra\u00dfe \u0130stanbul \u041f\u0440\u0438\u0432\u0435\u0442 \u65e5\u672c\u8a9e",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \U0001f600 ok \U0001f44d\U0001f3fd \u00a0 no\u00a0break",
    "tabs\tand\nlines\r\nand  many   spaces \u201cquotes\u201d \u2018single\u2019",
    "qzxjqzxj",
    "the qzxjqzxj the",
)


@dataclass(frozen=True)
class TextModule:
    """A module of strings, understood.

    Attributes:
        model: `ids (batch, words) int32` -> `(batch, features)`, under the active dtype policy.
        contract: From a text to `ids`.
    """

    model: Any
    contract: WordIds


def is_text_module(folder: Path) -> bool:
    """Say whether a SavedModel works on strings, without a framework."""
    path = folder / SAVED_MODEL_FILE
    if not path.is_file():
        return False
    data = path.read_bytes()
    return any(mark in data for mark in _MARKS)


def load_text_module(folder: Path) -> TextModule:
    """Build the network that answers as a module of strings does.

    Raises:
        UnsupportedError: It does something to texts or vectors that is not understood; says what.
        IntegrityError: It can't be read.
        MissingExtraError: TensorFlow or Keras is not installed.
    """
    tf = require("tensorflow", purpose="loading a TF Hub module")
    operations = check_graph(folder)
    loaded = load_saved_model(folder, operations=operations, purpose="loading a TF Hub module")
    answer = _callable(tf, loaded, folder)
    vocabulary, table = _vocabulary(folder), _table(loaded, folder)
    place = _cache.keep_file("vocabularies", VOCABULARY_FILE, vocabulary)
    words = vocabulary.removesuffix(b"\n").split(b"\n")
    texts = [*PROOF_TEXTS, " ".join(word.decode(errors="replace") for word in words[:7])]
    texts.append(" ".join(word.decode(errors="replace") for word in words[-300::3]))
    wanted = np.asarray(answer(texts), dtype=np.float32)
    rules = _rules(folder)
    closest = np.inf
    for contract, combiner in _candidates(rules, vocabulary, place, table):
        ids = contract.load_batch(texts)
        gap = float(np.abs(_combined(table, ids, combiner) - wanted).max())
        closest = min(closest, gap)
        if gap <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):
            return TextModule(_network(table, contract, combiner), contract)
    raise _not_understood(
        folder,
        f"no mean, sum or sum over the root of the count of its words' vectors comes nearer than {closest:.2g} to its "
        "answers",
    )


def _candidates(
    rules: dict[str, Any], vocabulary: bytes, place: Path, table: Floats
) -> Iterator[tuple[WordIds, Combiner]]:
    """Yield every meaning of the rules that is known, for the answers to choose from."""
    size = vocabulary.removesuffix(b"\n").count(b"\n") + 1
    kinds: tuple[Literal["dropped", "kept"], ...] = ("dropped", "kept") if len(table) > size else ("dropped",)
    combiners: tuple[Combiner, ...] = ("mean", "sqrtn", "sum")
    for unknown in kinds:
        contract = WordIds(
            vocabulary_size=size,
            unknown=unknown,
            vocabulary_sha256=hashlib.sha256(vocabulary).hexdigest(),
            folder=place,
            **rules,
        )
        for combiner in combiners:
            yield contract, combiner


def _combined(table: Floats, ids: Any, combiner: Combiner) -> Floats:
    """Do in NumPy what `WordBag` does."""
    content = (ids > 0)[..., None]
    total = np.where(content, table[np.maximum(ids - 1, 0)], 0.0).sum(axis=1, dtype=np.float32)
    count = np.maximum(content.sum(axis=1), 1).astype(np.float32)
    divided = {"mean": total / count, "sqrtn": total / np.sqrt(count), "sum": total}[combiner]
    return np.asarray(divided, dtype=np.float32)


def _network(table: Floats, contract: WordIds, combiner: Combiner) -> Any:
    import keras

    ids = keras.Input((None,), dtype="int32", name="ids")
    bag = word_bag_class()(rows=contract.highest + 1, size=table.shape[1], combiner=combiner, name="bag")
    model = keras.Model(ids, bag(ids), name="hub_words")
    bag.set_weights([np.concatenate([np.zeros((1, table.shape[1]), np.float32), table[: contract.highest]])])
    return model


@functools.cache
def word_bag_class() -> Any:
    """Return the layer's class, made and registered with Keras at the first call.

    Raises:
        MissingExtraError: Keras is not installed.
    """
    keras = require("keras", purpose="loading a TF Hub module")
    ops = keras.ops

    class WordBag(keras.layers.Layer):  # type: ignore[misc, name-defined]
        """`(batch, words)` int32 -> `(batch, size)`: the vectors of a text's words as one; 0 is no word."""

        def __init__(self, *, rows: int, size: int, combiner: Combiner, **options: Any) -> None:
            super().__init__(**options)
            self._sizes = {"rows": rows, "size": size, "combiner": combiner}
            self._size, self._combiner = size, combiner
            self.words = keras.layers.Embedding(rows, size, name="words", dtype=self.dtype_policy)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), **self._sizes}

        def build(self, input_shape: Any) -> None:
            self.words.build(input_shape)

        def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
            return (input_shape[0], self._size)

        def call(self, inputs: Any) -> Any:
            vectors = self.words(inputs)
            content = ops.expand_dims(ops.cast(ops.not_equal(inputs, 0), "float32"), -1)
            total = ops.sum(ops.cast(vectors, "float32") * content, axis=1)
            count = ops.maximum(ops.sum(content, axis=1), 1.0)
            if self._combiner == "mean":
                total = total / count
            elif self._combiner == "sqrtn":
                total = total / ops.sqrt(count)
            return ops.cast(total, self.compute_dtype)

    WordBag.__qualname__ = "WordBag"
    return keras.saving.register_keras_serializable(package="tfl", name="WordBag")(WordBag)


def _rules(folder: Path) -> dict[str, Any]:
    """Read off the graph how a text becomes words."""
    found = {tuple(_string_ops(function.node_def)) for function in _functions(folder)} - {()}
    if len(found) != 1:
        raise _not_understood(folder, f"its graph cuts texts in {len(found)} ways")
    operations = found.pop()
    unknown = sorted({name for name, _ in operations} - _UNDERSTOOD)
    if unknown:
        raise _not_understood(folder, f"its graph does {', '.join(unknown)} to texts")
    rules: dict[str, Any] = {"lower": "none", "replaced": []}
    names = [name for name, _ in operations]
    if [name.startswith("StringSplit") for name in names].count(True) != 1 or not names[-1].startswith("StringSplit"):
        raise _not_understood(folder, "its graph does not end by splitting a text once")
    for name, values in operations:
        if name == "StringLower":
            if rules["replaced"]:
                raise _not_understood(folder, "its graph changes to lower case behind a replacement")
            rules["lower"] = "unicode" if values[0] == "utf-8" else "ascii"
        elif name == "StaticRegexReplace":
            rules["replaced"].append(values)
    rules["replaced"] = tuple(rules["replaced"])
    try:
        WordIds(vocabulary_size=0, **rules)
    except ConfigError as error:
        raise _not_understood(folder, error.message) from error
    return rules


def _functions(folder: Path) -> Iterator[Any]:
    for meta in read_saved_model(folder).meta_graphs:
        yield from (
            function
            for function in meta.graph_def.library.function
            # These make file names of checkpoints.
            if not function.signature.name.startswith(("__inference__traced_save", "__inference__traced_restore"))
        )


def _string_ops(nodes: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in nodes:
        if not any(mark in node.op for mark in _STRING_OPS) or _has_one_bucket(node):
            continue
        if node.op == "StringLower":
            yield node.op, (node.attr["encoding"].s.decode(),)
        elif node.op == "StaticRegexReplace":
            # Where the attribute is absent, all matches are replaced.
            everywhere = "replace_global" not in node.attr or node.attr["replace_global"].b
            name = node.op if everywhere else f"{node.op} of the first match only"
            yield name, (node.attr["pattern"].s.decode(), node.attr["rewrite"].s.decode())
        else:
            yield node.op, ()


def _has_one_bucket(node: Any) -> bool:
    """Say whether it gives every unknown word the same identifier, which is one of the meanings that are tried."""
    return bool(node.op.startswith("StringToHashBucket") and node.attr["num_buckets"].i == 1)


def _vocabulary(folder: Path) -> bytes:
    files = sorted(path for path in (folder / "assets").glob("*") if path.is_file())
    if len(files) != 1:
        raise _not_understood(folder, f"it has {len(files)} files in assets/, not one with its vocabulary")
    return files[0].read_bytes().replace(b"\r\n", b"\n")


def _table(loaded: Any, folder: Path) -> Floats:
    # Not every module lists its variables; its function knows those that it uses.
    used = loaded.signatures["serving_default"].variables
    tables = [item for item in used if item.shape.rank == 2 and item.dtype.is_floating]
    if len(tables) != 1:
        raise _not_understood(folder, f"it has {len(tables)} tables of vectors, not one")
    return np.asarray(tables[0], dtype=np.float32)


def _callable(tf: Any, loaded: Any, folder: Path) -> Any:
    serving = getattr(loaded, "signatures", {}).get("serving_default")
    if serving is None:
        raise _not_understood(folder, "it has no signature 'serving_default'")
    inputs = serving.structured_input_signature[1]
    if len(inputs) != 1 or next(iter(inputs.values())).dtype != tf.string:
        raise _not_understood(folder, "it does not take one batch of strings")
    (name,) = inputs

    def answer(texts: list[str]) -> Any:
        outputs = list(serving(**{name: tf.constant(texts)}).values())
        if len(outputs) != 1 or outputs[0].shape.rank != 2:
            raise _not_understood(folder, "it does not answer with one vector for each text")
        return outputs[0]

    return answer


def _not_understood(folder: Path, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"{folder} takes strings, which run in TensorFlow alone, and can't be rebuilt on words: {reason}.",
        hint="A module that averages vectors of words, or a transformer, runs in every format.",
    )
