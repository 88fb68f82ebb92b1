import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.presence import skip_without
from tests.tiny import draw_pixels, make_tiny_artifacts, make_tiny_bundle
from tfl.compress.replay import ENVIRONMENT
from tfl.targets import stage_saved_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory):
    """Folder of a tiny trained bundle; not to be changed."""
    folder = tmp_path_factory.mktemp("tiny") / "bundle"
    make_tiny_bundle(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_saved_model(tiny_bundle, tmp_path_factory):
    """The tiny bundle as a SavedModel; not to be changed."""
    return stage_saved_model(tiny_bundle, tmp_path_factory.mktemp("staged") / "saved_model")


@pytest.fixture(scope="session")
def tiny_simulation(tiny_bundle, tmp_path_factory):
    """The tiny bundle with quantization simulated; not to be changed."""
    skip_without("tensorflow_model_optimization")
    folder = tmp_path_factory.mktemp("simulated") / "simulation"
    command = [sys.executable, "-m", "tests.simulate", str(tiny_bundle), str(folder)]
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def calibration_rows():
    """Training pictures of the tiny model."""
    return draw_pixels(60, seed=1)[0]


@pytest.fixture(scope="session")
def tiny_artifacts(tiny_bundle, tiny_saved_model, calibration_rows, tmp_path_factory):
    """Folder of every artefact of the tiny bundle, by name; not to be changed."""
    return make_tiny_artifacts(tiny_bundle, tiny_saved_model, calibration_rows, tmp_path_factory.mktemp("artifacts"))
