"""A backbone without its source."""

from __future__ import annotations

import pytest

from tfl.backbones import backbone_info
from tfl.core.errors import UserError


@pytest.mark.parametrize(
    ("name", "spec"), [("mobilenetv2", "keras_applications:MobileNetV2"), ("sketchnet", "embedded:sketchnet")]
)
def test_a_name_without_a_source_is_told_with_it(name: str, spec: str) -> None:
    with pytest.raises(UserError, match=f"Received: '{name}'. Did you mean '{spec}'") as caught:
        backbone_info(name)
    assert "tfl models list" in caught.value.hint


def test_of_a_name_that_nobody_lists_nothing_is_guessed() -> None:
    with pytest.raises(UserError) as caught:
        backbone_info("nosuchnetwork")
    assert "Did you mean" not in caught.value.message
