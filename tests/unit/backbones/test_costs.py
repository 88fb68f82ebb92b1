"""The table of costs: counted again, beside what others publish, and a counter that can't leave anything out."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tfl.backbones._costs_table import COSTS
from tfl.backbones._hub_table import HUB_MODULES
from tfl.backbones._keras_applications_table import APPLICATIONS
from tfl.backbones._keras_hub_table import PRESETS

#: Weights with the classifier, as the page of Keras states them.
KERAS_PAGE = {
    "Xception": 22_910_480,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "ResNet50": 25_636_712,
    "ResNet101": 44_707_176,
    "ResNet152": 60_419_944,
    "ResNet50V2": 25_613_800,
    "ResNet101V2": 44_675_560,
    "ResNet152V2": 60_380_648,
    "InceptionV3": 23_851_784,
    "InceptionResNetV2": 55_873_736,
    "MobileNet": 4_253_864,
    "MobileNetV2": 3_538_984,
    "DenseNet121": 8_062_504,
    "DenseNet169": 14_307_880,
    "DenseNet201": 20_242_984,
    "NASNetMobile": 5_326_716,
    "NASNetLarge": 88_949_818,
    "EfficientNetB0": 5_330_571,
    "EfficientNetB1": 7_856_239,
    "EfficientNetB2": 9_177_569,
    "EfficientNetB3": 12_320_535,
    "EfficientNetB4": 19_466_823,
    "EfficientNetB5": 30_562_527,
    "EfficientNetB6": 43_265_143,
    "EfficientNetB7": 66_658_687,
}
#: Quick to build, and of every kind of layer that is counted.
QUICK = (
    "embedded:sketchnet",
    "embedded:patchnet",
    "embedded:leafnet",
    "embedded:pairnet",
    "embedded:ngrams",
    "keras_applications:MobileNetV3Small",
    "keras_applications:MobileNetV2",
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_96/feature_vector/5",
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v3_small_075_224/feature_vector/5",
    "tfhub:https://tfhub.dev/google/imagenet/inception_v1/feature_vector/5",
    "tfhub:https://tfhub.dev/google/imagenet/inception_v2/feature_vector/5",
    "tfhub:https://tfhub.dev/google/bit/s-r50x1/1",
)


@pytest.fixture(scope="module")
def script():
    folder = Path(__file__).resolve().parents[3] / "benchmarks"
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("backbone_costs", folder / "backbone_costs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(folder))
    for name in (spec.name, "hub_networks", "hub_architectures"):
        del sys.modules[name]


def test_weights_are_those_of_the_other_tables():
    stated = {f"keras_applications:{name}": item.parameters for name, item in APPLICATIONS.items()}
    stated |= {f"tfhub:{name}": item.parameters for name, item in HUB_MODULES.items()}
    stated |= {f"keras_hub:{name}": item.parameters for name, item in PRESETS.items()}
    counted = {spec: cost.parameters for spec, cost in COSTS.items() if not spec.startswith("embedded:")}
    assert counted == {spec: stated.get(spec) for spec in counted}, "python benchmarks/backbone_costs.py"
    assert {spec for spec in stated if spec.startswith("keras_applications:")} <= set(counted)


@pytest.mark.parametrize("name", KERAS_PAGE)
def test_weights_with_the_classifier_are_those_of_kerass_page(name):
    assert COSTS[f"keras_applications:{name}"].parameters_with_top == KERAS_PAGE[name]


def test_multiply_adds_are_what_the_publishers_state(script):
    for spec, (published, source) in script.PUBLISHED.items():
        # Papers round to two digits, and some leave out the squeeze of a block or the stem's padding.
        assert COSTS[spec].multiply_adds_with_top / 1e6 == pytest.approx(published, rel=0.025), (spec, source)
    for network, (published, size, source) in script.hub_networks.PUBLISHED.items():
        adds = script.hub_millions(network, size)
        assert adds == pytest.approx(published, rel=0.025, abs=1), (network, source)
        # Those of MobileNetV2 are cut behind the point.
        assert not network.startswith("mobilenet_v2_") or 0 <= adds - published < 1, network


def test_every_listed_module_is_counted_with_weights_that_are_known(script):
    hub = script.hub_networks
    for handle, entry in HUB_MODULES.items():
        cost, network = COSTS[f"tfhub:{handle}"], hub.network_of(handle)
        assert cost.at == f"{entry.size} x {entry.size} pixels"
        hub.check_kept(network, cost.parameters)
    known = {hub.network_of(handle) for handle in HUB_MODULES}
    assert known == {*hub.EXACT, *hub.WHOLE, *hub.PUBLISHED, *hub.APPLICATIONS}


def test_a_network_of_other_weights_is_refused(script):
    hub = script.hub_networks
    right = hub.Weights(kept=1_026_552, trained=1_018_976, features=1024)
    hub.check("mobilenet_v3_small_075_224", right)
    with pytest.raises(
        ValueError, match=r"mobilenet_v3_small_075_224 has 2\.072 M weights with a classifier, not 2\.04 M"
    ):
        hub.check("mobilenet_v3_small_075_224", right._replace(trained=right.trained + 28_000))
    with pytest.raises(ValueError, match="inception_v1 has 5,607,185 weights, not 5,607,184"):
        hub.check("inception_v1", hub.Weights(kept=5_607_185, trained=5_592_624, features=1024))
    with pytest.raises(ValueError, match="Nobody tells how many weights inception_v9 has"):
        hub.check("inception_v9", right)
    with pytest.raises(ValueError, match="Nobody told how inception_v9 is built"):
        hub.build("inception_v9", 224)


@pytest.mark.slow
def test_counted_again_it_is_the_same(script):
    pytest.importorskip("keras")
    assert script.count_here(QUICK) == {spec: COSTS[spec] for spec in QUICK}


def test_the_shapes_of_presets_have_the_weights_that_keras_hub_states(script):
    counted = {spec.partition(":")[2] for spec in COSTS if spec.startswith("keras_hub:")}
    countable = {name for name in PRESETS if script.preset_cost(name) is not None}
    assert countable == counted, "python benchmarks/backbone_costs.py --only keras_hub"
    for name in counted:
        assert script.preset_cost(name) == COSTS[f"keras_hub:{name}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "more", "shape"),
    [
        ("Bert", {"num_segments": 2}, {}),
        ("DistilBert", {}, {"segments": 0, "has_pooler": False}),
        ("Roberta", {}, {"segments": 0, "has_pooler": False}),
        ("Electra", {"embedding_dim": 24, "num_segments": 2}, {"embedded": 24}),
        ("Albert", {"embedding_dim": 24, "num_segments": 2}, {"embedded": 24, "has_shared_block": True}),
        (
            "DebertaV3",
            {"bucket_size": 16},
            {"positions": 0, "segments": 0, "has_pooler": False, "relative": 32},
        ),
    ],
)
def test_the_formula_has_the_weights_of_keras_hubs_networks(script, network, more, shape):
    hub = pytest.importorskip("keras_hub")
    known = {"num_layers": 3, "num_heads": 4, "hidden_dim": 32, "intermediate_dim": 64, "max_sequence_length": 20}
    words = "vocab_size" if network == "Electra" else "vocabulary_size"
    built = getattr(hub.models, f"{network}Backbone")(**known, **more, **{words: 50})
    sizes = {"layers": 3, "hidden": 32, "inner": 64, "vocabulary": 50, "positions": 20, **shape}
    assert script.Shape(**sizes).parameters == built.count_params()


@pytest.mark.slow
def test_the_formula_has_the_operations_of_tfls_encoder(script):
    pytest.importorskip("tensorflow")
    from tfl.backbones._encoder import EncoderPlan, build_encoder

    plan = EncoderPlan(
        100, 128, 0, embedding_size=128, hidden_size=256, inner_size=1024, heads=4, layers=3, projected=True
    )
    model = build_encoder(plan, pooling="mean")
    shape = script.Shape(3, 256, 1024, 100, positions=128, segments=0, embedded=128)
    # The profiler counts biases, normalizations and the softmax as well.
    assert script.operations_of(model, (96,)) / 2 == pytest.approx(shape.multiply_adds(96), rel=0.05)


def test_layers_are_counted_by_hand(script):
    keras = pytest.importorskip("keras")
    layers = keras.layers
    inputs = keras.Input((8, 8, 4))
    inner = keras.Sequential([keras.Input((8, 8, 6)), layers.Conv2D(10, 1), layers.BatchNormalization()])
    x = layers.Conv2D(6, 3, strides=2, padding="same", groups=2)(inputs)
    x = layers.UpSampling2D(2)(x)
    x = inner(x)
    x = layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2)(x)
    x = layers.SeparableConv2D(3, 3, padding="same", use_bias=False)(x)
    x = layers.Dense(7)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(2)(layers.Reshape((7, 1))(x)))
    expected = (
        4 * 4 * 6 * (3 * 3 * 2)  # half the channels in each group
        + 8 * 8 * 10 * 6
        + 8 * 8 * 20 * (5 * 5)
        + 8 * 8 * (20 * 3 * 3 + 20 * 3)
        + 3 * 7
        + 7 * 2
    )
    assert script.count_multiply_adds(model) == expected
    unknown = keras.Model(inputs, layers.Conv2DTranspose(2, 3)(inputs))
    with pytest.raises(ValueError, match="nobody told how a Conv2DTranspose is counted"):
        script.count_multiply_adds(unknown)
