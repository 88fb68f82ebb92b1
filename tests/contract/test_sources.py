"""Every registered source of backbones against the contract, and that the contract can fail."""

import dataclasses

import pytest

from tests.presence import skip_without
from tests.tiny_hub import save_encoder, save_strings
from tests.tiny_transformers import save_preset
from tests.unit.backbones.conftest import save_module
from tfl.backbones import SOURCES, parse_spec
from tfl.core.errors import UserError, VerificationError
from tfl.testing import check_source

#: Per source, a name that loads without a network, or what writes such a folder; and the image size, None for texts.
LOADABLE = {
    "embedded": ("sketchnet", 32),
    "keras_applications": ("MobileNetV2@none", 32),
    "keras_hub": (save_preset, None),
    "tfhub": (save_module, 16),
}


@pytest.fixture(params=SOURCES.names())
def name(request):
    return request.param


def test_nothing_is_imported_from_a_file_that_is_no_weights(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle"))
    source = SOURCES.get(name)
    bad = tmp_path / "weights.bin"
    bad.write_bytes(b"not weights")
    with pytest.raises(UserError):
        source.import_file(parse_spec(source.list()[0].spec)[1], bad)
    assert bad.read_bytes() == b"not weights"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != bad and path.suffix != ".lock"]


@pytest.mark.slow
def test_a_source_keeps_its_promises(name, tmp_path):
    skip_without("keras", *(("keras_hub", "tokenizers") if name == "keras_hub" else ()))
    assert name in LOADABLE, f"add a backbone that loads without a network for the source '{name}' to LOADABLE"
    backbone, size = LOADABLE[name]
    check_source(name, str(backbone(tmp_path / "written")) if callable(backbone) else backbone, image_size=size)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["patchnet", "leafnet", "pairnet"])
def test_the_other_embedded_networks_keep_the_promises_too(network):
    pytest.importorskip("keras")
    check_source("embedded", network, image_size=32)


@pytest.mark.slow
@pytest.mark.parametrize("save", [save_encoder, save_strings])
def test_modules_of_texts_keep_the_promises_too(save, tmp_path):
    skip_without("keras", "tensorflow_text", "tokenizers")
    check_source("tfhub", str(save(tmp_path / "written")), image_size=None)


@pytest.mark.slow
def test_a_broken_promise_is_named(monkeypatch):
    pytest.importorskip("keras")
    source = SOURCES.get("embedded")
    whole = source.list()
    monkeypatch.setattr(source, "list", lambda: (*whole, dataclasses.replace(whole[0], parameters=0)))
    with pytest.raises(VerificationError, match=r"listed twice.*described the same alone.*parameters is positive"):
        check_source("embedded", "sketchnet", image_size=32)
