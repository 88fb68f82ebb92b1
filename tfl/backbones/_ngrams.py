"""The network of `embedded:ngrams`: a table with one vector for each hashed n-gram, whose vectors are added up.

The bag of embedded n-grams is that of fastText (Joulin et al., 2016, arXiv:1607.01759; Bojanowski et al., 2017,
arXiv:1607.04606). Leaving out n-grams at random while it learns follows the deep averaging network (Iyyer et al.,
2015, doi:10.3115/v1/P15-1162). `docs/text.md` tells what each choice brought.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfl.data.contracts.hashed_text import HashedText

if TYPE_CHECKING:
    import keras

CONTRACT = HashedText(buckets=1 << 14, length=256, word_ngrams=2, shortest=3, longest=4)
#: Length of the output vector.
FEATURE_SIZE = 128
#: Share of a text's n-grams that are left out in each step of training.
GRAM_DROPOUT = 0.4
#: Standard deviation of the first values: nothing beside what is learned, so that an n-gram that was never seen adds
#: nothing, and yet not zero, from which a head that begins at zero too would never move.
_DEVIATION = 5e-7
_SEED = 20_240
#: What it is best trained with. There is nothing to learn a head on before the table learns: a logistic regression on
#: random features begins so sure of itself that what follows ends 5 points lower with 10 texts a class.
RECIPE = MappingProxyType[str, Any](
    {
        "model.dropout": 0.3,
        "train.instant": False,
        "train.epochs": 1,
        "train.fine_tune_epochs": 12,
        "train.fine_tune_layers": 0,
        "train.fine_tune_learning_rate": 0.005,
        "train.schedule": "cosine",
        "train.batch_size": 64,
        "train.patience": 5,
    }
)


def parameter_count() -> int:
    """Return the number of weights."""
    return (CONTRACT.buckets + 1) * FEATURE_SIZE


def first_weights() -> npt.NDArray[np.float32]:
    """Draw the table, `(buckets + 1, features)`: normal values, the same on every machine."""
    values = np.random.default_rng(_SEED).standard_normal((CONTRACT.buckets + 1, FEATURE_SIZE), dtype=np.float32)
    return values * np.float32(_DEVIATION)


def build() -> keras.Model:
    """Build `(batch, n-grams)` int32 -> `(batch, 128)`: the sum of the n-grams' vectors over the root of their number.

    Only stock layers with fixed names, so that a saved model needs no code of this package. The identifier 0 has no
    part in sum and number. The dtype policy that is active applies.
    """
    import keras

    layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")
    vectors = layers.Embedding(CONTRACT.buckets + 1, FEATURE_SIZE, name="table")(ids)
    # An identifier becomes 1 and padding stays 0: min(max(id, 0), 1).
    present = layers.ReLU(max_value=1.0, name="present")(layers.Rescaling(1.0, name="as_float")(ids))
    # Of zeros and ones, the unit vector is each over the root of their number.
    shares = layers.UnitNormalization(axis=-1, name="shares")(present)
    kept = layers.Dropout(GRAM_DROPOUT, seed=_SEED, name="kept")(shares)
    bag = layers.Dot(axes=(1, 1), name="bag")([kept, vectors])
    model = keras.Model(ids, bag, name="ngrams")
    model.get_layer("table").set_weights([first_weights()])
    return model
