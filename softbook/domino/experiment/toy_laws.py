"""Small spaces, whole: many tables at a time, their laws, penalties, and ascents on J - λR.

Everything is a sum over all states, for a batch of B tables that do not know the time. With K steps the
coins that open sites are the same for all, so that a step is one matrix, the coins', times one of letters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from softbook.checks import count, one_of
from softbook.diffusion.model.path import states

__all__ = [
    "PENALTIES",
    "REWARDS",
    "ascend",
    "best_at_divergence",
    "conditionals",
    "deviations",
    "frontier",
    "laws_of_states",
    "mixed_law",
    "reward_table",
    "terminal_laws",
]

PENALTIES = ("tv", "cross_entropy", "kl")
REWARDS = ("share of ones", "odd number of ones", "one rare word")


class Space(NamedTuple):
    """All states of d sites with a mask, and which leads to which."""

    states: Int64[Tensor, "n d"]
    hidden: Bool[Tensor, "n d"]
    leads: Bool[Tensor, "n n"]
    opened: Int64[Tensor, "n n"]
    left: Int64[Tensor, "n n"]


@lru_cache(maxsize=16)
def space(tokens: int, sites: int) -> Space:
    """Return the (S + 1)^d states in C order, with the mask as letter S.

    >>> space(2, 2).leads.sum().item(), space(2, 2).opened.max().item()
    (25, 2)
    """
    every = torch.as_tensor(states(tokens + 1, sites))
    hidden = every == tokens
    leads = ((every[:, None] == every) | hidden[:, None]).all(-1)
    left = hidden.sum(-1).expand(len(every), -1)
    return Space(every, hidden, leads, left.T - left, left)


def conditionals(law: Float64[np.ndarray, "..."]) -> Float64[Tensor, "n d S"]:
    """Return the logits of a model that knows a law (S,)*d exactly: every hidden site given the others.

    Sites that show a letter have logits 0, since no step asks for them.

    >>> conditionals(np.array([[0.5, 0.0], [0.0, 0.5]]))[6].softmax(-1).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    law = np.asarray(law, dtype=np.float64)
    tokens, sites = len(law), law.ndim
    every, words = space(tokens, sites), torch.as_tensor(states(tokens, sites))
    fits = ((every.states[:, None] == words) | every.hidden[:, None]).all(-1)
    weights = fits * torch.from_numpy(law.ravel().copy())
    shown = torch.nn.functional.one_hot(words, tokens).to(torch.float64)
    chances = torch.einsum("xw,wis->xis", weights, shown)
    # A state that the law never shows may be followed by anything.
    asked = every.hidden[..., None] & (weights.sum(-1) > 0)[:, None, None]
    return torch.where(asked, chances.log(), 0.0).log_softmax(-1)


def mixed_law(sites: int, coupling: float) -> Float64[np.ndarray, "..."]:
    """Return a law on {0, 1}^d: with probability `coupling` all sites agree, else each is drawn alone.

    Ones have the chance 0.4 where all agree; alone it grows by 0.05 a site, and is 0.4 in the middle: no
    two sites are alike, so that no ascent depends on how a tie is broken.

    >>> mixed_law(2, 0.5).round(2).tolist()
    [[0.48, 0.13], [0.11, 0.28]]
    """
    law = np.asarray(1 - coupling)
    for one in 0.4 + 0.05 * (np.arange(count("sites", sites)) - (sites - 1) / 2):
        law = np.multiply.outer(law, np.array([1 - one, one]))
    ends = np.zeros((2,) * sites)
    ends[(0,) * sites], ends[(1,) * sites] = 0.6 * coupling, 0.4 * coupling
    return law + ends


def reward_table(kind: str, sites: int) -> Float64[np.ndarray, "..."]:
    """Return a reward in [0, 1] for each word of {0, 1}^d; the rare word is 1, 0, 1, ...

    >>> reward_table("odd number of ones", 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    one_of("kind", kind, REWARDS)
    words = states(2, count("sites", sites))
    if kind == REWARDS[0]:
        found = words.mean(1)
    elif kind == REWARDS[1]:
        found = (words.sum(1) % 2).astype(float)
    else:
        found = (words == 1 - np.arange(sites) % 2).all(1).astype(float)
    return found.reshape((2,) * sites)


def _letters(logits: Float64[Tensor, "B n d S"], every: Space) -> Float64[Tensor, "B n n"]:
    """Return the probability of the letters that lead from one state to another, given what opens."""
    chances = torch.where(every.hidden[..., None], logits.softmax(-1), 1.0)
    chances = torch.nn.functional.pad(chances, (0, 1), value=1.0)
    found = every.leads.to(torch.float64)
    for site in range(logits.shape[2]):
        found = found * chances[:, :, site, every.states[:, site]]
    return found


def laws_of_states(
    logits: Float64[Tensor, "B n d S"], steps: int | None
) -> Float64[Tensor, "steps_1 B n"]:
    """Return the law of x_k for k = 0..K, for each table; differentiable.

    Parameters
    ----------
    logits
        B tables with a mask, n = (S + 1)^d.
    steps
        K, at least 1, with equal steps; None: one site at a time, in random order, in d steps. It is what
        K to infinity tends to.

    Cost: O(K B n^2).

    >>> laws_of_states(torch.zeros(1, 9, 2, 2).double(), None)[1, 0, 2].item()
    0.25
    """
    sites, tokens = logits.shape[2:]
    every = space(tokens, sites)
    letters = _letters(logits, every)
    law = torch.zeros(len(letters), len(every.states), dtype=torch.float64)
    law[:, -1] = 1.0
    laws = [law]
    for k in range(sites if steps is None else count("steps", steps)):
        if steps is None:
            coins = (every.opened == 1) / every.hidden.sum(-1, keepdim=True).clamp_min(1)
            coins[~every.hidden.any(-1)] = 1.0
        else:
            coin = torch.tensor(1 / (steps - k), dtype=torch.float64)
            coins = coin ** every.opened.clamp_min(0) * (1 - coin) ** every.left
        law = torch.einsum("bx,bxy->by", law, coins.to(torch.float64) * letters)
        laws.append(law)
    return torch.stack(laws)


def terminal_laws(
    logits: Float64[Tensor, "B n d S"], steps: int | None
) -> Float64[Tensor, "B words"]:
    """Return the laws of what the samplers write, words in C order. See `laws_of_states`.

    >>> terminal_laws(torch.zeros(1, 9, 2, 2).double(), 2).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    hidden = space(logits.shape[3], logits.shape[2]).hidden.any(-1)
    return laws_of_states(logits, steps)[-1][:, ~hidden]


def _apart(ours: Tensor, theirs: Tensor, form: str) -> Float64[Tensor, "..."]:
    """Return TV, KL(theirs || ours) or KL(ours || theirs) of logarithms along the last axis."""
    if form == "tv":
        return (ours.exp() - theirs.exp()).abs().sum(-1) / 2
    first, second = (ours, theirs) if form == "kl" else (theirs, ours)
    return (first.exp() * (first - second)).sum(-1)


def _summed(laws: Tensor, gaps: Tensor) -> Float64[Tensor, " B"]:
    """Return Σ_k w_k E_θ of `gaps` [B, n], which are sums over hidden sites."""
    coins = 1 / torch.arange(len(laws) - 1, 0, -1, dtype=torch.float64)
    return torch.einsum("k,kbx,bx->b", coins, laws[:-1], gaps)


def deviations(
    logits: Float64[Tensor, "B n d S"],
    reference: Float64[Tensor, "n d S"],
    steps: int,
    form: str,
) -> Float64[Tensor, " B"]:
    """Return the penalty's mean R of each table over its own runs; finite logits. See `exact_deviation`.

    >>> deviations(torch.zeros(1, 9, 2, 2).double(), torch.zeros(9, 2, 2).double(), 3, "tv").item()
    0.0
    """
    one_of("form", form, PENALTIES)
    hidden = space(logits.shape[3], logits.shape[2]).hidden
    gaps = _apart(logits.log_softmax(-1), reference.log_softmax(-1), form)
    return _summed(laws_of_states(logits, steps), (gaps * hidden).sum(-1))


def ascend(
    reference: Float64[Tensor, "*B n d S"],
    rewards: Float64[Tensor, "B words"],
    prices: Float64[Tensor, "B 3"],
    steps: int,
    *,
    start: Float64[Tensor, "B n d S"] | None = None,
    iterations: int = 250,
    rate: float = 0.2,
) -> Float64[Tensor, "B n d S"]:
    """Return tables that ascend J - Σ λ_f R_f by Adam, along the exact gradient, to some local maximum.

    Parameters
    ----------
    reference
        The logits to stay near to, finite: of all tables, or one for each.
    rewards, prices
        A reward of each word, and a price λ at least 0 of each of `PENALTIES`, for each of B tables; they
        do not see each other.
    steps
        K of the sampler.
    start
        The logits to start from; None: the reference.
    iterations, rate
        Of Adam; the rate falls to 0 like half a cosine, since TV has corners at the reference.

    Cost: `iterations` times O(K B n^2).

    >>> up = ascend(torch.zeros(3, 1, 2).double(), torch.tensor([[0.0, 1.0]]).double(),
    ...             torch.zeros(1, 3).double(), 1, iterations=50)
    >>> terminal_laws(up, 1)[0, 1].item() > 0.95
    True
    """
    first = reference if start is None else start
    logits = first.expand(len(rewards), *first.shape[-3:]).clone().requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=rate)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, count("iterations", iterations))
    hidden = space(logits.shape[3], logits.shape[2]).hidden
    base = reference.log_softmax(-1)
    paid = [(form, prices[:, at]) for at, form in enumerate(PENALTIES) if prices[:, at].any()]
    for _ in range(iterations):
        laws, ours = laws_of_states(logits, steps), logits.log_softmax(-1)
        value = (laws[-1][:, ~hidden.any(-1)] * rewards).sum(-1)
        for form, price in paid:
            value = value - price * _summed(laws, (_apart(ours, base, form) * hidden).sum(-1))
        optimiser.zero_grad()
        (-value.sum()).backward()
        optimiser.step()
        slower.step()
    return logits.detach()


def frontier(
    law: Float64[np.ndarray, " words"], reward: Float64[np.ndarray, " words"]
) -> tuple[Float64[np.ndarray, " corners"], Float64[np.ndarray, " corners"]]:
    """Return distances and rewards of the corners of the most that any law earns at a distance in TV.

    The most at a distance δ moves the mass δ from the words of least reward to one of greatest: between
    corners it is linear, and concave as a whole. The first corner is the law itself.

    >>> frontier(np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 4.0]))[0].tolist()
    [0.0, 0.5, 0.8]
    """
    order = np.argsort(reward, kind="stable")
    worth = reward[order] < reward.max()
    mass, gain = law[order][worth], reward.max() - reward[order][worth]
    start = float(law @ reward)
    return (
        np.concatenate([[0.0], np.cumsum(mass)]),
        np.concatenate([[start], start + np.cumsum(mass * gain)]),
    )


def best_at_divergence(
    law: Float64[np.ndarray, " words"], reward: Float64[np.ndarray, " words"], divergence: float
) -> float:
    """Return the most that any law earns at this KL from `law` (in nats) or nearer: a tilted law's.

    Cost: 60 bisections. A law of all words above 0 is needed.

    >>> round(best_at_divergence(np.array([0.5, 0.5]), np.array([0.0, 1.0]), np.log(2)), 6)
    1.0
    """
    if divergence >= -np.log(law[reward == reward.max()].sum()):
        return float(reward.max())
    low, high = 0.0, 1e4
    for _ in range(60):
        sharp = (low + high) / 2
        weights = law * np.exp(sharp * (reward - reward.max()))
        tilted = weights / weights.sum()
        gap = float(sharp * (tilted @ reward - reward.max()) - np.log(weights.sum()))
        low, high = (sharp, high) if gap < divergence else (low, sharp)
    return float(tilted @ reward)
