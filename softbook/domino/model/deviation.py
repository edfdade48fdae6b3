"""How far a tabular policy is from its reference along its own runs, exactly: sums over all states."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

from softbook.checks import one_of
from softbook.diffusion.model.path import states
from softbook.diffusion.theory.checks import grid_of_steps
from softbook.domino.model.exact import exact_states
from softbook.domino.model.regulariser import FORMS
from softbook.domino.model.table import Grid, Table

__all__ = ["exact_deviation", "kernels", "step_deviation"]


def kernels(table: Table, step: int, grid: Float64[Tensor, " steps_1"]) -> Float64[Tensor, "n m"]:
    """Return the probabilities of all next states, a row a state, in the step from `grid[step]`.

    O(A^{2d}) numbers.

    >>> kernels(Table(torch.zeros(3, 1, 2)), 0, torch.tensor([0.0, 0.5, 1.0]).double())[2].tolist()
    [0.25, 0.25, 0.5]
    """
    start, end = grid[step].item(), grid[step + 1].item()
    coin = (end - start) / (1 - start)
    every = torch.as_tensor(states(table.letters, table.sites))
    stays = torch.nn.functional.one_hot(every, table.letters).to(torch.float64)
    drawn = torch.nn.functional.pad(table.at(start).softmax(-1), (0, table.letters - table.tokens))
    moves = (every == table.tokens) | (table.prior == "uniform")
    rows = torch.where(moves[..., None], (1 - coin) * stays + coin * drawn, stays)
    found = torch.ones(len(every), 1, dtype=torch.float64)
    for site in range(table.sites):
        found = (found[:, :, None] * rows[:, site, None, :]).flatten(1)
    return found


def _apart(p: Tensor, q: Tensor, form: str) -> Tensor:
    """Return TV, KL(q || p) or KL(p || q) of laws along the last axis; p is the policy's."""
    if form == "tv":
        return (p - q).abs().sum(-1) / 2
    first, second = (p, q) if form == "kl" else (q, p)
    return torch.where(first > 0, first * (first / second).log(), 0.0).sum(-1)


def exact_deviation(
    policy: Table, reference: Table, steps: int, *, form: str = "tv", grid: Grid | None = None
) -> Float64[Tensor, ""]:
    """Return the mean of `tv_regulariser` over the policy's own runs, all of them; masked prior.

    Parameters
    ----------
    policy, reference
        Tables with a mask, of the same size.
    steps, grid
        K and its times, as for `exact_terminal_law`.
    form
        "tv", "cross_entropy", "kl" or "generalised_kl"; see `tv_regulariser`.

    Raises a ValueError for tables without a mask. Cost: O(K A^{2d}). Differentiable.
    Source: Σ_k w_k Σ_x P_θ(x_k = x) Σ_{i hidden in x} D(p_ref^i(.|x), p_θ^i(.|x)).

    >>> even, sure = Table(torch.zeros(3, 1, 2)), Table(torch.tensor([[[0.0, -torch.inf]]] * 3))
    >>> exact_deviation(sure, even, 4).item()
    0.5
    """
    one_of("form", form, FORMS)
    if "uniform" in (policy.prior, reference.prior):
        raise ValueError("policy: a table without a mask is given, but one with a mask is needed")
    times, laws = grid_of_steps(steps, grid), exact_states(policy, steps, grid=grid)
    hidden = torch.as_tensor(states(policy.letters, policy.sites)) == policy.tokens
    total = torch.zeros((), dtype=torch.float64)
    for k in range(len(times) - 1):
        coin = (times[k + 1] - times[k]) / (1 - times[k])
        p, q = (one.at(float(times[k])).softmax(-1) for one in (policy, reference))
        seen = hidden & (laws[k] > 0)[:, None]
        gaps = torch.where(seen, _apart(p, q, form), 0.0).sum(-1)
        total = total + coin * (torch.where(laws[k] > 0, laws[k] * gaps, 0.0)).sum()
    return total


def step_deviation(
    policy: Table, reference: Table, steps: int, *, form: str = "tv", grid: Grid | None = None
) -> Float64[Tensor, ""]:
    """Return Σ_k E_θ of TV or KL between whole steps π_ref(.|x_k) and π_θ(.|x_k); either prior.

    Forms as in `exact_deviation`; "generalised_kl" is not among them. O(K A^{2d}).

    >>> even, sure = Table(torch.zeros(3, 1, 2)), Table(torch.tensor([[[0.0, -torch.inf]]] * 3))
    >>> step_deviation(sure, even, 1).item()
    0.5
    """
    one_of("form", form, FORMS[:-1])
    times = torch.as_tensor(grid_of_steps(steps, grid))
    laws = exact_states(policy, steps, grid=grid)
    total = torch.zeros((), dtype=torch.float64)
    for k in range(len(times) - 1):
        gaps = _apart(kernels(policy, k, times), kernels(reference, k, times), form)
        total = total + torch.where(laws[k] > 0, laws[k] * gaps, 0.0).sum()
    return total
