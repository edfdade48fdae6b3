"""Duals: found ones multiplied out, refused ones by certificates, and all of the small matrices."""

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
    Dual,
    absorb_decays,
    attention_dual,
    kernel_matrix,
    new_columns,
    semiseparable_order,
)

SIGNS = (-1, 0, 1)


def lower(tokens, values):
    """Fill the lower triangle row by row."""
    matrix = np.zeros((tokens, tokens), dtype=object)
    matrix[np.tril_indices(tokens)] = list(values)
    return matrix


def multiplied(dual):
    """L ∘ (q kᵀ) entry by entry from the letters: products of decays, sums of products."""
    q, k, a = (np.asarray(entry).tolist() for entry in (dual.q, dual.k, dual.a))
    tokens = len(q)
    matrix = np.zeros((tokens, tokens), dtype=object)
    for j in range(tokens):
        for i in range(j + 1):
            if all(a[i + 1 : j + 1]):
                matrix[j, i] = sum(x * y for x, y in zip(q[j], k[i], strict=True))
    return matrix


COEFFICIENTS = np.array(list(itertools.product(SIGNS, repeat=4)))


def certified_rank(matrix, start, end):
    """Return a lower bound on the rank of every completion of a diagonal block of a 4 × 4 matrix.

    A column t counts if some combination y of the rows t.. of the block, with coefficients in {−1, 0, 1},
    is 0 on the block's columns before t and not on t. On these columns the rows are prescribed. The
    combinations of all such t times any completion are triangular with a diagonal without zeros.
    """
    found = 0
    for t in range(start, end):
        rows = matrix[t:end, start : t + 1].astype(int)
        values = COEFFICIENTS[:, : end - t] @ rows
        found += bool(((values[:, :-1] == 0).all(axis=1) & (values[:, -1] != 0)).any())
    return found


def certified_width(matrix):
    """Return what no dual of a 4 × 4 matrix can be narrower than, over all places of zeros in the mask."""
    least = 4
    for cuts in itertools.product((False, True), repeat=3):
        ends = [0, *(t for t, cut in enumerate(cuts, 1) if cut), 4]
        if all(not matrix[t:, :t].any() for t in ends[1:-1]):
            widths = [certified_rank(matrix, *block) for block in itertools.pairwise(ends)]
            least = min(least, max(widths))
    return least


def test_all_zeros_and_ones_of_four_tokens():
    """Whatever is found equals M when multiplied out; whatever is refused has a certificate."""
    found = 0
    for values in itertools.product((0, 1), repeat=10):
        matrix = lower(4, values)
        order, certified = semiseparable_order(matrix), certified_width(matrix)
        least = attention_dual(matrix, 4)
        assert least.width == certified
        assert (multiplied(least) == matrix).all()
        assert (least.matrix() == matrix).all()
        assert attention_dual(matrix, certified - 1) is None if certified else True
        dual = attention_dual(matrix)
        assert (dual is not None) == (certified <= order)
        if dual is not None:
            found += 1
            assert dual.width == certified
    print(f"of 1024 matrices of zeros and ones {found} have a dual no wider than their order")
    assert found == 880


def test_a_dual_without_the_zeros_of_the_mask_goes_red():
    """Planted faults: the blocks left out of the width, or out of the mask."""
    wider = wrong = 0
    for values in itertools.product((0, 1), repeat=10):
        matrix = lower(4, values)
        dual = attention_dual(matrix, 4)
        wider += len(new_columns(matrix)) != certified_width(matrix)
        unmasked = Dual(dual.q, dual.k, [1] * 4)
        wrong += (unmasked.matrix() != matrix).any()
    assert wider > 100
    assert wrong > 100


def test_width_one_of_all_matrices_of_signs():
    """All 729 over {−1, 0, 1}: a dual of width one over the rationals has one of signs, so all are listed."""
    listed = set()
    tokens = 3
    for q, k in itertools.product(itertools.product(SIGNS, repeat=tokens), repeat=2):
        for a in itertools.product((0, 1), repeat=tokens - 1):
            dual = [
                q[j] * k[i] * min(a[i:j], default=1) for j in range(tokens) for i in range(j + 1)
            ]
            listed.add(tuple(dual))
    for values in itertools.product(SIGNS, repeat=6):
        dual = attention_dual(lower(tokens, values), 1)
        assert (dual is not None) == (values in listed)
        if dual is not None:
            assert (multiplied(dual) == lower(tokens, values)).all()
    assert 100 < len(listed) < 600


@st.composite
def triangles(draw, most=7):
    tokens = draw(st.integers(1, most))
    entry = st.one_of(st.sampled_from([0, 0, 0, 1]), st.fractions(-2, 2, max_denominator=5))
    count = tokens * (tokens + 1) // 2
    return lower(tokens, draw(st.lists(entry, min_size=count, max_size=count)))


@given(matrix=triangles())
def test_random_fractions_and_the_same_numbers_as_floats(matrix):
    dual = attention_dual(matrix, len(matrix))
    assert (multiplied(dual) == matrix).all()
    assert (dual.matrix() == matrix).all()
    assert (kernel_matrix(dual.q, dual.k, dual.a) == matrix).all()
    assert set(dual.a.tolist()) <= {0, 1}
    assert [t for t in range(len(matrix)) if dual.a[t] == 0] == [b.start for b in dual.blocks[1:]]
    if dual.width:
        assert attention_dual(matrix, dual.width - 1) is None
        assert attention_dual(matrix, dual.width).width == dual.width
    floating = attention_dual(torch.tensor(matrix.astype(float)), len(matrix))
    assert floating.width == dual.width
    assert floating.blocks == dual.blocks
    error = np.abs(floating.matrix().numpy() - matrix.astype(float)).max()
    assert error <= 1e-10 * max(1, np.abs(matrix).max())


@given(matrix=triangles())
def test_the_mask_is_one_inside_blocks(matrix):
    dual = attention_dual(matrix, len(matrix))
    mask = dual.mask()
    for j, i in itertools.product(range(len(matrix)), repeat=2):
        together = any(i in block and j in block for block in dual.blocks)
        assert mask[j, i] == (together and i <= j)


@pytest.mark.parametrize("tokens", range(2, 11))
def test_the_identity_with_a_corner_needs_all_but_one(tokens):
    matrix = np.eye(tokens, dtype=int)
    matrix[-1, 0] = 1
    assert (attention_dual(matrix) is None) == (tokens > 3)
    assert attention_dual(matrix, tokens - 2) is None
    dual = attention_dual(matrix, tokens - 1)
    assert dual.width == tokens - 1
    assert (multiplied(dual) == matrix).all()


def test_the_example_that_separates_has_width_three():
    matrix = [[2, 0, 0, 0], [1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]
    assert attention_dual(matrix) is None
    assert attention_dual(matrix, 2) is None
    dual = attention_dual(matrix, 3)
    assert (multiplied(dual) == np.array(matrix)).all()
    assert len(dual.blocks) == 1


def test_a_zero_decay_does_not_exclude_a_dual():
    """A zero in all states is a cut; a model that is zero anyway has a dual of any width."""
    q = [[1, 2], [3, 4], [5, 6], [7, 9], [2, 1], [1, 5]]
    k = [[1, 1], [1, -1], [2, 1], [1, 3], [2, 2], [1, 0]]
    dual = attention_dual(kernel_matrix(q, k, [1, 1, 1, 0, 1, 1]))
    assert dual.width == 2
    assert dual.blocks == (range(3), range(3, 6))
    nothing = attention_dual(np.zeros((3, 3), int))
    assert nothing.width == 0
    assert nothing.blocks == (range(1), range(1, 2), range(2, 3))
    assert not nothing.matrix().any()
    assert attention_dual(torch.zeros(3, 3)).q.shape == (3, 0)


@given(
    seed=st.integers(0, 2**32 - 1),
    tokens=st.integers(1, 7),
    states=st.integers(1, 3),
    zero=st.booleans(),
)
def test_invertible_models_have_a_dual_of_their_width(seed, tokens, states, zero):
    """Absorbed decays are a dual; a dual of M is no wider, also after a cut in all states."""
    rng = np.random.default_rng(seed)
    q, k = rng.integers(-3, 4, (2, tokens, states))
    a = rng.choice([-2, -1, 1, 3], (tokens, states))
    if zero:
        a[tokens // 2] = 0
    matrix = kernel_matrix(q, k, a)
    dual = attention_dual(matrix, states)
    assert dual is not None
    assert (multiplied(dual) == matrix).all()
    if not zero:
        head = absorb_decays(q, k, a)
        assert (Dual(*head, [1] * tokens).matrix() == matrix).all()


def test_exact_softmax_is_linear_attention_of_half_the_width():
    for tokens in range(1, 10):
        matrix = np.full((tokens, tokens), Fraction(0), dtype=object)
        for i in range(tokens):
            weights = [2 ** ((i + 1) * (j + 1)) for j in range(i + 1)]
            matrix[i, : i + 1] = [Fraction(weight, sum(weights)) for weight in weights]
        dual = attention_dual(matrix)
        assert dual.width == (tokens + 1) // 2
        assert len(dual.blocks) == 1
        assert (multiplied(dual) == matrix).all()


@pytest.mark.parametrize(("low", "high"), [(0.99, 1.0), (0.92, 0.999), (0.5, 0.5)])
def test_256_tokens_in_floats(low, high):
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 256, 4))
    matrix = kernel_matrix(q, k, np.full((256, 4), rng.uniform(low, high, 4)))
    start = time.perf_counter()
    dual = attention_dual(matrix)
    took = time.perf_counter() - start
    error = float((dual.matrix() - matrix).abs().max() / matrix.abs().max())
    print(f"dual of 256 tokens, decays {low} to {high}: off by {error:.1e}, {took:.2f} s")
    assert dual.width == 4
    assert error < 1e-9
    assert took < 30


def test_256_tokens_in_blocks_and_of_large_width():
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 256, 4))
    a = np.full((256, 4), 0.98)
    a[[64, 100, 200]] = 0
    dual = attention_dual(kernel_matrix(q, k, a))
    assert dual.width == 4
    assert [block.start for block in dual.blocks] == [0, 64, 100, 200]
    corner = torch.eye(256, dtype=torch.float64)
    corner[-1, 0] = 1
    assert attention_dual(corner) is None
    dual = attention_dual(corner, 256)
    assert dual.width == 255
    assert torch.equal(dual.matrix(), corner)


def test_a_dual_that_float64_cannot_hold_is_refused_and_exact_numbers_have_it():
    rng = np.random.default_rng(0)
    q, k = rng.integers(1, 4, (2, 160, 2))
    decays = np.array([Fraction(1, 2), Fraction(9, 10)] * 160, dtype=object).reshape(160, 2)
    matrix = kernel_matrix(q, k, decays)
    with pytest.raises(ValueError, match=r"M: a completion of rank 2 needs coefficients up to"):
        attention_dual(matrix.astype(float))
    start = time.perf_counter()
    dual = attention_dual(matrix)
    print(f"exact dual of 160 tokens: {time.perf_counter() - start:.1f} s")
    assert dual.width == 2
    assert (dual.matrix() == matrix).all()


@pytest.mark.usefixtures("as_reader")
def test_what_is_no_width_and_no_dual_is_refused():
    with pytest.raises(TypeError, match="width: float is given, but an integer or None"):
        attention_dual([[1]], 1.0)
    with pytest.raises(TypeError, match="width: bool is given"):
        attention_dual([[1]], True)
    with pytest.raises(ValueError, match="width: -1 is given, but at least 0"):
        attention_dual([[1]], -1)
    with pytest.raises(ValueError, match="M: NaN or an infinite entry"):
        attention_dual([[float("inf")]])
    with pytest.raises(ValueError, match=r"tolerance: 0\.1 is given, but exact"):
        attention_dual([[1]], tolerance=0.1)
    with pytest.raises(ValueError, match=r"a: \[T\] decays of 0 or 1 are needed"):
        Dual([[1]], [[1]], [2])
    with pytest.raises(ValueError, match=r"a: \[T\] decays of 0 or 1 are needed"):
        Dual([[1]], [[1]], [[1]])
    with pytest.raises(ValueError, match=r"k: shape \(2, 1\) is given, but that of q"):
        Dual([[1]], [[1], [1]], [1])
