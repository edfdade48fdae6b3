"""Functions of one variable, squares, products, reciprocals, sawteeth (T6, T7), on real attention."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softbook.relu_softmax import (
    KAPPA,
    multiply,
    multiply_bound,
    multiply_cost,
    piecewise_linear,
    piecewise_linear_bound,
    reciprocal,
    reciprocal_bound,
    reciprocal_interval,
    sawtooth_bound,
    sawtooth_cost,
    sawtooth_interval,
    sawtooth_multiply,
    sawtooth_multiply_bound,
    sawtooth_size,
    sawtooth_square,
    soft_multiply,
    soft_multiply_bound,
    soft_square,
    soft_square_interval,
    square,
    square_bound,
    square_cost,
    square_interval,
)
from softbook.relu_softmax.theory import reciprocal_knots

F64 = torch.float64
LINE = torch.linspace(-1, 1, 4001, dtype=F64)
UNIT = torch.linspace(0, 1, 8193, dtype=F64)
X, Y = torch.meshgrid(LINE[::25], LINE[::25], indexing="ij")
COARSE_X, COARSE_Y = X[::5, ::5], Y[::5, ::5]
betas = st.floats(0, 8).map(lambda e: 10.0**e)
TINY = 1e-12


def within(error: torch.Tensor, interval: tuple[float, float]) -> bool:
    return interval[0] - TINY <= error.min() <= error.max() <= interval[1] + TINY


@settings(max_examples=20)
@given(beta=betas, pieces=st.integers(1, 40))
def test_squares_and_products_stay_in_their_intervals(beta, pieces):
    assert within(square(LINE[::8], beta, pieces) - LINE[::8] ** 2, square_interval(beta, pieces))
    error = (multiply(COARSE_X, COARSE_Y, beta, pieces) - COARSE_X * COARSE_Y).abs().max()
    assert error <= multiply_bound(beta, pieces) + TINY


@given(
    beta=betas,
    pieces=st.integers(1, 12),
    low=st.floats(0.05, 2),
    width=st.floats(0.01, 5),
)
def test_reciprocals_stay_in_their_interval(beta, pieces, low, width):
    x = torch.linspace(low, low + width, 301, dtype=F64)
    error = reciprocal(x, low, low + width, beta, pieces) - 1 / x
    assert within(error, reciprocal_interval(low, low + width, beta, pieces))


def test_the_reciprocal_errs_alike_on_all_pieces():
    knots = torch.from_numpy(reciprocal_knots(0.1, 1.0, 8))
    x = (knots[1:] * knots[:-1]).sqrt()
    error = reciprocal(x, 0.1, 1.0, 1e12, 8) - 1 / x
    promised = reciprocal_interval(0.1, 1.0, 1e12, 8)[1]
    torch.testing.assert_close(error, torch.full_like(error, promised), rtol=0, atol=1e-9)


@settings(max_examples=20)
@given(beta=betas, levels=st.integers(1, 12))
def test_sawteeth_stay_in_their_intervals(beta, levels):
    error = sawtooth_square(UNIT[::16], beta, levels) - UNIT[::16] ** 2
    assert within(error, sawtooth_interval(beta, levels))
    error = (sawtooth_multiply(COARSE_X, COARSE_Y, beta, levels) - COARSE_X * COARSE_Y).abs().max()
    assert error <= sawtooth_multiply_bound(beta, levels) + TINY
    assert sawtooth_bound(beta, levels) <= 4.0 ** -(levels + 1) + 8 / 3 * KAPPA / beta * (1 + 1e-12)


@settings(max_examples=20)
@given(beta=st.floats(-3, 1).map(lambda e: 10.0**e))
def test_the_soft_square_errs_on_one_side(beta):
    low, high = soft_square_interval(beta)
    rounding = 1e-14 / beta
    error = soft_square(LINE[::8], beta) - LINE[::8] ** 2
    assert low - rounding <= error.min() <= error.max() <= high + rounding
    error = (soft_multiply(COARSE_X, COARSE_Y, beta) - COARSE_X * COARSE_Y).abs().max()
    assert error <= soft_multiply_bound(beta) + rounding


def test_quoted_figures():
    product = (multiply(X, Y, 400.0, 16) - X * Y).abs().max().item()
    assert abs(product - 3.90e-3) < 2e-5
    soft = (soft_multiply(X, Y, 0.3) - X * Y).abs().max().item()
    assert abs(soft - 7.43e-3) < 1e-5
    assert abs(reciprocal_bound(0.1, 1.0, 1e12, 8) - 0.07305) < 1e-5


@pytest.mark.parametrize(
    ("levels", "beta", "error"),
    [
        *itertools.product([4], [1e4, 1e6, 1e8], [9.77e-4]),
        *itertools.product([6], [1e4, 1e6, 1e8], [6.10e-5]),
        (10, 1e4, 3.53e-5), (10, 1e6, 3.53e-7), (10, 1e8, 2.38e-7),
        (12, 1e4, 3.52e-5), (12, 1e6, 3.53e-7), (12, 1e8, 1.49e-8),
    ],
)  # fmt: skip
def test_the_table_of_the_sawtooth(levels, beta, error):
    # Chords are worst midway between knots; softening peaks near 1.07/β, beside the end.
    near = torch.linspace(0, 8, 1601, dtype=F64) / beta
    x = torch.cat([(torch.arange(2**levels, dtype=F64) + 0.5) / 2**levels, near])
    measured = (sawtooth_square(x, beta, levels) - x * x).abs().max().item()
    assert abs(measured / error - 1) < 0.01


@given(
    knots=st.lists(st.floats(-3, 3), min_size=2, max_size=9, unique=True).map(sorted),
    beta=betas,
)
def test_a_convex_function_of_one_variable(knots, beta):
    places = torch.tensor(knots, dtype=F64)
    if places.diff().min() < 1e-3:
        return
    head = piecewise_linear(torch.exp, places, beta)
    x = torch.linspace(knots[0], knots[-1], 500, dtype=F64)
    chord = (piecewise_linear(torch.exp, places, 1e300)(x) - x.exp()).abs().max().item()
    assert head.heads == len(knots) - 2
    assert head.variation <= float(places[-1].exp() - places[0].exp()) + 1e-9
    bound = piecewise_linear_bound(beta, chord, head.variation, convex=True)
    assert (head(x) - x.exp()).abs().max() <= bound + 1e-10
    assert bound <= piecewise_linear_bound(beta, chord, head.variation)


def test_a_wrong_slope_goes_red():
    head = piecewise_linear(torch.square, torch.linspace(-1, 1, 9, dtype=F64), 1e6)
    head.slopes[4] += 0.1
    assert (head(LINE) - LINE**2).abs().max() > square_bound(1e6, 8) * 1.5


def test_costs_reach_their_error():
    for error in (0.3, 1e-2, 1e-4, 1e-6):
        pieces, heads, beta = square_cost(error)
        assert square_bound(beta, pieces) <= error * (1 + 1e-12)
        assert heads == pieces - 1
        pieces, heads, beta = multiply_cost(error)
        assert multiply_bound(beta, pieces) <= error * (1 + 1e-12)
        levels, heads, beta = sawtooth_cost(error)
        assert sawtooth_bound(beta, levels) <= error * (1 + 1e-12)
        assert sawtooth_size(levels) == (levels, heads)
    # Depth wins for small errors: heads grow like log(1/ε), not like ε^{−1/2}.
    assert sawtooth_cost(1e-8)[1] < 50 < square_cost(1e-8)[1]


def test_shapes_and_gradients():
    for shape in ((), (0,), (2, 0), (2, 3, 1)):
        x = torch.full(shape, 0.4, dtype=F64)
        for out in (
            square(x, 10.0, 3),
            square(x, 10.0, 1),
            reciprocal(x, 0.1, 1.0, 10.0, 3),
            sawtooth_square(x, 10.0, 2),
            sawtooth_multiply(x, x, 10.0, 2),
            soft_multiply(x, x, 0.1),
            multiply(x, torch.tensor(0.5, dtype=F64), 10.0, 3),
        ):
            assert out.shape == shape
    view = LINE[:12].reshape(3, 4).mT
    torch.testing.assert_close(square(view, 9.0, 4), square(view.contiguous(), 9.0, 4))
    x = torch.tensor([-0.7, 0.2, 0.6], dtype=F64, requires_grad=True)
    y = torch.tensor([0.3, -0.9, 0.5], dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, y: multiply(x, y, 9.0, 4), (x, y))
    assert torch.autograd.gradcheck(lambda x, y: sawtooth_multiply(x, y, 9.0, 3), (x, y))
    assert torch.autograd.gradcheck(lambda x, y: soft_multiply(x, y, 0.5), (x, y))
    assert torch.autograd.gradcheck(lambda x: reciprocal(x + 2, 1.0, 3.0, 9.0, 4), x)


@pytest.mark.parametrize("beta", [1e-30, 1.0, 1e30, 1e300])
def test_no_input_in_the_domain_becomes_nan(beta):
    x = torch.tensor([-1.0, -1e-40, 0.0, 1e-40, 1.0])
    for out in (
        square(x, beta, 5),
        multiply(x, x.flip(0), beta, 5),
        sawtooth_square(x.abs(), beta, 4),
    ):
        assert torch.isfinite(out).all()
    assert square(torch.tensor(torch.nan), beta, 4).isnan()


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda x: square(x, 1.0, 0), ValueError, "pieces: 0 is given, but at least 1 is needed"),
        (lambda x: square(x, -1.0, 2), ValueError, "beta: -1.0 is given"),
        (lambda x: square(x.int(), 1.0, 2), TypeError, "x: dtype torch.int32 is given"),
        (lambda x: multiply(x, torch.ones(4), 1.0, 2), ValueError, "they do not broadcast"),
        (lambda x: multiply(x, 2.0, 1.0, 2), TypeError, "y: float is given, but a tensor"),
        (lambda x: reciprocal(x, 0.0, 1.0, 1.0, 2), ValueError, "low: 0.0 is given"),
        (lambda x: reciprocal(x, 2.0, 1.0, 1.0, 2), ValueError, "low, high: 2.0 and 1.0 are given"),
        (lambda x: sawtooth_square(x.int(), 1.0, 2), TypeError, "x: dtype torch.int32 is given"),
        (lambda x: sawtooth_square(x, 1.0, 0), ValueError, "levels: 0 is given"),
        (lambda x: soft_multiply(x, x, 0.0), ValueError, "beta: 0.0 is given"),
        (
            lambda x: piecewise_linear(torch.exp, x, 1.0),
            ValueError,
            "knots: at least two increasing",
        ),
        (
            lambda x: piecewise_linear(lambda t: t[1:], x.cumsum(0), 1.0),
            ValueError,
            "values: shape",
        ),
        (
            lambda x: piecewise_linear(lambda t: 3.0, x.cumsum(0), 1.0),
            TypeError,
            "f: returned float",
        ),
        (
            lambda x: piecewise_linear(torch.log, x.cumsum(0) - 1, 1.0),
            ValueError,
            "values: the function",
        ),
        (lambda x: piecewise_linear_bound(1.0, -1.0, 0.0), ValueError, "chord_error, variation"),
        (lambda x: square_cost(0.0), ValueError, "error: 0.0 is given"),
    ],
)
def test_settings_that_no_theorem_allows(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(torch.ones(3))
