"""Small spaces: laws and penalties against the library's own, ascents against what is known of optima."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from softbook.diffusion.model.samplers import continuous_law, masked_sampler_law
from softbook.diffusion.model.tables import random_law
from softbook.domino.experiment import toy_laws
from softbook.domino.experiment.toy_laws import (
    PENALTIES,
    REWARDS,
    ascend,
    best_at_divergence,
    conditionals,
    deviations,
    frontier,
    mixed_law,
    reward_table,
    terminal_laws,
)
from softbook.domino.model.deviation import exact_deviation
from softbook.domino.model.exact import exact_states, exact_terminal_law, tilted_law
from softbook.domino.model.table import Table


def drawn(count: int, tokens: int, sites: int, seed: int = 0):
    source = torch.Generator().manual_seed(seed)
    shape = (count, (tokens + 1) ** sites, sites, tokens)
    return torch.randn(*shape, generator=source, dtype=torch.float64)


@pytest.mark.parametrize(("tokens", "sites"), [(2, 1), (3, 2), (2, 3)])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_laws_and_penalties_are_those_of_the_library_table_by_table(tokens, sites, steps):
    logits, reference = drawn(3, tokens, sites), drawn(1, tokens, sites, 1)[0]
    states = toy_laws.laws_of_states(logits, steps)
    laws = terminal_laws(logits, steps)
    for one in range(3):
        table = Table(logits[one])
        assert (states[:, one] - exact_states(table, steps)).abs().max() < 1e-14
        assert (laws[one] - exact_terminal_law(table, steps).flatten()).abs().max() < 1e-14
        for form in PENALTIES:
            known = exact_deviation(table, Table(reference), steps, form=form).item()
            found = deviations(logits, reference, steps, form)[one].item()
            assert found == pytest.approx(known, abs=1e-12)


def test_a_planted_fault_in_the_coins_is_seen(monkeypatch):
    logits = drawn(1, 2, 2)
    every = toy_laws.space(2, 2)
    # A site that stays hidden no longer counts: rows no longer sum to one.
    monkeypatch.setattr(toy_laws, "space", lambda *_: every._replace(left=0 * every.left))
    assert (
        terminal_laws(logits, 3)[0] - exact_terminal_law(logits[0], 3).flatten()
    ).abs().max() > (0.01)


@pytest.mark.parametrize("steps", [1, 3])
def test_conditionals_are_exact_and_the_limit_is_the_data(steps):
    law = random_law(3, 2, 4)
    made = conditionals(law)[None]
    found = terminal_laws(made, steps)[0].reshape(3, 3).numpy()
    assert np.abs(found - masked_sampler_law(law, steps)).max() < 1e-14
    assert np.abs(terminal_laws(made, None)[0].numpy() - law.ravel()).max() < 1e-14


def test_one_site_at_a_time_is_the_limit_of_steps():
    logits = drawn(1, 2, 3)
    limit = terminal_laws(logits, None)[0]
    table = Table(logits[0])
    chances = table.logits.detach().softmax(-1).numpy()
    known = continuous_law(
        np.full((2, 2, 2), 1 / 8),
        conditionals=lambda x, time: chances[(x * table.places.numpy()).sum(-1)],
    )
    assert np.abs(limit.numpy() - known.ravel()).max() < 1e-8
    errors = [(terminal_laws(logits, k)[0] - limit).abs().sum().item() / 2 for k in (64, 128)]
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)
    assert errors[0] <= 3 / 64


@pytest.mark.parametrize("seed", range(4))
def test_no_law_earns_more_at_its_distance_by_linear_programming(seed):
    source = np.random.default_rng(seed)
    law, reward = source.dirichlet(np.ones(6)), np.round(source.normal(size=6), 1)
    far, most = frontier(law, reward)
    for distance in (0.0, 0.1, 0.35, 0.8):
        # p = law + up - down, with sum(up) = sum(down) <= distance and p at least 0.
        found = linprog(
            np.concatenate([-reward, reward]),
            A_ub=np.concatenate([np.ones(6), np.zeros(6)])[None],
            b_ub=[distance],
            A_eq=np.concatenate([np.ones(6), -np.ones(6)])[None],
            b_eq=[0.0],
            bounds=[(0, None)] * 6 + [(0, one) for one in law],
        )
        assert np.interp(distance, far, most) == pytest.approx(law @ reward - found.fun, abs=1e-9)


@pytest.mark.parametrize("beta", [0.2, 1.0, 5.0])
def test_the_most_at_a_divergence_is_a_tilted_law_s(beta):
    law, reward = mixed_law(3, 0.5), reward_table(REWARDS[0], 3)
    tilted = tilted_law(law, reward, beta).numpy()
    gap = float((tilted * np.log(tilted / law)).sum())
    found = best_at_divergence(law.ravel(), reward.ravel(), gap)
    assert found == pytest.approx(float((tilted * reward).sum()), abs=1e-9)


@pytest.mark.parametrize("form", range(3))
def test_an_ascent_on_one_site_finds_what_is_known(form):
    law, prices = np.array([0.7, 0.3]), torch.zeros(1, 3, dtype=torch.float64)
    prices[0, form] = 0.4
    found = ascend(conditionals(law), torch.tensor([[0.0, 1.0]]).double(), prices, 3)
    chance = terminal_laws(found, 3)[0, 1].item()
    grid = np.linspace(1e-4, 1 - 1e-4, 9999)
    p, q = np.stack([1 - grid, grid]), law[:, None]
    gaps = (np.abs(p - q).sum(0) / 2, (q * np.log(q / p)).sum(0), (p * np.log(p / q)).sum(0))
    assert chance == pytest.approx(grid[np.argmax(grid - 0.4 * gaps[form])], abs=2e-3)


def test_what_ascends_stays_under_every_law_s_frontier_and_within_its_bound():
    made, marks = conditionals(mixed_law(3, 0.5)), reward_table(REWARDS[2], 3).ravel()
    prices = torch.tensor([[0.0, 0.0, 0.1], [0.0, 0.0, 0.4]]).double()
    rewards = torch.from_numpy(marks).expand(2, -1)
    laws = terminal_laws(ascend(made, rewards, prices, 2, iterations=60), 2).numpy()
    base = terminal_laws(made[None], 2)[0].numpy()
    far, most = frontier(base, marks)
    moved, earned = np.abs(laws - base).sum(1) / 2, laws @ marks
    assert (earned <= np.interp(moved, far, most) + 1e-12).all()
    assert (earned > base @ marks + 0.05).all()
    assert earned[0] > earned[1]
    gaps = (laws * np.log(laws / base)).sum(1)
    for one, gap in zip(earned, gaps, strict=True):
        assert one <= best_at_divergence(base, marks, float(gap)) + 1e-9


def test_with_one_step_an_odd_number_of_ones_is_a_trap():
    made = conditionals(mixed_law(3, 0.5))
    marks = torch.from_numpy(reward_table(REWARDS[1], 3).reshape(1, -1))
    price = torch.tensor([[0.0, 0.0, 0.2]]).double()
    stays = terminal_laws(ascend(made, marks, price, 1), 1)
    word = made + torch.tensor([[3.0, -3.0], [3.0, -3.0], [-3.0, 3.0]]).double()
    goes = terminal_laws(ascend(made, marks, price, 1, start=word[None]), 1)
    assert (stays * marks).sum() < 0.51
    # With one step a policy is a product over sites, and its penalty the divergence of the law.
    base = terminal_laws(made[None], 1)
    values = [(one * (marks - 0.2 * (one / base).log())).sum() for one in (stays, goes)]
    assert values[1] > values[0] + 0.1


def test_a_reward_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"^kind: "):
        reward_table("twos", 2)
