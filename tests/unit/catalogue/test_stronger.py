"""What could be had beside what is here: the best published score up to each size."""

from tests.unit.catalogue.conftest import make
from tfl.catalogue import best_not_here

# Four bytes a weight: 8, 8, 20, 80 and 400 MB.
SMALL = make("small", parameters=2_000_000, score=0.6)
POOR = make("poor", parameters=2_000_000, score=0.5)
MIDDLE = make("middle", parameters=5_000_000, score=0.7)
LARGE = make("large", parameters=20_000_000, score=0.8)
HUGE = make("huge", parameters=100_000_000, score=0.9)
UNKNOWN = make("unknown", parameters=2_000_000)
TEXT = make("words", task="text_classification", parameters=1_000_000, score=0.95)
ALL = (HUGE, POOR, SMALL, LARGE, MIDDLE, UNKNOWN, TEXT)


def named(entries, task="image_classification"):
    return [item.backbone for item in best_not_here(entries, task=task)]


def test_the_best_up_to_each_size_is_named_small_ones_first():
    assert named(ALL) == ["others:small", "others:middle", "others:large"]
    assert named(ALL, task="text_classification") == ["others:words"]
    assert best_not_here(ALL, task="image_classification")[0].text == "others:small (8 MB, 60% top-1 on ImageNet-1k)"


def test_one_that_is_best_for_two_sizes_is_named_once():
    assert named((SMALL, POOR)) == ["others:small"]


def test_what_is_here_is_not_named_nor_what_is_no_better():
    here = make("here", parameters=2_000_000, score=0.75, available_offline=True)
    assert named((here, SMALL, MIDDLE, LARGE)) == ["others:large"]


def test_without_published_scores_nothing_is_named():
    assert named((UNKNOWN,)) == []
