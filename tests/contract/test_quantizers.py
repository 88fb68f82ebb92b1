"""Every target that can be quantized by its accuracy keeps what its quantizer promises; the others say why not."""

import pytest

from tfl.core.errors import UnsupportedError
from tfl.targets import TARGETS
from tfl.testing import check_quantizer

WITH = [name for name in TARGETS.names() if TARGETS.get(name).rungs]
WITHOUT = [name for name in TARGETS.names() if not TARGETS.get(name).rungs]


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH)
def test_a_quantizer_keeps_its_promises(name, tiny_bundle, tiny_saved_model, calibration_rows, tmp_path):
    layers = check_quantizer(
        name, tiny_bundle, saved_model_dir=tiny_saved_model, work_dir=tmp_path, calibration_rows=calibration_rows
    )
    assert len(layers) >= 5


@pytest.mark.parametrize("name", WITHOUT)
def test_a_target_without_a_quantizer_says_why(name, tmp_path):
    with pytest.raises(UnsupportedError, match=TARGETS.get(name).without_rungs):
        TARGETS.get(name).quantizer(None, float_dir=tmp_path)


@pytest.mark.parametrize("name", WITH)
def test_the_first_rung_is_the_ordinary_export_and_the_last_needs_no_calibration(name):
    rungs = TARGETS.get(name).rungs
    assert rungs[0].recipe is None
    assert rungs[0].precision == "int8"
    assert rungs[-1].precision not in TARGETS.get(name).calibrated
    assert [rung.search for rung in rungs].count("layers") == 1
