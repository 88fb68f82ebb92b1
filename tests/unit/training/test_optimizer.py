"""Rates over layers and steps, and what a range test makes of a curve."""

import math
import types

import numpy as np
import pytest

from tfl.core.config import TrainConfig
from tfl.core.errors import ConfigError
from tfl.core.progress import Progress
from tfl.core.train_config import parse_goal
from tfl.training.optimizer import layer_multipliers, make_optimizer, make_schedule
from tfl.training.rate_finder import RateTest, find_rate, judge

keras = pytest.importorskip("keras")


def rates(schedule, steps):
    return [float(schedule(step)) for step in range(steps + 1)]


def test_cosine_falls_from_the_rate_to_nothing():
    values = rates(make_schedule("cosine", 0.5, steps=100), 100)
    assert values[0] == pytest.approx(0.5)
    assert values[50] == pytest.approx(0.25)
    assert values[100] == pytest.approx(0.0, abs=1e-7)
    assert values == sorted(values, reverse=True)


def test_warm_up_rises_linearly_first():
    values = rates(make_schedule("constant", 1.0, steps=100, warmup=0.1), 100)
    assert values[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert values[9:] == pytest.approx([1.0] * 92)


def test_one_cycle_rises_in_the_first_third_and_then_falls():
    values = rates(make_schedule("one_cycle", 1.0, steps=100), 100)
    assert values[0] == pytest.approx(1 / 25)
    assert int(np.argmax(values)) == 30
    assert values[30] == pytest.approx(1.0)
    assert values[100] == pytest.approx(1e-5)


def test_lower_layers_move_less():
    inputs = keras.Input((4,))
    first, second = (keras.layers.Dense(4, kernel_initializer="ones") for _ in range(2))
    model = keras.Model(inputs, second(first(inputs)))
    factors = layer_multipliers(model.layers, 0.1)
    assert factors[second.kernel.path] == 1.0
    assert factors[first.kernel.path] == pytest.approx(0.1)
    optimizer = make_optimizer(TrainConfig(), 0.01, steps=10, multipliers=factors)
    optimizer.build(model.trainable_variables)
    before = [np.array(value) for value in model.trainable_variables]
    optimizer.apply([keras.ops.ones_like(value) for value in model.trainable_variables], model.trainable_variables)
    moved = [
        float(np.abs(np.array(new) - old).max()) for new, old in zip(model.trainable_variables, before, strict=True)
    ]
    assert moved[0] == pytest.approx(0.1 * moved[2], rel=1e-3)
    assert moved[2] == pytest.approx(0.01, rel=1e-3)


def test_a_range_test_suggests_rates_on_the_way_down():
    steps = np.geomspace(1e-6, 1.0, 100)
    losses = [2.0 / (1.0 + math.exp(3 * (math.log10(rate) + 3))) + 0.1 + 50 * rate**3 for rate in steps]
    test = judge(steps.tolist(), losses)
    lowest = steps[int(np.argmin(losses))]
    assert test.steepest == pytest.approx(1e-3, rel=0.3)
    assert test.tenth_of_minimum == pytest.approx(lowest / 10)
    assert test.chosen == test.valley < lowest


def test_the_first_batches_of_a_range_test_decide_nothing():
    # A head that is right already: batches of loss 0.05 to 0.3, an average that begins with the smallest of them.
    steps = np.geomspace(1e-6, 1.0, 100)
    noise = np.random.default_rng(0).normal(0.0, 0.004, 100)
    losses = [0.2 - 0.06 / (1.0 + math.exp(-3 * (math.log10(rate) + 2.5))) + 5 * rate**3 for rate in steps]
    losses = [0.05, 0.11, 0.17, 0.22, 0.23, 0.21, *(np.asarray(losses) + noise)[6:].tolist()]
    test = judge(steps.tolist(), losses)
    assert 3e-4 < test.steepest < 3e-2
    assert test.tenth_of_minimum > 1e-4
    assert test.chosen > 1e-5


class Uneven:
    """A model of one weight whose loss is that of the batch, and explodes above a rate of 0.1."""

    def __init__(self, losses):
        self.losses, self.asked, self.variables = losses, [], []
        self.optimizer = types.SimpleNamespace(learning_rate=types.SimpleNamespace(assign=self.asked.append))

    def reset_metrics(self):
        pass

    def train_on_batch(self, inputs, labels, **options):
        return {"loss": self.losses[inputs] * (1 if self.asked[-1] < 0.1 else 100)}


class Batches:
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return index, 0

    def go_to(self, epoch):
        assert epoch == 0


def test_a_first_batch_that_is_easy_does_not_end_a_range_test(tmp_path):
    model = Uneven([0.01, 0.4, 0.5])
    rate = find_rate(model, Batches(), path=tmp_path / "r.json", compile_with=lambda rate: None, progress=Progress())
    test = RateTest.load(tmp_path / "r.json")
    assert 0.05 < test.rates[-1] < 0.2
    assert rate == test.chosen


@pytest.mark.parametrize("text", ["accuracy", "accuracy=2", "f1=0.9", "loss=0", "accuracy=much"])
def test_a_goal_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="until: must be accuracy=VALUE"):
        parse_goal(text)


def test_goals_are_read():
    assert parse_goal("accuracy=0.95") == ("accuracy", 0.95)
    assert parse_goal("loss=0.1") == ("loss", 0.1)
    assert parse_goal("") is None
