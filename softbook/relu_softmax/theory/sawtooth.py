"""Squares by composed teeth (Yarotsky 2017, translated): depth instead of width."""

from __future__ import annotations

import math

from softbook.relu_softmax.theory.checks import count, reachable
from softbook.relu_softmax.theory.gap import KAPPA, relu_bound


def _softening(beta: float, levels: int) -> float:
    terms = math.fsum(2.0**-s - 4.0**-s for s in range(1, count("levels", levels) + 1))
    return 4 * terms * relu_bound(beta)


def sawtooth_interval(beta: float, levels: int) -> tuple[float, float]:
    """Return [−S, 4^{−(m+1)} + S], which contains `sawtooth_square(x) − x²` on [0, 1].

    S = (4κ/β) Σ_{s≤m} (2^s−1)/4^s is the softening; the chords lie above the parabola.

    >>> low, high = sawtooth_interval(1e6, 4)
    >>> high == sawtooth_bound(1e6, 4) and round(high + low, 12) == 4.0**-5
    True
    """
    soft = _softening(beta, levels)
    return -soft, 4.0 ** -(levels + 1) + soft


def sawtooth_bound(beta: float, levels: int) -> float:
    """Return 4^{−(m+1)} + Σ_{s≤m} 4κ(2^s−1)/(4^s β): the error of `sawtooth_square` on [0, 1].

    At most 4^{−(m+1)} + (8/3)κ/β for every number m ≥ 1 of levels. Source: own proof in the chapter,
    for the construction of Yarotsky (2017), proposition 2.

    >>> sawtooth_bound(1e300, 4) == 4.0**-5
    True
    """
    return sawtooth_interval(beta, levels)[1]


def sawtooth_multiply_bound(beta: float, levels: int) -> float:
    """Return 4^{−(m+1)} + 2S + 4κ/β: the error of `sawtooth_multiply` for |x|, |y| ≤ 1.

    Each square, with its soft absolute value, errs by a number in [−S − 4κ/β, 4^{−(m+1)} + S], since
    soft |t| ≤ |t|. The difference of two numbers in one interval is at most its length. So the
    exact ReLU form loses 4^{−(m+1)}, not twice that.

    >>> sawtooth_multiply_bound(1e300, 4) == 4.0**-5
    True
    """
    low, high = sawtooth_interval(beta, levels)
    return high - low + 4 * relu_bound(beta)


def sawtooth_cost(error: float) -> tuple[int, int, float]:
    """Return (m, heads, β) for which `sawtooth_bound` is at most `error`; m = layers.

    4^{−(m+1)} ≤ ε/2 and (8/3)κ/β = ε/2: O(log 1/ε) layers of three heads.

    >>> levels, heads, beta = sawtooth_cost(1e-6)
    >>> levels, heads, sawtooth_bound(beta, levels) <= 1e-6
    (10, 30, True)
    """
    error = reachable(error)
    levels = max(1, math.ceil(math.log(2 / error, 4)) - 1)
    return levels, 3 * levels, 16 * KAPPA / (3 * error)


def sawtooth_size(levels: int) -> tuple[int, int]:
    """Return (layers, heads) of `sawtooth_square`: m layers of three heads.

    >>> sawtooth_size(5)
    (5, 15)
    """
    return count("levels", levels), 3 * levels
