"""How a TF2 SavedModel is called: by pictures, by a transformer's tokens, or by texts as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from tfl.core.errors import IntegrityError, UnsupportedError

Answer = Literal["pooled", "cls", "mean"]
_Kind = Literal["pictures", "tokens", "strings"]
#: From a batch to features; the function that stands behind it; what its input's sides are fixed to, None where free.
Entry: TypeAlias = tuple[Callable[[Any], Any], Any, tuple[int | None, ...]]

#: What encoders of TF Hub take, each (batch, tokens).
_IDS, _MASK, _TYPES = "input_word_ids", "input_mask", "input_type_ids"


@dataclass(frozen=True)
class Feeding:
    """How a module is fed, and which of its answers is taken.

    Attributes:
        kind: `pictures` are float32; `tokens` are identifiers, int32, for an encoder that takes a mask and types too;
            `strings` are whole texts.
        answer: Of an encoder: its own vector of the text, `pooled`; its first token's, `cls`; or its tokens' `mean`.
        pad_id: The identifier behind a text.
    """

    kind: _Kind = "pictures"
    answer: Answer = "pooled"
    pad_id: int = 0

    @classmethod
    def from_dict(cls, data: Any) -> Feeding:
        """Read a config's plain values.

        Raises:
            IntegrityError: They are not those of a feeding.
        """
        try:
            feeding = cls(**data)
        except TypeError as error:
            raise IntegrityError(f"The model file's config describes no feeding: {str(data)[:200]}.") from error
        known = feeding.kind in get_args(_Kind) and feeding.answer in get_args(Answer) and type(feeding.pad_id) is int
        if not known:
            raise IntegrityError(f"The model file's config describes no feeding: {str(data)[:200]}.")
        return feeding


PICTURES = Feeding()


def pictures_entry(loaded: Any, folder: Path) -> Entry:
    """Find the call, or else the serving signature, of a module of pictures.

    Raises:
        UnsupportedError: It has neither, or takes or gives more than one tensor.
    """
    call: Any = getattr(loaded, "__call__", None)  # noqa: B004 - the restored function itself is wanted
    concrete = [*getattr(call, "concrete_functions", ())] if call is not None else []
    if concrete:
        arguments, function = _inference(concrete)
        return (lambda images: _single(call(images, **arguments), folder)), function, _static_size(function)
    signatures = getattr(loaded, "signatures", {})
    if "serving_default" not in signatures:
        raise UnsupportedError(
            f"{folder} can neither be called nor has it a signature 'serving_default'.",
            hint="Choose a TF2 feature vector module: see tfl models list --source tfhub",
        )
    serving = signatures["serving_default"]
    names = list(serving.structured_input_signature[1])
    if len(names) != 1:
        raise UnsupportedError(f"{folder} takes {len(names)} inputs ({', '.join(names)}); one image is supported.")
    return (lambda images: _single(serving(**{names[0]: images}), folder)), serving, _static_size(serving)


def tokens_entry(tf: Any, loaded: Any, folder: Path, feeding: Feeding) -> Entry:
    """Find the call, or else the serving signature, of a transformer encoder; see TF Hub's common API for text.

    Raises:
        UnsupportedError: It takes or gives something else.
    """
    restored: Any = getattr(loaded, "__call__", None)  # noqa: B004 - the restored function itself is wanted
    concrete = [item for item in getattr(restored, "concrete_functions", ()) if _dictionary(item) is not None]
    serving = getattr(loaded, "signatures", {}).get("serving_default")
    if concrete:
        arguments, function = _inference(concrete)
        specs = _dictionary(function) or {}
    elif serving is not None and set(serving.structured_input_signature[1]) == {_IDS, _MASK, _TYPES}:
        function, specs = serving, serving.structured_input_signature[1]
    else:
        raise UnsupportedError(
            f"{folder} is a transformer that does not take {_IDS}, {_MASK} and {_TYPES} as one dictionary.",
            hint="Encoders of TF Hub do so from version 3 on; the first two took a list.",
        )
    outputs = function.structured_outputs
    needed = ("default", "pooled_output") if feeding.answer == "pooled" else ("sequence_output",)
    name = next((name for name in needed if isinstance(outputs, Mapping) and name in outputs), None)
    if name is None:
        given = ", ".join(sorted(outputs)) if isinstance(outputs, Mapping) else type(outputs).__name__
        raise UnsupportedError(f"{folder} gives no {' and no '.join(needed)}. It gives: {given}.")

    def run(ids: Any) -> Any:
        content = tf.not_equal(ids, feeding.pad_id)
        fed = {_IDS: ids, _MASK: content, _TYPES: tf.zeros_like(ids)}
        fed = {key: tf.cast(value, specs[key].dtype) for key, value in fed.items()}
        answer = (restored(fed, **arguments) if concrete else function(**fed))[name]
        if feeding.answer == "pooled":
            return answer
        if feeding.answer == "cls":
            return answer[:, 0]
        kept = tf.expand_dims(tf.cast(content, answer.dtype), -1)
        return tf.reduce_sum(answer * kept, axis=1) / tf.maximum(tf.reduce_sum(kept, axis=1), 1.0)

    return run, function, (specs[_IDS].shape[1],)


def _dictionary(function: Any) -> Mapping[str, Any] | None:
    """Return the three tensors that a function takes as one dictionary, or None where it takes something else."""
    positional, keywords = function.structured_input_signature
    for value in (*positional, *keywords.values()):
        if isinstance(value, Mapping) and set(value) == {_IDS, _MASK, _TYPES}:
            return value
    return None


def strings_entry(tf: Any, loaded: Any, folder: Path, feeding: Feeding) -> Entry:
    """Find the serving signature, or else the call, of a module that takes texts.

    Raises:
        UnsupportedError: It takes or gives something else.
    """
    serving = getattr(loaded, "signatures", {}).get("serving_default")
    restored: Any = getattr(loaded, "__call__", None)  # noqa: B004 - the restored function itself is wanted
    concrete = [item for item in getattr(restored, "concrete_functions", ()) if _takes_strings(tf, item)]
    if concrete:
        arguments, function = _inference(concrete)
        return (lambda texts: _single(restored(texts, **arguments), folder)), function, ()
    if serving is None or not _takes_strings(tf, serving):
        raise UnsupportedError(
            f"{folder} does not take one batch of strings, (batch,), by its call or 'serving_default'."
        )
    (name,) = serving.structured_input_signature[1]
    return (lambda texts: _single(serving(**{name: texts}), folder)), serving, ()


def _takes_strings(tf: Any, function: Any) -> bool:
    """Say whether a function takes one tensor, (batch,) of strings with a free batch."""
    positional, keywords = function.structured_input_signature
    specs = [value for value in (*positional, *keywords.values()) if isinstance(value, tf.TensorSpec)]
    return (
        len(specs) == 1
        and specs[0].dtype == tf.string
        and specs[0].shape.is_compatible_with((1,))
        and (specs[0].shape.is_compatible_with((2,)))
    )


def _inference(concrete: list[Any]) -> tuple[dict[str, bool], Any]:
    """Return what to call a restored function with, and the one that was traced so: `training=False` where it can."""
    takes_training = any(
        "training" in function.structured_input_signature[1]
        or "training" in getattr(function.function_type, "parameters", {})
        for function in concrete
    )
    for function in concrete:
        positional, keywords = function.structured_input_signature
        if keywords.get("training") is False or False in positional:
            return {"training": False} if takes_training else {}, function
    return {"training": False} if takes_training else {}, concrete[0]


def _single(result: Any, folder: Path) -> Any:
    if isinstance(result, Mapping):
        if "default" in result:
            return result["default"]
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        if len(result) != 1:
            raise UnsupportedError(
                f"{folder} has {len(result)} outputs; one feature tensor is supported.",
                hint="A preprocessor of texts stands behind its encoder: tfhub:ENCODER@preprocess=PREPROCESSOR.",
            )
        return result[0]
    return result


def _static_size(function: Any) -> tuple[int | None, int | None]:
    positional, keywords = function.structured_input_signature
    for spec in (*positional, *keywords.values()):
        shape = getattr(spec, "shape", None)
        if shape is not None and shape.rank == 4:
            return shape[1], shape[2]
    return None, None
