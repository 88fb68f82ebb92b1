"""Measure the gains of `embedded:pairnet` on drawn pictures: everything else it has comes from its two parts.

    python gains.py DRAWN pairnet.npz

DRAWN is the folder that `draw.py --per-category 150` wrote. Each channel of leafnet is brought to the mean that a
filter of patchnet usually has, before the gains that all have.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tfl.backbones import _leafnet, _pairnet, _patchnet
from tfl.backbones.embedded import SOURCE

#: Every so manieth drawing is looked at.
EVERY = 30
_BATCH = 50


def usual_means(drawn: Path) -> Any:
    """Return what each channel of leafnet's last stages answers to the drawings on average: `(288,)` float32."""
    import keras

    network = SOURCE.load("leafnet").model
    stages = range(1, len(_leafnet.STAGES) + 1)[-_leafnet.ANSWERING :]
    maps = keras.Model(network.input, [network.get_layer(f"stage_{stage}_second_relu").output for stage in stages])
    pixels = np.load(drawn / "pixels.npy", mmap_mode="r")[::EVERY]
    answers = maps.predict(pixels.astype(np.float32) / 127.5 - 1.0, verbose=0, batch_size=_BATCH)
    return np.concatenate([values.mean((0, 1, 2), dtype=np.float64) for values in answers]).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawn", type=Path)
    parser.add_argument("weights", type=Path)
    arguments = parser.parse_args()
    share = _patchnet.USUAL_MEAN / usual_means(arguments.drawn)
    np.savez_compressed(
        arguments.weights,
        **{
            f"{_pairnet.PREFIX}{name}_gain/kernel": (gain * share)[None, None, :, None].astype(np.float16)
            for name, gain in zip(_patchnet.GAIN_NAMES, _patchnet.GAINS, strict=True)
        },
    )


if __name__ == "__main__":
    main()
