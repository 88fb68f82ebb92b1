"""Whether a package is there, without importing it."""

import importlib.util

import pytest


def skip_without(*modules):
    """Skip the test, or the module that is being collected, where a package is missing.

    `pytest.importorskip` would import it into the tests' own process: TensorFlow Model Optimization then sets
    TF_USE_LEGACY_KERAS there, and every process started after it loads a second Keras.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed", allow_module_level=True)
