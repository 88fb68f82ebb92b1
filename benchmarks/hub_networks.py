"""Which network a listed module of TF Hub is, and which numbers say so: a count counts only where they agree.

The modules' pages tell no number of weights. Known are those that a summary of the module prints, those of the
checkpoints that the modules were exported from, in the code and papers of their authors, and those of the same
checkpoints read by timm, which counts trained weights with a classifier of 1,000 classes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import hub_architectures

SLIM = "github.com/tensorflow/models, research/slim/nets"
TIMM = (
    "github.com/huggingface/pytorch-image-models, results/benchmark-infer-amp-nchw-pt113-cu117-rtx3090.csv: the same "
    "checkpoint"
)
SLIM_MOBILENET = f"{SLIM}/mobilenet/README.md"
AUTOML = "github.com/google/automl, efficientnetv2/README.md"
SPEED_AND_ACCURACY = "arXiv:1611.10012, table 2"
SUMMARY = "summaries of models in public notebooks, the line of the module's KerasLayer"
CLASSES = 1000

#: All numbers that a module keeps, and where they are told.
EXACT = {
    "mobilenet_v3_small_100_224": (1_529_968, SUMMARY),
    "efficientnet_v2_b2": (8_769_374, f"{SUMMARY}, of 1408 features"),
    "inception_resnet_v2": (54_336_736, SPEED_AND_ACCURACY),
    "inception_v1": (5_607_184, f"{SLIM}/inception_v1_test.py"),
    "inception_v2": (10_173_112, f"{SLIM}/inception_v2_test.py; {SPEED_AND_ACCURACY}"),
    "inception_v3": (21_802_784, f"{SLIM}/inception_v3_test.py; {SPEED_AND_ACCURACY}; {SUMMARY}"),
    "nasnet_mobile": (4_269_716, SUMMARY),
    "resnet_v2_50": (23_564_800, SUMMARY),
    "resnet_v2_152": (58_331_648, SUMMARY),
    "r50x1": (23_500_352, SUMMARY),
}
#: Weights of a unit of a ResNet V2's second stage: three normalizations, three convolutions and the last one's bias.
_SECOND_STAGE_UNIT = 4 * 512 + 512 * 128 + 4 * 128 + 9 * 128 * 128 + 4 * 128 + 128 * 512 + 512
#: No one tells that of 101 layers. 152 layers are 50 with 4 units more in the second stage and 30 in the third, 101
#: layers are 50 with 17 units more in the third.
EXACT["resnet_v2_101"] = (
    23_564_800 + 17 * ((58_331_648 - 23_564_800 - 4 * _SECOND_STAGE_UNIT) // 30),
    "follows from those of 50 and of 152 layers",
)
#: Trained weights with the classifier, in millions as rounded by who tells them.
WHOLE = {
    "mobilenet_v3_small_075_224": ("2.04", TIMM),
    "mobilenet_v3_small_100_224": ("2.54", TIMM),
    "mobilenet_v3_large_075_224": ("3.99", TIMM),
    "mobilenet_v3_large_100_224": ("5.48", TIMM),
    # With the 1280 features that its page tells it would be 14.0.
    "efficientnet_v2_b3": ("14.4", AUTOML),
    "efficientnet_v2_xl": ("208.12", TIMM),
    "nasnet_large": ("88.75", TIMM),
    "pnasnet_large": ("86.06", TIMM),
    "r50x1": ("25.55", TIMM),
    "r50x3": ("217.32", TIMM),
    "r101x1": ("44.54", TIMM),
    "r101x3": ("387.93", TIMM),
    "r152x4": ("936.53", TIMM),
}
#: MobileNetV2 by width in percent and size, in millions of multiply-adds with the classifier, cut behind the point.
MOBILENET_V2 = {
    **{"140_224": 582, "130_224": 509, "100_224": 300, "100_192": 221, "100_160": 154, "100_128": 99, "100_96": 56},
    **{"075_224": 209, "075_192": 153, "075_160": 107, "075_128": 69, "075_96": 39},
    **{"050_224": 97, "050_192": 71, "050_160": 50, "050_128": 32, "050_96": 18},
    **{"035_224": 59, "035_192": 43, "035_160": 30, "035_128": 20, "035_96": 11},
}
#: Multiply-adds in millions that others state, classifier included, the size that they state them for, and where. That
#: TF-Slim's page tells 66 M of the small MobileNetV3 is of an earlier one: its paper tells 56 M, as `backbone_costs.py`
#: compares, and the module has the weights of these.
PUBLISHED = {
    **{f"mobilenet_v2_{key}": (adds, int(key[4:]), SLIM_MOBILENET) for key, adds in MOBILENET_V2.items()},
    "mobilenet_v3_small_075_224": (44, 224, SLIM_MOBILENET),
    "mobilenet_v3_large_075_224": (155, 224, SLIM_MOBILENET),
    "mobilenet_v3_large_100_224": (217, 224, SLIM_MOBILENET),
    "efficientnet_v2_b2": (1_700, 260, AUTOML),
    "efficientnet_v2_b3": (3_000, 300, AUTOML),
    "efficientnet_v2_xl": (93_850, 512, TIMM),
    "inception_resnet_v2": (13_180, 299, TIMM),
    "inception_v1": (1_498, 224, "github.com/pytorch/vision, torchvision/models/googlenet.py: TF-Slim's network"),
    "nasnet_large": (23_800, 331, f"{SLIM}/nasnet/README.md"),
    "nasnet_mobile": (564, 224, f"{SLIM}/nasnet/README.md"),
    "pnasnet_large": (25_040, 331, TIMM),
    "r50x1": (16_620, 448, TIMM),
    "r50x3": (145_700, 448, TIMM),
    "r101x1": (31_650, 448, TIMM),
    "r101x3": (280_330, 448, TIMM),
    "r152x4": (844_840, 480, TIMM),
}
#: Networks of keras.applications that are counted there already, at the module's size and without their classifier.
APPLICATIONS = {
    "inception_v3": "InceptionV3",
    "inception_resnet_v2": "InceptionResNetV2",
    "nasnet_mobile": "NASNetMobile",
    "resnet_v2_50": "ResNet50V2",
    "resnet_v2_101": "ResNet101V2",
    "resnet_v2_152": "ResNet152V2",
    **{f"efficientnet_v2_{kind}": f"EfficientNetV2{kind.upper()}" for kind in ("b0", "b1", "b2", "s", "m", "l")},
}


class Weights(NamedTuple):
    """How many a network has.

    Attributes:
        kept: All of them, moving statistics included.
        trained: Those that training moves.
        features: Length of the vector that it ends in.
    """

    kept: int
    trained: int
    features: int


def network_of(handle: str) -> str:
    """Return the name that modules of one network share: what they were trained on is no part of it."""
    parts = handle.split("/")
    if "bit" in parts:
        return parts[-2].partition("-")[2]
    if parts[-3].startswith("efficientnet_v2_"):
        return f"efficientnet_v2_{parts[-3].rpartition('_')[2]}"
    return parts[-3]


def build(network: str, size: int) -> Any:
    """Build the network of a module without its classifier.

    Raises:
        ValueError: Nobody told how it is built.
    """
    layers, _, width = network.removeprefix("r").partition("x")
    if (layers + width).isdigit():
        return hub_architectures.big_transfer(size, layers=int(layers), width=int(width))
    if network in ("inception_v1", "inception_v2", "pnasnet_large", "efficientnet_v2_xl"):
        return getattr(hub_architectures, network)(size)
    if network.startswith("mobilenet_v3_"):
        return _mobilenet_v3(network, size)
    if network.startswith("mobilenet_v2_"):
        return _application("MobileNetV2", size, alpha=int(network.split("_")[2]) / 100)
    if network == "efficientnet_v2_b3":
        return _application("EfficientNetV2B3", size)
    if network == "nasnet_large":
        return _application("NASNetLarge", size)
    raise ValueError(f"Nobody told how {network} is built.")


def _application(name: str, size: int, **more: float) -> Any:
    import keras

    make = getattr(keras.applications, name)
    return make(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3), **more)


def _mobilenet_v3(network: str, size: int) -> Any:
    """Cut Keras's before its classifier: without its top it ends before the last convolution, which modules have."""
    import keras

    _, _, kind, width, _ = network.split("_")
    make = getattr(keras.applications, f"MobileNetV3{kind.title()}")
    whole = make(weights=None, input_shape=(size, size, 3), alpha=int(width) / 100)
    head = next(layer for layer in whole.layers if layer.name == "conv_2")
    return keras.Model(whole.input, keras.layers.Flatten()(head.output))


def weights_of(model: Any) -> Weights:
    """Count those of a model that ends in a vector."""
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return Weights(int(model.count_params()), trained, int(model.output_shape[-1]))


def check(network: str, weights: Weights) -> None:
    """Compare a built network with what is known of it.

    Raises:
        ValueError: It differs, or nothing is known.
    """
    check_kept(network, weights.kept)
    if network not in WHOLE:
        return
    told, source = WHOLE[network]
    digits = len(told.partition(".")[2])
    whole = (weights.trained + (weights.features + 1) * CLASSES) / 1e6
    if f"{whole:.{digits}f}" != told:
        raise ValueError(f"{network} has {whole:.3f} M weights with a classifier, not {told} M ({source}).")


def check_kept(network: str, kept: int) -> None:
    """Compare all numbers that a network keeps with those that its module is known to keep.

    Raises:
        ValueError: They differ, or nothing is known of the module.
    """
    if network in EXACT:
        told, source = EXACT[network]
        if kept != told:
            raise ValueError(f"{network} has {kept:,} weights, not {told:,} ({source}).")
    # MobileNetV2 is known by its multiply-adds at every size, the other EfficientNetV2 by the length of their vectors.
    elif network not in WHOLE and network not in PUBLISHED and network not in APPLICATIONS:
        raise ValueError(f"Nobody tells how many weights {network} has.")
