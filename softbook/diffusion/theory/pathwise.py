"""Bounds on two chains' laws from their rates: B (any observable), B' (relative entropy), Girsanov.

Glossary: X has rates Q (`rates`), Y has rates Q̂ (`other`); Z is the path along which means are taken:
Y for path="other", X for path="rates". All return total variation; for an observable f multiply by
osc(f) = max f − min f. Integrals over time have added to them what a rule of fewer nodes changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from softbook.diffusion.theory.adjoint import PATHS
from softbook.diffusion.theory.bounds import pinsker_bound
from softbook.diffusion.theory.chains import (
    Matrix,
    Rates,
    check_law,
    check_pair,
    laws,
    rates_at,
)
from softbook.diffusion.theory.checks import one_of
from softbook.diffusion.theory.quadrature import Rule, quadrature


def row_gaps(Q: Matrix, other: Matrix, *, diagonal: bool = True) -> Float[np.ndarray, "n"]:
    """Return ½‖Q̂(x,·) − Q(x,·)‖₁ of each row, its diagonal included.

    It equals max(P, N), P and N the sums of what grows and of what shrinks off the diagonal.
    diagonal=False: P + N, which is at least that and needs no diagonal. O(n²).

    >>> Q, other = np.array([[-1.0, 1.0], [0.0, 0.0]]), np.array([[-3.0, 3.0], [0.0, 0.0]])
    >>> row_gaps(Q, other).tolist()
    [2.0, 0.0]
    """
    gap = np.abs(np.asarray(other) - np.asarray(Q))
    return gap.sum(1) / 2 if diagonal else gap.sum(1) - gap.diagonal()


def row_divergences(Q: Matrix, other: Matrix) -> Float[np.ndarray, "n"]:
    """Return Σ_{y≠x} D(Q̂(x,y)‖Q(x,y)), D(a‖b) = a log(a/b) − a + b; ∞ where b = 0 < a. O(n²).

    >>> Q, other = np.array([[-1.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [2.0, -2.0]])
    >>> row_divergences(Q, other).tolist()
    [1.0, inf]
    """
    a, b = (np.array(matrix, dtype=np.float64) for matrix in (other, Q))
    for matrix in (a, b):
        np.fill_diagonal(matrix, 0.0)
    a, b = np.maximum(a, 0.0), np.maximum(b, 0.0)
    # Rounding may push a sum of tiny terms below zero.
    return np.maximum((rel_entr(a, b) - a + b).sum(1), 0.0)


RowFunction = Callable[[Matrix, Matrix], np.ndarray]


class _Walk(NamedTuple):
    """Two chains, the laws of the path along which means are taken, and the nodes of time."""

    rates: Rates
    other: Rates
    start: np.ndarray
    moved: np.ndarray
    rule: Rule
    law: np.ndarray

    def mean(self, function: RowFunction) -> float:
        """Return ∫ E[function(Q_t, Q̂_t)(Z_t)] dt, plus what a rule of fewer nodes changes of it.

        A state of probability 0 counts nothing.
        """
        values = []
        for t, law in zip(self.rule.times, self.law, strict=True):
            rows = function(rates_at(self.rates, t), rates_at(self.other, t))
            visited = law > 0
            values.append(float(law[visited] @ rows[visited]))
        return sum(self.rule.integral(np.array(values)))

    def initial(self) -> float:
        """Return TV(Y_0, X_0)."""
        return float(np.abs(self.moved - self.start).sum()) / 2


def _walk(
    rates: Rates,
    other: Rates,
    start: ArrayLike,
    other_start: ArrayLike | None,
    end: float,
    path: str,
    functions: Sequence[RowFunction],
) -> _Walk:
    """Return the walk along which the means of `functions` are taken: nodes suit these."""
    one_of("path", path, PATHS)
    rates, other, states = check_pair(rates, other, end)
    first = check_law("start", start, states)
    moved = first if other_start is None else check_law("other_start", other_start, states)

    def rows(time: float) -> np.ndarray:
        pair = rates_at(rates, time), rates_at(other, time)
        return np.array([function(*pair) for function in functions])

    rule = quadrature([rates, other], 0.0, end, [rows])
    walker, law = (other, moved) if path == "other" else (rates, first)
    return _Walk(rates, other, first, moved, rule, laws(walker, law, [0.0, *rule.times])[1:])


def path_bound(
    rates: Rates,
    other: Rates,
    start: ArrayLike,
    *,
    other_start: ArrayLike | None = None,
    end: float = 1.0,
    path: str = "other",
    diagonal: bool = True,
) -> float:
    """Return TV(Y_0, X_0) + ½ ∫ E‖Q̂_t(Z_t,·) − Q_t(Z_t,·)‖₁ dt ≥ TV(Y_T, X_T).

    The norm is over all entries of a row, the diagonal included. diagonal=False leaves the diagonal
    and the ½ out, which is right too but larger; leaving out the diagonal alone is wrong unless the
    exit rates agree. It is the mean along the path, not a largest value, that keeps the number of
    states out. Arguments as in `adjoint_identity`.

    Source: own, theorem "A bound along the path".

    >>> slow, fast = ([(1.0, r * np.array([[-1.0, 1.0], [0.0, 0.0]]))] for r in (1, 2))
    >>> round(path_bound(slow, fast, [1.0, 0.0]), 4)
    0.4323
    """

    def gaps(q: Matrix, p: Matrix) -> np.ndarray:
        return row_gaps(q, p, diagonal=diagonal)

    walk = _walk(rates, other, start, other_start, end, path, [gaps])
    return walk.initial() + walk.mean(gaps)


def entropy_bound(
    rates: Rates,
    other: Rates,
    start: ArrayLike,
    *,
    other_start: ArrayLike | None = None,
    end: float = 1.0,
    path: str = "other",
    first: str = "other",
) -> float:
    """Return TV(Y_0, X_0) + √((2/3) ∫E(λ_a + 2λ_b) dt) √(∫E D dt) ≥ TV(Y_T, X_T).

    D is Σ_y D(a‖b) of `row_divergences`, λ the exit rates; first="other": a = Q̂ and b = Q,
    first="rates": exchanged. Where the exit rates agree everywhere, √(½∫Eλ dt) is the first factor
    (Pinsker's constant). ∞ where D is. Other arguments as in `adjoint_identity`.

    Source: own, theorem "Score entropy bounds the error".

    >>> one, two = ([(1.0, r * np.array([[-1.0, 1.0], [1.0, -1.0]]))] for r in (1, 2))
    >>> round(entropy_bound(one, two, [1.0, 0.0]), 4)
    1.0149
    """
    one_of("first", first, PATHS)

    def ordered(q: Matrix, p: Matrix) -> tuple[Matrix, Matrix]:
        return (p, q) if first == "other" else (q, p)

    def exits(q: Matrix, p: Matrix) -> np.ndarray:
        a, b = (-np.diagonal(matrix) for matrix in ordered(q, p))
        return (2 / 3) * (a + 2 * b)

    def divergences(q: Matrix, p: Matrix) -> np.ndarray:
        a, b = ordered(q, p)
        return row_divergences(b, a)

    walk = _walk(rates, other, start, other_start, end, path, [exits, divergences])
    agree = all(
        np.allclose(
            np.diagonal(rates_at(walk.rates, t)), np.diagonal(rates_at(walk.other, t)), 1e-13, 0
        )
        for t in walk.rule.times
    )
    # Equal exits are 2λ in the general form, λ/2 in Pinsker's.
    spread, exit_mean = walk.mean(divergences), walk.mean(exits) / (4 if agree else 1)
    return walk.initial() + (float(np.sqrt(exit_mean * spread)) if spread > 0 else 0.0)


def girsanov_bound(
    rates: Rates,
    other: Rates,
    start: ArrayLike,
    *,
    other_start: ArrayLike | None = None,
    end: float = 1.0,
    path: str = "rates",
) -> float:
    """Return √(KL/2) of the two laws of whole paths, for contrast: ∞ where one jumps and the other cannot.

    path="rates": KL(X‖Y) = KL(X_0‖Y_0) + ∫E Σ_y D(Q(X_t,y)‖Q̂(X_t,y)) dt; path="other": KL(Y‖X).
    Source: Girsanov's theorem for jump processes, and Pinsker's inequality.

    >>> none, some = [(1.0, np.zeros((2, 2)))], [(1.0, np.array([[-1.0, 1.0], [0.0, 0.0]]))]
    >>> girsanov_bound(some, none, [1.0, 0.0]), round(girsanov_bound(none, some, [1.0, 0.0]), 4)
    (inf, 0.7071)
    """

    def divergences(q: Matrix, p: Matrix) -> np.ndarray:
        return row_divergences(q, p) if path == "other" else row_divergences(p, q)

    walk = _walk(rates, other, start, other_start, end, path, [divergences])
    a, b = (walk.moved, walk.start) if path == "other" else (walk.start, walk.moved)
    first = max(0.0, float(rel_entr(np.maximum(a, 0), np.maximum(b, 0)).sum()))
    return pinsker_bound(first + walk.mean(divergences))
