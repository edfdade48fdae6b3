"""Bounds on the total variation between a sampler's law and the data, with every constant written out.

Glossary: sites = d, tokens = S, steps = K, grid = t_0 < ... < t_K in flow time (0 noise, 1 data),
h_k = t_k − t_{k−1}. A bound may exceed 1: then it says nothing. No bound here is cut off at 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import digamma
from scipy.stats import binom

from softbook.diffusion.theory.checks import count, grid_of_steps, number, one_of

FORMS = ("pairs", "birthday", "bins")


def parallel_unmasking_bound(
    sites: int, steps: int, *, form: str = "pairs", grid: Any | None = None
) -> float:
    """Return what unmasking several sites at a time can cost: TV(parallel, one at a time).

    The masked sampler in `steps` steps unmasks the sites with independent coins. Only sites that share
    a step are drawn from a context that is too old. Neither tokens nor logarithms enter.

    Parameters
    ----------
    sites, steps
        d ≥ 1 and K ≥ 1.
    form
        "birthday": P(two sites share a step) = 1 − d! e_d(h_1, ..., h_K), the sharpest;
        "bins": the mean number of sites that share a step with an earlier one, d − Σ(1 − (1−h_k)^d);
        "pairs": the mean number of pairs that share a step, C(d,2) Σh_k². Each is at most the next.
        All three bound the distance to the data with exact conditionals; with learned ones, that to
        the one-at-a-time sampler with the same conditionals, if these do not depend on time.
    grid
        K + 1 times from 0 (default: uniform). Where it ends before 1, the sampler stops there.

    Source: own, theorem "Parallel unmasking". Cost: O(d) on the uniform grid, O(Kd) otherwise.
    Raises a ValueError or TypeError for arguments other than these.

    >>> parallel_unmasking_bound(3, 8)
    0.375
    >>> parallel_unmasking_bound(3, 8, form="birthday")
    0.34375
    """
    sites, form = count("sites", sites), one_of("form", form, FORMS)
    times = grid_of_steps(steps, grid, end=None) if grid is not None else None
    if form == "birthday":
        return _birthday(sites, count("steps", steps)) if times is None else _shared(sites, times)
    if form == "pairs":
        squares = 1 / count("steps", steps) if times is None else float((np.diff(times) ** 2).sum())
        return math.comb(sites, 2) * squares
    widths, many = (
        (np.array([1 / count("steps", steps)]), steps) if times is None else _widths(times)
    )
    with np.errstate(divide="ignore"):
        # d h − 1 + (1−h)^d, the mean of max(0, sites in the cell − 1), without cancelling 1 − 1.
        excess = sites * widths + np.expm1(sites * np.log1p(-widths))
    return float(many * excess.sum())


def _widths(times: np.ndarray) -> tuple[np.ndarray, int]:
    return np.minimum(np.diff(times), 1.0), 1


def _birthday(sites: int, steps: int) -> float:
    """Return 1 − K!/((K−d)! K^d), by logarithms: it is right to its last digits where it is small."""
    if sites > steps:
        return 1.0
    # Not −expm1: one site would cost −0.0.
    return float(0.0 - np.expm1(np.log1p(-np.arange(sites) / steps).sum()))


def _shared(sites: int, times: np.ndarray) -> float:
    """Return P(two of d iid uniform times lie in one cell of the grid); beyond its end they may."""
    end = float(times[-1])
    # apart[m]: m iid times on [0, end] lie in distinct ones of the cells seen so far.
    apart = np.zeros(sites + 1)
    apart[0] = 1.0
    rank = np.arange(1, sites + 1)
    for width in np.diff(times) / end:
        apart[1:] = apart[1:] + rank * width * apart[:-1]
    weights = binom.pmf(np.arange(sites + 1), sites, end)
    return max(0.0, float(1 - weights @ apart))


def harmonic(n: int) -> float:
    """Return H_n = 1 + 1/2 + ... + 1/n, and 0 for n = 0; O(1).

    >>> harmonic(0), round(harmonic(4), 12)
    (0.0, 2.083333333333)
    """
    return float(digamma(n + 1) + np.euler_gamma) if count("n", n, 0) else 0.0


def uniform_bound(
    sites: int, tokens: float, steps: int, *, form: str = "harmonic", grid: Any | None = None
) -> float:
    """Return (1 − 1/S) (3 d² H_{K−1}/(2K) + d/K): TV(sampler, data) for the uniform prior.

    Any data, exact posteriors, all sites moved at a time in each of `steps` steps.

    Parameters
    ----------
    sites, tokens, steps
        d ≥ 1; S ≥ 1 tokens of the prior, `math.inf` for their limit; K ≥ 1.
    form
        "harmonic", or "integral": the same proof with ∫(s−t_{k−1})/(1−s) ds as it is instead of
        h_k²/(2(1−t_k)). The integral form is smaller.
    grid
        K + 1 times from 0 (default: uniform). If it ends at 1, the last step costs d h_K (1 − 1/S).

    Source: own, theorem "Uniform prior". O(1) on the uniform grid in the harmonic form, else O(K).

    >>> round(uniform_bound(2, 4, 512), 4)
    0.0628
    """
    sites, form = count("sites", sites), one_of("form", form, ("harmonic", "integral"))
    moved = 1 - 1 / number("tokens", tokens, low=1)
    if grid is None and form == "harmonic":
        steps = count("steps", steps)
        return moved * (3 * sites**2 * harmonic(steps - 1) / 2 + sites) / steps
    times = grid_of_steps(steps, grid, end=None)
    last = sites * (times[-1] - times[-2]) if times[-1] == 1 else 0.0
    inner = times[:-1] if times[-1] == 1 else times
    before, after, widths = inner[:-1], inner[1:], np.diff(inner)
    if form == "harmonic":
        drift = widths**2 / (2 * (1 - after))
    else:
        # (1−a) log((1−a)/(1−b)) − (b−a), whose two terms cancel where the step is short.
        share = widths / (1 - before)
        drift = (1 - before) * _log_rest(share)
    return float(moved * (3 * sites**2 * drift.sum() + last))


def _log_rest(x: np.ndarray) -> np.ndarray:
    """Return −log(1−x) − x for x in [0, 1), by its series where x is small."""
    small = x < 1e-2
    powers = np.arange(2, 12)
    series = (np.where(small, x, 0.0)[:, None] ** powers / powers).sum(1)
    return np.where(small, series, -np.log1p(-np.where(small, 0.0, x)) - x)


def start_bound(sites: int, tokens: float | None, time: float) -> float:
    """Return what it costs to start from the prior at flow time `time` instead of at 0.

    1 − (1 − (1−1/S)t)^d for a uniform prior on `tokens` = S tokens; with None the masked prior's
    1 − (1−t)^d, which is exact. With noise of rate 1 up to time T, t = e^{−T}.
    Source: own, theorem "Starting late". 0 ≤ time ≤ 1.

    >>> start_bound(2, 2, 0.5), start_bound(2, None, 0.5)
    (0.4375, 0.75)
    """
    sites, time = count("sites", sites), number("time", time, 0, 1)
    return _some_site(sites, time * _moved(tokens))


def stop_bound(sites: int, time: float, tokens: float | None = None) -> float:
    """Return what it costs to stop at flow time `time`: TV(law at that time, data).

    Masked prior (`tokens` None): exactly 1 − t^d, masks counted as wrong; whatever fills them in costs
    at most this. Uniform prior on `tokens` = S tokens: at most 1 − (t + (1−t)/S)^d.
    Source: own, theorem "Stopping early". 0 ≤ time ≤ 1.

    >>> stop_bound(2, 0.5), stop_bound(2, 0.5, tokens=2)
    (0.75, 0.4375)
    """
    sites, time = count("sites", sites), number("time", time, 0, 1)
    return _some_site(sites, (1 - time) * _moved(tokens))


def _moved(tokens: float | None) -> float:
    """Return the chance that noise changes a token: 1 for a mask, 1 − 1/S for one of S tokens."""
    return 1.0 if tokens is None else 1 - 1 / number("tokens", tokens, low=1)


def _some_site(sites: int, chance: float) -> float:
    """Return 1 − (1−chance)^d without cancellation."""
    return 1.0 if chance >= 1 else -math.expm1(sites * math.log1p(-chance))


def pinsker_bound(divergence: float) -> float:
    """Return √(KL/2), what a Kullback–Leibler divergence promises about TV: ∞ where it is infinite.

    `divergence` in nats, ≥ 0 or ∞. Source: Pinsker's inequality.

    >>> pinsker_bound(0.5), pinsker_bound(math.inf)
    (0.5, inf)
    """
    return math.sqrt(number("divergence", divergence, low=0) / 2)


def entrywise_bound(sites: int, tokens: int, largest: float) -> float:
    """Return d S max|p − p̂|/2: the same path bound, if only the largest entry's error is known.

    Masked prior. It grows with the vocabulary, since a row of S entries is summed by its largest.
    `largest`: the greatest |p^i(a|x) − p̂^i(a|x)|, in [0, 1].

    >>> entrywise_bound(3, 1000, 0.01)
    15.0
    """
    largest = number("largest", largest, 0, 1)
    return count("sites", sites) * count("tokens", tokens) * largest / 2
