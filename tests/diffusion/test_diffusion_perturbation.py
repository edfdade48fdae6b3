"""A perturbed posterior: against the sampler on the whole vocabulary, and the bounds against it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import posterior
from softbook.diffusion.model.perturbation import posterior_perturbation
from softbook.diffusion.model.samplers import continuous_law
from softbook.diffusion.model.tables import copy_law, random_law


@pytest.mark.parametrize("size", [3, 4, 6])
@pytest.mark.parametrize("drop", [0.0, 0.15])
def test_lumped_equals_the_whole_vocabulary(size, drop):
    small, epsilon = random_law(3, 2, 6), 0.1
    data = np.zeros((size, size))
    data[:3, :3] = small

    def model(x, t):
        kept = posterior(data, x, t)
        kept = np.where(kept >= drop, kept, 0)
        return (1 - epsilon) * kept / kept.sum(-1, keepdims=True) + epsilon / size

    whole = total_variation(continuous_law(data, conditionals=model), data)
    found = posterior_perturbation(small, epsilon, size, drop=drop)
    assert found.measured == pytest.approx(whole, abs=1e-14)


@given(st.integers(2, 4), st.integers(1, 3), st.integers(0, 99), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_every_bound_bounds(tokens, sites, seed, epsilon):
    data = random_law(tokens, sites, seed)
    for size in (tokens, 10 * tokens, 1e9):
        found = posterior_perturbation(data, epsilon, size)
        slack = 1 + 1e-12
        assert found.measured <= slack * found.adjoint + 1e-15
        assert found.adjoint <= slack * sites * epsilon + 1e-15
        assert found.measured <= slack * found.pinsker + 1e-12
        assert found.adjoint <= slack * found.entrywise + 1e-12


def test_only_the_entrywise_bound_grows():
    data = random_law(4, 3, 0)
    few, many = (posterior_perturbation(data, 0.01, size) for size in (64, 131072))
    assert many.adjoint < 1.06 * few.adjoint <= 1.06 * 0.03
    assert many.pinsker < 1.04 * few.pinsker
    assert many.entrywise > 2000 * few.entrywise


def test_dropped_tokens_make_the_divergence_infinite_and_nothing_else():
    found = posterior_perturbation(random_law(4, 3, 0), 0.0, 4, drop=0.02)
    assert math.isinf(found.kl)
    assert math.isinf(found.pinsker)
    assert 0.01 < found.measured <= found.adjoint < 0.02
    mixed = posterior_perturbation(random_law(4, 3, 0), 0.001, 4, drop=0.02)
    assert math.isfinite(mixed.kl)


def test_nothing_changed_costs_nothing():
    found = posterior_perturbation(copy_law(3, 3), 0.0, 3)
    assert (found.measured, found.adjoint, found.kl, found.entrywise) == (0, 0, 0, 0)
    with pytest.raises(ValueError, match=r"epsilon: 1.5 is given"):
        posterior_perturbation(copy_law(2, 2), 1.5, 2)
