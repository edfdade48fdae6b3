"""Enclosures: they contain the supremum, and they are as narrow as asked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import iv, mpf

from softbook.claims import enclose_supremum

KNOWN = [
    (lambda t: t * (1 - t), 0.0, 1.0, 0.25),
    (lambda t: iv.sin(t), 0.0, 3.0, 1.0),
    (lambda t: iv.exp(-t * t), -1.0, 2.0, 1.0),
    (lambda t: t, -2.0, 3.0, 3.0),
    (lambda t: -t, -2.0, 3.0, 2.0),
    (lambda t: 1 / t, 1.0, 9.0, 1.0),
    (lambda t: iv.mpf(0.5), 0.0, 1.0, 0.5),
    (lambda t: t / (1 + iv.exp(t)), 0.0, 60.0, 0.27846454276107374),
]


@pytest.mark.parametrize(("function", "low", "high", "supremum"), KNOWN)
@pytest.mark.parametrize("width", [1e-2, 1e-5])
def test_the_supremum_lies_inside_and_the_width_is_met(function, low, high, supremum, width):
    lower, upper = enclose_supremum(function, low, high, width)
    assert lower <= supremum <= upper
    assert upper - lower <= width + 1e-15


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_parabolas_are_enclosed(a, b, c):
    lower, upper = enclose_supremum(lambda t: a * t * t + b * t + c, -1.0, 1.0, 1e-3)
    places = [-1.0, 1.0] + ([-b / (2 * a)] if a and abs(b) <= abs(2 * a) else [])
    # In 106 bits and more: the test's own rounding must not decide.
    exact = max(mpf(a) * mpf(t) ** 2 + mpf(b) * mpf(t) + mpf(c) for t in places)
    assert lower - 1e-15 <= exact <= upper + 1e-15
    assert upper - lower <= 1e-3


def test_a_maximum_at_an_end_takes_few_steps():
    lower, upper = enclose_supremum(lambda t: t, -2.0, 3.0, 1e-12)
    assert lower <= 3 <= upper <= lower + 1e-12


def test_a_constant_far_from_zero_is_enclosed_as_narrowly_as_floats_allow():
    lower, upper = enclose_supremum(lambda t: iv.mpf(1e12), 0.0, 1.0)
    assert lower <= 1e12 <= upper
    assert upper - lower <= 1e-3


def test_what_cannot_be_narrowed_stays_certain():
    # t − t is 0, but its interval has twice the width of t's.
    lower, upper = enclose_supremum(lambda t: t - t, 0.0, 1.0, 1e-12, pieces=200)
    assert lower <= 0 <= upper
    assert 1e-12 < upper < 0.02


def test_a_wrong_constant_is_seen():
    def share(t):
        return t / (1 + iv.exp(t)) / iv.mpf(0.27)

    lower, _ = enclose_supremum(share, 0.0, 60.0, 1e-3)
    assert lower > 1.03


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((1.0, 1.0), "low, high: 1.0 and 1.0 are given, but low < high is needed"),
        ((math.nan, 1.0), "low, high: nan and 1.0 are given, but low < high is needed"),
        ((0.0, 1.0, 0.0), "width: 0.0 is given, but a number above 0 is needed"),
    ],
)
def test_what_cannot_be_enclosed_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        enclose_supremum(lambda t: t, *arguments)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="function: it returned NaN"):
        enclose_supremum(lambda t: iv.mpf("nan"), 0.0, 1.0)
