"""Text classification: one text, one class, such as an intent, a topic or a sentiment."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, ClassVar

from tfl.tasks._classification import Classification


class TextClassification(Classification):
    """Classes of texts; by default a bag of hashed n-grams learns them from the person's own texts alone."""

    name = "text_classification"
    summary = "One text, one class."
    kind = "text"
    defaults: ClassVar = MappingProxyType[str, Any](
        {
            "model.backbone": "embedded:ngrams",
            "train.augmentation": "none",
        }
    )
    space = (
        "train.fine_tune_learning_rate=3e-4:3e-2:log",
        "model.dropout=0.0:0.6",
        "train.label_smoothing=0.0:0.2",
        "train.weight_decay=1e-6:1e-1:log",
    )


TASK = TextClassification()
