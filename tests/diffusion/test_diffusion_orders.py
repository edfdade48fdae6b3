"""The order of the error in 1/K: its interval contains 1 for the samplers, and not for another rate."""

from __future__ import annotations

import numpy as np
import pytest

from softbook.diffusion import (
    masked_sampler_law,
    random_law,
    total_variation,
    uniform_sampler_law,
)
from softbook.diffusion.experiment.orders import order
from softbook.diffusion.experiment.statistics import of_repeats

LAWS = [random_law(2, 3, seed) for seed in range(20)]
FULL = [(law + 1 / law.size) / 2 for law in LAWS]


@pytest.mark.parametrize(
    ("sampler", "laws"), [(masked_sampler_law, LAWS), (uniform_sampler_law, FULL)]
)
def test_the_order_of_both_samplers_is_one(sampler, laws):
    value, low, high = order(lambda law, k: total_variation(sampler(law, k), law), laws, 64)
    assert low < 1 < high
    assert low < value < high
    assert high - low < 0.02


def test_another_rate_is_told_apart():
    """A planted fault: errors that fall like a square root, with scatter between laws."""
    rng = np.random.default_rng(0)
    laws = rng.uniform(0.5, 2, 20)
    low, high = order(lambda law, k: law / np.sqrt(k) + 0.1 * law**2 / k**1.5, laws, 64)[1:]
    assert low < 0.5 < high < 1


def test_students_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    ends = np.array([of_repeats(rng.normal(3, 1, 5)) for _ in range(2000)])
    assert ((ends[:, 1] <= 3) & (ends[:, 2] >= 3)).mean() == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("steps", [4, 12])
def test_what_is_no_ladder_of_steps(steps):
    with pytest.raises(ValueError, match="steps: "):
        order(lambda law, k: 1 / k, [1.0, 2.0], steps)
    with pytest.raises(ValueError, match="values: "):
        order(lambda law, k: 1 / k, [1.0], 8)
