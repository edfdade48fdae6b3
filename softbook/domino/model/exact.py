"""Everything about a tabular policy, exactly: its law, its return, its gradient, all its trajectories.

The laws of states are pushed through the sampler's kernels; the trajectories are listed one by one. Both
are differentiable in the table, and know nothing of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from softbook.checks import count, number, one_of
from softbook.diffusion.model.path import states
from softbook.diffusion.model.tables import check_table
from softbook.diffusion.theory.checks import grid_of_steps
from softbook.domino.model.gradient import METHODS, step_log_prob, surrogate
from softbook.domino.model.rollout import Rollout
from softbook.domino.model.table import Grid, Table

__all__ = [
    "Trajectories",
    "enumerated_gradient",
    "exact_gradient",
    "exact_return",
    "exact_states",
    "exact_terminal_law",
    "tilted_law",
    "trajectories",
]

MOST_STATES = 5_000
MOST_TRAJECTORIES = 200_000


def _table(logits: Table | Float[Tensor, "*steps n d S"], steps: int, grid: Grid | None) -> Table:
    """Return the policy as a table in which gradients reach the reader's tensor."""
    if isinstance(logits, Table):
        return logits
    made = Table(logits, grid if logits.ndim == 4 else None)
    # The parameter is a copy; the tensor itself takes its place, so that it can be differentiated.
    del made.logits
    made.logits = logits.to(torch.float64)
    return made


def _prepared(
    logits: Table | Tensor, steps: int, grid: Grid | None
) -> tuple[Table, Float64[np.ndarray, " steps_1"]]:
    times = grid_of_steps(steps, grid)
    table = _table(logits, steps, grid)
    if table.grid is not None and len(table.grid) != len(times):
        raise ValueError(
            f"steps: {steps} is given, but the table has logits for {len(table.grid) - 1}"
        )
    if (size := table.letters**table.sites) > MOST_STATES:
        raise ValueError(
            f"logits: {size:,} states are given, but at most {MOST_STATES:,} can be enumerated"
        )
    return table, times


def exact_states(
    logits: Table | Float[Tensor, "*steps n d S"], steps: int, *, grid: Grid | None = None
) -> Float64[Tensor, "steps_1 n"]:
    """Return the law of the state x_k, in C order, for k = 0..K; differentiable.

    Parameters
    ----------
    logits
        A `Table`, or its tensor: `[A^d, d, S]` or `[K, A^d, d, S]`.
    steps
        K, at least 1.
    grid
        K + 1 increasing times from 0 to 1; None: uniform.

    Raises
    ------
    ValueError
        For a shape that fits no d and S, other steps than the table has, or more than 5,000 states.

    Cost: O(K A^{2d}) time. Source: the sampler's kernel is a product over sites, given the state.

    >>> exact_states(torch.zeros(9, 2, 2), 2)[1].reshape(3, 3)[2, 2].item()
    0.25
    """
    table, times = _prepared(logits, steps, grid)
    every = torch.as_tensor(states(table.letters, table.sites))
    stays = torch.nn.functional.one_hot(every, table.letters).to(torch.float64)
    if table.prior == "masked":
        law = torch.zeros(len(every), dtype=torch.float64)
        law[-1] = 1.0
        moves = every == table.tokens
    else:
        law = torch.full((len(every),), 1 / len(every), dtype=torch.float64)
        moves = torch.ones_like(every, dtype=torch.bool)
    laws = [law]
    for start, end in pairwise(times):
        coin = float((end - start) / (1 - start))
        drawn = table.at(float(start)).softmax(-1)
        drawn = torch.nn.functional.pad(drawn, (0, table.letters - table.tokens))
        # A site that no step changes may have any logits, NaN of all -inf included.
        drawn = torch.where(moves[..., None], drawn, 0.0)
        rows = torch.where(moves[..., None], (1 - coin) * stays + coin * drawn, stays)
        law = reduce(_spread, rows.unbind(1), law[:, None]).sum(0)
        laws.append(law)
    return torch.stack(laws)


def _spread(weights: Tensor, row: Tensor) -> Tensor:
    """Return `[n, m A]`: each weight spread over the letters of one more site."""
    return (weights[:, :, None] * row[:, None, :]).flatten(1)


def exact_terminal_law(
    logits: Table | Float[Tensor, "*steps n d S"], steps: int, *, grid: Grid | None = None
) -> Float64[Tensor, "..."]:
    """Return the law of what the sampler writes, a tensor (S,)*d; differentiable. See `exact_states`.

    >>> exact_terminal_law(torch.zeros(9, 2, 2), 3).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    table, times = _prepared(logits, steps, grid)
    law = exact_states(table, steps, grid=times)[-1].reshape((table.letters,) * table.sites)
    return law[(slice(0, table.tokens),) * table.sites]


def exact_return(
    logits: Table | Float[Tensor, "*steps n d S"],
    reward: Any,
    steps: int,
    *,
    grid: Grid | None = None,
) -> Float64[Tensor, ""]:
    """Return J = E r(x_K), the value of the sampler with K steps; differentiable.

    `reward` is an array or a tensor (S,)*d. See `exact_states` for the rest.

    >>> exact_return(torch.zeros(9, 2, 2), [[1.0, 0.0], [0.0, 1.0]], 2).item()
    0.5
    """
    law = exact_terminal_law(logits, steps, grid=grid)
    return (law * _reward(reward, law)).sum()


def _reward(reward: Any, law: Tensor) -> Tensor:
    values = torch.as_tensor(reward, dtype=torch.float64)
    if values.shape != law.shape:
        raise ValueError(
            f"reward: shape {tuple(values.shape)} is given, but {tuple(law.shape)}, a value for "
            "each sequence, is needed"
        )
    return values


def exact_gradient(
    logits: Float[Tensor, "*steps n d S"], reward: Any, steps: int, *, grid: Grid | None = None
) -> Float64[Tensor, "*steps n d S"]:
    """Return the gradient of J in the table: no trajectory is listed or drawn. See `exact_return`.

    >>> exact_gradient(torch.zeros(3, 1, 2), [0.0, 1.0], 1)[2].tolist()
    [[-0.25, 0.25]]
    """
    at = logits.detach().to(torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(exact_return(at, reward, steps, grid=grid), at)
    return slope


def tilted_law(reference: Any, reward: Any, beta: float) -> Float64[Tensor, "..."]:
    """Return p_ref e^{r/β}, normalised: the law of greatest E r - β KL(p, p_ref).

    Parameters
    ----------
    reference
        A law (S,)*d.
    reward
        An array of the same shape; -inf forbids a sequence.
    beta
        Above 0, in units of the reward; infinity: the reference.

    >>> tilted_law([0.5, 0.5], [0.0, 1.0], 1 / np.log(3)).numpy().round(12).tolist()
    [0.25, 0.75]
    """
    if not number("beta", beta, 0.0) > 0:
        raise ValueError(f"beta: {beta} is given, but a number above 0 is needed")
    law = torch.as_tensor(check_table(reference))
    weights = law.log() + _reward(reward, law) / beta
    return weights.flatten().softmax(0).reshape(law.shape)


@dataclass(frozen=True)
class Trajectories:
    """All trajectories of a sampler.

    Attributes
    ----------
    rollout
        One row for each.
    coins
        [n], the part of their probability that does not depend on the policy.
    """

    rollout: Rollout
    coins: Float64[Tensor, " n"]

    def probabilities(self, model: Table) -> Float64[Tensor, " n"]:
        """Return the probability of each trajectory under `model`; they sum to one; differentiable."""
        steps = [step_log_prob(model, self.rollout, k) for k in range(self.rollout.steps)]
        return self.coins * torch.stack(steps).sum(0).exp()


def trajectories(
    tokens: int, sites: int, steps: int, *, prior: str = "masked", grid: Grid | None = None
) -> Trajectories:
    """List all trajectories: (K S)^d with a mask, S^{d(K+1)} without.

    Raises
    ------
    ValueError
        If there are more than 200,000.

    >>> len(trajectories(3, 2, 4).coins), len(trajectories(2, 1, 3, prior="uniform").coins)
    (144, 16)
    """
    tokens, sites = count("tokens", tokens), count("sites", sites)
    times = grid_of_steps(steps, grid)
    steps = len(times) - 1
    masked = one_of("prior", prior, ("masked", "uniform")) == "masked"
    choices = (steps * tokens, sites) if masked else (tokens, sites * (steps + 1))
    if (size := choices[0] ** choices[1]) > MOST_TRAJECTORIES:
        raise ValueError(
            f"steps: {size:,} trajectories are asked for, but at most {MOST_TRAJECTORIES:,} are listed"
        )
    every = torch.tensor(list(product(range(choices[0]), repeat=choices[1])))
    coins = torch.as_tensor(np.diff(times))
    if masked:
        opened, final = every // tokens, every % tokens
        made = Rollout(final, opened, None, tokens, sites, steps, prior, times)
        # A site opens in step k with probability t_{k+1} - t_k: the product of the coins before and at k.
        return Trajectories(made, coins[opened].prod(-1))
    path = every.reshape(size, steps + 1, sites).transpose(0, 1).contiguous()
    made = Rollout(path[-1], None, path, tokens, sites, steps, prior, times)
    weight = torch.full((size,), float(tokens) ** -sites, dtype=torch.float64)
    for k in range(steps):
        weight = weight * made.coin(k) ** (path[k] != path[k + 1]).sum(-1).double()
    return Trajectories(made, weight)


def enumerated_gradient(
    logits: Float[Tensor, "*steps n d S"],
    reward: Any,
    steps: int,
    *,
    method: str = "reinforce",
    grid: Grid | None = None,
) -> Float64[Tensor, "*steps n d S"]:
    """Return what a policy gradient estimates: the sum over all trajectories, at the policy that draws.

    It runs the estimator's own `surrogate` on every trajectory, weighted by its probability. "reinforce"
    and "ppo" have the reward less its mean for advantage, "grpo" this over the standard deviation of all
    rewards; so the last is the gradient in units of that deviation.

    >>> up = enumerated_gradient(torch.zeros(3, 1, 2), [0.0, 1.0], 1, method="ppo")
    >>> up[2].tolist()
    [[-0.25, 0.25]]
    """
    one_of("method", method, METHODS)
    table, times = Table(logits, grid if logits.ndim == 4 else None), grid_of_steps(steps, grid)
    every = trajectories(table.tokens, table.sites, steps, prior=table.prior, grid=times)
    with torch.no_grad():
        weights = every.probabilities(table)
    shape = torch.empty((table.tokens,) * table.sites)
    gains = _reward(reward, shape)[tuple(every.rollout.final.T)]
    gains = gains - (weights * gains).sum()
    if method == "grpo":
        gains = gains / (weights * gains**2).sum().sqrt()
    loss = torch.stack(
        [
            surrogate(table, every.rollout, len(weights) * weights * gains, k, method=method)
            for k in range(every.rollout.steps)
        ]
    ).sum()
    return -torch.autograd.grad(loss, table.logits)[0]
