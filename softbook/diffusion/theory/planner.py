"""How many steps a tolerance needs."""

from __future__ import annotations

import math
from collections.abc import Callable

from softbook.diffusion.theory.bounds import parallel_unmasking_bound, uniform_bound
from softbook.diffusion.theory.checks import PRIORS, count, number, one_of

# Doubling ends here: 2^60 steps are none that anybody takes.
MOST = 2**60


def steps_needed(
    tolerance: float,
    sites: int,
    *,
    prior: str = "masked",
    tokens: float | None = None,
    score_error: float = 0.0,
) -> int:
    """Return the least number of steps for which the bound promises TV(sampler, data) ≤ `tolerance`.

    Parameters
    ----------
    tolerance
        The total variation allowed, above 0.
    sites
        d ≥ 1.
    prior
        "masked" (birthday form of `parallel_unmasking_bound`) or "uniform" (`uniform_bound`).
    tokens
        Tokens of a uniform prior, at least 1; None promises it for every number of them. The masked
        prior's answer does not depend on it.
    score_error
        What the learned conditionals cost in TV, as `error_budget` estimates it, ≥ 0.

    Raises
    ------
    ValueError, TypeError
        If `score_error` leaves nothing of the tolerance, if more than 2^60 steps are needed, or for
        arguments other than these.

    Source: own, theorems "Parallel unmasking" and "Uniform prior". O(d log K).

    >>> steps_needed(0.1, 64), steps_needed(0.1, 64, score_error=0.05)
    (19156, 39325)
    >>> steps_needed(0.1, 64, score_error=0.2)
    Traceback (most recent call last):
    ...
    ValueError: score_error: 0.2 is given, which alone exceeds the tolerance of 0.1
    """
    if not number("tolerance", tolerance) > 0:
        raise ValueError(f"tolerance: {tolerance} is given, but a number above 0 is needed")
    sites, prior = count("sites", sites), one_of("prior", prior, PRIORS)
    size = math.inf if tokens is None else number("tokens", tokens, low=1)
    left = tolerance - number("score_error", score_error, low=0)
    if not left >= 0:
        raise ValueError(
            f"score_error: {score_error:g} is given, which alone exceeds the tolerance of {tolerance:g}"
        )
    if left >= 1:
        return 1

    def cost(steps: int) -> float:
        if prior == "masked":
            return parallel_unmasking_bound(sites, steps, form="birthday")
        return uniform_bound(sites, size, steps)

    # The uniform prior's bound may rise from one step to two; from there on neither bound rises.
    return 1 if cost(1) <= left else _least(cost, left, tolerance)


def _least(cost: Callable[[int], float], left: float, tolerance: float) -> int:
    high = 2
    while cost(high) > left:
        high *= 2
        if high > MOST:
            raise ValueError(
                f"tolerance: {tolerance:g} is given, which leaves {left:g} for the steps: "
                "more than 2^60 of them are needed"
            )
    low = 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) > left else (low, middle)
    return high
