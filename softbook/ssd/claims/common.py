"""What the claims of this chapter share: seeded exact numbers, and two computations of their own.

The rank and the recurrence here borrow nothing from `softbook.ssd.model` and `softbook.ssd.theory`,
which the claims hold to them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from softbook.claims import Tolerance
from softbook.knobs import Integer

Exact = np.ndarray
"""An object array of Fractions (or of integers that are taken for Fractions)."""
EXACT = Tolerance("none: both sides are computed in Fractions")
SEED = Integer(0, 9999, default=0, label="seed")
DECAYS = tuple(Fraction(n, d) for n, d in ((1, 1), (1, 2), (-1, 1), (2, 3), (-3, 1), (0, 1)))


def whole(rng: np.random.Generator, *shape: int, size: int = 3) -> Exact:
    """Return integers from −size to size, as Python integers.

    >>> whole(np.random.default_rng(0), 2, 2, size=1).shape
    (2, 2)
    """
    return rng.integers(-size, size + 1, shape).astype(object)


def not_zero(rng: np.random.Generator, *shape: int, size: int = 3) -> Exact:
    """Return integers from −size to size without 0, as Python integers.

    >>> bool((not_zero(np.random.default_rng(0), 9) == 0).any())
    False
    """
    return (rng.integers(1, size + 1, shape) * rng.choice([-1, 1], shape)).astype(object)


def decays(rng: np.random.Generator, *shape: int, zeros: bool = True) -> Exact:
    """Return decays in Fractions, signs and growth among them; one in six is 0 unless `zeros` is False.

    >>> bool((decays(np.random.default_rng(0), 99, zeros=False) == 0).any())
    False
    """
    options = DECAYS if zeros else DECAYS[:-1]
    return np.array(options, dtype=object)[rng.integers(0, len(options), shape)]


def run(q: Exact, k: Exact, transitions: Exact) -> Exact:
    """Return the matrix [T, T] of h_t = A_t h_{t−1} + k_t v_t, o_t = q_t h_t: its outputs to unit inputs.

    q, k are [T, N], `transitions` [T, N, N]; O(T² N²) operations on Fractions.

    >>> half = np.array([[[Fraction(1, 2)]]] * 2, dtype=object)
    >>> run(np.ones((2, 1), object), np.ones((2, 1), object), half).astype(float).tolist()
    [[1.0, 0.0], [0.5, 1.0]]
    """
    unit = np.eye(len(q), dtype=int).astype(object)
    state = np.zeros((q.shape[1], len(q)), dtype=object)
    rows = []
    for q_t, k_t, v_t, a_t in zip(q, k, unit, transitions, strict=True):
        state = a_t @ state + np.outer(k_t, v_t)
        rows.append(q_t @ state)
    return np.array(rows, dtype=object)


def diagonal(a: Exact, states: int = 1) -> Exact:
    """Return the transitions [T, N, N] of decays [T, N], or of [T] for all of N `states` alike.

    >>> diagonal(np.array([2, 3], dtype=object), states=2)[1].tolist()
    [[3, 0], [0, 3]]
    """
    channels = a if a.ndim == 2 else np.repeat(a[:, None], states, axis=1)
    return channels[..., None] * np.eye(channels.shape[1], dtype=int).astype(object)


def differing(one: Any, other: Any) -> int:
    """Return in how many entries two exact matrices differ; a wrong shape differs everywhere.

    >>> differing([[1, 2]], [[1, 3]]), differing([[1, 2]], [[1], [2]])
    (1, 2)
    """
    one, other = np.asarray(one, dtype=object), np.asarray(other, dtype=object)
    if one.shape != other.shape:
        return max(one.size, other.size, 1)
    return int((one != other).sum())


def rank(matrix: Exact) -> int:
    """Return the rank of an exact matrix, by elimination in Fractions.

    >>> rank(np.array([[1, 2], [2, 4]], dtype=object))
    1
    """
    rows = [[Fraction(entry) for entry in row] for row in matrix.tolist()]
    found = 0
    for column in range(matrix.shape[1]):
        pivot = next((row for row in rows[found:] if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        found += 1
        for row in rows[found:]:
            if row[column]:
                factor = row[column] / pivot[column]
                row[column:] = [
                    a - factor * b for a, b in zip(row[column:], pivot[column:], strict=True)
                ]
    return found


def count_new(matrix: Exact, first: int = 0, stop: int | None = None) -> int:
    """Return how often a column raises the rank of the rows from its own on, in one diagonal block.

    >>> count_new(np.array([[1, 0], [1, 1]], dtype=object))
    1
    """
    block = matrix[first:stop, first:stop]
    return sum(
        rank(block[t:, : t + 1]) - (rank(block[t:, :t]) if t else 0) for t in range(len(block))
    )


def finest(matrix: Exact) -> list[tuple[int, int]]:
    """Return (start, stop) of the finest diagonal blocks outside which a matrix vanishes.

    >>> finest(np.eye(2, dtype=int).astype(object))
    [(0, 1), (1, 2)]
    """
    tokens = len(matrix)
    cuts = [t for t in range(1, tokens) if not matrix[t:, :t].any()]
    return list(zip([0, *cuts], [*cuts, tokens], strict=True))
