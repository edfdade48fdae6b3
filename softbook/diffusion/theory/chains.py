"""Finite Markov chains in continuous time: their laws forwards, their observables backwards.

Glossary: rates = Q_t, [n, n], off-diagonal ≥ 0 and rows that sum to 0; law = ν_t with ν̇ = νQ;
adjoint = u_t with u̇ = −Qu and u_T = f, that is u_t(x) = E[f(X_T) | X_t = x].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from softbook.diffusion.theory.checks import number

Matrix = Float[np.ndarray, "n n"]
Rates = Callable[[float], Any] | Sequence[tuple[float, Any]]
"""A function t -> Q [n, n], or pairs (until, Q): Q holds up to the time `until`, the last to the end."""

# What the integrator of rates that change with time may lose, relative and absolute.
RELATIVE, ABSOLUTE = 1e-12, 1e-14
# A row's sum may miss 0, and an entry or a probability fall below it, by this share of the largest.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Checked:
    """Rates as a function of time, checked wherever they are asked."""

    name: str
    rates: Callable[[float], Any]

    def __call__(self, time: float) -> Matrix:
        """Return the matrix at a time."""
        return check_matrix(f"{self.name} at {time:g}", self.rates(time))


def check_rates(name: str, rates: Rates, end: float) -> Rates:
    """Return `rates`, pieces as float64 arrays; raise unless each piece is a rate matrix.

    Functions of time are checked where they are asked.

    >>> check_rates("rates", [(1.0, [[-1.0, 1.0], [0.0, 0.0]])], 1.0)[0][1].shape
    (2, 2)
    """
    if isinstance(rates, Checked):
        return rates
    if callable(rates):
        return Checked(name, rates)
    pieces = [(float(until), check_matrix(name, matrix)) for until, matrix in rates]
    check_pieces(name, pieces, end)
    sizes = sorted({len(matrix) for _, matrix in pieces})
    if len(sizes) > 1:
        raise ValueError(f"{name}: pieces of {sizes} states are given, but one number is needed")
    return pieces


def check_pieces(name: str, pieces: Sequence[tuple[float, Any]], end: float) -> None:
    """Raise unless the pieces' times increase from above 0 to at least `end`.

    >>> check_pieces("rates", [(0.5, None), (1.0, None)], 1.0)
    """
    times = [0.0, *(until for until, _ in pieces)]
    if (
        len(times) == 1
        or not all(a < b for a, b in itertools.pairwise(times))
        or not times[-1] >= end
    ):
        raise ValueError(
            f"{name}: pieces until {times[1:]} are given, but increasing times from above 0 "
            f"to at least {end:g} are needed"
        )


def check_pair(rates: Rates, other: Rates, end: float) -> tuple[Rates, Rates, int]:
    """Return two chains' rates and their number of states; raise unless they are rates until `end` > 0.

    >>> check_pair([(1.0, np.zeros((2, 2)))], lambda time: np.zeros((2, 2)), 1.0)[2]
    2
    """
    check_span(0.0, end)
    rates, other = check_rates("rates", rates, end), check_rates("other", other, end)
    states, found = (len(rates_at(chain, 0.0)) for chain in (rates, other))
    if found != states:
        raise ValueError(f"other: {found} states are given, but {states} are needed, as in rates")
    return rates, other, states


def check_span(begin: float, end: float) -> None:
    """Raise unless the times are finite, `begin` at least 0 and `end` after it.

    >>> check_span(0.0, 1.0)
    """
    begin = number("begin", begin, low=0)
    if not begin < number("end", end) < math.inf:
        raise ValueError(f"end: {end:g} is given, but a finite time above {begin:g} is needed")


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


def check_observable(f: Any, states: int) -> Float[np.ndarray, "n"]:
    """Return an observable's values as float64; raise unless they are finite and `states` in number.

    >>> check_observable([0, 1], 2)
    array([0., 1.])
    """
    values = np.asarray(f, dtype=np.float64)
    if values.shape != (states,):
        raise ValueError(f"f: shape {values.shape} is given, but ({states},) is needed")
    if not np.isfinite(values).all():
        raise ValueError("f: NaN or an infinite value is given, but finite ones are needed")
    return values


def _check_times(times: ArrayLike) -> Float[np.ndarray, "times"]:
    array = np.asarray(times, dtype=np.float64)
    fits = array.ndim == 1 and array.size and np.isfinite(array).all() and array[0] >= 0
    if not (fits and (np.diff(array) >= 0).all()):
        raise ValueError(
            f"times: {times!r} is given, but finite times that increase from 0 or later are needed"
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
    for place, (a, b) in enumerate(itertools.pairwise(times)):
        cuts = [a, *(until for until, _ in rates if a < until < b), b]
        for c, d in itertools.pairwise(cuts):
            gaps.append(place)
            parts.append(rates_at(rates, (c + d) / 2) * (d - c))
    found: list[list[Matrix]] = [[] for _ in range(len(times) - 1)]
    for place, matrix in zip(gaps, expm(np.array(parts)) if parts else [], strict=True):
        found[place].append(matrix)
    return found


def laws(rates: Rates, start: ArrayLike, times: ArrayLike) -> Float[np.ndarray, "times n"]:
    """Return the law of the chain at each of the increasing `times`; `start` is that at the first.

    Pieces by matrix exponentials, functions of time by DOP853 (relative error 1e-12 a step).
    O(len(times) n³) for pieces. Raises a ValueError for what are no rates, law or increasing times.

    >>> laws([(9.0, np.array([[-1.0, 1.0], [0.0, 0.0]]))], [1.0, 0.0], [0.0, 1.0])[1].round(4).tolist()
    [0.3679, 0.6321]
    """
    times = _check_times(times)
    rates = check_rates("rates", rates, times[-1])
    start = check_law("start", start, len(rates_at(rates, times[0])))
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
    Cost as in `laws`. Raises a ValueError for what are no rates, times or finite values.

    >>> adjoint([(9.0, np.array([[-1.0, 1.0], [0.0, 0.0]]))], [1.0, 0.0], [0.0, 1.0]).round(4).tolist()
    [[0.3679, 0.0], [1.0, 0.0]]
    """
    times = _check_times(times)
    rates = check_rates("rates", rates, times[-1])
    f = check_observable(f, len(rates_at(rates, times[0])))
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
    # From one time to the next: a step's end is more exact than the interpolant inside of it.
    rows = [first]
    for a, b in itertools.pairwise(times):
        if a == b:
            rows.append(rows[-1])
            continue
        # One step is tried first: times lie close together where rates change.
        solved = solve_ivp(
            slope, (a, b), rows[-1], "DOP853", rtol=RELATIVE, atol=ABSOLUTE, first_step=abs(b - a)
        )
        if not solved.success:
            raise ValueError(f"rates: {solved.message}")
        rows.append(solved.y[:, -1])
    return np.array(rows)
