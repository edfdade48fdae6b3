"""The laws that samplers in steps, and in continuous time, really draw from: exact, by enumeration."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from scipy.integrate import solve_ivp
from scipy.stats import binom

from softbook.diffusion.model.path import (
    Conditionals,
    asked,
    path_law,
    rates,
    states,
    timeless,
)
from softbook.diffusion.model.priors import Prior, check_noise, letters, start_law
from softbook.diffusion.model.tables import check_table, like
from softbook.diffusion.theory.checks import grid_of_steps, number

__all__ = [
    "continuous_law",
    "masked_sampler_law",
    "noise_sampler_law",
    "parallel_step",
    "partly_filled",
    "uniform_sampler_law",
]


def masked_sampler_law(
    data: Any, steps: int, *, grid: Any | None = None, conditionals: Conditionals | None = None
) -> Any:
    """Return the law of the sampler that fills masks in `steps` parallel steps.

    In step k each masked site is filled with probability h_k / (1 - t_{k-1}), all from the state at
    the start of the step.

    Parameters
    ----------
    data
        A law on ``[S]^d``, as an array or tensor of shape (S,)*d; only its exact conditionals are
        used, and none where `conditionals` are given.
    steps, grid
        K >= 1, and K + 1 increasing times from 0 to 1 (uniform when None).
    conditionals
        A model: (tokens ``[n, d]`` with S for a mask, time) -> probabilities ``[n, d, S]``.

    Returns the law in data's shape and kind. O(K (S+1)^(2d)) operations, for at most 20,000 states.
    Source: tau-leaping for absorbing diffusion, Campbell et al. (2022).

    >>> law = masked_sampler_law([[0.5, 0.0], [0.0, 0.5]], 4)
    >>> law.tolist()
    [[0.4375, 0.0625], [0.0625, 0.4375]]
    """
    table = check_table(data)
    noise = letters(len(table), "masked", None)[1]
    return like(_in_steps(table, steps, "masked", noise, grid, conditionals), data)


def uniform_sampler_law(
    data: Any,
    steps: int,
    prior_size: float | None = None,
    *,
    grid: Any | None = None,
    conditionals: Conditionals | None = None,
) -> Any:
    """Return the law of the Euler sampler that starts from uniform noise.

    In step k each site is drawn anew with probability h_k / (1 - t_{k-1}), from the posterior at the
    start of the step; in the last step all are.

    Parameters
    ----------
    data, steps, grid, conditionals
        As for `masked_sampler_law`; with `prior_size` above S, token S stands for those without
        data.
    prior_size
        How many tokens the noise is uniform on, at least S (None: S). It may be 10^9 or more: the
        tokens without data are lumped, exactly. `math.inf` is the limit, a mask.

    Returns the law in data's shape and kind.

    >>> uniform_sampler_law([[0.5, 0.0], [0.0, 0.5]], 1).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    table = check_table(data)
    noise = letters(len(table), "uniform", prior_size)[1]
    return like(_in_steps(table, steps, "uniform", noise, grid, conditionals), data)


def noise_sampler_law(
    data: Any,
    steps: int,
    noise: Any,
    *,
    grid: Any | None = None,
    conditionals: Conditionals | None = None,
) -> Any:
    """Return the law of the Euler sampler that starts from any noise, drawn alike at every site.

    Each step is that of `uniform_sampler_law`. `noise` holds the probabilities of the S tokens, and
    perhaps one more: that of letter S, which no datum shows. (0, ..., 0, 1) is the mask, equal
    entries on S tokens the uniform prior, and what lies between is noise of which some is seen to be
    noise. Other arguments, cost and result as there.

    >>> half = [0.25, 0.25, 0.5]
    >>> noise_sampler_law([[0.5, 0.0], [0.0, 0.5]], 1, half).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    table = check_table(data)
    law = check_noise("noise", noise, len(table))
    return like(_in_steps(table, steps, "noise", law, grid, conditionals), data)


def _in_steps(
    table: np.ndarray,
    steps: int,
    prior: str,
    noise: Float[np.ndarray, "A"],
    grid: Any | None,
    conditionals: Conditionals | None,
) -> Float[np.ndarray, "..."]:
    times = grid_of_steps(steps, grid)
    every, law = states(len(noise), table.ndim), start_law(table.ndim, noise)
    for before, after in pairwise(times):
        share = 1.0 if after == 1 else (after - before) / (1 - before)
        targets = asked(conditionals, table, every, float(before), prior, noise)
        law = parallel_step(law, targets, share, every)
    return law[(slice(0, len(table)),) * table.ndim]


def parallel_step(
    law: Float[np.ndarray, "..."],
    targets: Float[np.ndarray, "n d S"],
    share: float,
    every: Int64[np.ndarray, "n d"],
) -> Float[np.ndarray, "..."]:
    """Return the law after each site was drawn anew from its target with probability `share`.

    The sum over states of products over sites is one product of matrices: half of the sites stand
    in its rows, half in its columns. O(n^2) operations, O(n^1.5) numbers.

    >>> parallel_step(np.array([0.0, 1.0]), np.array([[[1.0, 0.0]]] * 2), 0.5, states(2, 1)).tolist()
    [0.5, 0.5]
    """
    letter_count, sites = law.shape[0], law.ndim
    kernels = (1 - share) * np.eye(letter_count)[every]
    kernels[:, :, : targets.shape[-1]] += share * targets
    half = (sites + 1) // 2
    rows, columns = (_outer(kernels[:, part]) for part in (slice(0, half), slice(half, sites)))
    return ((rows * law.reshape(-1, 1)).T @ columns).reshape(law.shape)


def _outer(kernels: Float[np.ndarray, "n sites A"]) -> Float[np.ndarray, "n product"]:
    product = np.ones((len(kernels), 1))
    for site in range(kernels.shape[1]):
        product = (product[:, :, None] * kernels[:, site, None]).reshape(len(kernels), -1)
    return product


def continuous_law(
    data: Any,
    *,
    prior: Prior = "masked",
    conditionals: Conditionals | None = None,
    prior_size: float | None = None,
    stop: float = 1.0,
) -> Any:
    """Return the law of the sampler in continuous time: one site at a time.

    Masked: sites are filled one by one in a uniformly random order. `conditionals` may then not depend
    on time: ones that differ at 0 and 0.618 are refused. What is still masked at `stop` < 1 is filled
    in one last step. Uniform, or any noise as for `path_law`: the law at time `stop`; with exact posteriors it is the path's, with `conditionals` the
    Kolmogorov equation is integrated to 1e-10, and `stop` must be below 1.

    Returns a law in data's shape and kind, or on one letter more where `prior_size` exceeds S. O(d (S+1)^d)
    operations for masks.

    >>> continuous_law([[0.5, 0.0], [0.0, 0.5]]).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    table, stop = check_table(data), number("stop", stop, 0.0, 1.0)
    letter_count, noise = letters(len(table), prior, prior_size)
    every = states(letter_count, table.ndim)
    if isinstance(prior, str) and prior == "masked":
        targets = timeless(conditionals, table, every, noise)
        total = parallel_step(partly_filled(targets, stop, every, noise), targets, 1.0, every)
        return like(total[(slice(0, len(table)),) * table.ndim], data)
    if conditionals is None:
        return path_law(data, stop, prior=prior, prior_size=prior_size)
    if stop == 1:
        raise ValueError(
            "stop: 1 is given, but a model's rates are infinite there; give a time below 1"
        )

    def slope(time: float, law: np.ndarray) -> np.ndarray:
        return law @ rates(
            table, time, prior=prior, prior_size=prior_size, conditionals=conditionals
        )

    first = start_law(table.ndim, noise)
    if stop == 0:
        return like(first, data)
    path = solve_ivp(slope, (0.0, stop), first.ravel(), "DOP853", rtol=1e-10, atol=1e-12)
    return like(path.y[:, -1].reshape(first.shape), data)


def partly_filled(
    targets: Float[np.ndarray, "n d S"],
    stop: float,
    every: Int64[np.ndarray, "n d"],
    noise: Float[np.ndarray, "A"],
) -> Float[np.ndarray, "..."]:
    """Return the law of what masks have become at time `stop`, if they are filled one at a time.

    It mixes the laws after 0, ..., d fillings: at `stop` their number is binomial, whatever they are.

    >>> half, every = np.full((3, 1, 2), 0.5), states(3, 1)
    >>> partly_filled(half, 0.5, every, np.array([0.0, 0.0, 1.0])).round(12).tolist()
    [0.25, 0.25, 0.5]
    """
    sites, tokens = targets.shape[1:]
    masked = every == tokens
    shares = masked / np.maximum(masked.sum(1, keepdims=True), 1)
    weights = binom.pmf(np.arange(sites + 1), sites, stop)
    law = start_law(sites, noise)
    total = weights[0] * law
    for weight in weights[1:]:
        filled = np.zeros_like(law)
        for site in range(sites):
            added = law.reshape(-1, 1) * shares[:, site, None] * targets[:, site]
            summed = added.reshape(*law.shape, tokens).sum(site)
            filled[(slice(None),) * site + (slice(0, tokens),)] += np.moveaxis(summed, -1, site)
        law = filled
        total = total + weight * law
    return total
