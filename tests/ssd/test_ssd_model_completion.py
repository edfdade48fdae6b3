"""Completions of least rank: what they keep, the rank they have, and where floats cannot hold them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.ssd import kernel_matrix, minimal_completion, new_columns


def numbers(matrix):
    return [[Fraction(entry) for entry in row] for row in matrix.tolist()]


@st.composite
def triangles(draw, most=6):
    tokens = draw(st.integers(1, most))
    entry = st.one_of(
        st.sampled_from([0, 0, 1]),
        st.integers(-3, 3),
        st.fractions(-2, 2, max_denominator=5),
    )
    count = tokens * (tokens + 1) // 2
    matrix = np.zeros((tokens, tokens), dtype=object)
    matrix[np.tril_indices(tokens)] = draw(st.lists(entry, min_size=count, max_size=count))
    return matrix


def rank(matrix):
    return int(np.linalg.matrix_rank(np.asarray(matrix, dtype=float), tol=1e-7))


@given(matrix=triangles())
def test_the_completion_agrees_below_and_has_the_rank_of_the_new_columns(matrix):
    full = minimal_completion(matrix)
    assert numbers(np.where(np.tri(len(matrix), dtype=bool), full, 0)) == numbers(matrix)
    assert exact_rank(full) == len(new_columns(matrix))


def exact_rank(matrix):
    """The largest leading minor that Gauss finds, in Fractions with column exchange."""
    rows = [[Fraction(x) for x in row] for row in matrix.tolist()]
    found = 0
    while True:
        places = [(r, c) for r in range(found, len(rows)) for c in range(len(rows)) if rows[r][c]]
        if not places:
            return found
        r, c = places[0]
        rows[found], rows[r] = rows[r], rows[found]
        pivot = rows[found]
        for other in rows[found + 1 :]:
            share = other[c] / pivot[c]
            other[:] = [x - share * y for x, y in zip(other, pivot, strict=True)]
        found += 1


def test_zeros_above_the_diagonal_are_no_least_completion():
    """Planted fault: M itself agrees with M below, but its rank is T wherever its diagonal has no zero."""
    matrix = np.tri(5, dtype=int)
    assert exact_rank(matrix) == 5
    assert exact_rank(minimal_completion(matrix)) == 1


@pytest.mark.parametrize("tokens", [64, 128, 256])
@pytest.mark.parametrize(("low", "high"), [(0.97, 1.0), (0.92, 0.999), (0.5, 0.5)])
def test_the_completion_of_long_sequences_in_floats(tokens, low, high):
    rng = np.random.default_rng(tokens)
    q, k = rng.standard_normal((2, tokens, 3))
    decays = np.full((tokens, 3), rng.uniform(low, high, 3))
    matrix = kernel_matrix(q, k, decays)
    full = minimal_completion(matrix)
    assert torch.equal(full.tril(), matrix)
    # Scaling rows and columns keeps ranks; without it the decays hide what lies far from the corner.
    j = np.arange(tokens)
    scale = torch.from_numpy(decays[0].mean() ** (j - tokens / 2))
    evened = full / scale[:, None] * scale
    values = torch.linalg.svdvals(evened)
    assert values[2] > 1e-4 * values[0]
    assert values[3] < 1e-9 * values[0]


def test_a_completion_that_float64_cannot_hold_is_refused():
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 256, 2))
    matrix = kernel_matrix(q, k, np.full((256, 2), [0.5, 0.9]))
    with pytest.raises(
        ValueError, match=r"M: a completion of rank 2 needs coefficients up to .* misses"
    ):
        minimal_completion(matrix)
    small = np.array([[3, 0], [1, 2]])
    assert exact_rank(minimal_completion(small * 2.0**-1060).numpy() * 2.0**1000) == 1
    assert not minimal_completion(torch.zeros(3, 3)).any()


def test_numbers_at_both_ends_of_the_range_are_completed():
    """Sums of singular values leave the range where entries do not."""
    for size in (1.7e308, 1e-300):
        full = minimal_completion(np.tri(40) * size)
        assert (full / size - 1).abs().max() < 1e-14


def test_a_looser_tolerance_gives_a_completion_of_less_rank():
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 12, 2))
    noise = np.tril(rng.standard_normal((12, 12))) * 1e-9
    matrix = kernel_matrix(q, k, np.ones(12)).numpy() + noise
    assert rank(minimal_completion(matrix)) > 2
    full = minimal_completion(matrix, tolerance=1e-7)
    assert np.abs(np.tril(full) - matrix).max() == 0
    assert rank(full) == 2
