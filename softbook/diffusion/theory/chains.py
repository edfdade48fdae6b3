"""Finite Markov chains in continuous time: their laws forwards, their observables backwards.

Glossary: rates = Q_t, [n, n], off-diagonal ≥ 0 and rows that sum to 0; law = ν_t with ν̇ = νQ;
adjoint = u_t with u̇ = −Qu and u_T = f, that is u_t(x) = E[f(X_T) | X_t = x].
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.linalg import expm

Matrix = Float[np.ndarray, "n n"]
Rates = Callable[[float], Any] | Sequence[tuple[float, Any]]
"""A function t -> Q [n, n], or pairs (until, Q): Q holds up to the time `until`, the last to the end."""

# What the integrator of rates that change with time may lose, relative and absolute.
RELATIVE, ABSOLUTE = 1e-12, 1e-14
# A row's sum may miss 0, and an entry or a probability fall below it, by this share of the largest.
ROUNDING = 1e-9
NODES = 16
# Panels for rates that are functions of time, whose kinks nobody names.
PANELS = 8
# A panel's length in units of 1/(largest rate): sixteen nodes integrate e^{±8} to rounding.
REACH = 4.0


def check_rates(name: str, rates: Rates, end: float) -> Rates:
    """Return `rates`, pieces as float64 arrays; raise unless each piece is a rate matrix.

    Functions of time are checked where they are asked.

    >>> check_rates("rates", [(1.0, [[-1.0, 1.0], [0.0, 0.0]])], 1.0)[0][1].shape
    (2, 2)
    """
    if callable(rates):
        return lambda time: check_matrix(f"{name} at {time:g}", rates(time))
    pieces = [(float(until), check_matrix(name, matrix)) for until, matrix in rates]
    times = [0.0, *(until for until, _ in pieces)]
    if not pieces or any(a >= b for a, b in itertools.pairwise(times)) or times[-1] < end:
        raise ValueError(
            f"{name}: pieces until {times[1:]} are given, but increasing times from above 0 "
            f"to at least {end:g} are needed"
        )
    return pieces


def check_matrix(name: str, matrix: Any) -> Matrix:
    """Return a rate matrix as float64; raise unless its entries off the diagonal are ≥ 0 and rows sum to 0.

    >>> check_matrix("rates", [[-1, 1], [2, -2]]).dtype
    dtype('float64')
    """
    array = np.asarray(matrix, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise ValueError(f"{name}: shape {array.shape} is given, but a square matrix is needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: NaN or an infinite rate is given, but finite ones are needed")
    slip = ROUNDING * max(1.0, float(np.abs(array).max()))
    if (array - np.diag(array.diagonal())).min() < -slip:
        raise ValueError(f"{name}: a negative rate off the diagonal is given, but ≥ 0 is needed")
    if np.abs(array.sum(1)).max() > slip * len(array):
        raise ValueError(f"{name}: a row that does not sum to 0 is given, but all rows have to")
    return array


def check_law(name: str, law: Any, states: int | None = None) -> Float[np.ndarray, "n"]:
    """Return a probability vector as float64; raise unless it is one, on `states` states.

    >>> check_law("start", [0.5, 0.5])
    array([0.5, 0.5])
    """
    array = np.asarray(law, dtype=np.float64)
    if array.ndim != 1 or (states is not None and len(array) != states):
        wanted = "(n,)" if states is None else f"({states},)"
        raise ValueError(f"{name}: shape {array.shape} is given, but {wanted} is needed")
    if not (array.min(initial=0.0) >= -ROUNDING and abs(array.sum() - 1) <= ROUNDING):
        raise ValueError(
            f"{name}: no probabilities are given, but numbers ≥ 0 with sum 1 are needed"
        )
    return array


def rates_at(rates: Rates, time: float) -> Float[np.ndarray, "..."]:
    """Return the matrix (or velocity) at a time; between two pieces, that of the later one.

    >>> rates_at([(0.5, np.zeros((1, 1))), (1.0, np.ones((1, 1)))], 0.7)
    array([[1.]])
    """
    if callable(rates):
        return np.asarray(rates(time), dtype=np.float64)
    return next((matrix for until, matrix in rates if time < until), rates[-1][1])


def transformed(rates: Rates, function: Callable[[Any], Any]) -> Rates:
    """Return rates whose matrix at each time is `function` of the given ones.

    >>> transformed([(1.0, 2.0)], lambda q: -q)
    [(1.0, -2.0)]
    """
    if callable(rates):
        return lambda time: function(rates(time))
    return [(until, function(matrix)) for until, matrix in rates]


def _steps(rates: Sequence[tuple[float, Matrix]], times: np.ndarray) -> list[list[Matrix]]:
    """Return, for each gap of the times, the transition matrices of the pieces in it."""
    gaps, parts = [], []
    for number, (a, b) in enumerate(itertools.pairwise(times)):
        cuts = [a, *(until for until, _ in rates if a < until < b), b]
        for c, d in itertools.pairwise(cuts):
            gaps.append(number)
            parts.append(rates_at(rates, (c + d) / 2) * (d - c))
    found: list[list[Matrix]] = [[] for _ in range(len(times) - 1)]
    for number, matrix in zip(gaps, expm(np.array(parts)) if parts else [], strict=True):
        found[number].append(matrix)
    return found


def laws(rates: Rates, start: ArrayLike, times: ArrayLike) -> Float[np.ndarray, "times n"]:
    """Return the law of the chain at each of the increasing `times`; `start` is that at the first.

    Pieces by matrix exponentials, functions of time by DOP853 (relative error 1e-12 a step).
    O(len(times) n³) for pieces.

    >>> laws([(9.0, np.array([[-1.0, 1.0], [0.0, 0.0]]))], [1.0, 0.0], [0.0, 1.0])[1].round(4).tolist()
    [0.3679, 0.6321]
    """
    times, start = np.asarray(times, dtype=np.float64), np.asarray(start, dtype=np.float64)
    if callable(rates):
        return _solve(lambda t, y: y @ rates_at(rates, t), start, times)
    rows = [start]
    for matrices in _steps(rates, times):
        law = rows[-1]
        for matrix in matrices:
            law = law @ matrix
        rows.append(law)
    return np.array(rows)


def adjoint(rates: Rates, f: ArrayLike, times: ArrayLike) -> Float[np.ndarray, "times n"]:
    """Return u_t(x) = E[f(X_T) | X_t = x] at each of the increasing `times`, T the last of them.

    The backward equation u̇ = −Qu, u_T = f, for every state x, also those of probability 0.
    Errors and cost as in `laws`.

    >>> adjoint([(9.0, np.array([[-1.0, 1.0], [0.0, 0.0]]))], [1.0, 0.0], [0.0, 1.0]).round(4).tolist()
    [[0.3679, 0.0], [1.0, 0.0]]
    """
    times, f = np.asarray(times, dtype=np.float64), np.asarray(f, dtype=np.float64)
    if callable(rates):
        return _solve(lambda t, y: -rates_at(rates, t) @ y, f, times[::-1])[::-1]
    rows = [f]
    for matrices in reversed(_steps(rates, times)):
        u = rows[-1]
        for matrix in reversed(matrices):
            u = matrix @ u
        rows.append(u)
    return np.array(rows[::-1])


def _solve(slope: Callable[..., Any], first: np.ndarray, times: np.ndarray) -> np.ndarray:
    if len(times) == 1 or times[0] == times[-1]:
        return np.repeat(first[None], len(times), axis=0)
    # From one time to the next: a step's end is more exact than the interpolant inside of it.
    rows, step = [first], None
    for a, b in itertools.pairwise(times):
        solved = solve_ivp(
            slope, (a, b), rows[-1], "DOP853", rtol=RELATIVE, atol=ABSOLUTE, first_step=step
        )
        if not solved.success:
            raise ValueError(f"rates: {solved.message}")
        rows.append(solved.y[:, -1])
        step = None
    return np.array(rows)


def quadrature(
    chains: Sequence[Rates], begin: float, end: float, nodes: int = NODES
) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "m"]]:
    """Return times and weights of Gauss–Legendre panels on [begin, end] that no piece's end cuts.

    Between pieces' ends panels are at most 4/(largest rate) long; for functions of time there are 8.

    >>> times, weights = quadrature([[(0.5, np.eye(1)), (1.0, np.eye(1))]], 0.0, 1.0, nodes=2)
    >>> len(times), float(weights.sum())
    (4, 1.0)
    """
    cuts, most = {begin, end}, 0.0
    for rates in chains:
        if callable(rates):
            cuts |= set(np.linspace(begin, end, PANELS + 1)[1:-1])
        else:
            cuts |= {until for until, _ in rates if begin < until < end}
            most = max(most, *(float(np.abs(np.diagonal(matrix)).max()) for _, matrix in rates))
    ends: list[float] = [begin]
    for a, b in itertools.pairwise(sorted(cuts)):
        parts = max(1, int(np.ceil((b - a) * most / REACH)))
        ends += list(a + (b - a) * np.arange(1, parts + 1) / parts)
    x, w = np.polynomial.legendre.leggauss(nodes)
    low, width = np.array(ends[:-1]), np.diff(ends)
    times = low[:, None] + width[:, None] * (1 + x) / 2
    return times.ravel(), (width[:, None] * w / 2).ravel()
