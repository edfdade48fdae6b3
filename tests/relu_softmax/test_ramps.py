"""Ramps from anchors and from two heads (T4), and maxima (T5), on real attention."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.relu_softmax import (
    KAPPA,
    anchor_ramp,
    maximum,
    maximum_bound,
    minimum,
    ramp_bound,
    ramp_outside_bound,
    two_head_ramp,
    two_head_ramp_bound,
)
from softbook.relu_softmax.model import anchor_head
from softbook.relu_softmax.theory import anchors_for, interior_series, outside_series

F64 = torch.float64
exponents = st.floats(-2, 3).map(lambda e: 10.0**e)


def supremum_in_steps(sharpness: float, anchors: int = 61) -> float:
    s = torch.linspace(-2, anchors + 1, 20 * (anchors + 3) + 1, dtype=F64)
    ramp = s.clamp(0, anchors - 1)
    return (anchor_ramp(s, 0.0, anchors - 1.0, anchors, sharpness) - ramp).abs().max().item()


@pytest.mark.parametrize(
    ("sharpness", "supremum"),
    [
        (0.1, 1.49),
        (0.5, 0.52),
        (1, 0.292),
        (2, 0.120),
        (2.5, 0.076),
        (2.72, 0.0616),
        (3, 0.079),
        (5, 0.181),
    ],
)
def test_the_table_of_sharpness(sharpness, supremum):
    assert abs(supremum_in_steps(sharpness) - supremum) < 0.006 * max(1, supremum)


def test_sharper_is_not_better():
    errors = {c: supremum_in_steps(c) for c in (2.2, 2.5, 2.72, 3.0, 3.4, 10.0)}
    assert min(errors, key=errors.get) == 2.72
    fine = torch.linspace(0.4, 0.6, 20001, dtype=F64)
    sharp = (anchor_ramp(fine, 0.0, 5.0, 6, 50.0) - fine).abs().max().item()
    assert abs(sharp - 0.444) < 1e-3


@given(
    low=st.floats(-5, 5),
    width=st.floats(0.01, 20),
    anchors=st.integers(2, 12),
    sharpness=exponents,
    t=st.floats(-3, 4),
)
def test_the_bound_of_the_ramp_inside_and_outside(low, width, anchors, sharpness, t):
    high = low + width
    s = torch.tensor(low + t * width, dtype=F64)
    error = (anchor_ramp(s, low, high, anchors, sharpness) - s.clamp(low, high)).abs().item()
    bound = ramp_bound if low <= s.item() <= high else ramp_outside_bound
    rounding = 1e-15 * (10 + sharpness * anchors**2) * (abs(low) + width)
    assert error <= bound(low, high, anchors, sharpness) + rounding


def test_the_end_of_the_ramp_is_off_by_the_quoted_amount():
    for c in (0.5, 1.0, 2.0):
        below = sum(math.exp(-c * m * m) for m in range(60))
        promised = outside_series(c) / below
        error = 60.0 - anchor_ramp(torch.tensor(60.0, dtype=F64), 0.0, 60.0, 61, c).item()
        assert abs(error - promised) < 1e-12


def test_series_for_flat_softmaxes_are_bounds_too():
    c = 0.9e-6
    for series, shift in ((interior_series, 1), (outside_series, 0)):
        total = math.fsum((m + shift) * math.exp(-c * m * m) for m in range(1, 40_000)) + shift / 2
        assert total <= series(c) <= total * (1 + 1e-5)
    assert math.isfinite(interior_series(1e-300))


@given(beta=st.floats(-2, 8).map(lambda e: 10.0**e), t=st.floats(-50, 50))
def test_two_heads_make_a_ramp(beta, t):
    s = torch.tensor(t, dtype=F64)
    error = (two_head_ramp(s, -1.0, 2.0, beta) - s.clamp(-1, 2)).abs().item()
    assert error <= two_head_ramp_bound(beta) * (1 + 1e-13) + 1e-13


def test_the_number_of_anchors_suffices():
    p = anchors_for(0.01, -1.0, 1.0, 2.72)
    assert ramp_bound(-1.0, 1.0, p, 2.72) <= 0.01 < ramp_bound(-1.0, 1.0, p - 1, 2.72)


@pytest.mark.parametrize("n", [2, 3, 10, 100])
@pytest.mark.parametrize("beta", [1e-3, 7.0, 1e6])
def test_the_largest_error_of_a_maximum_is_met(n, beta):
    # All others at one distance, on a grid in the unit 1/β that holds the worst one.
    worst = 1 + beta * maximum_bound(n, beta)
    g = torch.cat([torch.linspace(0, 12, 1201, dtype=F64), torch.tensor([worst], dtype=F64)])
    x = torch.cat([torch.zeros(len(g), 1, dtype=F64), -g[:, None].expand(-1, n - 1) / beta], 1)
    error = -maximum(x, beta) * beta
    assert error.argmax() == len(g) - 1
    assert abs(error.max().item() - beta * maximum_bound(n, beta)) < 1e-12
    assert error.min() > -1e-12
    assert error[0] == 0.0  # ties


@given(
    x=st.lists(st.floats(-100, 100), min_size=1, max_size=8),
    beta=st.floats(-3, 6).map(lambda e: 10.0**e),
)
def test_maximum_and_minimum_within_their_bound(x, beta):
    entries = torch.tensor(x, dtype=F64)
    bound = maximum_bound(len(x), beta) + 1e-14 * (100 + 40 / beta)
    assert -1e-12 <= (entries.max() - maximum(entries, beta)).item() <= bound
    assert -1e-12 <= (minimum(entries, beta) - entries.min()).item() <= bound


def test_the_constants_of_the_maximum():
    quoted = {1: 0.0, 2: KAPPA, 3: 0.4631, 10: 1.1010, 100: 2.6286}
    for n, constant in quoted.items():
        assert abs(maximum_bound(n, 1.0) - constant) < 5e-5
        assert maximum_bound(n, 1.0) <= math.log(n)


def test_shapes_axes_and_gradients():
    x = torch.linspace(-1, 1, 24, dtype=F64).reshape(2, 3, 4)
    for dim in (0, 1, -1):
        assert maximum(x, 5.0, dim).shape == x.amax(dim).shape
        torch.testing.assert_close(maximum(x, 1e9, dim), x.amax(dim))
    assert maximum(x[:0], 5.0).shape == (0, 3)
    assert anchor_ramp(x.mT[:0], 0.0, 1.0, 3, 2.0).shape == (0, 4, 3)
    assert anchor_ramp(x[0, 0, 0], 0.0, 1.0, 3, 2.0).shape == ()
    assert torch.autograd.gradcheck(lambda x: maximum(x, 5.0), x[0].clone().requires_grad_())
    s = torch.tensor([-2.0, 0.3, 0.9], dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: anchor_ramp(s, 0.0, 1.0, 5, 2.7), s)
    assert torch.autograd.gradcheck(lambda s: two_head_ramp(s, 0.0, 1.0, 5.0), s)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_no_finite_input_becomes_nan(size):
    x = torch.tensor([3e38, -3e38, 0.0, 1e-40, -1.0])
    assert torch.isfinite(anchor_ramp(x, -1.0, 2.0, 7, size)).all()
    assert torch.isfinite(two_head_ramp(x, -1.0, 2.0, size)).all()
    assert torch.isfinite(maximum(x, size)).all()
    assert anchor_ramp(x[:2], -1.0, 2.0, 7, max(size, 1.0)).tolist() == [2.0, -1.0]
    assert maximum(x, max(size, 1.0)) == x[0]
    assert minimum(x, max(size, 1.0)) == x[1]
    assert maximum(torch.tensor([1.0, math.nan]), size).isnan()


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda x: anchor_ramp(x, 1.0, 1.0, 3, 1.0),
            ValueError,
            "low, high: 1.0 and 1.0 are given",
        ),
        (lambda x: anchor_ramp(x, -1e308, 1e308, 3, 1.0), ValueError, "high - low must be finite"),
        (lambda x: anchor_ramp(x, 0.0, 1e38, 3, 1.0), ValueError, "low, high: 0.0 and 1e\\+38"),
        (
            lambda x: anchor_ramp(x, 0.0, 1.0, 1, 1.0),
            ValueError,
            "anchors: 1 is given, but at least 2",
        ),
        (lambda x: anchor_ramp(x, 0.0, 1.0, 3.0, 1.0), TypeError, "anchors: float is given"),
        (lambda x: anchor_ramp(x, 0.0, 1.0, 3, -1.0), ValueError, "sharpness: -1.0 is given"),
        (
            lambda x: anchor_head(x, torch.ones(2), 1.0),
            ValueError,
            "places: at least two increasing",
        ),
        (lambda x: anchor_head(x, torch.arange(3).double(), 1.0), TypeError, "places: dtype"),
        (lambda x: two_head_ramp(x.int(), 0.0, 1.0, 1.0), TypeError, "s: dtype torch.int32"),
        (lambda x: maximum(x, 1.0, 1), ValueError, "dim: 1 is given, but x has the shape"),
        (lambda x: maximum(x[0], 1.0), ValueError, "dim: -1 is given"),
        (lambda x: maximum(x[:0], 1.0), ValueError, "at least one entry is needed"),
        (lambda x: minimum(x.long(), 1.0), TypeError, "x: dtype torch.int64 is given"),
        (lambda x: maximum_bound(0, 1.0), ValueError, "n: 0 is given"),
        (lambda x: interior_series(0.0), ValueError, "c: 0.0 is given"),
    ],
)
def test_settings_that_no_theorem_allows(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(torch.ones(3))
