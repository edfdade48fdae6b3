"""The gap between a ReLU and a softmax head of two keys (theorems T1 and T1' of the chapter).

Glossary: z = pre-activation, beta = β sharpness, KAPPA = κ = W(1/e), self_score = λ.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, lambertw

from softbook.relu_softmax.theory.checks import count, number, positive

KAPPA: float = float(lambertw(math.exp(-1)).real)
"""κ = W(1/e) = 0.2784645…: the supremum of u/(1+e^u), attained at u = 1+κ."""


def swish(z: ArrayLike, beta: float) -> NDArray[np.float64]:
    """Return z σ(βz): the closed form of the two-key head. z has any shape; β > 0.

    >>> float(swish(0.0, 3.0))
    0.0
    """
    z = np.asarray(z, dtype=np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(z * expit(positive("beta", beta) * z))


def gap(z: ArrayLike, beta: float) -> NDArray[np.float64]:
    """Return relu(z) − z σ(βz) = |z|/(1+e^{β|z|}), computed without cancellation.

    Source: own, theorem "Two keys make a ReLU"; z has any shape.

    >>> float(gap((1 + KAPPA) / 5.0, 5.0) * 5.0 - KAPPA) < 1e-15
    True
    """
    size = np.abs(np.asarray(z, dtype=np.float64))
    with np.errstate(over="ignore"):
        return np.asarray(size * expit(-positive("beta", beta) * size))


def gap_envelope(u: ArrayLike) -> NDArray[np.float64]:
    """Return φ(u) = max over v ≥ u of v σ(−v): κ up to u = 1+κ, u σ(−u) beyond; decreasing.

    Source: own, theorem "A certificate for one input"; u ≥ 0 of any shape.

    >>> gap_envelope([0.0, 1.0, 50.0]).round(4).tolist()
    [0.2785, 0.2785, 0.0]
    """
    # From u = 746 on σ(−u) is 0; beyond the limit, inf · 0 would be NaN.
    u = np.minimum(np.asarray(u, dtype=np.float64), 1e3)
    return np.where(u <= 1 + KAPPA, KAPPA, u * expit(-u))


def relu_bound(beta: float) -> float:
    """Return κ/β, the largest gap of the two-key head (T1); met at β|z| = 1+κ.

    >>> relu_bound(2.0) == KAPPA / 2
    True
    """
    return KAPPA / positive("beta", beta)


def unmasked_bound(beta: float, tokens: int, self_score: float, size: float) -> float:
    """Return κ/β + 2Z(n−1)e^{−λ}: the error of a head that sees n tokens and a sink (T1').

    Parameters
    ----------
    beta
        Sharpness β > 0.
    tokens
        n ≥ 2 data tokens.
    self_score
        λ, any real number: the score of a token for itself.
    size
        Z > 0 with |z_j| ≤ Z for all tokens.

    >>> unmasked_bound(1.0, 2, 800.0, 1.0) == KAPPA
    True
    """
    others = count("tokens", tokens, 2) - 1
    if not math.isfinite(number("self_score", self_score)):
        raise ValueError(f"self_score: {self_score!r} is given, but a finite number is needed")
    # Beyond 700 the exponential overflows; the bound is then infinite in practice.
    leak = math.exp(-self_score) if self_score > -700 else math.inf
    return relu_bound(beta) + 2 * others * leak * positive("size", size)


def unmasked_score(beta: float, tokens: int, size: float) -> float:
    """Return λ = log(2Z(n−1)β/κ), at which the leak equals the gap and the bound is 2κ/β (T1').

    >>> score = unmasked_score(10.0, 5, 2.0)
    >>> round(unmasked_bound(10.0, 5, score, 2.0) / relu_bound(10.0), 12)
    2.0
    """
    others = count("tokens", tokens, 2) - 1
    # A sum of logarithms, since the product may overflow.
    size, beta = positive("size", size), positive("beta", beta)
    return math.log(2 * others / KAPPA) + math.log(size) + math.log(beta)
