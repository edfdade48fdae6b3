"""How far two laws are apart, as an observer sees it: integral probability metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack

from softbook.diffusion.model.tables import check_table

__all__ = ["integral_metric", "oscillation", "total_variation", "wasserstein_hamming"]

MOST_PAIRS = 1_000_000
# The least that the solver takes: what an equation or a price may be off by.
FEASIBLE = 1e-10


def _two(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = check_table(p, "p"), check_table(q, "q")
    if first.shape != second.shape:
        raise ValueError(f"q: shape {second.shape} is given, but p's shape {first.shape} is needed")
    return first, second


def total_variation(p: Any, q: Any) -> float:
    """Return half the sum of |p - q|: the largest difference in the probability of an event.

    `p`, `q`: laws of one shape (S,)*d, arrays or tensors. In [0, 1]. O(S^d).

    >>> total_variation([0.5, 0.5], [0.8, 0.2])
    0.30000000000000004
    """
    first, second = _two(p, q)
    return float(0.5 * np.abs(first - second).sum())


def oscillation(f: Any) -> float:
    """Return max f - min f of an observable, given as an array of its values.

    >>> oscillation([3.0, -1.0, 2.0])
    4.0
    """
    values = _values("f", f)
    if not values.size:
        raise ValueError("f: no values are given, but an observable has some")
    return float(values.max() - values.min())


def _values(name: str, function: Any) -> np.ndarray:
    """Return an observable's values as float64; raise unless they are finite numbers."""
    given = np.asarray(function)
    if given.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: {type(function).__name__} is given, but an array of an observable's values is needed"
        )
    if not np.isfinite(given).all():
        raise ValueError(f"{name}: NaN or an infinite value is given, but finite ones are needed")
    return given.astype(np.float64)


def integral_metric(p: Any, q: Any, functions: Sequence[Any]) -> float:
    """Return the largest |E_p f - E_q f| over the given test functions, finite arrays of p's shape.

    >>> integral_metric([0.5, 0.5], [0.8, 0.2], [np.array([0.0, 2.0])])
    0.6
    """
    first, second = _two(p, q)
    if not len(functions):
        raise ValueError("functions: none is given, but at least one is needed")
    gaps = []
    for place, function in enumerate(functions):
        values = _values(f"functions[{place}]", function)
        if values.shape != first.shape:
            raise ValueError(
                f"functions[{place}]: shape {values.shape} is given, but {first.shape} is needed"
            )
        gaps.append(abs(float(((first - second) * values).sum())))
    return max(gaps)


def wasserstein_hamming(p: Any, q: Any) -> float:
    """Return Wasserstein-1 for the Hamming distance: how many sites the best coupling must change.

    A linear programme over pairs of sequences that the laws give mass to; at most a million of them.
    It lies between TV and d TV. The observables that attain it change by at most 1 a site.

    >>> wasserstein_hamming([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]])
    2.0
    """
    first, second = _two(p, q)
    # What both laws hold stays where it is.
    kept = np.minimum(first, second)
    give, take = first - kept, second - kept
    sources, sinks = np.argwhere(give > 0), np.argwhere(take > 0)
    if not len(sources) or not len(sinks):
        return 0.0
    if len(sources) * len(sinks) > MOST_PAIRS:
        raise ValueError(
            f"p: {len(sources):,} x {len(sinks):,} pairs of sequences are given, but at most"
            f" {MOST_PAIRS:,} are solved"
        )
    cost = (sources[:, None] != sinks[None]).sum(-1)
    return _transport(cost, give[give > 0], take[take > 0])


def _transport(
    cost: Float[np.ndarray, "m n"] | Any,
    give: Float[np.ndarray, " m"],
    take: Float[np.ndarray, " n"],
) -> float:
    """Return the least cost of moving `give` to `take`; their sums agree but for rounding.

    The solver's tolerances are absolute: it is given shares of the whole, which may be as small as it likes.
    """
    m, n = cost.shape
    rows = kron(eye_array(m), np.ones((1, n)))
    columns = kron(np.ones((1, m)), eye_array(n))
    solved = linprog(
        cost.ravel(),
        A_eq=vstack([rows, columns]).tocsr(),
        b_eq=np.concatenate((give / give.sum(), take / take.sum())),
        method="highs",
        options={"primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE},
    )
    if not solved.success:
        raise RuntimeError(f"the linear programme was not solved: {solved.message}")
    return float(solved.fun * (give.sum() + take.sum()) / 2)
