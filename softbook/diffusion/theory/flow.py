"""The first link of discrete flow matching's chain: from a velocity's error to total variation.

Glossary: sites = d, tokens = M (of the state space, a mask among them), velocity = u^i_t(a|x), an array
[M^d, d, M] at each time: state x in C order, site i, token a, the current one included; each vector sums
to 0 and is ≥ 0 off the current token. t0 = `begin`, T = `end`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from softbook.diffusion.theory.chains import (
    Rates,
    check_law,
    check_pieces,
    check_span,
    laws,
    rates_at,
    transformed,
)
from softbook.diffusion.theory.checks import count
from softbook.diffusion.theory.quadrature import quadrature

# As in `chains`: what rounding may move a sum or a sign, as a share of the largest entry.
ROUNDING = 1e-9
# P(a context of probability P is not among n rows) ≤ e^{−nP} ≤ (2e nP)^{−1/2}.
UNSEEN = 1 / math.sqrt(2 * math.e)


@dataclass(frozen=True)
class FlowBound:
    """Three bounds on TV(generated, true): mean ≤ product, and unfactorised.

    Attributes
    ----------
    mean
        ½ ∫ E Σ_i ‖u^i − û^i‖₁ dt under the true path.
    product
        ½ √(d M (T−t0)) √risk.
    unfactorised
        ½ √(M^d (T−t0)) √(∫E‖row‖₂² dt): the same steps for one vector over all M^d states, for contrast.
    risk
        ∫ E Σ_i ‖u^i − û^i‖₂² dt, what the squared loss of training estimates.
    """

    mean: float
    product: float
    unfactorised: float
    risk: float


def states(tokens: int, sites: int) -> Int[np.ndarray, "states sites"]:
    """Return all states in C order.

    >>> states(2, 2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.stack(np.unravel_index(np.arange(tokens**sites), (tokens,) * sites), 1)


def generator(velocity: Float[np.ndarray, "states sites M"]) -> Float[np.ndarray, "states states"]:
    """Return the rate matrix that moves one site at a time with the rates of `velocity`.

    Raises a ValueError if its shape is not (M^d, d, M), a vector does not sum to 0, or a rate to
    another token is negative. O(M^{2d}) memory.

    >>> generator(np.array([[[-1.0, 1.0]], [[0.0, 0.0]]])).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    velocity = np.asarray(velocity, dtype=np.float64)
    if velocity.ndim != 3 or len(velocity) != velocity.shape[2] ** velocity.shape[1]:
        raise ValueError(f"velocity: shape {velocity.shape} is given, but (M^d, d, M) is needed")
    n, sites, tokens = velocity.shape
    now = states(tokens, sites)
    slip = ROUNDING * max(1.0, float(np.abs(velocity).max()))
    away = np.where(now[:, :, None] == np.arange(tokens), 0.0, velocity)
    if not (away.min() >= -slip and np.abs(velocity.sum(2)).max() <= slip * tokens):
        raise ValueError(
            "velocity: vectors that are no rates are given, but those to other tokens have to be ≥ 0 "
            "and each vector has to sum to 0"
        )
    matrix = np.zeros((n, n))
    place = tokens ** np.arange(sites - 1, -1, -1)
    for i in range(sites):
        target = np.arange(n)[:, None] + (np.arange(tokens) - now[:, i, None]) * place[i]
        np.add.at(matrix, (np.arange(n)[:, None], target), velocity[:, i])
    return matrix


def velocity_bound(
    velocity: Rates,
    other: Rates,
    start: ArrayLike,
    *,
    begin: float = 0.0,
    end: float = 1.0,
) -> FlowBound:
    """Return what the error of a velocity can cost in TV, along the path of the true one.

    Parameters
    ----------
    velocity, other
        u and û: functions t -> [M^d, d, M], or pairs (until, array) of constant pieces; both
        integrable on [begin, end] (rates 1/(1−t) need `end` < 1).
    start
        The law [M^d] that both have at `begin`.

    Source: own, theorem "From the velocity's error to the sampler's". Cost: about 29 matrix
    exponentials [M^d, M^d] a panel of time. Integrals are good to about 1e-9, and have added to them
    what a rule of fewer nodes changes. Raises a ValueError for what are no velocities, and one that
    names the time where they cannot be integrated.

    >>> slow, fast = ([(1.0, r * np.array([[[-1.0, 1.0]], [[0.0, 0.0]]]))] for r in (1, 2))
    >>> found = velocity_bound(slow, fast, [1.0, 0.0])
    >>> round(found.mean, 4), round(found.product, 4), round(found.risk, 4)
    (0.6321, 0.7951, 1.2642)
    """
    check_span(begin, end)
    for name, pieces in (("velocity", velocity), ("other", other)):
        if not callable(pieces):
            check_pieces(name, pieces, end)
    chains = [transformed(one, generator) for one in (velocity, other)]
    law = check_law("start", start, len(rates_at(chains[0], begin)))
    size, sites, tokens = np.shape(rates_at(velocity, begin))
    if np.shape(rates_at(other, begin)) != (size, sites, tokens):
        raise ValueError(
            f"other: shape {np.shape(rates_at(other, begin))} is given, "
            f"but velocity's {(size, sites, tokens)} is needed"
        )

    def norms(time: float) -> np.ndarray:
        gap: Any = rates_at(velocity, time) - rates_at(other, time)
        return np.array([np.abs(gap).sum((1, 2)) / 2, (gap**2).sum((1, 2)), _row_squares(gap)])

    # Panels follow the exit rates; both velocities' pieces cut them.
    rule = quadrature(chains, begin, end, [norms])
    walked = laws(chains[0], law, np.array([begin, *rule.times]))[1:]
    values = np.array([norms(t) @ now for t, now in zip(rule.times, walked, strict=True)])
    mean, risk, row = (sum(rule.integral(column)) for column in values.T)
    return FlowBound(
        mean=mean,
        product=math.sqrt(sites * tokens * (end - begin) * risk) / 2,
        unfactorised=math.sqrt(size * (end - begin) * row) / 2,
        risk=risk,
    )


def _row_squares(gap: np.ndarray) -> np.ndarray:
    """Return ‖row‖₂² over all states: jumps to distinct states, and what stays, summed over sites."""
    _, sites, tokens = gap.shape
    here = states(tokens, sites)[:, :, None] == np.arange(tokens)
    stays = np.where(here, gap, 0.0).sum((1, 2))
    return np.where(here, 0.0, gap**2).sum((1, 2)) + stays**2


def tabular_bound(tokens: int, sites: int, samples: int) -> float:
    """Return (√((M−1)/2) + (2e)^{−1/2}) n^{−1/2} Σ_{r<d} M^{r/2}: the mean TV of learning by counting.

    Masked prior, conditionals counted from `samples` = n iid rows given the revealed context (anything
    where it was not seen), one site at a time. The mean is over rows. `parallel_unmasking_bound` adds
    what parallel steps cost. M, d, n ≥ 1.

    Source: own, theorem "From samples to a sampler". O(d).

    >>> round(tabular_bound(3, 3, 300), 3)
    0.473
    """
    tokens, sites = count("tokens", tokens), count("sites", sites)
    contexts = math.fsum(math.sqrt(float(tokens) ** r) for r in range(sites))
    return (math.sqrt((tokens - 1) / 2) + UNSEEN) * contexts / math.sqrt(count("samples", samples))
