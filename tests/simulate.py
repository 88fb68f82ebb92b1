"""Simulates the quantization of a tiny bundle, in a process of its own: tfmot changes tf.keras."""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from tests.tiny import draw_pixels
from tfl.bundle import Bundle, Golden, Simulation
from tfl.bundle.records import GOLDEN_FILE, SIMULATION_FILE, SIMULATION_MODEL_DIR
from tfl.compress.compress_worker import save_simulation
from tfl.compress.ranges import follow_ranges, pixel_values, settle_ranges
from tfl.compress.recipes import make_recipe
from tfl.compress.records import CompressSettings
from tfl.compress.replay import replay
from tfl.core.files import digest_tree
from tfl.core.lean_imports import load_lean
from tfl.data.preprocess import normalize
from tfl.targets import load_float_model


def main(bundle_dir, folder):
    load_lean()
    bundle = Bundle.open(bundle_dir)
    plain = replay(load_float_model(bundle_dir)).model
    recipe = make_recipe("qat", plain, CompressSettings(method="qat"), before={}, total_steps=1)
    batch = normalize(draw_pixels(60, seed=1)[0], bundle.preprocessing)
    quantizers = follow_ranges(recipe.model, [batch], pixels=pixel_values(bundle.preprocessing))
    settle_ranges(recipe.model)
    folder.mkdir(parents=True)
    save_simulation(recipe.model, bundle, folder / SIMULATION_MODEL_DIR)
    golden = Golden.load(bundle_dir / GOLDEN_FILE)
    outputs = np.asarray(recipe.model(normalize(golden.rows, bundle.preprocessing), training=False))
    dataclasses.replace(golden, outputs=outputs).save(folder / GOLDEN_FILE)
    record = Simulation(
        bundle_fingerprint=bundle.fingerprint, quantizers=quantizers, metrics={}, files=digest_tree(folder)
    )
    record.save(folder / SIMULATION_FILE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
