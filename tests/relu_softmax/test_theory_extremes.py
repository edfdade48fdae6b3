"""Closed forms at the ends of their domains: no overflow, no NaN, a sentence for what cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import quad

from softbook.relu_softmax import PiecewiseLinear, sawtooth_square
from softbook.relu_softmax.model.bounds import envelope
from softbook.relu_softmax.theory import (
    KAPPA,
    anchors_for,
    gap,
    gap_envelope,
    multiply_bound,
    multiply_cost,
    piecewise_linear_bound,
    ramp_bound,
    reciprocal_interval,
    reciprocal_knots,
    relu_bound,
    sawtooth_bound,
    sawtooth_cost,
    soft_square_bound,
    square_bound,
    square_cost,
    swish,
    unmasked_bound,
    unmasked_score,
)

F64 = torch.float64


errors = st.floats(-9, 1).map(lambda e: 10.0**e)
# Squares of fractions: there rounding decides whether one more piece is needed.
awkward = st.integers(1, 300).map(lambda k: 2.0 / k**2)


@given(error=errors | awkward)
def test_costs_reach_their_error_to_the_last_digit(error):
    for cost, bound in ((square_cost, square_bound), (multiply_cost, multiply_bound)):
        pieces, _, beta = cost(error)
        assert bound(beta, pieces) <= error
        # One piece less does not do, at any sharpness.
        assert pieces == 1 or bound(1e300, pieces - 1) > error * (
            0.5 if cost is multiply_cost else 1
        ) * (1 - 4e-16)
    levels, heads, beta = sawtooth_cost(error)
    assert sawtooth_bound(beta, levels) <= error
    assert heads == 3 * levels


@given(
    error=errors | awkward,
    low=st.floats(-5, 5),
    width=st.floats(1e-3, 1e3),
    c=st.floats(-2, 3).map(lambda e: 10.0**e),
)
def test_the_number_of_anchors_suffices_and_is_least(error, low, width, c):
    assume(low + width > low)
    p = anchors_for(error, low, low + width, c)
    assert ramp_bound(low, low + width, p, c) <= error * (1 + 1e-15)
    assert p == 2 or ramp_bound(low, low + width, p - 1, c) > error * (1 - 1e-15)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda: gap_envelope([math.inf, 1e308, 0.0]).tolist(), [0.0, 0.0, KAPPA]),
        (lambda: gap([1e308, -1e308, 0.0], 1e308).tolist(), [0.0, 0.0, 0.0]),
        (lambda: swish([1e308, -1e308], 1e308).tolist(), [1e308, 0.0]),
        (lambda: relu_bound(5e-324), math.inf),
        (lambda: unmasked_bound(1.0, 2, 800.0, 1e308), KAPPA),
        (lambda: unmasked_bound(1.0, 2, -800.0, 1e-300), math.inf),
        (lambda: soft_square_bound(1e200), math.inf),
        (lambda: soft_square_bound(1e-200, 1e100), 1 / 12),
        (lambda: reciprocal_interval(1e-200, 1.0, 1.0, 3)[0], -math.inf),
        (lambda: sawtooth_bound(1e300, 2000), 0.0),
    ],
)  # fmt: skip
def test_extreme_settings_give_what_the_limit_is(value, expected):
    assert value() == pytest.approx(expected, rel=1e-12, abs=1e-299)


def test_hundreds_of_levels_neither_overflow_nor_change_the_limit():
    x = torch.tensor([0.3, 0.7], dtype=F64)
    torch.testing.assert_close(sawtooth_square(x, 1e12, 520), x * x, rtol=0, atol=1e-11)
    assert sawtooth_bound(7.0, 1200) == pytest.approx(8 / 3 * KAPPA / 7)


def test_a_score_for_sizes_whose_product_overflows():
    assert unmasked_score(1e200, 5, 1e200) == pytest.approx(
        math.log(8 / KAPPA) + 400 * math.log(10)
    )
    assert math.isfinite(unmasked_score(1e-200, 5, 1e-200))


@given(u=st.floats(0, 100))
def test_both_envelopes_agree(u):
    here = float(gap_envelope(u))
    assert float(envelope(torch.tensor(u, dtype=F64))) == pytest.approx(here, rel=1e-14, abs=1e-300)


@given(low=st.floats(1e-3, 10), ratio=st.floats(1.01, 50), pieces=st.integers(1, 20))
def test_chords_of_the_reciprocal_err_exactly_alike(low, ratio, pieces):
    knots = reciprocal_knots(low, low * ratio, pieces)
    c, d = knots[:-1], knots[1:]
    promised = reciprocal_interval(low, low * ratio, 1.0, pieces)[1]
    # At √(cd), in closed form: no search can be off.
    x = np.sqrt(c * d)
    chord = (c + d - x) / (c * d) - 1 / x
    np.testing.assert_allclose(chord, promised, rtol=1e-6, atol=1e-13 / low)


def convex(bends: list[float], places: list[float], curve: float):
    """Return a convex function: kinks at some places, a parabola and an exponential."""

    def f(t: torch.Tensor) -> torch.Tensor:
        kinks = sum(a * (t - p).abs() for a, p in zip(bends, places, strict=True))
        return kinks + curve * t * t + torch.exp(t) / 3 - t

    return f


@given(
    bends=st.lists(st.floats(0, 4), min_size=1, max_size=4),
    curve=st.floats(0, 3),
    pieces=st.integers(1, 12),
    seed=st.integers(0, 9999),
    beta=st.floats(-1, 6).map(lambda e: 10.0**e),
    concave=st.booleans(),
)
def test_convex_functions_with_kinks_keep_the_larger_of_both_errors(
    bends, curve, pieces, seed, beta, concave
):
    generator = torch.Generator().manual_seed(seed)
    f = convex(bends, (torch.rand(len(bends), generator=generator) * 2 - 1).tolist(), curve)
    sign = -1.0 if concave else 1.0
    inner = torch.rand(pieces - 1, generator=generator, dtype=F64) * 2 - 1
    ends = torch.tensor([-1.0, 1.0], dtype=F64)
    knots = torch.cat([ends, inner]).sort().values
    assume(bool((knots.diff() > 1e-4).all()))
    x = torch.linspace(-1, 1, 2001, dtype=F64)
    # Near each knot, where softening is worst.
    peaks = torch.cat([knots + side * (1 + KAPPA) / beta for side in (-1, 1)]).clamp(-1, 1)
    x = torch.cat([x, peaks, knots])
    exact = sign * f(x)
    at_knots = sign * f(knots)
    head = PiecewiseLinear(knots, at_knots, beta)
    chords = torch.from_numpy(np.interp(x.numpy(), knots.numpy(), at_knots.numpy()))
    # f' is monotone: its variation is the difference of its ends, here from the outermost slopes.
    variation = 2 * sum(bends) + 4 * curve + (math.e - 1 / math.e) / 3
    assert head.variation <= variation + 1e-9
    chord = (chords - exact).abs().max().item()
    bound = piecewise_linear_bound(beta, chord, variation, convex=True)
    assert (head(x) - exact).abs().max().item() <= bound + 1e-11 * (1 + 1 / beta)


def test_without_convexity_the_errors_add():
    """A function whose chord error and softening error have one sign: the maximum is not enough."""
    knots = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=F64)
    values = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0], dtype=F64)
    beta = 3.0
    head = PiecewiseLinear(knots, values, beta)
    # f lies above its chord beside the peak at 0, and the softened peak lies below the chord.
    x = (1 + KAPPA) / beta
    bump = 4 * KAPPA / beta / 2
    f_x = (1 - x) + bump
    error = abs(float(head(torch.tensor(x, dtype=F64))) - f_x)
    assert error > max(bump, 2 * KAPPA / beta) * 1.05
    assert error <= piecewise_linear_bound(beta, bump, head.variation)


def test_the_variation_of_a_smooth_function_is_its_curvature():
    knots = torch.linspace(0, 3, 4001, dtype=F64)
    head = PiecewiseLinear(knots, torch.sin(knots), 1.0)
    exact = quad(lambda t: abs(math.sin(t)), 0, 3)[0]
    assert exact * (1 - 1e-3) < head.variation <= exact


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: square_cost(1e-320), ValueError, "error: 1e-320 is given, but at least 1e-300"),
        (lambda: multiply_cost(1e-320), ValueError, "error: 1e-320 is given"),
        (lambda: sawtooth_cost(1e-320), ValueError, "error: 1e-320 is given"),
        (lambda: anchors_for(1e-300, 0.0, 1e300, 1.0), ValueError, "no finite number of anchors"),
        (lambda: anchors_for(0.1, "0", 1.0, 1.0), TypeError, "low: str is given, but a number"),
        (lambda: anchors_for(0.1, 0.0, True, 1.0), TypeError, "high: bool is given, but a number"),
        (lambda: unmasked_bound(1.0, 2, None, 1.0), TypeError, "self_score: NoneType is given"),
        (lambda: relu_bound(True), TypeError, "beta: bool is given"),
        (lambda: relu_bound(-1.0), ValueError, "beta: -1.0 is given"),
        (lambda: reciprocal_knots(-1.0, 1.0, 3), ValueError, "low: -1.0 is given"),
        (lambda: sawtooth_bound(1.0, 0), ValueError, "levels: 0 is given"),
    ],
)
def test_settings_that_no_theorem_allows(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
