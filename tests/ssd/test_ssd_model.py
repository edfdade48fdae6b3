"""Kernel matrices, their heads and their single head against recurrences that share nothing with them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.ssd import (
    absorb_decays,
    diagonal_as_heads,
    kernel_matrix,
    semiseparable_order,
)

F64 = torch.float64


def impulses(q, k, a):
    """The matrix of the recurrence: what comes out when a one goes in at one token, dense transitions."""
    tokens = len(q)
    matrix = np.zeros((tokens, tokens), dtype=q.dtype)
    for i in range(tokens):
        state = k[i]
        matrix[i, i] = sum(q[i] * state)
        for j in range(i + 1, tokens):
            state = np.array([sum(row * state) for row in dense(a[j], len(state))])
            matrix[j, i] = sum(q[j] * state)
    return matrix


def dense(a, states):
    a = np.asarray(a)
    return a if a.ndim == 2 else a * np.eye(states, dtype=int)


def numbers(matrix):
    return [[Fraction(entry) for entry in row] for row in matrix.tolist()]


@st.composite
def models(draw, kinds=(1, 2, 3), zeros=True, most=5):
    """Queries, keys and transitions of integers or fractions: scalar, diagonal or dense."""
    tokens, states = draw(st.integers(1, most)), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(kinds))
    shape = (tokens, *(states,) * (kind - 1))
    entry = st.one_of(st.integers(-3, 3), st.fractions(-2, 2, max_denominator=4))

    def array(shape, entry):
        count = int(np.prod(shape))
        values = draw(st.lists(entry, min_size=count, max_size=count))
        return np.array([*values, None], dtype=object)[:-1].reshape(shape)

    q, k = array((tokens, states), entry), array((tokens, states), entry)
    return q, k, array(shape, entry if zeros else entry.filter(bool))


@given(model=models())
def test_the_kernel_matrix_is_what_the_recurrence_does(model):
    exact = impulses(*model)
    matrix = kernel_matrix(*model)
    assert all(isinstance(entry, Fraction) for entry in matrix.ravel())
    assert numbers(matrix) == numbers(exact)
    floating = kernel_matrix(*(torch.tensor(entry.astype(float)) for entry in model))
    size = kernel_matrix(*(abs(entry) for entry in model)).astype(float).max()
    assert floating.dtype == F64
    assert np.abs(floating.numpy() - exact.astype(float)).max() <= 1e-14 * size


@given(model=models(), first=st.integers(-9, 9))
def test_the_first_transition_never_enters(model, first):
    q, k, a = model
    other = a.copy()
    other[0] = first
    assert numbers(kernel_matrix(q, k, other)) == numbers(kernel_matrix(q, k, a))


@given(model=models())
def test_its_order_is_at_most_its_number_of_states(model):
    assert semiseparable_order(kernel_matrix(*model)) <= model[0].shape[1]


def test_it_can_be_differentiated():
    rng = np.random.default_rng(0)
    shapes = (4, 2), (4, 2)
    for last in ((4,), (4, 2), (4, 2, 2)):
        model = [torch.tensor(rng.standard_normal(s), requires_grad=True) for s in (*shapes, last)]
        assert torch.autograd.gradcheck(kernel_matrix, model)


@given(model=models(kinds=(2,)))
def test_the_heads_of_width_one_sum_to_the_model(model):
    heads = diagonal_as_heads(*model)
    assert len(heads) == model[0].shape[1]
    assert all(q.shape[1] == k.shape[1] == a.ndim == 1 for q, k, a in heads)
    total = sum(kernel_matrix(*head) for head in heads)
    assert numbers(total) == numbers(impulses(*model))


def head_errors(heads_of, seeds=1000, tokens=24):
    """Largest error of the heads' sum against the recurrence on inputs, over the seeds; N = 2, decays (.5, .8)."""
    worst = 0.0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        q, k = rng.standard_normal((2, tokens, 2))
        a = np.tile([0.5, 0.8], (tokens, 1))
        x = rng.standard_normal(tokens)
        state, truth = np.zeros(2), []
        for j in range(tokens):
            state = a[j] * state + k[j] * x[j]
            truth.append(q[j] @ state)
        total = sum(kernel_matrix(*head).numpy() @ x for head in heads_of(q, k, a))
        worst = max(worst, float(np.abs(total - truth).max()))
    return worst


def test_a_thousand_sums_of_heads_differ_from_the_recurrence_by_rounding():
    worst = head_errors(diagonal_as_heads)
    print(f"sum of heads against the recurrence, 1000 seeds: {worst:.2e}")
    assert worst < 3e-14

    def one_dropped(q, k, a):
        return diagonal_as_heads(q, k, a)[:1]

    def decays_swapped(q, k, a):
        return diagonal_as_heads(q, k, a[:, ::-1].copy())

    for fault in (one_dropped, decays_swapped):
        assert head_errors(fault, seeds=3) > 1e-3


@given(model=models(zeros=False, kinds=(1, 2)))
def test_decays_are_absorbed_into_a_single_head(model):
    q, k = absorb_decays(*model)
    assert q.shape == k.shape == model[0].shape
    head = np.where(np.tri(len(q), dtype=bool), q @ k.T, Fraction(0))
    assert numbers(head) == numbers(impulses(*model))


@given(model=models(kinds=(3,)))
def test_invertible_transitions_are_absorbed_and_singular_ones_refused(model):
    singular = [t for t, step in enumerate(model[2]) if t and not determinant(step)]
    if singular:
        with pytest.raises(
            ValueError, match=f"a: a singular transition is given at token {singular[0]}"
        ):
            absorb_decays(*model)
        return
    q, k = absorb_decays(*model)
    head = np.where(np.tri(len(q), dtype=bool), q @ k.T, Fraction(0))
    assert numbers(head) == numbers(impulses(*model))


def determinant(matrix):
    """By the first row."""
    if not len(matrix):
        return 1
    minors = (np.delete(matrix[1:], column, axis=1) for column in range(len(matrix)))
    return sum(
        (-1) ** column * matrix[0, column] * determinant(minor)
        for column, minor in enumerate(minors)
    )


def test_the_product_on_the_other_factor_goes_red():
    q, k, a = np.array([[1], [1], [1]]), np.array([[1], [2], [3]]), np.array([1, 2, 3])
    products = np.array([[1], [2], [6]])
    fault = np.tril((q / products) @ (k * products).T)
    assert (np.tril(fault) != impulses(q, k, a)).any()


def test_the_decays_of_256_tokens_are_absorbed_in_floats():
    rng = np.random.default_rng(0)
    q, k = torch.from_numpy(rng.standard_normal((2, 256, 4)))
    worst = {}
    steps = {
        "scalar": torch.from_numpy(rng.uniform(0.9, 1, 256)),
        "diagonal": torch.from_numpy(rng.uniform(0.9, 1, (256, 4))),
        "dense": torch.linalg.qr(torch.from_numpy(rng.standard_normal((256, 4, 4))))[0] * 0.9,
    }
    for name, a in steps.items():
        queries, keys = absorb_decays(q, k, a)
        matrix = kernel_matrix(q, k, a)
        gap = ((queries @ keys.T).tril() - matrix).abs().max() / matrix.abs().max()
        worst[name] = float(gap)
        assert worst[name] < 1e-13
    print("absorbed, 256 tokens:", {name: f"{error:.1e}" for name, error in worst.items()})


def test_the_single_head_and_back():
    """From decays to a head without, and from its matrix to decays of one again."""
    rng = np.random.default_rng(3)
    q, k = torch.from_numpy(rng.standard_normal((2, 32, 3)))
    a = torch.from_numpy(rng.uniform(0.5, 1, 32))
    ones = torch.ones(32, dtype=F64)
    head = absorb_decays(q, k, a)
    torch.testing.assert_close(
        kernel_matrix(*head, ones), kernel_matrix(q, k, a), rtol=0, atol=1e-13
    )
    products = torch.cat([ones[:1], a[1:]]).cumprod(0)[:, None]
    torch.testing.assert_close(head[0] / products, q)
    torch.testing.assert_close(head[1] * products, k)
    again = absorb_decays(*head, ones)
    assert all(torch.equal(one, other) for one, other in zip(again, head, strict=True))


def test_what_float64_cannot_hold_is_said():
    ones = torch.ones(400, 1, dtype=F64)
    for decay, what in ((0.1, "the products of decays"), (10.0, "the products of decays")):
        with pytest.raises(ValueError, match=f"a: {what} leave float64's range"):
            absorb_decays(ones, ones, torch.full((400,), decay, dtype=F64))
    steep = torch.full((4,), 1e-60, dtype=F64)
    with pytest.raises(ValueError, match="the absorbed keys leave"):
        absorb_decays(ones[:4], ones[:4] * 1e200, steep)
    with pytest.raises(ValueError, match="the absorbed queries leave"):
        absorb_decays(ones[:4] * 1e-200, ones[:4], steep)
    # A query of zero stays zero: nothing is lost.
    queries, _ = absorb_decays(ones[:4] * 0, ones[:4], steep)
    assert not queries.any()
    with pytest.raises(ValueError, match="their kernel matrix has entries beyond float64"):
        kernel_matrix(ones, ones, ones[:, 0] * 10)
    exact = absorb_decays([[1]] * 400, [[1]] * 400, [Fraction(1, 10)] * 400)
    assert exact[1][-1, 0] == 10**399


def test_dense_products_that_lose_their_digits_are_said():
    rng = np.random.default_rng(0)
    q, k = torch.from_numpy(rng.standard_normal((2, 200, 2)))
    basis = torch.tensor([[1.0, 0.3], [0.2, 1.0]], dtype=F64)
    step = basis @ torch.diag(torch.tensor([0.5, 0.9], dtype=F64)) @ torch.linalg.inv(basis)
    with pytest.raises(ValueError, match="too far from orthogonal for float64: the head is off by"):
        absorb_decays(q, k, step.expand(200, 2, 2))
    # In its own basis the same model is absorbed to the last digits: 0.5^200 is far inside the range.
    queries, keys = absorb_decays(q, k, torch.tensor([[0.5, 0.9]], dtype=F64).expand(200, 2))
    assert queries.isfinite().all()
    assert keys.isfinite().all()


BAD = [
    (([1], [1], [1]), ValueError, r"q: shape \(1,\) is given, but \[T, N\] with T >= 1"),
    ((np.ones((0, 2)), np.ones((0, 2)), []), ValueError, r"q: shape \(0, 2\) is given"),
    (([[1]], [[1, 2]], [1]), ValueError, r"k: shape \(1, 2\) is given, but that of q, \(1, 1\)"),
    (
        ([[1, 2]], [[1, 2]], [1, 1]),
        ValueError,
        r"a: shape \(2,\) is given, but \(1,\) \(one decay a",
    ),
    (([[1.0]], [[np.nan]], [1]), ValueError, "k: NaN or an infinite entry"),
    (([[1]], [[1]], torch.tensor([torch.inf])), ValueError, "a: NaN or an infinite entry"),
    ((None, [[1]], [1]), TypeError, "q: NoneType is given"),
]


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize("function", [kernel_matrix, absorb_decays, diagonal_as_heads])
@pytest.mark.parametrize(("model", "error", "words"), BAD)
def test_what_is_no_model_is_refused(function, model, error, words):
    with pytest.raises(error, match=words):
        function(*model)


@pytest.mark.usefixtures("as_reader")
def test_decays_that_cannot_be_absorbed_or_split_are_refused():
    q = k = [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="a: a decay of 0 is given at token 1, which no query"):
        absorb_decays(q, k, [1, 0])
    with pytest.raises(ValueError, match="a: a decay of 0 is given at token 1"):
        absorb_decays(q, k, [[1.0, 1], [1, 0]])
    with pytest.raises(ValueError, match="a: a singular transition is given at token 1"):
        absorb_decays(q, k, np.ones((2, 2, 2)))
    with pytest.raises(
        ValueError, match=r"a: shape \(2,\) is given, but \(2, 2\) \(one decay a state\)"
    ):
        diagonal_as_heads(q, k, [1, 1])


def test_no_states_make_a_matrix_of_zeros():
    empty = np.zeros((3, 0), int)
    for a in ([1, 1, 1], empty, np.zeros((3, 0, 0), int)):
        matrix = kernel_matrix(empty, empty, a)
        assert numbers(matrix) == [[0] * 3] * 3
        assert not kernel_matrix(empty.astype(float), empty.astype(float), a).any()
        assert absorb_decays(empty, empty, a)[0].shape == (3, 0)
