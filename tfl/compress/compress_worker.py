"""The child's side of a compression: everything that has to do with tf_keras happens here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Bundle, Golden
from tfl.bundle.records import BUNDLE_FILE, GOLDEN_FILE, MODEL_FILE
from tfl.compress.compressed_size import layer_weights
from tfl.compress.learning import StepState, learn
from tfl.compress.ranges import follow_ranges, pixel_values, settle_ranges
from tfl.compress.recipes import freeze_batch_norm, make_recipe
from tfl.compress.records import CompressSettings
from tfl.compress.replay import Replayed, replay, require_same
from tfl.compress.telling import Teller
from tfl.core.augmentation import resolve_augmentation
from tfl.core.config import RunConfig
from tfl.core.files import write_atomic
from tfl.core.progress import Progress
from tfl.data.contract import Contract, Floats, Rows
from tfl.data.manifest import Manifest
from tfl.data.preprocess import as_pictures
from tfl.data.store import open_rows
from tfl.training.augment import make_augmenter
from tfl.training.feed import balanced_weights, make_feed, preparer
from tfl.training.mix import make_mixer
from tfl.training.samples import Samples, make_samples

ANSWERS_FILE = "answers.npz"
SIMULATION_DIR = "simulation"
_BATCH = 32
#: Batches that the ranges of activations are measured on before the training.
_RANGE_BATCHES = 16


def compress_in_child(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Compress a bundle's model; see `tfl.compression.compress_run`.

    Args:
        arguments: `bundle_dir`, `manifest_file`, `config`, `settings`, `work_dir`, `state_file`, `out_dir`, `told`.

    Returns:
        What the parent needs for the record. In `out_dir` lie the Keras 3 model, its answers to the test split and
        to the golden batch, and with `qat` the SavedModel with simulated quantization.
    """
    import keras

    from tfl.targets._keras import load_keras_model

    start = time.monotonic()
    bundle_dir, out_dir = Path(arguments["bundle_dir"]), Path(arguments["out_dir"])
    settings, config = CompressSettings.from_dict(arguments["settings"]), RunConfig.from_dict(arguments["config"])
    bundle = Bundle.load(bundle_dir / BUNDLE_FILE)
    keras.utils.set_random_seed(settings.seed)
    source = load_keras_model(bundle_dir, bundle)
    replayed = replay(source)
    golden: Any = bundle.preprocessing.prepare(Golden.load(bundle_dir / GOLDEN_FILE).rows)
    low, high = as_pictures(bundle.preprocessing, purpose="tfl compress").value_range
    drawn = np.random.default_rng(settings.seed).uniform(low, high, golden.shape).astype(np.float32)
    difference = max(require_same(source, replayed.model, batch) for batch in (golden, drawn))
    manifest, work_dir = Manifest.load(Path(arguments["manifest_file"])), Path(arguments["work_dir"])
    augmentation = resolve_augmentation(config.train.augmentation, config.augment)
    samples = make_samples(manifest, bundle.preprocessing, augmentation, work_dir=work_dir, progress=Progress())
    last, state, quantizers = _steps(
        replayed, samples, settings, config, Path(arguments["state_file"]), tell=Teller(Path(arguments["told"]))
    )
    replayed.copy_back(float_weights(last, replayed))
    write_atomic(out_dir / MODEL_FILE, lambda file: source.save(file))
    examples = manifest.of_split("test")
    test = open_rows(examples, manifest.root, bundle.preprocessing, cache_dir=work_dir, progress=Progress())
    answers = {"outputs": _answers(source, test, bundle.preprocessing)}
    if quantizers:
        answers["simulated"] = _answers(last, test, bundle.preprocessing)
        save_simulation(last, bundle, out_dir / SIMULATION_DIR)
    write_atomic(out_dir / ANSWERS_FILE, lambda file: np.savez(file, allow_pickle=False, **answers))
    compressed = {
        replayed.origin[name].layer.name: mark for name, mark in state.compressed.items() if name in replayed.origin
    }
    return {
        "replay_difference": difference,
        "epochs": [row.to_dict() for row in state.rows],
        "kept_epochs": state.kept,
        "layers": [item.to_dict() for item in layer_weights(source, compressed)],
        "quantizers": quantizers,
        "seconds": round(time.monotonic() - start, 2),
    }


def _steps(
    replayed: Replayed,
    samples: Samples,
    settings: CompressSettings,
    config: RunConfig,
    path: Path,
    *,
    tell: Callable[[str], None],
) -> tuple[Any, StepState, int]:
    """Do the steps that are left; return the last model, the state and how many activations it quantizes."""
    state = StepState.load(path) if path.is_file() else StepState(start=replayed.model.get_weights())
    plain, quantizers = replayed.model, 0
    rows = samples.augmentation.mixes or config.train.label_smoothing > 0.0
    # Where all steps were done in an earlier sitting, these are the result.
    plain.set_weights(state.start)
    last = plain
    while state.step < len(settings.steps):
        step = settings.steps[state.step]
        plain.set_weights(state.start)
        if settings.batch_norm == "frozen":
            freeze_batch_norm(plain)
        training, validation = _feeds(samples, settings, config, salt=state.step, rows=rows)
        total = settings.epochs * len(training)
        recipe = make_recipe(step, plain, settings, before=state.compressed, total_steps=total)
        if step == "qat":
            batches = (training[index][0] for index in range(min(_RANGE_BATCHES, len(training))))
            quantizers = follow_ranges(
                recipe.model, batches, pixels=pixel_values(as_pictures(samples.train.contract, purpose="tfl compress"))
            )
        learn(recipe, (training, validation), settings, state, path, rows=rows, tell=tell)
        if step == "qat":
            settle_ranges(recipe.model)
        last = recipe.strip(recipe.model)
        state = StepState(
            step=state.step + 1,
            start=last.get_weights() if step != "qat" else state.start,
            rows=state.rows,
            kept=state.kept,
            compressed=dict(recipe.compressed or {}),
        )
        if step != "qat":
            # The quantized model can't be built again from plain weights, so its last epoch stays the state.
            state.save(path)
    return last, state, quantizers


def _feeds(
    samples: Samples, settings: CompressSettings, config: RunConfig, *, salt: int, rows: bool
) -> tuple[Any, Any]:
    train, seed = config.train, settings.seed + salt
    labels, class_count = samples.train.labels, samples.class_count if rows else None
    training = make_feed(
        samples.train.rows(large=samples.large),
        labels,
        batch_size=settings.batch_size,
        prepare=make_augmenter(samples.augmentation, samples.train.contract, seed=seed),
        mix=make_mixer(samples.augmentation, seed=seed),
        class_count=class_count,
        class_weights=balanced_weights(labels, samples.class_count) if train.class_weights == "balanced" else None,
        sampling=train.sampling,
        shuffle_seed=1000 * settings.seed + salt,
        label_smoothing=train.label_smoothing,
    )
    validation = make_feed(
        samples.validation.rows(),
        samples.validation.labels,
        batch_size=settings.batch_size,
        prepare=preparer(samples.validation.contract),
        class_count=class_count,
    )
    return training, validation


def float_weights(model: Any, replayed: Replayed) -> dict[str, list[Any]]:
    """Return each layer's weights in its own order; those that are quantized in training, as they are quantized.

    So the float model has the very weights of the simulation, on the grid of 255 levels, and whatever zeros and
    repeated values they keep.

    Args:
        model: tf_keras, plain or from `quantize_apply`.
        replayed: What it was made from.
    """
    found: dict[str, list[Any]] = {}
    for layer in model.layers:
        wrapped = getattr(layer, "layer", layer)
        if wrapped.name not in replayed.origin:
            continue
        quantized = {
            _plain_name(weight.name): quantizer(weight, False, weights=variables).numpy()
            for weight, quantizer, variables in getattr(layer, "_weight_vars", ())
        }
        names = [_plain_name(weight.name) for weight in replayed.model.get_layer(wrapped.name).weights]
        own = {_plain_name(weight.name): weight.numpy() for weight in wrapped.weights}
        found[wrapped.name] = [quantized[name] if name in quantized else own[name] for name in names]
    return found


def _plain_name(name: str) -> str:
    return name.rpartition("/")[2].partition(":")[0]


def _answers(model: Any, rows: Rows, contract: Contract) -> Floats:
    parts = [
        np.asarray(model(contract.prepare(np.asarray(rows[start : start + _BATCH])), training=False))
        for start in range(0, len(rows), _BATCH)
    ]
    return np.concatenate(parts).astype(np.float32)


def save_simulation(model: Any, bundle: Bundle, folder: Path) -> None:
    """Write the SavedModel, with the names that all exports of the bundle have."""
    import tensorflow as tf

    source, result = bundle.signature.inputs[0], bundle.signature.outputs[0]
    shape = [None, *source.shape[1:]]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name=source.name)])  # type: ignore[untyped-decorator]
    def serve(image: Any) -> dict[str, Any]:
        return {result.name: tf.identity(model(image, training=False), name=result.name)}

    module = tf.Module()
    # The variables alone: of a Keras model, saving would trace every layer's call as well, of which nothing is used.
    module.held, module.serve = list(model.variables), serve
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
