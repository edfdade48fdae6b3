"""Distances of laws, against their other definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softbook.diffusion.model import distances
from softbook.diffusion.model.distances import (
    integral_metric,
    oscillation,
    total_variation,
    wasserstein_hamming,
)
from softbook.diffusion.model.samplers import masked_sampler_law
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


def test_many_steps_leave_little_to_move():
    data = random_law(4, 3, 0)
    moved = [wasserstein_hamming(masked_sampler_law(data, steps), data) for steps in (1024, 2048)]
    assert moved[0] / moved[1] == pytest.approx(2, rel=1e-3)


def nearly(seed, sites, share):
    """A law, and the same with a small share of another."""
    p, q = random_law(3, sites, seed), random_law(3, sites, seed + 2000)
    mixed = (1 - share) * p + share * q
    return p, mixed / mixed.sum()


@given(SEEDS, st.integers(1, 3), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_wasserstein_of_laws_that_are_nearly_equal(seed, sites, power):
    p, q = nearly(seed, sites, 10.0**-power)
    tv = total_variation(p, q)
    slip = 1e-9 * tv + 1e-15
    assert tv - slip <= wasserstein_hamming(p, q) <= sites * tv + slip


def test_masses_that_the_solver_does_not_see_go_red():
    """A planted fault: the bare masses, all below what the solver's equations may be off by."""
    p, q = nearly(0, 2, 1e-8)
    give, take = np.maximum(p - q, 0).ravel(), np.maximum(q - p, 0).ravel()
    cost = (
        np.indices(p.shape).reshape(2, -1).T[:, None] != np.indices(p.shape).reshape(2, -1).T
    ).sum(-1)
    assert distances._transport(cost, give, take) >= total_variation(p, q) * (1 - 1e-6)
    bare = distances.linprog(
        cost.ravel(),
        A_eq=np.vstack([np.kron(np.eye(9), np.ones((1, 9))), np.kron(np.ones((1, 9)), np.eye(9))]),
        b_eq=np.concatenate((give, take)),
        method="highs",
    )
    assert not bare.success or bare.fun < total_variation(p, q) / 2


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
    for wrong in ([np.nan, 0.0], [np.inf, 0.0]):
        with pytest.raises(ValueError, match=r"functions\[0\]: NaN or an infinite value is given"):
            integral_metric([0.5, 0.5], [0.2, 0.8], [wrong])
        with pytest.raises(ValueError, match="f: NaN or an infinite value is given"):
            oscillation(wrong)
    with pytest.raises(TypeError, match=r"functions\[0\]: builtin_function_or_method is given"):
        integral_metric([0.5, 0.5], [0.2, 0.8], [abs])
