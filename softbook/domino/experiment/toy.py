"""Small samplers, run step by step: a chain that can be followed, estimates of a gradient, old data.

Tables with a mask, so that whatever is drawn here is also known exactly.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from softbook.checks import count, one_of
from softbook.diffusion.model.path import states
from softbook.domino.experiment.toy_laws import conditionals
from softbook.domino.model.exact import exact_gradient, exact_return, tilted_law, trajectories
from softbook.domino.model.gradient import (
    advantages,
    policy_gradient,
    step_log_prob,
    surrogate,
)
from softbook.domino.model.rollout import rollout
from softbook.domino.model.table import Table

__all__ = [
    "BASELINES",
    "Run",
    "alike",
    "chain",
    "deviation",
    "estimates",
    "judge",
    "reuse",
    "wanted",
]

BASELINES = ("none", "mean of the others")
TOKENS, SITES, STEPS = 2, 3, 4
"""The space of the estimates: 512 trajectories."""


def alike(words: Int64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
    """Return how many neighbours are alike in each word.

    >>> alike(torch.tensor([[0, 0, 1], [2, 2, 2]])).tolist()
    [1.0, 2.0]
    """
    return (words[:, 1:] == words[:, :-1]).sum(1).double()


class Run(NamedTuple):
    """One run of a sampler: before each step and at the end.

    `states` [K+1, d] with the mask as letter S; `chances` [K, d, S], of the letters at the hidden sites;
    `logs` [K], log π of each step without its coins; `reward`, of the last state.
    """

    states: Int64[Tensor, "steps_1 d"]
    chances: Float64[Tensor, "steps d S"]
    logs: Float64[Tensor, " steps"]
    reward: float


@lru_cache(maxsize=4)
def _policy(tokens: int, sites: int, beta: float) -> Table:
    """Return the sampler of all words with weight e^{alike/β}, each hidden site given what is shown."""
    even = np.full((tokens,) * sites, float(tokens) ** -sites)
    marks = alike(torch.as_tensor(states(tokens, sites))).reshape(even.shape)
    return Table(conditionals(tilted_law(even, marks, beta).numpy()))


def chain(tokens: int, sites: int, steps: int, *, beta: float, seed: int) -> Run:
    """Run the sampler that is the best for alike neighbours at the price β, once.

    `beta`: above 0; infinity is the sampler of all words. O(K·d·S) after its table, of (S+1)^d states.

    >>> one = chain(2, 3, 4, beta=1.0, seed=0)
    >>> one.states[0].tolist(), one.states.shape, bool((one.logs <= 0).all())
    ([2, 2, 2], torch.Size([5, 3]), True)
    """
    table = _policy(tokens, sites, beta)
    drawn = rollout(table, 1, sites=sites, tokens=tokens, steps=steps, seed=seed)
    with torch.no_grad():
        path = torch.cat([drawn.state(k) for k in range(steps + 1)])
        chances = table(path[:-1], 0.0).softmax(-1)
        logs = torch.cat([step_log_prob(table, drawn, k) for k in range(steps)])
    return Run(path, chances, logs, float(alike(drawn.final)[0]))


@lru_cache(maxsize=2)
def _start(tokens: int = TOKENS) -> Table:
    source = torch.Generator().manual_seed(0)
    shape = ((tokens + 1) ** SITES, SITES, tokens)
    return Table(torch.randn(*shape, generator=source, dtype=torch.float64))


def _marks() -> Float64[Tensor, "..."]:
    words = torch.as_tensor(states(TOKENS, SITES))
    return alike(words).reshape((TOKENS,) * SITES)


@lru_cache(maxsize=1)
def wanted() -> Float64[Tensor, " entries"]:
    """Return the exact gradient of J of a random table with rewards `alike`, as one row of entries.

    >>> wanted().shape
    torch.Size([162])
    """
    return exact_gradient(_start().logits, _marks(), STEPS).flatten()


@lru_cache(maxsize=1)
def _scores() -> tuple[Tensor, Tensor, Tensor]:
    """Return of every trajectory its chance, its reward, and the gradient of its log probability."""
    every, table = trajectories(TOKENS, SITES, STEPS), _start()
    with torch.no_grad():
        chances = every.probabilities(table)
    scores = []
    for row in range(len(chances)):
        one = every.rollout.rows(torch.tensor([row]))
        log = torch.stack([step_log_prob(table, one, k) for k in range(STEPS)]).sum()
        scores.append(torch.autograd.grad(log, table.logits)[0].flatten())
    return chances, alike(every.rollout.final), torch.stack(scores)


def deviation(runs: int, baseline: str, added: float) -> float:
    """Return the exact root mean square error of the estimate from N runs, over the gradient's length.

    `runs`: N, at least 2; `baseline`: one of `BASELINES`; `added`: a constant added to every reward. With
    the mean of the others the estimate is a U-statistic of pairs with kernel (r - r')(s - s')/2, whose
    variance is known (Hoeffding 1948). O(trajectories²) once.

    >>> deviation(100, "mean of the others", 0.0) < deviation(100, "none", 0.0)
    True
    """
    count("runs", runs, 2)
    single, both = _variances(added)
    if one_of("baseline", baseline, BASELINES) == "none":
        variance = single / runs
    else:
        first, pair = both
        variance = (4 * (runs - 2) * first + 2 * pair) / (runs * (runs - 1))
    return float(variance**0.5 / wanted().norm())


@lru_cache(maxsize=8)
def _variances(added: float) -> tuple[float, tuple[float, float]]:
    """Return the variance of one term r·s, and of the pairs' kernel: of its projection and itself."""
    chances, rewards, scores = _scores()
    slope = wanted()
    length = float(slope @ slope)
    squares = (scores**2).sum(1)
    single = float(chances @ ((rewards + added) ** 2 * squares)) - length
    centred = rewards - chances @ rewards
    first = (float(chances @ (centred**2 * squares)) - length) / 4
    apart = squares[:, None] + squares - 2 * scores @ scores.T
    weights = (rewards[:, None] - rewards) ** 2 * apart / 4
    return single, (first, float(chances @ weights @ chances) - length)


def estimates(runs: int, baseline: str, added: float, seed: int) -> Float64[Tensor, " entries"]:
    """Return the estimate of `wanted` from N simulated runs, as one row of entries.

    >>> estimates(2, "none", 0.0, seed=1).shape
    torch.Size([162])
    """
    table = copy.deepcopy(_start())
    drawn = rollout(table, runs, sites=SITES, tokens=TOKENS, steps=STEPS, seed=seed)
    rewards = alike(drawn.final) + added
    if one_of("baseline", baseline, BASELINES) != "none":
        return policy_gradient(table, drawn, rewards)["logits"].flatten()
    loss = torch.stack(
        [surrogate(table, drawn, rewards, k, method="reinforce") for k in range(STEPS)]
    ).sum()
    return -torch.autograd.grad(loss, table.logits)[0].flatten()


def judge() -> Float64[Tensor, "..."]:
    """Return the rewards of `reuse`: one normal number for each of 27 words.

    >>> judge().shape
    torch.Size([3, 3, 3])
    """
    source = torch.Generator().manual_seed(7)
    return torch.randn(3, 3, 3, generator=source, dtype=torch.float64)


def reuse(
    runs: int, updates: int, *, clip: float, noise: float, rate: float = 0.1, seed: int = 0
) -> Float64[np.ndarray, "three updates_1"]:
    """Train a random table by PPO with many updates (Adam) from one and the same batch of runs.

    `clip`: infinity for none; `noise`: deviation of what is added to each reward of the batch. Returned
    before the first update and after each: the exact return, the surrogate (what the updates raise), and
    the greatest ratio of new to old probability of a whole run.

    >>> reuse(8, 3, clip=0.2, noise=0.0).shape
    (3, 4)
    """
    table, marks = copy.deepcopy(_start(3)), judge()
    drawn = rollout(table, runs, sites=SITES, tokens=3, steps=STEPS, seed=seed)
    source = torch.Generator().manual_seed(seed)
    heard = noise * torch.randn(runs, generator=source, dtype=torch.float64)
    gains = advantages(marks[tuple(drawn.final.T)] + heard, "ppo")
    with torch.no_grad():
        old = [step_log_prob(table, drawn, k) for k in range(STEPS)]
    optimiser = torch.optim.Adam(table.parameters(), lr=rate)
    found = []
    for update in range(updates + 1):
        parts = [
            surrogate(table, drawn, gains, k, method="ppo", old_log_prob=old[k], clip=clip)
            for k in range(STEPS)
        ]
        loss = torch.stack(parts).sum()
        with torch.no_grad():
            now = torch.stack([step_log_prob(table, drawn, k) for k in range(STEPS)])
            ratio = float((now - torch.stack(old)).sum(0).exp().max())
            value = float(exact_return(table, marks, STEPS))
        found.append((value, -float(loss.detach()), ratio))
        # Where every ratio is clipped nothing depends on the table.
        if update < updates and loss.requires_grad:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return np.array(found).T
