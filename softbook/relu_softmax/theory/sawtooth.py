"""Squares by composed teeth (Yarotsky 2017, translated): depth instead of width."""

from __future__ import annotations

import math

from softbook.relu_softmax.theory.checks import count
from softbook.relu_softmax.theory.gap import relu_bound


def sawtooth_bound(beta: float, levels: int) -> float:
    """Return 4^{−(m+1)} + Σ_{s≤m} 4κ(2^s−1)/(4^s β): the error of `sawtooth_square` on [0, 1].

    At most 4^{−(m+1)} + (8/3)κ/β for every number m ≥ 1 of levels. Source: own proof in the chapter,
    for the construction of Yarotsky (2017), proposition 2.

    >>> sawtooth_bound(1e300, 4) == 4.0**-5
    True
    """
    count("levels", levels)
    soft = math.fsum(4 * (2.0**s - 1) / 4.0**s for s in range(1, levels + 1))
    return 4.0 ** -(levels + 1) + soft * relu_bound(beta)


def sawtooth_multiply_bound(beta: float, levels: int) -> float:
    """Return the error of `sawtooth_multiply` for |x|, |y| ≤ 1: 2(sawtooth_bound + 4κ/β).

    Each square is made of the soft absolute value, which costs 4κ/β (slope of t² at most 2, soft
    |t| within 2κ/β).

    >>> sawtooth_multiply_bound(1e300, 4) == 2 * 4.0**-5
    True
    """
    return 2 * (sawtooth_bound(beta, levels) + 4 * relu_bound(beta))


def sawtooth_size(levels: int) -> tuple[int, int]:
    """Return (layers, heads) of `sawtooth_square`: m layers of three heads.

    >>> sawtooth_size(5)
    (5, 15)
    """
    return count("levels", levels), 3 * levels
