"""The well-known image feature vectors of TF Hub as data. Any other handle works too.

Sizes, feature lengths and licence are those of the modules' own pages; parameters are counted on the same
architecture, which `benchmarks/backbone_costs.py` builds and compares with what is known of each module. All of them
take RGB in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

_GOOGLE = "https://tfhub.dev/google/"


@dataclass(frozen=True)
class HubEntry:
    """One module.

    Attributes:
        handle: Its address on tfhub.dev, which is also its key in the cache.
        size: Height and width in pixels that it was trained at.
        feature_size: Length of its output, or None where not known.
        parameters: Number of weights, or None where not counted.
        weights_origin: What it was trained on.
        licence: SPDX identifier.
    """

    handle: str
    size: int
    feature_size: int | None
    parameters: int | None = None
    weights_origin: str = "ImageNet-1k"
    licence: str = "Apache-2.0"


#: MobileNet V2 by depth multiplier in percent: features, weights, sizes it was trained at.
_MOBILENET_V2 = {
    "035": (1280, 410_208, (96, 128, 160, 192, 224)),
    "050": (1280, 706_224, (96, 128, 160, 192, 224)),
    "075": (1280, 1_382_064, (96, 128, 160, 192, 224)),
    "100": (1280, 2_257_984, (96, 128, 160, 192, 224)),
    "130": (1664, 3_766_048, (224,)),
    "140": (1792, 4_363_712, (224,)),
}
#: Features and weights.
_MOBILENET_V3 = {
    "small_075": (1024, 1_026_552),
    "small_100": (1024, 1_529_968),
    "large_075": (1280, 2_731_616),
    "large_100": (1280, 4_226_432),
}
#: EfficientNet V2: size, features, weights. Of B2 and B3 the pages say 1280 features, but loaded, B2 has 1408 and the
#: weights that belong to them, and the weights that the authors tell of B3 belong to 1536.
_EFFICIENTNET_V2 = {
    "b0": (224, 1280, 5_919_312),
    "b1": (240, 1280, 6_931_124),
    "b2": (260, 1408, 8_769_374),
    "b3": (300, 1536, 12_930_622),
    "s": (384, 1280, 20_331_360),
    "m": (480, 1280, 53_150_388),
    "l": (480, 1280, 117_746_848),
}
_EFFICIENTNET_V2_XL = {"xl": (512, 1280, 207_615_832)}
_TRAINED_ON = {
    "imagenet1k": "ImageNet-1k",
    "imagenet21k": "ImageNet-21k",
    "imagenet21k_ft1k": "ImageNet-21k, fine-tuned on ImageNet-1k",
}
#: Size, features, weights.
_OTHERS = {
    "inception_resnet_v2": (299, 1536, 54_336_736),
    "inception_v1": (224, 1024, 5_607_184),
    "inception_v2": (224, 1024, 10_173_112),
    "inception_v3": (299, 2048, 21_802_784),
    "nasnet_large": (331, 4032, 84_916_818),
    "nasnet_mobile": (224, 1056, 4_269_716),
    "pnasnet_large": (331, 4320, 81_913_656),
    "resnet_v2_50": (224, 2048, 23_564_800),
    "resnet_v2_101": (224, 2048, 42_626_560),
    "resnet_v2_152": (224, 2048, 58_331_648),
}
#: Features and weights.
_BIG_TRANSFER = {
    "r50x1": (2048, 23_500_352),
    "r50x3": (6144, 211_174_080),
    "r101x1": (2048, 42_492_480),
    "r101x3": (6144, 381_789_888),
    "r152x4": (8192, 928_340_224),
}


def _entries() -> list[HubEntry]:
    imagenet = f"{_GOOGLE}imagenet/"
    entries = []
    for width, (features, weights, sizes) in _MOBILENET_V2.items():
        for size in sizes:
            handle = f"{imagenet}mobilenet_v2_{width}_{size}/feature_vector/5"
            entries.append(HubEntry(handle, size, features, weights))
    for kind, (features, weights) in _MOBILENET_V3.items():
        entries.append(HubEntry(f"{imagenet}mobilenet_v3_{kind}_224/feature_vector/5", 224, features, weights))
    for data, origin in _TRAINED_ON.items():
        models = _EFFICIENTNET_V2 if data == "imagenet1k" else {**_EFFICIENTNET_V2, **_EFFICIENTNET_V2_XL}
        for kind, (size, features, weights) in models.items():
            handle = f"{imagenet}efficientnet_v2_{data}_{kind}/feature_vector/2"
            entries.append(HubEntry(handle, size, features, weights, origin))
    for name, (size, features, weights) in _OTHERS.items():
        entries.append(HubEntry(f"{imagenet}{name}/feature_vector/5", size, features, weights))
    for letter, origin in (("s", "ImageNet-1k"), ("m", "ImageNet-21k")):
        for kind, (features, weights) in _BIG_TRANSFER.items():
            entries.append(HubEntry(f"{_GOOGLE}bit/{letter}-{kind}/1", 224, features, weights, origin))
    return entries


#: By handle.
HUB_MODULES = {entry.handle: entry for entry in _entries()}
