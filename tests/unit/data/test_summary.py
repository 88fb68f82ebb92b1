"""The summary's last step is what the model gets."""

from pathlib import Path

from tfl.data.preprocess import ImagePreprocessing
from tfl.data.summary import summarize


def test_every_step_tells_shape_type_and_range(colours):
    file = sorted(Path(colours, "red").iterdir())[0]
    contract = ImagePreprocessing(height=20, width=30, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
    first, decoded, resized, batch, normalized = summarize(file, contract)
    assert first.shape == (file.stat().st_size,)
    assert decoded.shape[2] == 3
    assert (resized.shape, resized.dtype) == ((20, 30, 3), "uint8")
    assert batch.shape == (1, 20, 30, 3)
    expected = contract.load_batch([file])
    assert (normalized.shape, normalized.dtype) == (expected.shape, "float32")
    assert (normalized.low, normalized.high) == (float(expected.min()), float(expected.max()))
