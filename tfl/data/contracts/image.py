"""Pictures: decoded, turned upright, resized and normalized."""

from __future__ import annotations

from tfl.data.preprocess import ImagePreprocessing

CONTRACT = ImagePreprocessing
