"""The maximum of n numbers by one head (theorem T5)."""

from __future__ import annotations

import math

from scipy.special import lambertw

from softbook.relu_softmax.theory.checks import count, positive


def maximum_bound(n: int, beta: float) -> float:
    """Return W((n−1)/e)/β, the exact largest error of max by softmax; at most log(n)/β.

    Parameters
    ----------
    n
        Number of entries, n ≥ 1 (0 error for a single one).
    beta
        Sharpness β > 0.

    Source: own, theorem T5 of the chapter. Met where one entry is the maximum and all others lie
    (1+W((n−1)/e))/β below it.

    >>> [round(maximum_bound(n, 1.0), 4) for n in (2, 3, 10, 100)]
    [0.2785, 0.4631, 1.101, 2.6286]
    """
    omega = float(lambertw((count("n", n) - 1) / math.e).real)
    return omega / positive("beta", beta)
