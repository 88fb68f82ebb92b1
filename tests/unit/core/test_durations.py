"""Lengths of time: read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.durations import duration_text, parse_duration_s
from tfl.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("10m", 600), ("1h30m", 5400), (" 2D ", 172800), ("1.5h", 5400), ("90", 90)]
)
def test_what_people_write(text, seconds):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10 minutes", "-5m", "0s", "5m3m", "1h 3", "ten", "1e3s"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(ConfigError, match="1h30m"):
        parse_duration_s(text)


@given(st.integers(min_value=1, max_value=10**7))
def test_what_is_written_is_read_back(seconds):
    assert parse_duration_s(duration_text(seconds)) == seconds
