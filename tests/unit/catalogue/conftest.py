import dataclasses
import importlib.metadata

import pytest

from tfl.backbones import SOURCES, BackboneFacts, BackboneInfo, BackboneSource, PublishedScore
from tfl.bench.measured_here import MeasuredHere
from tfl.catalogue import ModelEntry
from tfl.data.preprocess import ImagePreprocessing


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Caches of one test alone: what a person has fetched must not change what is listed as here."""
    for name in ("TFL_CACHE", "KERAS_HOME", "TFHUB_CACHE_DIR", "KAGGLEHUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


def describe(name="one", **changes):
    known = {
        "spec": f"others:{name}",
        "task": "image_classification",
        "preprocessing": ImagePreprocessing(height=64, width=64),
        "min_size": 32,
        "parameters": 1_000_000,
        "feature_size": 10,
        "licence": "MIT",
        "weights_origin": "drawn",
        "available_offline": False,
    }
    return BackboneInfo(**{**known, **changes})


def make(name="one", *, multiply_adds=None, score=None, latency_ms=None, family="", **changes):
    """An entry as the catalogue would make it of a source's words."""
    info = describe(name, **changes)
    scores = () if score is None else (PublishedScore(data="ImageNet-1k", metric="top-1", value=score, source="x"),)
    sizes = {} if info.parameters is None else {"fp32": 4 * info.parameters, "int8": info.parameters}
    measured = () if latency_ms is None else (measure(info.spec, latency_ms),)
    known = {item.name: getattr(info, item.name) for item in dataclasses.fields(BackboneInfo)}
    return ModelEntry(
        **known,
        source="others",
        name=name,
        facts=BackboneFacts(family=family, multiply_adds=multiply_adds, scores=scores),
        estimated_bytes=sizes,
        measured=measured,
    )


def measure(spec, latency_ms):
    return MeasuredHere(
        backbone=spec,
        artifact="",
        target="openvino",
        precision="fp32",
        input="64 x 64 x 3",
        latency_ms_p50=latency_ms,
        size_bytes=4,
        threads=0,
        versions={},
        created="2026-01-01T00:00:00+00:00",
    )


class OtherSource(BackboneSource):
    """A third party's: it describes two backbones and knows nothing more of them."""

    summary = "Of another package."

    def list(self):
        return (describe("one"), describe("two", parameters=None, available_offline=True))

    def info(self, name):
        return next(item for item in self.list() if item.spec.endswith(f":{name}"))

    def load(self, name, *, image_size=None):
        raise NotImplementedError


class BrokenSource(OtherSource):
    def list(self):
        raise RuntimeError("the index is gone")


OTHER, BROKEN = OtherSource(), BrokenSource()


@pytest.fixture
def register(monkeypatch):
    """Register sources of another package, by name, as an installed package would."""

    def register(**names):
        points = [
            importlib.metadata.EntryPoint(name, f"tests.unit.catalogue.conftest:{attribute}", SOURCES.package)
            for name, attribute in names.items()
        ]
        real = importlib.metadata.entry_points
        monkeypatch.setattr(
            importlib.metadata,
            "entry_points",
            lambda **asked: points if asked.get("group") == SOURCES.package else real(**asked),
        )

    return register
