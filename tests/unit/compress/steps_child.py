"""Runs steps on tiny networks, straight and in two sittings; a process of its own, as tfmot changes tf.keras."""

import contextlib
import functools
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tf_keras

from tests.tiny import CONTRACT, build_model, draw_pixels
from tfl.compress.compress_worker import float_weights
from tfl.compress.learning import StepState, learn
from tfl.compress.ranges import follow_ranges, pixel_values
from tfl.compress.recipes import freeze_batch_norm, make_recipe
from tfl.compress.records import CompressSettings
from tfl.compress.replay import replay
from tfl.data.preprocess import normalize
from tfl.training.feed import make_feed, preparer


def feeds():
    made = []
    for count, seed, shuffle in ((96, 1, 5), (48, 3, None)):
        pixels, truth = draw_pixels(count, seed=seed)
        labels = truth.astype(np.int32)
        made.append(make_feed(pixels, labels, batch_size=16, prepare=preparer(CONTRACT), shuffle_seed=shuffle))
    return made


def interrupt(text, *, before):
    if before in text:
        raise KeyboardInterrupt


def step(replayed, settings, place, *, before, start, state_file, sittings):
    training, validation = feeds()
    for epochs in sittings:
        plain = replayed.model
        plain.set_weights(start)
        freeze_batch_norm(plain)
        name = settings.steps[place]
        recipe = make_recipe(name, plain, settings, before=before, total_steps=sittings[-1] * len(training))
        if name == "qat":
            follow_ranges(recipe.model, (training[index][0] for index in range(3)), pixels=pixel_values(CONTRACT))
        state = StepState.load(state_file) if state_file.is_file() else StepState(step=place)
        with contextlib.suppress(KeyboardInterrupt):
            learn(
                recipe,
                (training, validation),
                settings,
                state,
                state_file,
                rows=False,
                tell=functools.partial(interrupt, before=f"epoch {epochs + 1} of"),
            )
    last = recipe.strip(recipe.model)
    return last, dict(recipe.compressed or {}), state


def _zeros_of_four(kernel):
    """How many of four neighbouring input channels are 0: every count that occurs, at any place."""
    groups = kernel.reshape(-1, 4, kernel.shape[-1]) if kernel.shape[-2] % 4 == 0 else np.zeros((1, 4, 1))
    return sorted({int(count) for count in (groups == 0).sum(axis=1).ravel()})


def _unique(kernel):
    return max(len(np.unique(channel)) for channel in np.moveaxis(kernel, -1, 0))


def run_case(method, folder, changes):
    # Layers are numbered anew, so that their names are the same in every case.
    keras.utils.clear_session()
    tf_keras.backend.clear_session()
    replayed = replay(build_model())
    given = {"epochs": 2, "learning_rate": 1e-3, "clusters": 8, "schedule": "constant", **changes}
    settings = CompressSettings(method=method, **given)
    ends, said = [], {}
    # Patterns are looked at once; that stops do not show is asked of every method without them.
    for sittings in ((2,),) if {"m_by_n", "block"} & changes.keys() else ((2,), (1, 2)):
        start, before, quantized = replayed.model.get_weights(), {}, None
        origin = start
        for place in range(len(settings.steps)):
            file = folder / f"{'-'.join(map(str, sittings))}-{place}.npz"
            last, before, _ = step(
                replayed, settings, place, before=before, start=start, state_file=file, sittings=sittings
            )
            start = last.get_weights() if settings.steps[place] != "qat" else start
        found = float_weights(last, replayed)
        ends.append(found)
        if "qat" in settings.steps:
            batch = normalize(draw_pixels(48, seed=3)[0], CONTRACT)
            quantized = np.asarray(last(batch, training=False))
            said["finite"] = bool(np.isfinite(quantized).all())
        replayed.model.set_weights(origin)
    said["difference"] = max(
        float(np.abs(one - two).max())
        for name in ends[0]
        for one, two in zip(ends[0][name], ends[-1][name], strict=True)
    )
    said["moved"] = max(
        float(np.abs(value - old).max())
        for name, values in ends[0].items()
        for value, old in zip(values, replayed.model.get_layer(name).get_weights(), strict=True)
    )
    said["kernels"] = {
        name: {
            "zeros": float(np.mean(ends[0][name][0] == 0)),
            "unique": _unique(ends[0][name][0]),
            "zeros_of_four": _zeros_of_four(ends[0][name][0]),
            "mark": mark,
        }
        for name, mark in before.items()
    }
    return said


def main(cases, folder):
    """Run `{name: [method, changed settings]}` and write what is said of each to `{name}.json`."""
    for name, (method, changes) in cases.items():
        place = folder / name
        place.mkdir()
        (folder / f"{name}.json").write_text(json.dumps(run_case(method, place, changes)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
