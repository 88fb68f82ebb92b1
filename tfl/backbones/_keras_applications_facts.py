"""Scores of the models of `keras.applications` as published, and who states the licences of their weights."""

from __future__ import annotations

from tfl.backbones._base import BackboneFacts, PublishedScore
from tfl.backbones._facts import imagenet_scores, known_facts

_KERAS_PAGE = "keras.io/api/applications, ImageNet validation"
_KERAS_LICENCES = "keras.io, Applications, section License (documentation of 2019)"
#: Top-1 and top-5 in percent, as the page of Keras states them for its own weights.
_KERAS_SCORES: dict[str, tuple[float, float | None]] = {
    "Xception": (79.0, 94.5),
    "VGG16": (71.3, 90.1),
    "VGG19": (71.3, 90.0),
    "ResNet50": (74.9, 92.1),
    "ResNet50V2": (76.0, 93.0),
    "ResNet101": (76.4, 92.8),
    "ResNet101V2": (77.2, 93.8),
    "ResNet152": (76.6, 93.1),
    "ResNet152V2": (78.0, 94.2),
    "InceptionV3": (77.9, 93.7),
    "InceptionResNetV2": (80.3, 95.3),
    "MobileNet": (70.4, 89.5),
    "MobileNetV2": (71.3, 90.1),
    "DenseNet121": (75.0, 92.3),
    "DenseNet169": (76.2, 93.2),
    "DenseNet201": (77.3, 93.6),
    "NASNetMobile": (74.4, 91.9),
    "NASNetLarge": (82.5, 96.0),
    "EfficientNetB0": (77.1, 93.3),
    "EfficientNetB1": (79.1, 94.4),
    "EfficientNetB2": (80.1, 94.9),
    "EfficientNetB3": (81.6, 95.7),
    "EfficientNetB4": (82.9, 96.4),
    "EfficientNetB5": (83.6, 96.7),
    "EfficientNetB6": (84.0, 96.8),
    "EfficientNetB7": (84.3, 97.0),
    "EfficientNetV2B0": (78.7, 94.3),
    "EfficientNetV2B1": (79.8, 95.0),
    "EfficientNetV2B2": (80.5, 95.1),
    "EfficientNetV2B3": (82.0, 95.8),
    "EfficientNetV2S": (83.9, 96.7),
    "EfficientNetV2M": (85.3, 97.4),
    "EfficientNetV2L": (85.7, 97.5),
    "ConvNeXtTiny": (81.3, None),
    "ConvNeXtSmall": (82.3, None),
    "ConvNeXtBase": (85.3, None),
    "ConvNeXtLarge": (86.3, None),
    "ConvNeXtXLarge": (86.7, None),
}
#: Keras's page leaves these out; its documentation of the functions states top-1.
_KERAS_V3_SCORES = {"MobileNetV3Large": 75.6, "MobileNetV3Small": 68.1}
_KERAS_LICENCE_SOURCES = {
    "convnext": "github.com/facebookresearch/ConvNeXt, which Keras names as the origin",
    "efficientnet": "github.com/tensorflow/tpu, where the checkpoints are published",
    "efficientnet_v2": "github.com/google/automl, where the checkpoints are published",
    "mobilenet_v3": "github.com/tensorflow/models, where the checkpoints are published",
}


def application_facts(name: str, family: str, *, address: str) -> BackboneFacts:
    """Return what is known of a model of Keras.

    Args:
        name: As Keras calls it.
        family: Of its architecture.
        address: What the published weights are downloaded from; empty for other weights, which nobody has scored or
            licensed.
    """
    scores: tuple[PublishedScore, ...] = ()
    if name in _KERAS_SCORES:
        scores = imagenet_scores(*_KERAS_SCORES[name], source=_KERAS_PAGE)
    elif name in _KERAS_V3_SCORES:
        scores = imagenet_scores(_KERAS_V3_SCORES[name], None, source=f"documentation of keras.applications.{name}")
    return known_facts(
        f"keras_applications:{name}",
        family,
        scores if address else (),
        licence_source=_KERAS_LICENCE_SOURCES.get(family, _KERAS_LICENCES) if address else "",
        address=address,
    )
