"""Scikit-learn's handwritten digits as a folder of PNG files: data for the demo that need no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tfl.core.extras import require
from tfl.core.files import fresh_folder

_SIDE, _MARGIN = 32, 4


def write_digits(folder: Path) -> int:
    """Write the 1,797 digits as `folder/<digit>/<number>.png`, dark on white, 40 x 40, and return how many.

    The 8 x 8 pictures with 17 grey levels are enlarged by bicubic interpolation and given a margin; an
    existing folder is replaced. The data are the test part of "Optical Recognition of Handwritten
    Digits" (Alpaydin and Kaynak, UCI, 1998).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    digits = require("sklearn.datasets", purpose="writing the demo's digits").load_digits()
    with fresh_folder(folder) as place:
        for number, (picture, label) in enumerate(zip(digits.images, digits.target, strict=True)):
            grey = np.rint(255.0 - picture * (255.0 / 16.0)).astype(np.uint8)
            path = place / str(label) / f"{number:04d}.png"
            path.parent.mkdir(exist_ok=True)
            large = Image.fromarray(grey).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
            ImageOps.expand(large, _MARGIN, fill=255).save(path)
    return len(digits.target)
