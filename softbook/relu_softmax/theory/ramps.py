"""Ramps clip_{[a,b]} from anchors, and from two heads (theorem T4 and its neighbour).

Glossary: anchors = p, spacing = h = (b−a)/(p−1), sharpness = c = βh².
"""

from __future__ import annotations

import math

from softbook.relu_softmax.theory.checks import count, interval, positive, reachable
from softbook.relu_softmax.theory.gap import relu_bound

# Below, integrals that are larger than the sums take their place: ∫xe^{−cx²} = 1/(2c), which is above the
# sum by 1/12 (Euler and Maclaurin), and ∫e^{−cx²} = ½√(π/c). They exceed the sums by about 1 in 10⁶ there.
SMALL = 1e-6


def _terms(c: float) -> int:
    # e^{−cm²} underflows beyond cm² = 750.
    return max(2, math.isqrt(int(750 / c)) + 2)


def interior_series(c: float) -> float:
    """Return ½ + Σ_{m≥1} (m+1) e^{−cm²}: the error of a ramp in steps h, anywhere.

    c > 0; cost O(1/√c) terms, at most 27,000. Source: own, theorem T4.

    >>> round(interior_series(1.0), 2), round(interior_series(2.0), 2), interior_series(1e3)
    (1.29, 0.77, 0.5)
    """
    c = positive("c", c)
    if c < SMALL:
        return 0.5 + outside_series(c) + 0.5 * math.sqrt(math.pi / c)
    return 0.5 + math.fsum((m + 1) * math.exp(-c * m * m) for m in range(1, _terms(c)))


def outside_series(c: float) -> float:
    """Return Σ_{m≥1} m e^{−cm²}: the error of a ramp in steps h, outside of [a, b].

    >>> outside_series(1e3)
    0.0
    """
    c = positive("c", c)
    if c < SMALL:
        return 0.5 / c
    return math.fsum(m * math.exp(-c * m * m) for m in range(1, _terms(c)))


def _spacing(low: float, high: float, anchors: int) -> float:
    low, high = interval(low, high)
    return (high - low) / (count("anchors", anchors, 2) - 1)


def ramp_bound(low: float, high: float, anchors: int, sharpness: float) -> float:
    """Return h(½ + Σ(m+1)e^{−cm²}): the error of `anchor_ramp` for every real input (T4).

    >>> ramp_bound(0.0, 1.0, 11, 1e3)
    0.05
    """
    return _spacing(low, high, anchors) * interior_series(sharpness)


def ramp_outside_bound(low: float, high: float, anchors: int, sharpness: float) -> float:
    """Return hΣ m e^{−cm²}: the error of `anchor_ramp` for inputs outside of [low, high] (T4).

    >>> ramp_outside_bound(0.0, 1.0, 11, 1e3)
    0.0
    """
    return _spacing(low, high, anchors) * outside_series(sharpness)


def two_head_ramp_bound(beta: float) -> float:
    """Return κ/β: a + relu(s−a) − relu(s−b) by two heads (difference of two gaps in [0, κ/β]).

    >>> two_head_ramp_bound(1.0) == relu_bound(1.0)
    True
    """
    return relu_bound(beta)


def anchors_for(error: float, low: float, high: float, sharpness: float) -> int:
    """Return the number of anchors for which `ramp_bound` is at most `error`.

    >>> p = anchors_for(0.05, 0.0, 1.0, 10.0)
    >>> ramp_bound(0.0, 1.0, p, 10.0) <= 0.05 < ramp_bound(0.0, 1.0, p - 1, 10.0)
    True
    """
    low, high = interval(low, high)
    steps = (high - low) * interior_series(sharpness) / reachable(error)
    if not math.isfinite(steps):
        raise ValueError(f"error: {error!r} is given, which no finite number of anchors reaches")
    return max(2, math.ceil(steps) + 1)
