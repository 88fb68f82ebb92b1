"""Scores of the well-known modules of TF Hub as published."""

from __future__ import annotations

from tfl.backbones._base import BackboneFacts, PublishedScore
from tfl.backbones._facts import imagenet_scores, known_facts

_SLIM = "github.com/tensorflow/models, research/slim/nets/mobilenet/README.md"
#: Top-1 and top-5 in percent of the checkpoint of the same name, by width and size.
_MOBILENET_V2_SCORES: dict[str, tuple[float, float]] = {
    "140_224": (75.0, 92.5),
    "130_224": (74.4, 92.1),
    "100_224": (71.8, 91.0),
    "100_192": (70.7, 90.1),
    "100_160": (68.8, 89.0),
    "100_128": (65.3, 86.9),
    "100_96": (60.3, 83.2),
    "075_224": (69.8, 89.6),
    "075_192": (68.7, 88.9),
    "075_160": (66.4, 87.3),
    "075_128": (63.2, 85.3),
    "075_96": (58.8, 81.6),
    "050_224": (65.4, 86.4),
    "050_192": (63.9, 85.4),
    "050_160": (61.0, 83.2),
    "050_128": (57.7, 80.8),
    "050_96": (51.2, 75.8),
    "035_224": (60.3, 82.9),
    "035_192": (58.2, 81.2),
    "035_160": (55.7, 79.1),
    "035_128": (50.8, 75.0),
    "035_96": (45.5, 70.4),
}
_MOBILENET_V3_SCORES = {"large_100": 75.2, "large_075": 73.3, "small_100": 67.5, "small_075": 65.4}
_HUB_FAMILIES = ("mobilenet_v2", "mobilenet_v3", "efficientnet_v2", "inception_resnet_v2", "resnet_v2", "nasnet", "bit")


def hub_facts(handle: str, *, address: str) -> BackboneFacts:
    """Return what is known of a listed module of TF Hub.

    Args:
        handle: On tfhub.dev.
        address: What its archive is downloaded from.
    """
    parts = handle.split("/")
    name = "bit" if "bit" in parts else parts[-3] if "imagenet" in parts else parts[-2]
    family = next((begin for begin in _HUB_FAMILIES if name.startswith(begin)), name)
    scores: tuple[PublishedScore, ...] = ()
    size, kind = name.removeprefix("mobilenet_v2_"), name.removeprefix("mobilenet_v3_").removesuffix("_224")
    if size in _MOBILENET_V2_SCORES:
        scores = imagenet_scores(*_MOBILENET_V2_SCORES[size], source=_SLIM)
    elif kind in _MOBILENET_V3_SCORES:
        scores = imagenet_scores(_MOBILENET_V3_SCORES[kind], None, source=_SLIM)
    return known_facts(
        f"tfhub:{handle}", family, scores, licence_source="the module's own page on tfhub.dev", address=address
    )
