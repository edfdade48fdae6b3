"""Likelihoods of steps sum to 1; gradients are those of the exact return; clipping stops them."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from softbook.domino import (
    Rollout,
    advantages,
    log_ratio,
    policy_gradient,
    rollout,
    step_log_prob,
    surrogate,
)

SITES, TOKENS, STEPS = 2, 3, 2
REWARD = torch.tensor([[0.3, -1.0, 2.0], [0.7, 0.1, -0.4], [1.5, 0.0, 0.9]], dtype=torch.float64)


class Tabular(nn.Module):
    """Logits of every state: `[(S + 1)^d, d, S]`, states in C order."""

    def __init__(self, seed: int):
        super().__init__()
        source = torch.Generator().manual_seed(seed)
        shape = ((TOKENS + 1) ** SITES, SITES, TOKENS)
        self.logits = nn.Parameter(torch.randn(shape, generator=source, dtype=torch.float64))

    def forward(self, tokens: Tensor, t: float) -> Tensor:
        return self.logits[tokens[:, 0] * (TOKENS + 1) + tokens[:, 1]]


def law(model: Tabular, prior: str) -> Tensor:
    """The terminal law by multiplying kernels, written without the library."""
    states = list(itertools.product(range(TOKENS + 1), repeat=SITES))
    mask = TOKENS
    mass = {
        x: float(all(i == mask for i in x))
        if prior == "masked"
        else float(mask not in x) / TOKENS**SITES
        for x in states
    }
    now = torch.tensor([mass[x] for x in states], dtype=torch.float64)
    p = model.logits.softmax(-1)
    for w in (0.5, 1.0):
        kernel = []
        for row, x in enumerate(states):
            sites = []
            for i, letter in enumerate(x):
                stay = torch.eye(TOKENS + 1, dtype=torch.float64)[letter]
                moved = torch.cat([p[row, i], torch.zeros(1, dtype=torch.float64)])
                free = letter == mask or prior == "uniform"
                sites.append((1 - w) * stay + w * moved if free else stay)
            kernel.append(torch.outer(*sites).flatten())
        now = now @ torch.stack(kernel)
    return now.reshape((TOKENS + 1,) * SITES)[:TOKENS, :TOKENS]


def all_trajectories(prior: str) -> tuple[Rollout, Tensor]:
    """Every trajectory once, and the part of its probability that no model changes."""
    drawn = rollout(Tabular(0), 1, sites=SITES, tokens=TOKENS, steps=STEPS, seed=0, prior=prior)
    letters = list(itertools.product(range(TOKENS), repeat=SITES))
    if prior == "masked":
        pairs = list(itertools.product(letters, itertools.product(range(STEPS), repeat=SITES)))
        final, opened = (torch.tensor(part) for part in zip(*pairs, strict=True))
        return replace(drawn, final=final, opened=opened), torch.full(
            (len(pairs),), 0.25, dtype=torch.float64
        )
    paths = torch.tensor(list(itertools.product(letters, repeat=STEPS + 1))).transpose(0, 1)
    moved = (paths[0] != paths[1]).sum(-1)
    return replace(drawn, final=paths[-1], states=paths), 0.5 ** moved.double() / TOKENS**SITES


@pytest.mark.parametrize("prior", ["masked", "uniform"])
def test_trajectories_add_up_to_the_law_and_their_terms_to_the_gradient(prior):
    model, (paths, coins) = Tabular(1), all_trajectories(prior)
    log = sum(step_log_prob(model, paths, step) for step in range(STEPS))
    chance = coins * log.exp()
    rewards = REWARD[paths.final[:, 0], paths.final[:, 1]]
    assert chance.sum().item() == pytest.approx(1, abs=1e-12)
    (exact,) = torch.autograd.grad((law(model, prior) * REWARD).sum(), model.logits)
    # The mean over n equally weighted rows is the sum over trajectories if a row's gain is n times its share.
    gains = (len(rewards) * chance * rewards).detach()
    for method in ("reinforce", "ppo", "grpo"):
        loss = sum(surrogate(model, paths, gains, step, method=method) for step in range(STEPS))
        (found,) = torch.autograd.grad(-loss, model.logits)
        assert (found - exact).abs().max() < 1e-12
    leaked = gains.roll(1)
    loss = sum(surrogate(model, paths, leaked, k, method="reinforce") for k in range(STEPS))
    assert (torch.autograd.grad(-loss, model.logits)[0] - exact).abs().max() > 1e-3


def test_a_site_counted_twice_is_seen():
    model, (paths, coins) = Tabular(1), all_trajectories("masked")
    log = sum(step_log_prob(model, paths, step) for step in range(STEPS))
    twice = log + step_log_prob(model, paths, 0)
    assert abs((coins * twice.exp()).sum().item() - 1) > 1e-2


@pytest.mark.parametrize("prior", ["masked", "uniform"])
def test_monte_carlo_is_around_the_exact_gradient(prior):
    model = Tabular(2)
    (exact,) = torch.autograd.grad((law(model, prior) * REWARD).sum(), model.logits)
    found = []
    for seed in range(40):
        drawn = rollout(model, 250, sites=SITES, tokens=TOKENS, steps=STEPS, seed=seed, prior=prior)
        rewards = REWARD[drawn.final[:, 0], drawn.final[:, 1]]
        found.append(policy_gradient(model, drawn, rewards)["logits"])
    runs = torch.stack(found)
    error = (runs.mean(0) - exact) / (runs.std(0) / len(runs) ** 0.5 + 1e-12)
    # 144 entries: five standard errors of a t with 39 degrees, rounds of 1e-12 where all are 0.
    assert error.abs().max() < 5


def test_at_the_old_policy_the_ratio_is_one_and_ppo_is_reinforce():
    model = Tabular(3)
    drawn = rollout(model, 32, sites=SITES, tokens=TOKENS, steps=STEPS, seed=1)
    rewards = REWARD[drawn.final[:, 0], drawn.final[:, 1]]
    assert log_ratio(model, model, drawn).eq(0).all()
    plain = policy_gradient(model, drawn, rewards)["logits"]
    near = policy_gradient(model, drawn, rewards, method="ppo", old=model)["logits"]
    assert torch.allclose(near, plain * 31 / 32, atol=1e-12)


class Kept:
    """What a graph keeps of one tensor, counted while it lives."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


def most_kept(work: Callable[[], object]) -> int:
    """The greatest number of tensors that graphs keep at one time."""
    alive, counts = weakref.WeakSet(), []

    def pack(tensor: Tensor) -> Kept:
        kept = Kept(tensor)
        alive.add(kept)
        counts.append(len(alive))
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
        work()
    return max(counts)


@pytest.mark.parametrize("method", ["reinforce", "ppo"])
def test_one_graph_at_a_time_whatever_the_steps(method):
    model, kept, together = Tabular(5), [], []
    for steps in (4, 64):
        drawn = rollout(model, 8, sites=SITES, tokens=TOKENS, steps=steps, seed=1)
        rewards = torch.arange(8.0)
        kept.append(
            most_kept(lambda d=drawn, r=rewards: policy_gradient(model, d, r, method=method))
        )
        # Planted: the graphs of all steps at once, which the count must see.
        together.append(most_kept(lambda d=drawn: log_ratio(model, model, d).sum().backward()))
    assert kept[0] == kept[1]
    assert together[1] > 8 * together[0]


def test_what_is_clipped_has_no_gradient_even_where_a_ratio_overflows():
    model = Tabular(4)
    drawn = rollout(model, 8, sites=SITES, tokens=TOKENS, steps=1, seed=1)
    log = step_log_prob(model, drawn, 0).detach()
    for gain, old in ((1.0, log - 1), (-1.0, log + 1), (1.0, log - 1e4), (0.0, log - 1e4)):
        gains = torch.full((8,), gain, dtype=torch.float64)
        loss = surrogate(model, drawn, gains, 0, method="ppo", old_log_prob=old)
        assert torch.autograd.grad(loss, model.logits)[0].eq(0).all()
    free = surrogate(model, drawn, gains + 1, 0, method="ppo", old_log_prob=log - 1, clip=np.inf)
    assert torch.autograd.grad(free, model.logits)[0].abs().max() > 0.01


def test_advantages_by_groups():
    rewards = torch.tensor([1, 3, 5, 5, 0.1, 0.1])
    groups = torch.tensor([7, 7, 2, 2, 0, 0])
    assert advantages(rewards, "reinforce", groups).tolist() == [-2, 2, 0, 0, 0, 0]
    assert advantages(rewards, "ppo", groups).tolist() == [-1, 1, 0, 0, 0, 0]
    assert advantages(rewards, "grpo", groups).tolist() == [-1, 1, 0, 0, 0, 0]
    assert advantages(torch.full((3,), 0.1), "grpo").eq(0).all()
    assert advantages(torch.tensor([1.0, torch.nan]), "grpo").isnan().all()


@pytest.mark.usefixtures("as_reader")
def test_sentences():
    model = Tabular(0)
    drawn = rollout(model, 2, sites=SITES, tokens=TOKENS, steps=STEPS, seed=0)
    with pytest.raises(ValueError, match="groups: a group of one"):
        advantages(torch.ones(1), "reinforce")
    with pytest.raises(ValueError, match="method: 'a2c' is given"):
        advantages(torch.ones(2), "a2c")
    with pytest.raises(ValueError, match="step: 2 is given, but 0 to 1"):
        step_log_prob(model, drawn, 2)
    with pytest.raises(ValueError, match="rewards: 3 are given, but 2"):
        policy_gradient(model, drawn, torch.ones(3))
    with pytest.raises(ValueError, match="reinforce has no ratio"):
        policy_gradient(model, drawn, torch.ones(2), old=model)


def test_advantages_keep_the_precision_of_the_rewards():
    rewards = torch.tensor([0.1, 0.7, -1.3, 2.9], dtype=torch.float64)
    wanted = [4 / 3 * (one - rewards.mean()).item() for one in rewards]
    assert advantages(rewards, "reinforce").tolist() == pytest.approx(wanted, abs=1e-15)
