"""Runs whose networks lose their accuracy in plain int8: the function is an ordinary one, the ranges are wild."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bundle import BackboneRecord, Bundle, Golden, Signature, Tensor
from tfl.bundle.records import BUNDLE_FILE, GOLDEN_FILE, MODEL_FILE
from tfl.core.config import resolve_config, save_yaml
from tfl.core.environment import read_environment
from tfl.core.files import digest_tree, sha256_file
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.data.digits import write_digits
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest
from tfl.data.preprocess import ImagePreprocessing
from tfl.data.split import assign_splits
from tfl.training.bundle_writer import golden_indices

SIZE = 32
CONTRACT = ImagePreprocessing(height=SIZE, width=SIZE, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


def plain_network(classes, rectify=None):
    """Four convolutions in a row with rectifiers between, which let a channel's scale pass."""
    import keras

    rectify = rectify or keras.layers.ReLU()
    image = values = keras.Input((SIZE, SIZE, 3), name="picture")
    for index, (width, stride) in enumerate([(12, 2), (16, 2), (16, 1), (24, 2)]):
        values = keras.layers.Conv2D(width, 3, strides=stride, padding="same", name=f"conv{index}")(values)
        values = rectify(values)
    values = keras.layers.GlobalAveragePooling2D()(values)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax", name="answer")(values))


def wide_network(classes):
    """Three convolutions with room to learn in, so that training can make good what rounding breaks."""
    import keras

    image = values = keras.Input((SIZE, SIZE, 3), name="picture")
    for index, (width, stride) in enumerate([(16, 2), (32, 2), (48, 1)]):
        values = keras.layers.Conv2D(width, 3, strides=stride, padding="same", activation="relu", name=f"conv{index}")(
            values
        )
    values = keras.layers.GlobalAveragePooling2D()(values)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax", name="answer")(values))


def unreplayable_network(classes):
    """The plain one with an operation that is no layer, which quantization-aware training has no way to take."""
    import keras

    return plain_network(classes, rectify=keras.ops.relu)


def squeezing_network(classes):
    """Two inverted bottlenecks with swish and squeeze-and-excite on a linear trunk, as in EfficientNet."""
    import keras

    layers = keras.layers
    image = keras.Input((SIZE, SIZE, 3), name="picture")
    values = layers.Conv2D(12, 3, strides=2, padding="same", activation="swish", name="stem")(image)
    trunk = layers.Conv2D(12, 1, name="trunk")(values)
    for index in range(2):
        values = layers.Conv2D(32, 1, activation="swish", name=f"expand{index}")(trunk)
        values = layers.DepthwiseConv2D(3, padding="same", activation="swish", name=f"depthwise{index}")(values)
        squeezed = layers.GlobalAveragePooling2D(keepdims=True)(values)
        squeezed = layers.Conv2D(8, 1, activation="swish", name=f"squeeze{index}")(squeezed)
        excited = layers.Conv2D(32, 1, activation="sigmoid", name=f"excite{index}")(squeezed)
        values = layers.Multiply()([values, excited])
        trunk = layers.Add()([trunk, layers.Conv2D(12, 1, name=f"project{index}")(values)])
    values = layers.Conv2D(32, 3, strides=2, padding="same", activation="swish", name="head")(trunk)
    values = layers.GlobalAveragePooling2D()(values)
    return keras.Model(image, layers.Dense(classes, activation="softmax", name="answer")(values))


#: Network, and pairs of layers whose outputs are scaled alike and those that read them. A few layers mend these.
NETWORKS = {
    "rescaled": (plain_network, [(("conv1",), ("conv2",))], 1000.0),
    "squeezing": (squeezing_network, [(("trunk", "project0", "project1"), ("expand0", "expand1", "head"))], 1000.0),
}


def _chain(*names):
    return [((writer,), (reader,)) for writer, reader in itertools.pairwise(names)]


#: Here every layer reads channels of wild scales, so that half of the layers in float do not mend it.
ALL_NETWORKS = NETWORKS | {
    "everywhere": (wide_network, _chain("conv0", "conv1", "conv2", "answer"), None),
    "narrow": (plain_network, _chain("conv0", "conv1", "conv2", "conv3", "answer"), 200.0),
    "unreplayable": (unreplayable_network, _chain("conv0", "conv1", "conv2", "conv3", "answer"), 200.0),
}


def rescale(model, writers, readers, *, seed, most):
    """Scale the writers' output channels by up to `most`, None draws powers of two, and the readers' inputs back."""
    channels, generator = model.get_layer(writers[0]).output.shape[-1], np.random.default_rng(seed)
    if most is None:
        scales = np.exp2(generator.integers(-4, 5, channels)).astype(np.float32)
    else:
        scales = generator.permutation(np.geomspace(most**-0.5, most**0.5, channels)).astype(np.float32)
    for name in writers:
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([kernel * scales, bias * scales])
    for name in readers:
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([kernel / scales[:, None], bias])


def make_hard_run(path, kind, *, epochs=12):
    """Train a network on the digits, rescale it, and write what a run with it would have written."""
    import keras

    build, pairs, most = ALL_NETWORKS[kind]
    folder = RunFolder(path)
    data = path.with_name(f"{path.name}-digits")
    write_digits(data)
    manifest = with_splits(read_manifest(data))
    pictures = {split: CONTRACT.load_batch(files_of(manifest, split)) for split in ("train", "test")}
    keras.utils.set_random_seed(3)
    model = build(len(manifest.labels))
    model.compile(keras.optimizers.Adam(0.004), "sparse_categorical_crossentropy", jit_compile=False)
    truth = np.asarray(manifest.label_indices(manifest.of_split("train")))
    model.fit(pictures["train"], truth, batch_size=32, epochs=epochs, verbose=0)
    before = model.predict(pictures["test"], verbose=0)
    for seed, (writers, readers) in enumerate(pairs, start=5):
        rescale(model, writers, readers, seed=seed, most=most)
    outputs = np.asarray(model.predict(pictures["test"], verbose=0), dtype=np.float32)
    np.testing.assert_allclose(outputs, before, atol=2e-3)
    write_run(folder, manifest, model, outputs)
    return folder


def with_splits(manifest):
    examples = tuple(replace(item, sha256=sha256_file(manifest_path(manifest, item))) for item in manifest.examples)
    return assign_splits(replace(manifest, examples=examples), validation_fraction=0.15, test_fraction=0.2, seed=1)


def manifest_path(manifest, item):
    return Path(manifest.root) / item.path


def files_of(manifest, split):
    return [manifest_path(manifest, item) for item in manifest.of_split(split)]


def write_run(folder, manifest, model, outputs):
    """Write manifest, config, record, bundle and the float model's answers."""
    manifest.save(folder.manifest_file)
    save_yaml(resolve_config({}, {"data.path": str(manifest.root), "out": str(folder.path)}), folder.config_file)
    RunRecord(
        name=folder.path.name,
        created="2026-01-01T00:00:00+00:00",
        command="python",
        tfl_version="0",
        status="done",
        stages={},
        environment=read_environment(),
    ).save(folder.record_file)
    test = manifest.of_split("test")
    held_out = HeldOut.of_manifest(manifest, "test")
    HeldOut(held_out.root, held_out.paths, held_out.truth, outputs).save(folder.predictions_file)
    bundle_dir = folder.bundle_dir
    bundle_dir.mkdir(parents=True)
    model.save(bundle_dir / MODEL_FILE)
    chosen = golden_indices(manifest.label_indices(test))
    golden = np.stack([CONTRACT.read(manifest_path(manifest, test[index])) for index in chosen])
    Golden(golden, outputs[chosen]).save(bundle_dir / GOLDEN_FILE)
    write_bundle(bundle_dir, manifest)


def write_bundle(bundle_dir, manifest: Manifest):
    classes = len(manifest.labels)
    Bundle(
        task="image_classification",
        labels=manifest.labels,
        preprocessing=CONTRACT,
        signature=Signature(
            inputs=(Tensor(name="image", shape=(-1, SIZE, SIZE, 3), dtype="float32", meaning="RGB in [-1, 1]"),),
            outputs=(
                Tensor(name="probabilities", shape=(-1, classes), dtype="float32", meaning="probabilities in [0, 1]"),
            ),
        ),
        backbone=BackboneRecord(
            spec="drawn:hard", source="drawn", digest="0" * 64, licence="Apache-2.0", weights_origin="none"
        ),
        metrics={},
        data_fingerprint=manifest.fingerprint,
        created="2026-01-01T00:00:00+00:00",
        versions=read_environment().versions,
        files=digest_tree(bundle_dir),
    ).save(bundle_dir / BUNDLE_FILE)
