"""Bounds along a path: what wrong conditionals cost, and what shared steps cost these data."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from softbook.diffusion.model.path import (
    Conditionals,
    asked,
    path_law,
    rates,
    states,
    timeless,
)
from softbook.diffusion.model.priors import Prior, letters
from softbook.diffusion.model.samplers import partly_filled
from softbook.diffusion.model.tables import check_table
from softbook.diffusion.theory.checks import count, grid_of_steps, number, one_of

__all__ = ["frozen_rates_bound", "group_bound", "masked_bound"]

NODES = 12


def masked_bound(data: Any, conditionals: Conditionals, *, path: str = "data") -> float:
    """Return sum_i int_0^1 E[TV(p^i, p-hat^i)(Z_t) | i masked] dt along a path Z.

    Z is that of the data, X, or for path="sampler" that of the model, Y. Either bounds
    TV(one-at-a-time sampler, data): the mean, over random orders of the sites, of the sum of errors at the
    contexts just before each is written. At most d. `conditionals` may not depend on time: ones that
    differ at 0 and 0.618 are refused. In contexts that the data never show, p^i is the uniform law.

    Source: own, theorem "Masks". O((S+1)^d d^2 S).

    >>> half = lambda tokens, time: np.full((*tokens.shape, 2), 0.5)
    >>> masked_bound([[0.5, 0.0], [0.0, 0.5]], half)
    0.5
    >>> masked_bound([[0.0, 0.0], [0.0, 1.0]], half, path="sampler")
    0.75
    """
    table = check_table(data)
    one_of("path", path, ("data", "sampler"))
    tokens, sites = len(table), table.ndim
    noise = letters(tokens, "masked", None)[1]
    every = states(tokens + 1, sites)
    exact = asked(None, table, every, 0.0, "masked", noise)
    model = timeless(conditionals, table, every, noise)
    hidden = every == tokens
    gaps = (np.abs(exact - model).sum(-1) / 2 * hidden).sum(1)
    # At t = 1/2 each set of masked sites is as probable as any other: 2^-d.
    half = path_law(table, 0.5) if path == "data" else partly_filled(model, 0.5, every, noise)
    shown = 2**sites * half.ravel()
    weights = np.array([0.0, *(1 / (m * math.comb(sites, m)) for m in range(1, sites + 1))])
    return float((shown * weights[hidden.sum(1)] * gaps).sum())


def group_bound(data: Any, steps: int, *, grid: Any | None = None) -> float:
    """Return the mean, over which sites share a step, of what drawing them independently costs.

    E sum over groups G of at least two sites of E TV(p(x_G | context), product of p(x_i | context)), the
    context being the data's values at the sites of earlier steps. It bounds TV(parallel sampler with
    exact conditionals, data), and knows the data: independent sites cost nothing.

    Source: own, theorem "Groups". O(3^d S^d + K d^2).

    >>> group_bound([[0.5, 0.0], [0.0, 0.5]], 4), group_bound([[0.25, 0.25], [0.25, 0.25]], 4)
    (0.125, 0.0)
    """
    table, times = check_table(data), grid_of_steps(steps, grid)
    sites, total = table.ndim, 0.0
    before, after, widths = times[:-1], times[1:], np.diff(times)
    for size in range(2, sites + 1):
        for first in range(sites - size + 1):
            late = sites - first - size
            share = float((before**first * widths**size * (1 - after) ** late).sum())
            for group in combinations(range(sites), size):
                rest = [i for i in range(sites) if i not in group]
                for context in combinations(rest, first):
                    total += share * _dependence(table, group, context)
    return total


def _dependence(
    table: Float[np.ndarray, "..."], group: tuple[int, ...], context: tuple[int, ...]
) -> float:
    """Return E TV(p(x_G | context), product over G of p(x_i | context))."""

    def marginal(kept: tuple[int, ...]) -> np.ndarray:
        return table.sum(tuple(i for i in range(table.ndim) if i not in kept), keepdims=True)

    base = marginal(context)
    product = base
    for site in group:
        alone = marginal((*context, site))
        ratio = np.divide(alone, base, out=np.zeros_like(alone), where=base > 0)
        product = product * ratio
    return float(np.abs(marginal((*context, *group)) - product).sum() / 2)


def frozen_rates_bound(
    data: Any, steps: int, *, end: float, prior: Prior = "uniform", prior_size: float | None = None
) -> float:
    """Return what freezing the rates in time costs: half of sum_k int E_{p_t} |Q_t - Q_{t_{k-1}}|_1 dt.

    The chain that is bounded starts from noise and has, in each of `steps` equal steps on [0, `end`],
    the rates of the step's start, at whatever state it is: its law at `end` differs from the path's
    by at most this. `end` is below 1, where rates are infinite. The integral is by 12 Gauss nodes a
    step, to which its change from 8 nodes is added.

    Source: own, theorem "Frozen rates". O(K letters^(2d)).

    >>> round(frozen_rates_bound([0.2, 0.8], 8, end=0.8), 3)
    0.015
    """
    table, steps = check_table(data), count("steps", steps)
    if number("end", end, 0.0, 1.0) == 1:
        raise ValueError("end: 1 is given, but rates are infinite there; a time below 1 is needed")
    rules = [np.polynomial.legendre.leggauss(nodes) for nodes in (NODES, NODES - 4)]
    step, totals = end / steps, np.zeros(2)
    for k in range(steps):
        frozen = rates(table, k * step, prior=prior, prior_size=prior_size)
        for place, (nodes, weights) in enumerate(rules):
            for node, weight in zip(nodes, weights, strict=True):
                time = (k + (node + 1) / 2) * step
                moved = rates(table, time, prior=prior, prior_size=prior_size) - frozen
                mass = path_law(table, time, prior=prior, prior_size=prior_size).ravel()
                totals[place] += weight * step / 4 * float(mass @ np.abs(moved).sum(1))
    return float(totals[0] + abs(totals[0] - totals[1]))
