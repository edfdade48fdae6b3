"""Budgets of a reader's own denoiser: exact posteriors of rows, interval, and what is promised."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softbook.diffusion.model.along import masked_bound
from softbook.diffusion.model.budget import error_budget
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import path_law, posterior, states
from softbook.diffusion.model.rows import as_rows
from softbook.diffusion.model.samplers import (
    continuous_law,
    masked_sampler_law,
    uniform_sampler_law,
)
from softbook.diffusion.model.tables import copy_law, random_law
from softbook.diffusion.model.tabular import tabular_conditionals
from softbook.diffusion.theory import parallel_unmasking_bound


def conditionals(tokens, sites, seed):
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.full(tokens, 2.0), size=((tokens + 1) ** sites, sites))
    shape = (tokens + 1,) * sites
    return lambda x, time: table[np.ravel_multi_index(x.T, shape)]


def denoiser(ask):
    return lambda tokens, time: torch.from_numpy(ask(tokens.numpy(), time)).log()


@pytest.mark.parametrize(("prior", "size"), [("masked", None), ("uniform", 3), ("uniform", 9)])
@pytest.mark.parametrize("time", [0.0, 0.4, 0.95])
def test_rows_know_the_posterior_of_their_law(prior, size, time):
    law = random_law(3, 2, 0)
    letters = 4 if prior == "masked" or size > 3 else 3
    every = states(letters, 2)
    masked = prior == "masked"
    wanted = posterior(law, every, time, prior=prior, prior_size=None if masked else size)
    found = as_rows(law).posterior(every, time, prior=prior, prior_size=size)
    shown = every < 3 if masked else np.zeros_like(every, bool)
    assert np.abs(np.where(shown[..., None], 0, found - wanted)).max() < 1e-13


def test_counting_is_the_empirical_laws_posterior():
    rows = np.random.default_rng(0).integers(0, 2, (40, 3))
    table = np.zeros((2,) * 3)
    np.add.at(table, tuple(rows.T), 1 / 40)
    learned = tabular_conditionals(rows, 2)
    assert np.abs(continuous_law(table, conditionals=learned) - table).max() < 1e-14


def exact_score(law, ask, steps, grid=None):
    """Sum over steps of h E sum over masked sites of TV / P(masked), on the data's path."""
    grid = np.linspace(0, 1, steps + 1) if grid is None else grid
    tokens, sites = len(law), law.ndim
    every = states(tokens + 1, sites)
    gaps = np.abs(posterior(law, every, 0.0) - ask(every, 0.0)).sum(-1) / 2 * (every == tokens)
    total = 0.0
    for before, after in itertools.pairwise(grid):
        mass = path_law(law, before).ravel()
        total += float((mass[:, None] * gaps).sum()) * (after - before) / (1 - before)
    return total


@pytest.mark.parametrize("steps", [1, 4, 32])
def test_the_interval_covers_the_exact_score(steps):
    # Empirical Bernstein intervals at 95 % are wide: of 20 none is missed but with probability 1e-3.
    law, ask = random_law(2, 3, 1), conditionals(2, 3, 2)
    wanted, missed = exact_score(law, ask, steps), 0
    for seed in range(20):
        found = error_budget(denoiser(ask), law, steps, samples=800, seed=seed)
        missed += not found.score_low <= wanted <= found.score_high
        assert found.score_low <= found.score <= found.score_high
    assert missed <= 1
    if steps == 32:
        assert wanted == pytest.approx(masked_bound(law, ask), rel=0.05)


@pytest.mark.parametrize("power", [0.4, 2.5])
def test_steps_need_not_be_equal(power):
    law, ask = random_law(2, 3, 1), conditionals(2, 3, 2)
    grid = np.linspace(0, 1, 9) ** power
    found = error_budget(denoiser(ask), law, 8, grid=grid, samples=20000, confidence=0.99)
    assert found.score_low <= exact_score(law, ask, 8, grid) <= found.score_high
    # A planted fault: the score of equal steps is another.
    assert not found.score_low <= exact_score(law, ask, 8) <= found.score_high
    assert found.discretisation == parallel_unmasking_bound(3, 8, form="birthday", grid=grid)
    sampled = masked_sampler_law(law, 8, grid=grid, conditionals=ask)
    assert total_variation(sampled, law) <= found.total
    early = error_budget(denoiser(ask), law, 8, grid=grid / 2, samples=100)
    assert early.stopping == pytest.approx(1 - 0.5**3)


def test_a_denoiser_may_return_an_array():
    law, ask = random_law(2, 2, 3), conditionals(2, 2, 1)
    found = error_budget(lambda x, t: np.log(ask(x.numpy(), t)), law, 4, samples=200)
    assert found == error_budget(denoiser(ask), law, 4, samples=200)


@given(st.integers(0, 100), st.integers(1, 16))
@settings(max_examples=25, deadline=None)
def test_the_budget_is_kept(seed, steps):
    law, ask = random_law(2, 3, seed), conditionals(2, 3, seed)
    found = error_budget(denoiser(ask), law, steps, samples=500, seed=seed, confidence=0.9999)
    parallel = masked_sampler_law(law, steps, conditionals=ask)
    assert total_variation(parallel, law) <= found.total + 1e-12
    # The parts without steps: the score alone bounds the sampler that fills one site at a time.
    assert found.total == pytest.approx(found.score_high + found.discretisation + found.stopping)


def test_uniform_noise_and_stopping_have_their_parts():
    law = random_law(2, 2, 3)

    def ask(x, time):
        return 0.9 * posterior(law, x, time, prior="uniform") + 0.05

    found = error_budget(
        denoiser(ask), law, 64, prior="uniform", samples=3000, confidence=0.999, seed=1
    )
    sampler = uniform_sampler_law(law, 64, conditionals=ask)
    assert total_variation(sampler, law) <= found.total
    early = error_budget(denoiser(conditionals(2, 2, 0)), law, 64, samples=500, stop=0.5)
    assert early.stopping == pytest.approx(0.75)


def test_a_perfect_model_has_no_score_and_a_wrong_one_is_seen():
    law = copy_law(2, 2)
    exact = error_budget(denoiser(lambda x, t: posterior(law, x, t)), law, 8, samples=2000)
    assert exact.score == 0
    assert exact.discretisation == 0.125
    # A planted fault: a model that forgets the other site errs by a half at half of the fillings.
    flat = error_budget(lambda x, t: torch.zeros(*x.shape, 2), law, 64, samples=4000)
    assert flat.score_low <= 0.5 <= flat.score_high
    assert flat.score_low > 0.4
    assert "promises nothing" not in str(exact)


def test_same_seed_same_budget_and_bad_input_gets_a_sentence(as_reader):
    law, ask = random_law(2, 2, 0), conditionals(2, 2, 0)
    first, second, other = (
        error_budget(denoiser(ask), law, 4, samples=100, seed=seed) for seed in (5, 5, 6)
    )
    assert first == second != other
    rows = np.array([[0, 1], [1, 1]])
    assert error_budget(denoiser(ask), rows, 4, samples=100).samples == 100
    for wrong, sentence in (
        ({"prior_size": 5}, "prior_size: 5 is given, but a masked prior has no size"),
        ({"prior_size": 0, "prior": "uniform"}, "prior_size: 0 is given, but at least 2"),
        ({"prior_size": 1, "prior": "uniform"}, "prior_size: 1 is given, but at least 2"),
        ({"seed": -1}, "seed: -1 is given, but at least 0"),
        ({"grid": [0, 0.5, 1]}, "grid: 3 times are given, but 5 are needed"),
        ({"grid": [0, 0.2, 0.4, 0.6, 1], "stop": 0.5}, "stop: 0.5 is given, but a grid ends"),
    ):
        with pytest.raises(ValueError, match=sentence):
            error_budget(denoiser(ask), law, 4, **wrong)
    with pytest.raises(TypeError, match="seed: str is given, but an integer is needed"):
        error_budget(denoiser(ask), law, 4, seed="s")
    with pytest.raises(ValueError, match=r"denoiser: logits of shape \(3,\) are given"):
        error_budget(lambda x, t: np.zeros(3), law, 4)
    with pytest.raises(ValueError, match="stop: 0 is given"):
        error_budget(denoiser(ask), law, 4, stop=0)
    with pytest.raises(ValueError, match="confidence: 1 is given"):
        error_budget(denoiser(ask), law, 4, confidence=1)
    with pytest.raises(ValueError, match="prior: 'mask' is given"):
        error_budget(denoiser(ask), law, 4, prior="mask")
