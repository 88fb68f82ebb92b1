"""What every source of backbones promises."""

import subprocess
import sys

import numpy as np
import pytest

from tests.unit.backbones.conftest import save_module
from tfl.backbones import SOURCES, BackboneInfo, BackboneSource, parse_spec
from tfl.core.errors import NotFoundError, UserError
from tfl.data.preprocess import ImagePreprocessing

#: Per source, a name that loads without a network and its image size; None stands for a module the test writes.
LOADABLE = {"embedded": ("sketchnet", 32), "keras_applications": ("MobileNetV2@none", 32), "tfhub": (None, 16)}


@pytest.fixture(params=SOURCES.names())
def name(request):
    return request.param


@pytest.fixture
def loadable(name, tmp_path):
    assert name in LOADABLE, f"add a backbone that loads without a network for the source '{name}' to LOADABLE"
    backbone, size = LOADABLE[name]
    return SOURCES.get(name), backbone or str(save_module(tmp_path / "module")), size


def test_the_plug_in_is_a_source_that_says_what_it_is(name):
    source = SOURCES.get(name)
    assert isinstance(source, BackboneSource)
    assert source.summary
    assert "\n" not in source.summary


def test_every_backbone_is_described_whole(name):
    source = SOURCES.get(name)
    infos = source.list()
    assert infos
    assert len({info.spec for info in infos}) == len(infos)
    for info in infos:
        prefix, rest = parse_spec(info.spec)
        assert prefix == name
        assert source.info(rest) == info
        assert isinstance(info.preprocessing, ImagePreprocessing)
        assert 1 <= info.min_size <= info.preprocessing.height
        assert info.parameters is None or info.parameters > 0
        assert info.feature_size is None or info.feature_size > 0
        assert info.licence
        assert info.weights_origin
        assert BackboneInfo.from_dict(info.to_dict()) == info


def test_describing_imports_no_framework(name):
    code = (
        f"import sys; from tfl.backbones import SOURCES; SOURCES.get('{name}').list(); "
        "print(sorted({'keras', 'tensorflow', 'tensorflow_hub'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_an_unknown_backbone_is_told(name):
    with pytest.raises(NotFoundError):
        SOURCES.get(name).info("no-such-backbone")


def test_nothing_is_imported_from_a_file_that_is_no_weights(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    source = SOURCES.get(name)
    bad = tmp_path / "weights.bin"
    bad.write_bytes(b"not weights")
    with pytest.raises(UserError):
        source.import_file(parse_spec(source.list()[0].spec)[1], bad)
    assert bad.read_bytes() == b"not weights"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != bad and path.suffix != ".lock"]


@pytest.mark.slow
def test_a_loaded_backbone_gives_pooled_features_the_same_every_time(loadable):
    pytest.importorskip("keras")
    source, backbone, size = loadable
    images = np.random.default_rng(0).random((3, size, size, 3)).astype(np.float32)
    first, second = (source.load(backbone, image_size=size) for _ in range(2))
    assert first.digest == second.digest
    assert first.model.input_shape == (None, size, size, 3)
    assert first.info.preprocessing.height == first.info.preprocessing.width == size
    features = first.model.predict(images, verbose=0)
    assert features.shape == (3, first.info.feature_size)
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(features, second.model.predict(images, verbose=0))
    assert first.info.parameters == first.model.count_params()


@pytest.mark.slow
def test_a_saved_model_with_the_backbone_loads_again(loadable, tmp_path):
    keras = pytest.importorskip("keras")
    source, backbone, size = loadable
    model = source.load(backbone, image_size=size).model
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", custom_objects=source.custom_objects(), compile=False)
    images = np.random.default_rng(0).random((2, size, size, 3)).astype(np.float32)
    np.testing.assert_array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))
