"""What a source of backbones promises."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tfl.backbones import SOURCES, Backbone, BackboneFacts, BackboneInfo, BackboneSource, parse_spec
from tfl.core.errors import NotFoundError
from tfl.core.extras import require
from tfl.data.contract import Floats, Inputs
from tfl.data.preprocess import ImagePreprocessing
from tfl.testing._statements import require_all

_NO_BACKBONE = "no-such-backbone"
_FRAMEWORKS = ("keras", "tensorflow", "tensorflow_hub", "torch", "jax")


def check_source(name: str, backbone: str, *, image_size: int | None) -> Backbone:
    """Hold a source against everything it promises.

    Every listed backbone must be described whole and the same twice, and listing must import no framework; an
    unknown name must be told; a loaded backbone must be a pooled, finite, deterministic network of the size
    asked for; and a model saved with it must load again and answer the same, bit for bit.

    Args:
        name: Of the source plug-in, built in or from an entry point.
        backbone: One of its backbones that loads on this machine now, without the `source:` in front.
        image_size: Height and width to load it for, in pixels; None for texts.

    Returns:
        The loaded backbone.

    Raises:
        VerificationError: Names every promise that was broken.
        TflError: The backbone can't be loaded.
    """
    source = SOURCES.get(name)
    statements = {
        "it is a BackboneSource": isinstance(source, BackboneSource),
        "its summary is one line": bool(source.summary) and "\n" not in source.summary,
        "an unknown backbone is told": _tells_unknown(source),
        "listing imports no framework": _lists_without_frameworks(name),
    }
    infos = source.list()
    statements["no backbone is listed twice"] = len({info.spec for info in infos}) == len(infos)
    for info in infos:
        statements |= _description_statements(name, source, info)
    require_all(statements, who=name, contract="backbone sources")
    loaded = source.load(backbone, image_size=image_size)
    statements = _model_statements(source, loaded, source.load(backbone, image_size=image_size), image_size)
    require_all(statements, who=f"{name}:{backbone}", contract="backbone sources")
    return loaded


def _tells_unknown(source: BackboneSource) -> bool:
    try:
        source.info(_NO_BACKBONE)
    except NotFoundError as error:
        return _NO_BACKBONE in error.message
    return False


def _lists_without_frameworks(name: str) -> bool:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from tfl.backbones import SOURCES; SOURCES.get({name!r}).list(); "
        f"sys.exit(any(item in sys.modules for item in {_FRAMEWORKS!r}))"
    )
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _description_statements(name: str, source: BackboneSource, info: BackboneInfo) -> dict[str, bool]:
    prefix, rest = parse_spec(info.spec)
    spec = info.spec
    return {
        f"{spec} begins with the source's name": prefix == name,
        f"{spec} is described the same alone": source.info(rest) == info,
        f"{spec}: the smallest size is at most the contract's": _size_fits(info),
        f"{spec}: the number of parameters is positive or None": info.parameters is None or info.parameters > 0,
        f"{spec}: the feature size is positive or None": info.feature_size is None or info.feature_size > 0,
        f"{spec} names a licence and an origin, or 'unknown'": bool(info.licence and info.weights_origin),
        f"{spec}: the description survives JSON": BackboneInfo.from_dict(info.to_dict()) == info,
        **_facts_statements(source, rest, info),
    }


def _facts_statements(source: BackboneSource, name: str, info: BackboneInfo) -> dict[str, bool]:
    spec, facts = info.spec, source.facts(name)
    counts = (facts.multiply_adds, facts.parameters_with_top, facts.multiply_adds_with_top)
    return {
        f"{spec}: the facts survive JSON": BackboneFacts.from_dict(facts.to_dict()) == facts,
        f"{spec}: costs are positive or None": all(count is None or count > 0 for count in counts),
        f"{spec}: multiply-adds say for which input": (facts.multiply_adds is None) == (facts.multiply_adds_at == ""),
        f"{spec}: a score is a share, and somebody's": all(
            0 < item.value <= 1 and item.source for item in facts.scores
        ),
        f"{spec}: who states a licence states one": not facts.licence_source or info.licence != "unknown",
    }


def _size_fits(info: BackboneInfo) -> bool:
    contract = info.preprocessing
    return 1 <= info.min_size <= contract.height if isinstance(contract, ImagePreprocessing) else info.min_size == 0


def _model_statements(source: BackboneSource, first: Backbone, second: Backbone, size: int | None) -> dict[str, bool]:
    contract = first.info.preprocessing
    images = contract.prepare(contract.draw_rows(3, seed=0))
    features = first.model.predict_on_batch(images)
    fed = tuple(None if side < 0 else side for side in contract.input.shape)
    return {
        "the input is the contract's": first.model.input_shape == fed,
        "the contract has the size that was asked for": size is None or contract.row_shape[:2] == (size, size),
        "the features are pooled, of the stated size": features.shape == (3, first.info.feature_size),
        "the features are finite": bool(np.isfinite(features).all()),
        "the parameters are counted": first.info.parameters == first.model.count_params(),
        "loaded twice it has one digest": bool(first.digest) and first.digest == second.digest,
        "loaded twice it answers the same": np.array_equal(features, second.model.predict_on_batch(images)),
        "saved and loaded again it answers the same": np.array_equal(features, _reloaded(source, first, images)),
    }


def _reloaded(source: BackboneSource, backbone: Backbone, images: Inputs) -> Floats:
    keras = require("keras", purpose="checking a backbone source")
    with tempfile.TemporaryDirectory(prefix="tfl-contract-") as folder:
        path = Path(folder) / "model.keras"
        backbone.model.save(path)
        model = keras.models.load_model(path, custom_objects=source.custom_objects(), compile=False)
        return np.asarray(model.predict_on_batch(images))
