"""Distances of laws, against their other definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softbook.diffusion.model.distances import (
    integral_metric,
    oscillation,
    total_variation,
    wasserstein_hamming,
)
from softbook.diffusion.model.tables import random_law

SEEDS = st.integers(0, 1000)


@given(SEEDS, SEEDS)
@settings(max_examples=25)
def test_total_variation_is_the_best_event(one, two):
    p, q = random_law(2, 2, one), random_law(2, 2, two)
    events = [np.array(bits).reshape(2, 2) for bits in itertools.product((0.0, 1.0), repeat=4)]
    assert integral_metric(p, q, events) == pytest.approx(total_variation(p, q), abs=1e-15)


@given(SEEDS, SEEDS, st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_wasserstein_lies_between_tv_and_d_tv_and_above_its_observables(one, two, sites):
    p, q = random_law(3, sites, one), random_law(3, sites, two)
    distance, tv = wasserstein_hamming(p, q), total_variation(p, q)
    assert tv - 1e-9 <= distance <= sites * tv + 1e-9
    # An observable that changes by at most one a site: how many sites show token 0.
    zeros = (np.indices(p.shape) == 0).sum(0).astype(float)
    assert integral_metric(p, q, [zeros]) <= distance + 1e-9
    if sites == 1:
        assert distance == pytest.approx(tv, abs=1e-9)


def test_small_facts():
    p = random_law(2, 2, 0)
    assert wasserstein_hamming(p, p) == 0
    assert oscillation([[1.0, 4.0], [2.0, 2.0]]) == 3
    with pytest.raises(ValueError, match="q: shape"):
        total_variation(p, [0.5, 0.5])
    with pytest.raises(ValueError, match="functions: none"):
        integral_metric(p, p, [])
    with pytest.raises(ValueError, match="f: no values"):
        oscillation([])
