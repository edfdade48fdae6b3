"""Certain bounds on a supremum, by interval arithmetic and bisection."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any

from mpmath import iv


def enclose_supremum(
    function: Callable[[Any], Any],
    low: float,
    high: float,
    width: float = 1e-9,
    pieces: int = 100_000,
) -> tuple[float, float]:
    """Enclose the supremum of `function` on [low, high] in an interval of at most `width`.

    Parameters
    ----------
    function
        From an `mpmath.iv` interval to an interval that contains all values on it.
    low, high
        Ends of the domain.
    width
        Width at which the search stops, above 0.
    pieces
        Most pieces into which the domain is cut.

    Returns
    -------
    tuple of float
        (a, b) with a <= supremum <= b; every rounding is outward. It is wider than `width`, and as
        certain, where `pieces` or the precision of floats do not suffice.

    Raises
    ------
    ValueError
        If not low < high or width > 0, or if `function` returns NaN.

    Notes
    -----
    Best-first bisection: the piece with the greatest upper end is split until that end is within
    `width` of the greatest value attained at an end or a midpoint; two evaluations and O(log pieces) a
    piece. Source: Moore, Kearfott and Cloud,
    *Introduction to Interval Analysis*, ch. 5.

    >>> low, high = enclose_supremum(lambda t: t * (1 - t), 0.0, 1.0, 1e-6)
    >>> low <= 0.25 <= high and high - low <= 1e-6
    True
    """
    if not low < high:
        raise ValueError(f"low, high: {low} and {high} are given, but low < high is needed")
    if not width > 0:
        raise ValueError(f"width: {width} is given, but a number above 0 is needed")
    attained = max(_downward(function(iv.mpf(end)).a) for end in (low, high))
    heap: list[tuple[float, float, float]] = []

    def push(a: float, b: float) -> None:
        nonlocal attained
        attained = max(attained, _downward(function(iv.mpf((a + b) / 2)).a))
        heapq.heappush(heap, (-_upward(function(iv.mpf([a, b])).b), a, b))

    push(low, high)
    while -heap[0][0] - attained > width and len(heap) < pieces:
        _, a, b = heap[0]
        middle = (a + b) / 2
        if not a < middle < b:
            break
        heapq.heappop(heap)
        push(a, middle)
        push(middle, b)
    return attained, -heap[0][0]


def _upward(end: Any) -> float:
    """Round the end of an interval up to a float."""
    return math.nextafter(_number(end), math.inf)


def _downward(end: Any) -> float:
    """Round the end of an interval down to a float."""
    return math.nextafter(_number(end), -math.inf)


def _number(end: Any) -> float:
    if math.isnan(number := float(end)):
        raise ValueError("function: it returned NaN, but an interval of numbers is needed")
    return number
