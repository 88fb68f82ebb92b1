"""A tiny trained classifier of colours as a bundle, for tests that need a real model and little time."""

import numpy as np

from tfl.bundle import BackboneRecord, Bundle, Golden, Signature, Tensor
from tfl.bundle.records import BUNDLE_FILE, GOLDEN_FILE, MODEL_FILE
from tfl.core.environment import read_environment
from tfl.core.files import digest_tree
from tfl.data.preprocess import ImagePreprocessing, normalize

SIZE = 32
LABELS = ("blue sky", "green", "red")
CONTRACT = ImagePreprocessing(height=SIZE, width=SIZE, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
_CHANNEL_OF_LABEL = (2, 1, 0)


def draw_pixels(count, *, seed):
    """Noisy pictures with one channel a little brighter: `(count, 32, 32, 3)` uint8, and the class of each."""
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % len(LABELS)
    pixels = generator.normal(110.0, 45.0, (count, SIZE, SIZE, 3))
    # Coarse blotches keep the answers from being all certain.
    pixels += np.kron(generator.normal(0.0, 30.0, (count, 4, 4, 3)), np.ones((1, 8, 8, 1)))
    for row, label in enumerate(truth):
        pixels[row, ..., _CHANNEL_OF_LABEL[label]] += generator.uniform(5.0, 45.0)
    return np.clip(pixels, 0, 255).astype(np.uint8), truth


def build_model(*, seed=7):
    """Convolutions, batch normalization, a depthwise and a residual block: what real backbones are made of."""
    import keras

    keras.utils.set_random_seed(seed)
    image = keras.Input((SIZE, SIZE, 3), name="picture")
    values = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    values = keras.layers.BatchNormalization()(values)
    trunk = keras.layers.ReLU(6.0)(values)
    values = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(trunk)
    values = keras.layers.BatchNormalization()(values)
    values = keras.layers.ReLU(6.0)(values)
    values = keras.layers.Conv2D(8, 1, use_bias=False)(values)
    values = keras.layers.BatchNormalization()(values)
    values = keras.layers.Add()([trunk, values])
    values = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="swish")(values)
    values = keras.layers.GlobalAveragePooling2D()(values)
    return keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(values))


def make_tiny_bundle(folder):
    """Train the tiny model for a few steps and write a bundle to an empty `folder`."""
    import keras

    model = build_model()
    pixels, truth = draw_pixels(240, seed=1)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(normalize(pixels, CONTRACT), truth, batch_size=40, epochs=12, verbose=0)
    golden, _ = draw_pixels(8, seed=2)
    outputs = np.asarray(model.predict_on_batch(normalize(golden, CONTRACT)), dtype=np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / MODEL_FILE)
    Golden(golden, outputs).save(folder / GOLDEN_FILE)
    bundle = Bundle(
        task="image_classification",
        labels=LABELS,
        preprocessing=CONTRACT,
        signature=Signature(
            inputs=(Tensor(name="image", shape=(-1, SIZE, SIZE, 3), dtype="float32", meaning="RGB in [-1, 1]"),),
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
            spec="drawn:tiny",
            source="drawn",
            digest="0" * 64,
            licence="Apache-2.0",
            weights_origin="drawn colours",
        ),
        metrics={},
        data_fingerprint="0" * 64,
        created="2026-01-01T00:00:00+00:00",
        versions=read_environment().versions,
        files=digest_tree(folder),
    )
    bundle.save(folder / BUNDLE_FILE)
    return bundle


def make_tiny_artifacts(bundle_dir, saved_model_dir, pixels, out_dir):
    """Export the tiny bundle to every target in fp32, and in every integer precision that needs no other extra."""
    from tfl.bundle import Calibration
    from tfl.core.errors import TflError
    from tfl.targets import TARGETS, export_artifacts

    calibration = Calibration(split="train", sample_count=len(pixels), seed=0, fingerprint="0" * 64)
    folders = {}
    for name in TARGETS.names():
        wanted = [item for item in ("fp32", "int8", "dynamic") if item in TARGETS.get(name).precisions]
        places = {precision: out_dir / f"{name}-{precision}" for precision in wanted}
        made = export_artifacts(
            bundle_dir,
            places,
            target=name,
            saved_model_dir=saved_model_dir,
            calibration=calibration,
            calibration_rows=pixels,
        )
        for precision, artifact in made.items():
            if isinstance(artifact, TflError):
                raise artifact
            folders[artifact.name] = places[precision]
    return folders
