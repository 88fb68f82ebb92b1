"""The network of `embedded:pairnet`: patchnet and leafnet side by side, each good at what the other is not.

leafnet's means are put under the same curve as patchnet's, after each channel was brought to the mean that a filter of
patchnet usually has: so both halves of the features have one range, which int8 needs where they are joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfl.backbones import _leafnet, _patchnet

if TYPE_CHECKING:
    import keras

#: Height and width that the network is made for, in pixels.
NATIVE_SIZE = _patchnet.NATIVE_SIZE
#: As its parts have it.
MIN_SIZE = max(_patchnet.MIN_SIZE, _leafnet.MIN_SIZE)
#: The networks whose weights it has, besides its own gains.
PARTS = ("patchnet", "leafnet")
#: Before the names of the layers that put leafnet's means under the curve.
PREFIX = "leaf_"
#: Length of the output vector.
FEATURE_SIZE = _patchnet.FEATURE_SIZE + _leafnet.FEATURE_SIZE


def parameter_count() -> int:
    """Return the number of weights, counted from the tables of its parts."""
    gains = len(_patchnet.GAINS) * sum(_leafnet.STAGES[-_leafnet.ANSWERING :])
    return _patchnet.parameter_count() + _leafnet.parameter_count() + gains


def build(*, image_size: int = NATIVE_SIZE) -> keras.Model:
    """Build the network with fresh weights: `(batch, image_size, image_size, 3)` in [-1, 1] -> `(batch, 4640)`.

    Layers have the names that they have in its parts; leafnet's gains begin with `leaf_`. The dtype policy that is
    active applies.
    """
    import keras

    inputs = keras.Input((image_size, image_size, 3), name="image")
    patches = keras.layers.Flatten(name="patches")(_patchnet.answers(inputs))
    leaves = _patchnet.compressed(_leafnet.means_of(inputs), prefix=PREFIX)
    leaves = keras.layers.Flatten(name="leaves")(leaves)
    return keras.Model(inputs, keras.layers.Concatenate(name="features")([patches, leaves]), name="pairnet")
