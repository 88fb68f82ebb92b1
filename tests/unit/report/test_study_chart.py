"""Charts of a search."""

import pytest
from PIL import Image

from tfl.report.study_chart import draw_history, draw_importance

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(("objective", "pruned"), [("loss", [2, 3]), ("accuracy", [])])
def test_the_history_shows_something(tmp_path, objective, pruned):
    draw_history([(0, 0.5), (1, 0.4), (4, 0.45)], pruned, objective, tmp_path / "history.png", best=1)
    with Image.open(tmp_path / "history.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_the_importance_has_room_for_every_setting(tmp_path):
    draw_importance({"train.learning_rate": 0.7, "model.dropout": 0.3}, "loss", tmp_path / "two.png")
    draw_importance({f"augment.knob_{index}": 0.1 for index in range(9)}, "loss", tmp_path / "nine.png")
    with Image.open(tmp_path / "two.png") as two, Image.open(tmp_path / "nine.png") as nine:
        assert nine.height > two.height
