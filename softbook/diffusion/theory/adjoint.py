"""The adjoint (Duhamel) identity: what two chains differ by, term by term along time.

Glossary: X has rates Q (`rates`), Y has rates Q̂ (`other`), f is the observable, T = `end`,
u_t(x) = E[f(X_T) | X_t = x], v_t(x) = E[f(Y_T) | Y_t = x].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from softbook.diffusion.theory.chains import (
    Rates,
    adjoint,
    check_law,
    check_observable,
    check_pair,
    laws,
    rates_at,
)
from softbook.diffusion.theory.checks import one_of
from softbook.diffusion.theory.quadrature import quadrature

PATHS = ("other", "rates")


@dataclass(frozen=True)
class Duhamel:
    """Both sides of the identity left = initial + Σ weights · terms.

    Attributes
    ----------
    left
        E f(Y_T) − E f(X_T), from the two laws at T.
    initial
        The same difference for u_0 (or v_0) at time 0; zero for equal starts.
    times, weights, terms
        Nodes of the integral over time, and its integrand there (for kernels: steps, ones, terms).
    oscillations
        max − min of the adjoint at those times: what the future still depends on.
    error
        What the quadrature may be off by: the change to a rule of fewer nodes.
    """

    left: float
    initial: float
    times: Float[np.ndarray, "m"]
    weights: Float[np.ndarray, "m"]
    terms: Float[np.ndarray, "m"]
    oscillations: Float[np.ndarray, "m"]
    error: float

    @property
    def integral(self) -> float:
        """Σ weights · terms, the share of the rates in the difference."""
        return float(self.weights @ self.terms)

    @property
    def gap(self) -> float:
        """Left minus right: 0 but for rounding, the integrator's and the quadrature's error."""
        return self.left - (self.initial + self.integral)


def adjoint_identity(
    rates: Rates,
    other: Rates,
    start: ArrayLike,
    f: ArrayLike,
    *,
    other_start: ArrayLike | None = None,
    end: float = 1.0,
    path: str = "other",
) -> Duhamel:
    """Return E f(Y_T) − E f(X_T) and what it is made of.

    path="other": [E u_0(Y_0) − E u_0(X_0)] + ∫₀ᵀ E[((Q̂_t − Q_t) u_t)(Y_t)] dt, path of Y, adjoint of X.
    path="rates": [E v_0(Y_0) − E v_0(X_0)] + ∫₀ᵀ E[((Q̂_t − Q_t) v_t)(X_t)] dt, path of X, adjoint of Y.

    Parameters
    ----------
    rates, other
        Q and Q̂: functions t -> [n, n], or pairs (until, matrix) of constant pieces. Integrable
        on [0, end]: rates 1/(1−t) need `end` < 1.
    end
        T, above 0. Functions of time are integrated to about 1e-9; a jump of theirs that lasts less than
        a hundredth of T may go unseen.
    start, other_start
        Laws [n] of X_0 and of Y_0 (default: the same).
    f
        The observable, [n].

    Source: own, theorem "The adjoint identity". Cost: about 60 matrix exponentials a panel of time.
    Raises a ValueError for what are no rates, laws, time or finite observable, and one that names the
    time where rates cannot be integrated.

    >>> slow, fast = ([(1.0, r * np.array([[-1.0, 1.0], [0.0, 0.0]]))] for r in (1, 2))
    >>> found = adjoint_identity(slow, fast, [1.0, 0.0], [1.0, 0.0])
    >>> round(found.left, 4), abs(found.gap) < 1e-14
    (-0.2325, True)
    """
    one_of("path", path, PATHS)
    rates, other, states = check_pair(rates, other, end)
    start = check_law("start", start, states)
    moved = start if other_start is None else check_law("other_start", other_start, states)
    values = check_observable(f, states)
    walker, looker = (other, rates) if path == "other" else (rates, other)
    first, second = (moved, start) if path == "other" else (start, moved)

    def gap(time: float) -> np.ndarray:
        return rates_at(other, time) - rates_at(rates, time)

    rule = quadrature([rates, other], 0.0, end, [gap])
    whole = np.array([0.0, *rule.times, end])
    law, u = laws(walker, first, whole), adjoint(looker, values, whole)
    terms = np.array(
        [nu @ (gap(t) @ w) for t, nu, w in zip(rule.times, law[1:-1], u[1:-1], strict=True)]
    )
    # A function of time is followed through all nodes, lest a short jump be stepped over.
    last = laws(looker, second, whole if callable(looker) else [0.0, end])[-1]
    fine = rule.weights > 0
    return Duhamel(
        left=float((law[-1] - last) @ values) * (1 if path == "other" else -1),
        initial=float((moved - start) @ u[0]),
        times=rule.times[fine],
        weights=rule.weights[fine],
        terms=terms[fine],
        oscillations=np.ptp(u[1:-1], axis=1)[fine],
        error=rule.integral(terms)[1],
    )


def telescoped_identity(
    kernels: Sequence[ArrayLike] | np.ndarray,
    others: Sequence[ArrayLike] | np.ndarray,
    start: ArrayLike,
    f: ArrayLike,
    *,
    other_start: ArrayLike | None = None,
    path: str = "other",
) -> Duhamel:
    """Return the identity for chains in discrete time: a sum over steps instead of an integral.

    path="other": E f(Y_K) − E f(X_K) = (ν_0 − μ_0)u_0 + Σ_k ν_k (P̂_k − P_k) u_{k+1}, ν_k the law of Y_k
    and u_k = P_k ⋯ P_{K−1} f; path="rates" exchanges the roles, μ_k and v_{k+1} = P̂_{k+1} ⋯ f.

    Parameters
    ----------
    kernels, others
        Transition matrices P_k and P̂_k, [n, n] each, equally many.
    start, other_start, f
        Laws [n] of X_0 and Y_0 (default: the same), observable [n].

    Source: own, theorem "The adjoint identity". O(K n²).

    >>> stay, swap = np.eye(2), np.eye(2)[::-1]
    >>> found = telescoped_identity([stay, stay], [stay, swap], [1.0, 0.0], [1.0, 0.0])
    >>> found.left, found.terms.tolist()
    (-1.0, [0.0, -1.0])
    """
    one_of("path", path, PATHS)
    if len(kernels) != len(others):
        raise ValueError(
            f"others: {len(others)} kernels are given, but {len(kernels)} are needed, as in kernels"
        )
    start = check_law("start", start)
    moved = start if other_start is None else check_law("other_start", other_start, len(start))
    pairs = [
        (np.asarray(p, float), np.asarray(q, float)) for p, q in zip(kernels, others, strict=True)
    ]
    laws_x, laws_y = [start], [moved]
    for p, q in pairs:
        laws_x.append(laws_x[-1] @ p)
        laws_y.append(laws_y[-1] @ q)
    values = check_observable(f, len(start))
    u = [values]
    for p, q in reversed(pairs):
        u.append((p if path == "other" else q) @ u[-1])
    u = u[::-1]
    walked = laws_y if path == "other" else laws_x
    terms = [
        law @ ((q - p) @ after) for law, (p, q), after in zip(walked, pairs, u[1:], strict=False)
    ]
    return Duhamel(
        left=float((laws_y[-1] - laws_x[-1]) @ values),
        initial=float((moved - start) @ u[0]),
        times=np.arange(len(pairs), dtype=np.float64),
        weights=np.ones(len(pairs)),
        terms=np.array(terms, dtype=np.float64),
        oscillations=np.array([np.ptp(after) for after in u[1:]], dtype=np.float64),
        error=0.0,
    )
