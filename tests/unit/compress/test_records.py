import gzip

import numpy as np
import pytest

from tfl.compress.compressed_size import file_size, sparsity_of
from tfl.compress.records import CompressSettings, LayerWeights
from tfl.core.errors import ConfigError


def test_settings_come_back_from_json_and_name_their_steps():
    settings = CompressSettings(method="prune+cluster+qat", block="2x4", clusters=8)
    assert CompressSettings.from_dict(settings.to_dict()) == settings
    assert settings.steps == ("prune", "cluster", "qat")
    assert settings.block_size == (2, 4)
    assert settings.pattern is None
    assert CompressSettings(method="prune", m_by_n="2:4").pattern == (2, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "shrink"),
        ("epochs", 0),
        ("learning_rate", 0.0),
        ("final_rate", -0.1),
        ("final_rate", 1.5),
        ("batch_size", 0),
        ("sparsity", 1.0),
        ("block", "2"),
        ("block", "0x1"),
        ("m_by_n", "4:2"),
        ("m_by_n", "2x4"),
        ("clusters", 1),
        ("clusters", 257),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(name, value):
    with pytest.raises(ConfigError, match=f"{name}: must be"):
        CompressSettings(**{"method": "prune", name: value})


def test_two_patterns_of_zeros_exclude_each_other():
    with pytest.raises(ConfigError, match="block: must be 1x1"):
        CompressSettings(method="prune", block="2x4", m_by_n="2:4")


def test_all_faults_of_settings_are_told_at_once():
    with pytest.raises(ConfigError, match=r"epochs: must be(.|\n)*sparsity: must be"):
        CompressSettings(method="prune", epochs=0, sparsity=2.0)


def test_the_size_is_that_of_the_file_and_of_its_gzip(tmp_path):
    path = tmp_path / "model"
    content = np.random.default_rng(0).bytes(1000) + bytes(300_000)
    path.write_bytes(content)
    size = file_size(path)
    assert size.raw_bytes == len(content)
    # Python's own gzip writes a few bytes of a file name and a time more or less.
    assert size.gzip_bytes == pytest.approx(len(gzip.compress(content, 6)), abs=16)


def test_sparsity_counts_weights_of_pruned_layers_alone():
    def layer(weights, sparsity, compressed):
        return LayerWeights(
            layer="x",
            kind="Dense",
            weights=weights,
            sparsity=sparsity,
            unique=3,
            unique_per_channel=2,
            compressed=compressed,
        )

    layers = (layer(100, 0.5, "pruned"), layer(300, 0.9, "pruned+clustered"), layer(1000, 0.0, ""))
    assert sparsity_of(layers) == pytest.approx(0.8)
    assert sparsity_of(layers[2:]) is None
