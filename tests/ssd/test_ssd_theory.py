"""Ranks of blocks, new columns and diagonal blocks against minors, enumeration and whole numbers."""

from __future__ import annotations

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.ssd import (
    block_ranks,
    diagonal_blocks,
    kernel_matrix,
    new_columns,
    semiseparable_order,
    softmax_order,
)
from softbook.ssd.theory.elimination import combination, echelons
from softbook.ssd.theory.entries import entries


def lower(tokens, values):
    """Fill the lower triangle row by row."""
    matrix = np.zeros((tokens, tokens), dtype=object)
    matrix[np.tril_indices(tokens)] = list(values)
    return matrix


ZEROS_AND_ONES = [lower(4, values) for values in itertools.product((0, 1), repeat=10)]


def rank(block):
    """Rank by Gauss in Fractions, rows over columns: shares nothing with the library's form."""
    rows = [[Fraction(x) for x in row] for row in np.asarray(block, dtype=object).tolist()]
    found = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((r for r in rows[found:] if r[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        for r in range(found + 1, len(rows)):
            share = rows[r][column] / pivot[column]
            rows[r] = [x - share * y for x, y in zip(rows[r], pivot, strict=True)]
        found += 1
    return found


def new_by_definition(matrix):
    """The rows t.. on both sides."""
    return tuple(t for t in range(len(matrix)) if rank(matrix[t:, : t + 1]) > rank(matrix[t:, :t]))


def softmax_of_powers(tokens):
    """Causal softmax with the scores i j log 2: rows of 2^(ij), divided by their sum."""
    matrix = np.full((tokens, tokens), Fraction(0), dtype=object)
    for i in range(1, tokens + 1):
        weights = [2 ** (i * j) for j in range(1, i + 1)]
        matrix[i - 1, :i] = [Fraction(weight, sum(weights)) for weight in weights]
    return matrix


@st.composite
def triangles(draw, most=6):
    tokens = draw(st.integers(1, most))
    entry = st.one_of(
        st.sampled_from([0, 0, 1]),
        st.integers(-3, 3),
        st.fractions(-2, 2, max_denominator=5),
    )
    count = tokens * (tokens + 1) // 2
    return lower(tokens, draw(st.lists(entry, min_size=count, max_size=count)))


def test_the_order_is_the_largest_minor_inside_the_triangle():
    """All submatrices on and below the diagonal, not only the blocks: minors of one and two rows suffice for T = 4."""
    pairs = list(itertools.combinations(range(4), 2))
    orders = []
    for matrix in ZEROS_AND_ONES:
        two = any(
            matrix[r, c] * matrix[s, d] != matrix[r, d] * matrix[s, c]
            for (r, s), (c, d) in itertools.product(pairs, pairs)
            if d <= r
        )
        orders.append(2 if two else int(matrix.any()))
        assert semiseparable_order(matrix) == orders[-1]
    assert np.bincount(orders).tolist() == [1, 207, 816]


def test_all_zeros_and_ones_against_the_definitions():
    for matrix in ZEROS_AND_ONES:
        assert new_columns(matrix) == new_by_definition(matrix)
        assert block_ranks(matrix) == tuple(rank(matrix[t:, : t + 1]) for t in range(4))
        starts = [0, *(t for t in range(1, 4) if not matrix[t:, :t].any())]
        assert [block.start for block in diagonal_blocks(matrix)] == starts
        assert [t for block in diagonal_blocks(matrix) for t in block] == [0, 1, 2, 3]


def test_ranks_that_reuse_the_rows_go_red():
    """The trap: with all rows on both sides, or the rows of the step before, columns are counted wrongly."""

    def all_rows(matrix):
        return tuple(t for t in range(4) if rank(matrix[:, : t + 1]) > rank(matrix[:, :t]))

    def one_step_late(matrix):
        ranks = [0, *block_ranks(matrix)]
        return tuple(t for t in range(4) if ranks[t + 1] > ranks[t])

    for fault in (all_rows, one_step_late):
        wrong = sum(fault(matrix) != new_by_definition(matrix) for matrix in ZEROS_AND_ONES)
        assert wrong > 100, fault


@given(matrix=triangles())
def test_random_fractions_and_the_same_numbers_as_floats(matrix):
    new = new_columns(matrix)
    ranks = block_ranks(matrix)
    assert new == new_by_definition(matrix)
    assert ranks == tuple(rank(matrix[t:, : t + 1]) for t in range(len(matrix)))
    assert semiseparable_order(matrix) == max(ranks)
    for numbers in (matrix.astype(float), torch.tensor(matrix.astype(float))):
        assert new_columns(numbers) == new
        assert block_ranks(numbers) == ranks
        assert diagonal_blocks(numbers) == diagonal_blocks(matrix)


@given(matrix=triangles())
def test_the_mirror_image_has_as_many(matrix):
    """Mirrored at the other diagonal, blocks become blocks; least completions are mirrored too."""
    mirror = matrix[::-1, ::-1].T
    assert len(new_columns(mirror)) == len(new_columns(matrix))
    assert block_ranks(mirror) == block_ranks(matrix)[::-1]


@given(matrix=triangles(), data=st.data())
def test_scaling_rows_and_columns_changes_nothing(matrix, data):
    scale = st.fractions(-3, 3, max_denominator=7).filter(bool)
    sizes = st.lists(scale, min_size=len(matrix), max_size=len(matrix))
    rows, columns = (np.array(data.draw(sizes), dtype=object) for _ in range(2))
    scaled = rows[:, None] * matrix * columns
    assert new_columns(scaled) == new_columns(matrix)
    assert block_ranks(scaled) == block_ranks(matrix)


def rank_modulo_three(rows):
    rows = [list(row) for row in rows]
    found = 0
    for column in range(3):
        pivot = next((r for r in range(found, 3) if rows[r][column] % 3), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for r in range(found + 1, 3):
            # ±1 is its own inverse.
            share = rows[r][column] * rows[found][column]
            rows[r] = [(x - share * y) % 3 for x, y in zip(rows[r], rows[found], strict=True)]
        found += 1
    return found


def test_new_columns_count_the_least_completion_over_three_elements():
    """All 729 lower-triangular 3 × 3 over {−1, 0, 1} and all 27 ways to fill them, modulo 3.

    Blocks have at most two rows or two columns, and 2 × 2 minors lie in {−2, …, 2}: none is ±3, so that
    the blocks' ranks over the rationals and modulo 3 agree.
    """
    missed = 0
    for values in itertools.product((-1, 0, 1), repeat=6):
        matrix = lower(3, values)
        least = 3
        for a, b, c in itertools.product((-1, 0, 1), repeat=3):
            full = matrix.copy()
            full[0, 1], full[0, 2], full[1, 2] = a, b, c
            least = min(least, rank_modulo_three(full))
        assert len(new_columns(matrix)) == least
        missed += rank_modulo_three(matrix) != least
    # Planted fault: the rank of M itself is no answer.
    assert missed > 100


@pytest.mark.parametrize("tokens", range(2, 11))
def test_the_identity_with_a_corner(tokens):
    matrix = np.eye(tokens, dtype=int)
    matrix[-1, 0] = 1
    assert semiseparable_order(matrix) == (2 if tokens > 2 else 1)
    assert new_columns(matrix) == tuple(range(tokens - 1))
    assert diagonal_blocks(matrix) == (range(tokens),)


def test_the_example_that_separates():
    matrix = [[2, 0, 0, 0], [1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]
    ones, decays = np.ones((4, 2), int), [[1, 1], [1, 0], [0, 1], [1, 0]]
    assert (kernel_matrix(ones, ones, decays) == np.array(matrix)).all()
    assert semiseparable_order(matrix) == 2
    assert new_columns(matrix) == (0, 1, 2)
    assert diagonal_blocks(matrix) == (range(4),)


def test_softmax_needs_half_as_many_states_as_tokens():
    orders = []
    for tokens in range(1, 13):
        matrix = softmax_of_powers(tokens)
        assert (matrix.sum(axis=1) == 1).all()
        cuts = range(1, tokens + 1)
        assert block_ranks(matrix) == tuple(min(t, tokens - t + 1) for t in cuts)
        assert new_columns(matrix) == tuple(range((tokens + 1) // 2))
        orders.append(semiseparable_order(matrix))
        assert orders[-1] == softmax_order(tokens)
    assert orders == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


def test_softmax_with_equal_queries_and_uniform_weights_needs_one_state():
    uniform = lower(6, [Fraction(1, j) for j in range(1, 7) for _ in range(j)])
    weights = [Fraction(2**i) for i in range(6)]
    equal = lower(6, [weights[i] / sum(weights[: j + 1]) for j in range(6) for i in range(j + 1)])
    for matrix in (uniform, equal):
        # Full rank says nothing: a triangular matrix without zeros on its diagonal always has it.
        assert rank(matrix) == 6
        assert semiseparable_order(matrix) == 1


@pytest.mark.parametrize("states", [1, 3, 6])
def test_a_kernel_matrix_has_at_most_its_number_of_states(states):
    rng = np.random.default_rng(states)
    for decay in (1.0, 0.97, 0.5):
        q, k = rng.standard_normal((2, 48, states))
        a = np.full((48, states), decay) * rng.uniform(0.95, 1, states)
        ranks = block_ranks(kernel_matrix(q, k, a))
        assert ranks == tuple(min(t, 49 - t, states) for t in range(1, 49))


def test_the_tolerance_counts_singular_values_of_the_whole_block():
    matrix = torch.tensor([[1.0, 0, 0], [0, 1e-6, 0], [0, 0, 1]], dtype=torch.float64)
    assert new_columns(matrix) == (0, 1, 2)
    assert new_columns(matrix, tolerance=1e-3) == (0, 1, 2)
    matrix[2, 0] = 1.0
    # Now the small entry stands beside a large one.
    assert new_columns(matrix) == (0, 1)
    assert new_columns(matrix, tolerance=1e-3) == (0,)
    assert block_ranks(matrix, tolerance=1e-3) == (1, 1, 1)


def test_rounded_entries_do_not_count():
    """Float32 queries and keys, summed in another order: errors of a few units must not raise a rank."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(40):
        tokens, states = int(rng.integers(4, 40)), int(rng.integers(1, 4))
        q, k = rng.standard_normal((2, tokens, states))
        a = rng.uniform(0.8, 1, states)
        exact = kernel_matrix(q, k, np.tile(a, (tokens, 1)))
        off = exact * (1 + torch.from_numpy(rng.uniform(-1, 1, (tokens, tokens))) * 2.0**-52)
        worst = max(worst, float((off - exact).abs().max()))
        assert semiseparable_order(off) == min(states, (tokens + 1) // 2)
    assert worst > 0


def test_long_sequences_take_seconds():
    rng = np.random.default_rng(1)
    q, k = rng.standard_normal((2, 256, 4))
    matrix = kernel_matrix(q, k, np.full((256, 4), rng.uniform(0.95, 1, 4)))
    start = time.perf_counter()
    assert semiseparable_order(matrix) == 4
    assert new_columns(matrix) == (0, 1, 2, 3)
    assert diagonal_blocks(matrix) == (range(256),)
    took = time.perf_counter() - start
    print(f"ranks, new columns and blocks of 256 tokens in floats: {took:.2f} s")
    ones = np.tri(64, dtype=int) * rng.integers(0, 2, (64, 64))
    start = time.perf_counter()
    exact = new_columns(ones)
    print(f"new columns of 64 tokens of zeros and ones, exact: {time.perf_counter() - start:.2f} s")
    assert exact == new_columns(ones.astype(float))
    assert took < 30


def test_a_leading_column_is_no_combination():
    forms = {t: dict(form) for t, form in echelons(entries("M", np.eye(2, dtype=int)))}
    assert combination(forms[1], 0) == {}
    with pytest.raises(ValueError, match="column: 1 is given, which"):
        combination(forms[1], 1)
