"""Image classification: one picture, one class."""

from __future__ import annotations

from tfl.tasks._classification import Classification


class ImageClassification(Classification):
    """Classes of pictures; the settings' own defaults are made for it."""

    name = "image_classification"
    summary = "One picture, one class."
    kind = "image"
    space = (
        "train.learning_rate=1e-4:3e-2:log",
        "model.dropout=0.0:0.6",
        "train.augmentation=none,light,standard",
        "model.resize=crop,squish,pad",
        "train.fine_tune_epochs=0,10",
        "train.fine_tune_layers=4:80:log",
        "train.fine_tune_learning_rate=1e-5:1e-3:log",
        "train.weight_decay=1e-6:1e-2:log",
    )


TASK = ImageClassification()
