"""Deviations along a policy's own runs, three ways, and the bounds that are made of them."""

from __future__ import annotations

import math

import pytest
import torch

from softbook.domino.model.deviation import exact_deviation, kernels, step_deviation
from softbook.domino.model.exact import exact_states, exact_terminal_law, trajectories
from softbook.domino.model.regulariser import tv_regulariser
from softbook.domino.model.table import Table
from softbook.domino.theory.bounds import group_scale, reported_exponent, tv_bound


def pair(tokens: int, sites: int, *, letters: int, steps: int | None = None, seed: int = 0):
    source = torch.Generator().manual_seed(seed)
    shape = (
        (letters**sites, sites, tokens) if steps is None else (steps, letters**sites, sites, tokens)
    )
    first, second = (torch.randn(*shape, generator=source, dtype=torch.float64) for _ in range(2))
    return Table(first), Table(first + second)


@pytest.mark.parametrize("form", ["tv", "cross_entropy", "kl", "generalised_kl"])
@pytest.mark.parametrize("timed", [None, 3])
def test_the_penalty_s_mean_over_all_runs_is_the_sum_over_states(form, timed):
    policy, reference = pair(3, 2, letters=4, steps=timed)
    every = trajectories(3, 2, 3)
    weights = every.probabilities(policy)
    penalties = tv_regulariser(policy, reference, every.rollout, form=form)
    assert (weights * penalties).sum().item() == pytest.approx(
        exact_deviation(policy, reference, 3, form=form).item(), abs=1e-12
    )


@pytest.mark.parametrize("letters", [2, 3])
def test_the_kernels_push_the_laws(letters):
    policy, _ = pair(2, 2, letters=letters, steps=3)
    times = torch.linspace(0, 1, 4, dtype=torch.float64)
    laws = exact_states(policy, 3)
    for k in range(3):
        rows = kernels(policy, k, times)
        assert (rows.sum(-1) - 1).abs().max() < 1e-14
        assert (laws[k] @ rows - laws[k + 1]).abs().max() < 1e-14


@pytest.mark.parametrize("letters", [3, 4])
def test_every_bound_holds_and_each_is_at_most_the_next(letters):
    policy, reference = pair(letters - 1, 2, letters=letters)
    for steps in (1, 2, 5):
        moved = (
            exact_terminal_law(policy, steps) - exact_terminal_law(reference, steps)
        ).abs().sum() / 2
        whole = step_deviation(policy, reference, steps)
        path = exact_deviation(policy, reference, steps)
        entropy = exact_deviation(policy, reference, steps, form="cross_entropy").item()
        promised = tv_bound(entropy, form="cross_entropy", sites=2)
        # With one step the first three are the same sum in another order.
        assert moved <= whole + 1e-13
        assert whole <= path + 1e-13
        assert path <= promised


def test_the_chain_rule_makes_one_divergence_of_both_sums():
    policy, reference = pair(2, 2, letters=3)
    by_site = exact_deviation(policy, reference, 4, form="kl")
    by_step = step_deviation(policy, reference, 4, form="kl")
    every = trajectories(2, 2, 4)
    p, q = (every.probabilities(one) for one in (policy, reference))
    assert by_site.item() == pytest.approx(by_step.item(), abs=1e-13)
    assert by_site.item() == pytest.approx((p * (p / q).log()).sum().item(), abs=1e-12)


def test_a_letter_that_one_model_never_shows_is_infinite_and_no_nan():
    policy, reference = pair(2, 1, letters=3)
    with torch.no_grad():
        policy.logits[..., 0] = -torch.inf
    assert exact_deviation(policy, reference, 2, form="cross_entropy").item() == math.inf
    assert exact_deviation(policy, reference, 2, form="kl").item() < math.inf
    assert tv_bound(math.inf, form="kl") == math.inf
    with pytest.raises(ValueError, match="policy: a table without a mask"):
        exact_deviation(*pair(2, 1, letters=2), 2)


def test_groups_scale_the_gradient_of_a_yes_or_no_reward():
    for share in (0.1, 0.5, 0.9):
        assert group_scale(share, 2000) == pytest.approx(
            1 / math.sqrt(share * (1 - share)), rel=0.02
        )
        assert group_scale(share, 2) == pytest.approx(1.0)
    assert group_scale(0.0, 5) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tv_bound(-1.0), "deviation: -1.0"),
        (lambda: tv_bound(1.0, form="cross_entropy"), "sites: nothing is given"),
        (lambda: tv_bound(1.0, form="steps"), "steps: nothing is given"),
        (lambda: tv_bound(1.0, form="exponential"), "form: 'exponential'"),
        (lambda: reported_exponent(0), "steps: 0"),
        (lambda: group_scale(1.5, 4), "share: 1.5"),
        (lambda: group_scale(0.5, 1), "size: 1"),
    ],
)
def test_bad_input_gets_a_sentence(call, words, as_reader):
    with pytest.raises(ValueError, match=words):
        call()
