"""Exact laws of samplers: against enumeration of every coin and draw, closed forms, and each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import posterior, states
from softbook.diffusion.model.samplers import (
    continuous_law,
    masked_sampler_law,
    noise_sampler_law,
    uniform_sampler_law,
)
from softbook.diffusion.model.tables import copy_law, product_law, random_law, split_tokens


def enumerated(data, steps, prior, model=None):
    """A dictionary of states, moved coin by coin and draw by draw."""
    tokens, sites = len(data), data.ndim
    noise = [tokens] if prior == "masked" else range(tokens)
    law = {x: len(noise) ** -sites for x in itertools.product(noise, repeat=sites)}
    for k in range(steps):
        time, share, moved = k / steps, 1 / (steps - k), {}
        for x, chance in law.items():
            ask = model or (lambda y, t: posterior(data, y, t, prior=prior))
            target = ask(np.array([x]), time)[0]
            free = [i for i in range(sites) if prior == "uniform" or x[i] == tokens]
            for coins in itertools.product((0, 1), repeat=len(free)):
                drawn = [i for i, coin in zip(free, coins, strict=True) if coin]
                odds = share ** len(drawn) * (1 - share) ** (len(free) - len(drawn))
                for picks in itertools.product(range(tokens), repeat=len(drawn)):
                    y, weight = list(x), chance * odds
                    for i, a in zip(drawn, picks, strict=True):
                        y[i], weight = a, weight * target[i, a]
                    moved[tuple(y)] = moved.get(tuple(y), 0.0) + weight
        law = moved
    table = np.zeros(data.shape)
    for x, chance in law.items():
        if max(x) < tokens:
            table[x] += chance
    return table


@pytest.mark.parametrize(("tokens", "sites", "steps"), [(2, 2, 1), (3, 2, 3), (2, 3, 2), (2, 1, 4)])
@pytest.mark.parametrize("prior", ["masked", "uniform"])
def test_steps_equal_enumeration(tokens, sites, steps, prior):
    data = random_law(tokens, sites, 3)
    law = masked_sampler_law if prior == "masked" else uniform_sampler_law
    assert np.abs(law(data, steps) - enumerated(data, steps, prior)).max() < 1e-14


def test_models_are_asked_with_the_state_and_the_time():
    data = random_law(2, 2, 5)

    def model(x, t):
        bent = posterior(data, x, t) + 0.3 * t
        return bent / bent.sum(-1, keepdims=True)

    found = masked_sampler_law(data, 3, conditionals=model)
    assert np.abs(found - enumerated(data, 3, "masked", model)).max() < 1e-14
    assert total_variation(found, masked_sampler_law(data, 3)) > 0.01


@given(st.integers(2, 4), st.integers(1, 3), st.integers(0, 50))
@settings(deadline=None, max_examples=30)
def test_one_at_a_time_is_exact(tokens, sites, seed):
    data = random_law(tokens, sites, seed)
    assert np.abs(continuous_law(data) - data).max() < 1e-14
    # Very many steps write one site at a time.
    assert total_variation(masked_sampler_law(data, 400), data) <= sites * (sites - 1) / 800 + 1e-13


@pytest.mark.parametrize("tokens", [2, 3, 7])
@pytest.mark.parametrize("steps", [1, 4, 16])
def test_copies_have_closed_forms(tokens, steps):
    two, three = copy_law(tokens, 2), copy_law(tokens, 3)
    off = 1 - 1 / tokens
    assert total_variation(masked_sampler_law(two, steps), two) == pytest.approx(off / steps)
    expected = (1 - tokens**-2) / steps**2 + 3 * (steps - 1) * off / (2 * steps**2)
    assert total_variation(masked_sampler_law(three, steps), three) == pytest.approx(expected)
    grid = np.linspace(0, 1, steps + 1) ** 1.7
    uneven = masked_sampler_law(two, steps, grid=grid)
    assert total_variation(uneven, two) == pytest.approx(off * (np.diff(grid) ** 2).sum())


def test_independent_sites_need_one_step():
    data = product_law([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    for law in (masked_sampler_law(data, 1), uniform_sampler_law(data, 1)):
        assert np.abs(law - data).max() < 1e-15


@pytest.mark.parametrize("size", [4, 5, 7])
def test_lumping_tokens_without_data_is_exact(size):
    small = random_law(3, 2, 8)
    large = np.zeros((size, size))
    large[:3, :3] = small
    direct = uniform_sampler_law(large, 5)
    assert np.abs(uniform_sampler_law(small, 5, size) - direct[:3, :3]).max() < 1e-14
    assert direct[3:].max() == 0
    masked = masked_sampler_law(large, 5)[:3, :3]
    assert np.abs(masked_sampler_law(small, 5) - masked).max() < 1e-14


@pytest.mark.parametrize("parts", [2, 3])
def test_synonyms_change_nothing(parts):
    data = random_law(2, 3, 0)
    for law in (masked_sampler_law, uniform_sampler_law):
        alone = total_variation(law(data, 6), data)
        split = split_tokens(data, parts)
        assert total_variation(law(split, 6), split) == pytest.approx(alone, abs=1e-14)


def test_a_huge_uniform_prior_is_a_mask():
    # How fast depends on the rarest sequence: noise looks like data until it is rarer still.
    data = (random_law(4, 3, 0) + 1 / 64) / 2
    gaps = [
        total_variation(uniform_sampler_law(data, 8, size), masked_sampler_law(data, 8))
        for size in (4, 1e3, 1e6, 1e9)
    ]
    assert gaps[0] > gaps[1] > gaps[2] > gaps[3]
    # In the end the gap falls like one over the size.
    assert gaps[2] / gaps[3] == pytest.approx(1000, rel=0.01)


def test_uniform_noise_on_infinitely_many_tokens_is_a_mask():
    data = random_law(3, 2, 1)
    assert np.abs(uniform_sampler_law(data, 5, np.inf) - masked_sampler_law(data, 5)).max() < 1e-14
    with pytest.raises(ValueError, match="prior_size: nan is given"):
        uniform_sampler_law(data, 5, np.nan)


def test_a_models_chain_in_continuous_time():
    data = random_law(3, 2, 4)
    exact = continuous_law(data, prior="uniform", stop=0.8)
    found = continuous_law(
        data,
        prior="uniform",
        stop=0.8,
        conditionals=lambda x, t: posterior(data, x, t, prior="uniform"),
    )
    assert np.abs(found - exact).max() < 1e-9


def test_stopping_early_fills_the_rest_at_once():
    two = copy_law(2, 2)
    # Both sites are still masked with probability 1/4, and then agree by luck in one of two cases.
    assert total_variation(continuous_law(two, stop=0.5), two) == pytest.approx(0.125)
    assert np.allclose(continuous_law(two, stop=0.0), 0.25)


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_any_noise_between_uniform_and_masks(steps):
    data = random_law(3, 2, 2)
    masks = noise_sampler_law(data, steps, [0, 0, 0, 1])
    assert np.abs(masks - masked_sampler_law(data, steps)).max() < 1e-14
    even = noise_sampler_law(data, steps, np.full(3, 1 / 3))
    assert np.abs(even - uniform_sampler_law(data, steps)).max() < 1e-14
    lumped = noise_sampler_law(data, steps, [0.1, 0.1, 0.1, 0.7])
    assert np.abs(lumped - uniform_sampler_law(data, steps, 10)).max() < 1e-14
    uneven = noise_sampler_law(data, steps, [0.2, 0.5, 0.3])
    assert uneven.sum() == pytest.approx(1)
    if steps > 1:
        assert np.abs(uneven - even).max() > 1e-4
    with pytest.raises(ValueError, match=r"noise: shape \(2,\) is given"):
        noise_sampler_law(data, steps, [0.5, 0.5])


def test_kinds_and_faults():
    data = torch.from_numpy(random_law(2, 2, 0))
    assert isinstance(masked_sampler_law(data, 2), torch.Tensor)
    assert isinstance(continuous_law(data), torch.Tensor)
    with pytest.raises(ValueError, match="conditionals: shape"):
        masked_sampler_law(data, 2, conditionals=lambda x, t: np.ones(3))
    with pytest.raises(ValueError, match="no probabilities"):
        masked_sampler_law(data, 2, conditionals=lambda x, t: np.ones((*x.shape, 2)))
    with pytest.raises(ValueError, match="grid: 2 times are given, but 3"):
        masked_sampler_law(data, 2, grid=[0, 1])
    with pytest.raises(ValueError, match="stop: 1 is given"):
        continuous_law(data, prior="uniform", conditionals=lambda x, t: np.ones((len(x), 2, 2)) / 2)
    assert len(states(3, 2)) == 9


@pytest.mark.parametrize("seed", range(4))
def test_masks_have_an_error_of_first_order(seed):
    # With K TV = c + c'/K + ... the local order is 1 but for a gap that halves when K doubles.
    data = random_law(3, 3, seed)
    errors = [total_variation(masked_sampler_law(data, 2**k), data) for k in range(6, 11)]
    gaps = 1 + np.diff(np.log2(errors))
    assert np.abs(gaps[-1]) < 0.01
    assert gaps[1:] / gaps[:-1] == pytest.approx([0.5] * 3, rel=0.05)
    # A planted fault: an error of order one half would show.
    fault = 1 + np.diff(np.log2(np.sqrt(errors)))
    assert (fault > 0.4).all()


def test_uniform_noise_is_slower_where_sequences_are_rare():
    errors = [
        total_variation(uniform_sampler_law(random_law(3, 2, 5), 2**k), random_law(3, 2, 5))
        for k in (8, 9)
    ]
    assert 0.85 < np.log2(errors[0] / errors[1]) < 0.95
    even = (random_law(3, 2, 5) + 1 / 9) / 2
    errors = [total_variation(uniform_sampler_law(even, 2**k), even) for k in (8, 9)]
    assert 0.98 < np.log2(errors[0] / errors[1]) < 1.02
