"""Best of N: draw more than is needed, keep the best of each group."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from softbook.checks import count
from softbook.domino.model.rewards import rewards_of
from softbook.domino.model.rollout import rollout
from softbook.domino.model.seeds import seed_of

__all__ = ["best_of_n", "best_of_n_law"]


@torch.no_grad()
def best_of_n(
    model: Callable[[Tensor, float], Tensor],
    reward: Callable[[Tensor], Tensor],
    samples: int,
    *,
    of: int,
    sites: int,
    tokens: int,
    steps: int,
    seed: int,
    prior: str = "masked",
    batch: int = 1024,
) -> Int64[Tensor, "samples sites"]:
    """Draw `of` sequences for each of the `samples` and keep the one of greatest reward.

    Parameters
    ----------
    model, sites, tokens, steps, prior
        As for `rollout`.
    reward
        Tokens `[n, sites]` to finite rewards `[n]`; asked for `samples * of` sequences in all.
    samples, of
        At least 1 each. Among equal rewards the first drawn is kept.
    seed
        Of the draws; the same numbers give the same samples.
    batch
        At most so many sequences (or one group) are in memory at a time: part of what a seed means.

    Cost: `samples * of * steps` sequences through the model; memory free of `samples`.

    >>> flat = lambda tokens, t: torch.zeros(*tokens.shape, 2)
    >>> ones = lambda tokens: tokens.sum(1)
    >>> best_of_n(flat, ones, 3, of=50, sites=2, tokens=2, steps=1, seed=0).tolist()
    [[1, 1], [1, 1], [1, 1]]
    """
    many, each, start = count("samples", samples), count("of", of), count("seed", seed, 0)
    groups = max(1, count("batch", batch) // each)
    kept = []
    for place, first in enumerate(range(0, many, groups)):
        now = min(groups, many - first)
        drawn = rollout(
            model,
            now * each,
            sites=sites,
            tokens=tokens,
            steps=steps,
            seed=seed_of(start, place),
            prior=prior,
        ).final
        best = rewards_of(reward, drawn).view(now, each).argmax(1)
        rows = torch.arange(now, device=drawn.device) * each + best.to(drawn.device)
        kept.append(drawn[rows])
    return torch.cat(kept)


def best_of_n_law(
    law: Float[Tensor, "..."], reward: Float[Tensor, "..."], of: int
) -> Float[Tensor, "..."]:
    """Return the exact law of the best of `of` independent draws of a law.

    With F(r) the probability of a reward of at most r, a value r of the reward is the greatest of N
    with probability F(r)^N − F(r−)^N; it is shared among the states that have it as `law` shares it.

    Parameters
    ----------
    law, reward
        Probabilities and rewards of all states, of one shape; rewards finite.
    of
        N, at least 1.

    Returns
    -------
    A law of the same shape. Cost: one sort of the states.

    Source: the law of the greatest order statistic.

    >>> best_of_n_law(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0]), 2).tolist()
    [0.25, 0.75]
    """
    power = count("of", of)
    if law.shape != reward.shape:
        raise ValueError(
            f"reward: a table of shape {tuple(reward.shape)} is given, "
            f"but {tuple(law.shape)}, the law's, is needed"
        )
    values, place = reward.flatten().unique(return_inverse=True)
    mass = torch.zeros(len(values), dtype=law.dtype).index_add(0, place, law.flatten())
    top = mass.cumsum(0)
    below = torch.cat([top.new_zeros(1), top[:-1]])
    # F^N − (F−)^N over the mass m = F − F−, without the division that a mass of 0 forbids.
    powers = torch.arange(power, dtype=law.dtype)[:, None]
    rise = (top**powers * below ** (power - 1 - powers)).sum(0)
    return law * rise[place].view(law.shape)
