"""A tiny trained classifier of texts as a bundle, for tests that need a real model and little time."""

import numpy as np

from tests.texts import TOPICS, sentences
from tfl.bundle import BackboneRecord, Bundle, Golden, Signature, Tensor
from tfl.bundle.records import BUNDLE_FILE, GOLDEN_FILE, MODEL_FILE
from tfl.core.environment import read_environment
from tfl.core.files import digest_tree
from tfl.data.contracts.hashed_text import HashedText

LABELS = tuple(sorted(TOPICS))
CONTRACT = HashedText(buckets=4000, length=96)


def read_sentences(per_class, *, first):
    """Rows `(texts, 96)` int32 and the class of each."""
    rows = sentences(per_class, first)
    return np.stack([CONTRACT.read(text) for text, _ in rows]), np.array([LABELS.index(label) for _, label in rows])


def build_text_model(*, seed=5):
    """A table, a masked sum and a dense layer: what a bag of n-grams is made of."""
    import keras

    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    vectors = keras.layers.Embedding(CONTRACT.buckets + 1, 12)(ids)
    present = keras.layers.ReLU(max_value=1.0)(keras.layers.Rescaling(1.0)(ids))
    shares = keras.layers.UnitNormalization(axis=-1)(present)
    bag = keras.layers.Dot(axes=(1, 1))([shares, vectors])
    return keras.Model(ids, keras.layers.Dense(len(LABELS), activation="softmax")(bag))


def make_tiny_text_bundle(folder):
    """Train the tiny model for a few steps and write a bundle to an empty `folder`."""
    import keras

    model = build_text_model()
    rows, truth = read_sentences(60, first=100)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(CONTRACT.prepare(rows), truth, batch_size=30, epochs=6, verbose=0)
    golden, _ = read_sentences(3, first=0)
    outputs = np.asarray(model.predict_on_batch(CONTRACT.prepare(golden)), dtype=np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / MODEL_FILE)
    Golden(golden, outputs).save(folder / GOLDEN_FILE)
    bundle = Bundle(
        task="text_classification",
        labels=LABELS,
        preprocessing=CONTRACT,
        signature=Signature(
            inputs=(Tensor(**vars(CONTRACT.input)),),
            outputs=(
                Tensor(
                    name="probabilities",
                    shape=(-1, len(LABELS)),
                    dtype="float32",
                    meaning="class probabilities in [0, 1]",
                ),
            ),
        ),
        backbone=BackboneRecord(
            spec="drawn:texts", source="drawn", digest="0" * 64, licence="Apache-2.0", weights_origin="drawn texts"
        ),
        metrics={},
        data_fingerprint="0" * 64,
        created="2026-01-01T00:00:00+00:00",
        versions=read_environment().versions,
        files=digest_tree(folder),
    )
    bundle.save(folder / BUNDLE_FILE)
    return bundle
