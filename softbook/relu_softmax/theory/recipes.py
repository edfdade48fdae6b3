"""Bounds of the recipe: functions of one variable, squares, products, reciprocals (T6 and T7).

Glossary: pieces = K, variation = V (total variation of f'), beta = β.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from softbook.relu_softmax.theory.checks import count, interval, positive, reachable
from softbook.relu_softmax.theory.gap import KAPPA, relu_bound

# A sharpness a few ulp above the formula: rounding does not carry the bound over the error.
ENOUGH = 1 + 2.0**-50


def piecewise_linear_bound(
    beta: float, chord_error: float, variation: float, *, convex: bool = False
) -> float:
    """Return the error of the recipe for a function of one variable (T6).

    Parameters
    ----------
    beta
        Sharpness β > 0.
    chord_error
        ‖f − f_K‖_∞ ≥ 0 of the piecewise linear interpolant.
    variation
        V ≥ 0, the total variation of f'.
    convex
        True where f is convex or concave: then the larger of the two errors bounds their sum.

    >>> piecewise_linear_bound(1.0, 0.5, 0.0)
    0.5
    """
    if not (chord_error >= 0 and variation >= 0):
        raise ValueError(
            f"chord_error, variation: {chord_error!r} and {variation!r} are given, "
            "but numbers of at least 0 are needed"
        )
    softening = variation * relu_bound(beta)
    return max(chord_error, softening) if convex else chord_error + softening


def square_interval(beta: float, pieces: int) -> tuple[float, float]:
    """Return [−4κ/β, 1/K²], which contains `square(x) − x²` for |x| ≤ 1 (T6).

    >>> square_interval(KAPPA, 2)
    (-4.0, 0.25)
    """
    return -4 * relu_bound(beta), 1 / count("pieces", pieces) ** 2


def square_bound(beta: float, pieces: int) -> float:
    """Return max(1/K², 4κ/β) (T6, convex form).

    >>> square_bound(1e9, 10)
    0.01
    """
    low, high = square_interval(beta, pieces)
    return max(-low, high)


def _pieces(chord_error: float) -> int:
    """Return the least K with 1/K² ≤ `chord_error`, as computed."""
    pieces = max(1, math.ceil(1 / math.sqrt(chord_error)))
    return pieces if 1 / pieces**2 <= chord_error else pieces + 1


def square_cost(error: float) -> tuple[int, int, float]:
    """Return (K, heads, β) for which `square_bound` is at most `error`; one layer.

    K = ⌈1/√ε⌉ pieces, K−1 heads of two keys, β = 4κ/ε.

    >>> pieces, heads, beta = square_cost(1e-6)
    >>> pieces, heads, square_bound(beta, pieces) <= 1e-6
    (1000, 999, True)
    """
    pieces = _pieces(reachable(error))
    return pieces, pieces - 1, 4 * KAPPA / error * ENOUGH


def multiply_bound(beta: float, pieces: int) -> float:
    """Return 1/K² + 4κ/β: the error of `multiply` for |x|, |y| ≤ 1 (T6).

    >>> round(multiply_bound(400.0, 16), 5)
    0.00669
    """
    low, high = square_interval(beta, pieces)
    return high - low


def multiply_cost(error: float) -> tuple[int, int, float]:
    """Return (K, heads, β) for which `multiply_bound` is at most `error`.

    K = ⌈√(2/ε)⌉ pieces, 2(K−1) heads, β = 8κ/ε.

    >>> pieces, heads, beta = multiply_cost(1e-3)
    >>> pieces, heads, multiply_bound(beta, pieces) <= 1e-3
    (45, 88, True)
    """
    pieces = _pieces(reachable(error) / 2)
    return pieces, 2 * (pieces - 1), 8 * KAPPA / error * ENOUGH


def reciprocal_knots(low: float, high: float, pieces: int) -> NDArray[np.float64]:
    """Return K+1 knots on [low, high], increasing, equally spaced in x^{−1/2}; 0 < low < high.

    >>> reciprocal_knots(0.25, 1.0, 1).tolist()
    [0.25, 1.0]
    """
    positive("low", low)
    low, high = interval(low, high)
    inner = np.linspace(low**-0.5, high**-0.5, count("pieces", pieces) + 1)[1:-1] ** -2.0
    return np.concatenate([[low], inner, [high]])


def reciprocal_interval(low: float, high: float, beta: float, pieces: int) -> tuple[float, float]:
    """Return [−(κ/β)(a⁻²−b⁻²), ((a^{−1/2}−b^{−1/2})/K)²], which contains `reciprocal(x) − 1/x`.

    >>> round(reciprocal_interval(0.1, 1.0, 1e9, 8)[1], 5)
    0.07305
    """
    positive("low", low)
    low, high = interval(low, high)
    chord = ((low**-0.5 - high**-0.5) / count("pieces", pieces)) ** 2
    # a⁻² − b⁻² as a product: a difference of two infinities would be NaN.
    bend = (1 / low - 1 / high) * (1 / low + 1 / high)
    return -relu_bound(beta) * bend, chord


def reciprocal_bound(low: float, high: float, beta: float, pieces: int) -> float:
    """Return the larger end of `reciprocal_interval` in size.

    >>> round(reciprocal_bound(0.1, 1.0, 1e9, 8), 5)
    0.07305
    """
    below, above = reciprocal_interval(low, high, beta, pieces)
    return max(-below, above)


def soft_square_interval(beta: float, size: float = 1.0) -> tuple[float, float]:
    """Return [−β²z⁴/12, 0] at |z| = size, which contains `soft_square(z) − z²` (T7).

    >>> soft_square_interval(0.5)[1]
    0.0
    """
    return -soft_square_bound(beta, size), 0.0


def soft_square_bound(beta: float, size: float = 1.0) -> float:
    """Return β²z⁴/12 at |z| = size: 0 ≤ z² − S_β(z) ≤ this (T7).

    >>> soft_square_bound(0.3) == 0.3**2 / 12
    True
    """
    # (βz²)² as a product: a power that overflows raises an error, a product is infinite.
    root = positive("beta", beta) * abs(size) * abs(size)
    return root * root / 12


def soft_multiply_bound(beta: float) -> float:
    """Return β²/12: the error of `soft_multiply` for |x|, |y| ≤ 1 (T7).

    >>> round(soft_multiply_bound(0.3), 6)
    0.0075
    """
    return soft_square_bound(beta)
