"""What a person at a prompt meets: misspelt names, settings of other sections, an interrupt."""

from __future__ import annotations

from pathlib import Path

import pytest

import tfl
from tests.conftest import draw_classes
from tfl.core.errors import ConfigError
from tfl.core.progress import Progress


def test_a_misspelt_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'lod_data'\. Did you mean 'load_data'\?"):
        _ = tfl.lod_data
    assert not hasattr(tfl, "__path_of_nothing__")


def test_a_setting_of_another_section_says_how_it_is_written(tmp_path: Path) -> None:
    draw_classes(tmp_path / "data", per_class=3, names=("blue", "red"))
    with pytest.raises(ConfigError) as caught:
        tfl.fit(tmp_path / "data", out=tmp_path / "run", test_fraction=0.2)
    assert "settings={'data.test_fraction': ...}" in caught.value.hint
    assert not (tmp_path / "run").exists()


class _Impatient(Progress):
    """Presses Ctrl-C when the second stage begins."""

    def stage(self, title: str, *, number: int, total: int) -> None:
        if number == 2:
            raise KeyboardInterrupt


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    draw_classes(tmp_path / "data", per_class=8, names=("blue", "red"))
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt) as caught:
        tfl.fit(tmp_path / "data", out=run, progress=_Impatient())
    (note,) = caught.value.__notes__
    assert f"out={str(run)!r}" in note
    assert 'if_exists="resume"' in note
