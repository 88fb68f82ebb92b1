"""Image classification: one picture, one class."""

from __future__ import annotations

from tfl.tasks._classification import Classification


class ImageClassification(Classification):
    """Classes of pictures; the settings' own defaults are made for it."""

    name = "image_classification"
    summary = "One picture, one class."
    kind = "image"


TASK = ImageClassification()
