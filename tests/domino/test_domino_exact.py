"""Exact laws, returns and gradients of tabular policies: three ways to each, and planted faults."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from softbook.diffusion import masked_sampler_law, posterior, random_law, total_variation
from softbook.domino.model import exact, gradient
from softbook.domino.model.exact import (
    enumerated_gradient,
    exact_gradient,
    exact_return,
    exact_states,
    exact_terminal_law,
    tilted_law,
    trajectories,
)
from softbook.domino.model.gradient import step_log_prob
from softbook.domino.model.table import Table

CASES = [  # letters of the table, tokens, sites, steps
    (3, 2, 2, 1),
    (3, 2, 2, 3),
    (4, 3, 2, 3),
    (3, 2, 3, 2),
    (2, 2, 2, 2),
    (3, 3, 1, 3),
]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def case(letters: int, tokens: int, sites: int, steps: int, timed: bool = False):
    shape = (letters**sites, sites, tokens)
    logits = 2 * normal(*(((steps, *shape)) if timed else shape), seed=steps)
    return logits, normal(*(tokens,) * sites, seed=sites + 7)


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(("letters", "tokens", "sites", "steps"), CASES)
def test_the_pushed_law_is_the_sum_over_all_trajectories(letters, tokens, sites, steps, timed):
    logits, reward = case(letters, tokens, sites, steps, timed)
    every = trajectories(tokens, sites, steps, prior="masked" if letters > tokens else "uniform")
    weights = every.probabilities(Table(logits))
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-13)
    listed = torch.zeros((tokens,) * sites, dtype=torch.float64)
    listed.index_put_(tuple(every.rollout.final.T), weights.detach(), accumulate=True)
    law = exact_terminal_law(logits, steps)
    assert (listed - law).abs().max() < 1e-14
    assert exact_return(logits, reward, steps).item() == pytest.approx(
        (listed * reward).sum().item(), abs=1e-13
    )
    for k in range(steps + 1):
        seen = (every.rollout.state(k) * Table(logits).places).sum(-1)
        found = torch.zeros(letters**sites, dtype=torch.float64)
        found.index_add_(0, seen, weights.detach())
        assert (found - exact_states(logits, steps)[k]).abs().max() < 1e-14


def test_the_data_s_own_posteriors_give_the_law_of_the_chapter_on_steps():
    data = random_law(3, 2, 0)
    every = np.array(list(itertools.product(range(4), repeat=2)))
    table = posterior(data, every, 0.5)
    for steps in (1, 2, 5):
        law = exact_terminal_law(torch.from_numpy(np.log(table)), steps)
        assert total_variation(law.numpy(), masked_sampler_law(data, steps)) < 1e-14


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(("letters", "tokens", "sites", "steps"), CASES)
def test_every_method_s_first_order_term_is_the_exact_gradient(
    letters, tokens, sites, steps, timed
):
    logits, reward = case(letters, tokens, sites, steps, timed)
    wanted = exact_gradient(logits, reward, steps)
    assert wanted.abs().max() > 1e-3
    for method in ("reinforce", "ppo"):
        found = enumerated_gradient(logits, reward, steps, method=method)
        assert (found - wanted).abs().max() < 1e-12
    law = exact_terminal_law(logits, steps)
    deviation = ((law * reward**2).sum() - (law * reward).sum() ** 2).sqrt()
    found = enumerated_gradient(logits, reward, steps, method="grpo")
    assert (found * deviation - wanted).abs().max() < 1e-12


def test_the_gradient_is_that_of_finite_differences():
    logits, reward = case(3, 2, 2, 3)
    wanted, h = exact_gradient(logits, reward, 3), 1e-5
    for place in itertools.product(range(0, 9, 2), range(2), range(2)):
        step = torch.zeros_like(logits)
        step[place] = h
        up, down = (exact_return(logits + sign * step, reward, 3) for sign in (1, -1))
        assert ((up - down) / (2 * h)).item() == pytest.approx(wanted[place].item(), abs=1e-9)


def test_a_site_counted_twice_is_seen(monkeypatch):
    def twice(model, rollout, step):
        """The first site counts in the step after the one that opens it, too."""
        found = step_log_prob(model, rollout, step)
        again = rollout.opened[:, 0] == step
        letter = model(rollout.state(step), rollout.time(step)).log_softmax(-1)[:, 0]
        return found + again * letter.gather(-1, rollout.final[:, :1])[:, 0]

    logits, reward = case(3, 2, 2, 3)
    monkeypatch.setattr(gradient, "step_log_prob", twice)
    wrong = enumerated_gradient(logits, reward, 3)
    assert (wrong - exact_gradient(logits, reward, 3)).abs().max() > 1e-3


def test_a_reward_that_leaks_to_another_trajectory_is_seen(monkeypatch):
    logits, reward = case(3, 2, 2, 3)
    real = exact.surrogate

    def leaked(model, rollout, gains, step, **more):
        return real(model, rollout, gains.roll(1), step, **more)

    monkeypatch.setattr(exact, "surrogate", leaked)
    wrong = enumerated_gradient(logits, reward, 3)
    assert (wrong - exact_gradient(logits, reward, 3)).abs().max() > 1e-3


def test_impossible_letters_stay_impossible_and_leave_no_nan():
    logits = torch.zeros(9, 2, 2)
    logits[..., 1] = -torch.inf
    assert exact_terminal_law(logits, 2).tolist() == [[1.0, 0.0], [0.0, 0.0]]
    # Open sites are never asked.
    logits[4] = torch.nan
    assert exact_terminal_law(logits, 2).tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert exact_gradient(logits, [[1.0, 0.0], [0.0, 0.0]], 2)[8].isfinite().all()


def test_the_tilted_law_beats_every_other_law():
    reference, reward = torch.from_numpy(random_law(3, 2, 1)), normal(3, 3)

    def value(law, beta):
        return (law * (reward - beta * (law / reference).log())).sum().item()

    for beta in (0.1, 1.0, 10.0):
        best = tilted_law(reference, reward, beta)
        assert value(best, beta) == pytest.approx(
            beta * ((reference * (reward / beta).exp()).sum().log().item()), abs=1e-12
        )
        for seed in range(20):
            other = (best.log() + 0.3 * normal(3, 3, seed=seed)).flatten().softmax(0).reshape(3, 3)
            assert value(other, beta) < value(best, beta)
    assert torch.equal(tilted_law(reference, reward, float("inf")).argmax(), reference.argmax())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: exact_return(torch.zeros(9, 2, 2), [1.0, 2.0], 2), "reward: shape"),
        (lambda: exact_terminal_law(torch.zeros(8, 2, 2), 2), "8 states are given"),
        (lambda: exact_terminal_law(torch.zeros(2, 2), 2), "logits: shape"),
        (
            lambda: exact_terminal_law(torch.zeros(3, 9, 2, 2), 2),
            "steps: 2 is given, but the table",
        ),
        (lambda: exact_terminal_law(torch.zeros(4**7, 7, 3), 2), "at most 5,000"),
        (lambda: trajectories(4, 6, 6), "trajectories are asked for"),
        (lambda: tilted_law([0.5, 0.5], [0.0, 1.0], 0.0), "beta: 0"),
    ],
)
def test_bad_input_gets_a_sentence(call, words, as_reader):
    with pytest.raises(ValueError, match=words):
        call()
