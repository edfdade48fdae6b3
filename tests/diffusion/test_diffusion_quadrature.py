"""Integrals over time: rates that are nearly singular or jump, against closed forms; what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from softbook.diffusion.theory import (
    adjoint,
    adjoint_identity,
    entropy_bound,
    girsanov_bound,
    laws,
    path_bound,
    velocity_bound,
)
from softbook.diffusion.theory import quadrature as module
from softbook.diffusion.theory.quadrature import quadrature

JUMP = np.array([[-1.0, 1.0], [0.0, 0.0]])
START = [1.0, 0.0]


def still(time):
    return 0.0 * JUMP


def steep(time):
    """Leaves the first state by time t with probability 1 − (1−t)^0.02."""
    return 0.02 * JUMP / (1 - time)


def pulse(begin, end, rate):
    return lambda time: rate * JUMP if begin < time < end else 0.0 * JUMP


@pytest.mark.parametrize("end", [0.999, 0.9999])
def test_the_bounds_hold_near_singular_rates(end):
    moved, mean = 1 - (1 - end) ** 0.02, -0.02 * math.log(1 - end)
    # Along the path of what moves the bound is met; along the other it is the integral of the rate.
    for path, wanted in (("other", moved), ("rates", mean)):
        bound = path_bound(still, steep, START, end=end, path=path)
        assert wanted * (1 - 1e-12) <= bound <= wanted * (1 + 1e-8)
    slow, fast = (lambda t, q=q: q(t)[:, None] for q in (still, steep))
    assert velocity_bound(fast, slow, START, end=end).mean == pytest.approx(moved, rel=1e-8)
    found = velocity_bound(slow, fast, START, end=end)
    assert found.mean >= mean * (1 - 1e-12)
    risk = 2 * 0.02**2 * (1 / (1 - end) - 1)
    assert found.risk == pytest.approx(risk, rel=1e-8)
    apart = (1 - end) ** 0.02 - (1 - end) ** 0.04
    assert entropy_bound(steep, lambda t: 2 * steep(t), START, end=end) >= apart


@pytest.mark.parametrize("begin", [0.0, 0.01, 0.2491, 0.25, 0.33, 0.4375, 0.62, 0.9701, 0.98])
def test_a_jump_anywhere_is_integrated(begin):
    chain = pulse(begin, begin + 0.02, 5.0)
    rule = quadrature([chain], 0.0, 1.0)
    found = rule.integral(np.array([chain(t)[0, 1] for t in rule.times]))
    assert found == pytest.approx((0.1, 0.0), abs=1e-8)


@pytest.mark.parametrize("begin", [0.2491, 0.33])
def test_the_bounds_hold_where_rates_jump(begin):
    chain = pulse(begin, begin + 0.02, 5.0)
    assert path_bound(still, chain, START) == pytest.approx(-math.expm1(-0.1), rel=1e-8)
    assert path_bound(still, chain, START, path="rates") == pytest.approx(0.1, rel=1e-8)
    both = lambda t: chain(t) + JUMP  # noqa: E731
    cost = 6 * math.log(6) - 5
    girsanov = girsanov_bound(lambda t: JUMP, both, START, path="other")
    # Seen from the jump's start, the first state is left at rate 6.
    seen = math.exp(-begin) * -math.expm1(-0.12) / 6
    assert girsanov == pytest.approx(math.sqrt(cost * seen / 2), rel=1e-7)


@pytest.mark.parametrize("path", ["other", "rates"])
@pytest.mark.parametrize("end", [0.9999])
def test_the_identity_holds_near_singular_rates(end, path):
    q, p = (np.random.default_rng(seed).exponential(size=(4, 4)) for seed in (0, 1))
    q, p = (matrix - np.diag(matrix.sum(1)) for matrix in (q, p))
    start, f = np.eye(4)[0], np.arange(4.0)
    found = adjoint_identity(
        lambda t: q / (1 - t), lambda t: p / (1 - t), start, f, end=end, path=path
    )
    clock = -math.log(1 - end)
    assert found.left == pytest.approx(start @ (expm(p * clock) - expm(q * clock)) @ f, abs=1e-9)
    assert abs(found.gap) <= 1e-9
    assert found.error <= 1e-9


def test_panels_that_are_not_halved_go_red(monkeypatch):
    monkeypatch.setattr(module, "_halved", lambda panels, moving, integrands: panels)
    monkeypatch.setattr(module.Rule, "integral", lambda rule, values: (rule.weights @ values, 0.0))
    tv = 1 - 1e-4**0.02
    assert path_bound(still, steep, START, end=0.9999) < tv - 1e-3
    found = adjoint_identity(still, steep, START, START, end=0.9999)
    assert abs(found.gap) > 1e-3


def test_two_rules_of_gauss_that_agree_by_symmetry_go_red(monkeypatch):
    """A jump in a panel's middle halves both: on [0.328125, 0.33203125] they agree on what is wrong."""
    chain = pulse(0.33, 0.35, 5.0)

    def error():
        rule = quadrature([chain], 0.0, 1.0)
        return abs(rule.weights @ np.array([chain(t)[0, 1] for t in rule.times]) - 0.1)

    assert error() < 1e-9
    weights = np.zeros((28, 2))
    (x, weights[:16, 0]), (y, weights[16:, 1]) = map(np.polynomial.legendre.leggauss, (16, 12))
    places = (1 + np.concatenate((x, y))) / 2
    order = np.argsort(places)
    monkeypatch.setattr(module, "_rules", lambda: (places[order], weights[order] / 2))
    assert error() > 1e-4


def test_both_rules_are_exact_for_polynomials():
    rule = quadrature([[(2.0, JUMP)]], 0.5, 1.5)
    for power in range(24):
        exact = (1.5 ** (power + 1) - 0.5 ** (power + 1)) / (power + 1)
        found, change = rule.integral(rule.times**power)
        assert found == pytest.approx(exact, rel=1e-12)
        assert change <= 1e-10 * exact


def test_what_cannot_be_integrated_is_told_with_its_time():
    with pytest.raises(
        ValueError, match=r"rates: near time 0\.(3|29999).* too large, or change too often"
    ):
        path_bound(lambda t: JUMP / abs(t - 0.3), still, START)
    with pytest.raises(ValueError, match=r"rates: near time 0\.99.* an earlier end"):
        velocity_bound(
            lambda t: still(t)[:, None], lambda t: steep(min(t, 1 - 1e-14))[:, None], START
        )


@pytest.mark.parametrize("bound", [path_bound, entropy_bound, girsanov_bound])
def test_what_bounds_refuse(bound):
    good = [(1.0, JUMP)]
    for end in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match=r"end: .* a finite time above 0 is needed"):
            bound(good, still, START, end=end)
    with pytest.raises(ValueError, match="end: nan is given"):
        bound(good, good, START, end=math.nan)
    with pytest.raises(ValueError, match="other: 3 states are given, but 2 are needed"):
        bound(good, lambda t: np.zeros((3, 3)), START)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"end": -1.0}, "end: -1 is given, but a finite time above 0"),
        ({"end": math.nan}, "end: nan is given"),
        ({"f": [math.nan, 0.0]}, "f: NaN or an infinite value"),
        ({"other": [(1.0, np.zeros((3, 3)))]}, "other: 3 states are given, but 2"),
        ({"other": [(0.5, JUMP), (1.0, np.zeros((3, 3)))]}, r"other: pieces of \[2, 3\] states"),
        ({"rates": [(math.nan, JUMP)]}, r"rates: pieces until \[nan\] are given"),
    ],
)
def test_what_the_identity_refuses(change, sentence):
    settings = {"rates": [(1.0, JUMP)], "other": [(1.0, 2 * JUMP)], "start": START, "f": START}
    with pytest.raises(ValueError, match=sentence):
        adjoint_identity(**(settings | change))


@pytest.mark.parametrize(
    ("rates", "f", "times", "sentence"),
    [
        ([(1.0, -JUMP)], START, [0.0, 1.0], "rates: a negative rate off the diagonal"),
        (lambda t: JUMP + 1, START, [0.0, 1.0], "rates at 0: a row that does not sum to 0"),
        ([(1.0, JUMP)], START, [1.0, 0.0], r"times: \[1.0, 0.0\] is given"),
        ([(1.0, JUMP)], START, [], r"times: \[\] is given"),
        ([(1.0, JUMP)], START, [0.0, math.nan], "times: .* increase from 0 or later"),
        ([(1.0, JUMP)], START, [0.0, 2.0], r"rates: pieces until \[1.0\] are given"),
        ([(1.0, JUMP)], [1.0], [0.0, 1.0], r"f: shape \(1,\) is given, but \(2,\)"),
        ([(1.0, JUMP)], [math.inf, 0.0], [0.0, 1.0], "f: NaN or an infinite value"),
    ],
)
def test_what_the_adjoint_refuses(rates, f, times, sentence):
    with pytest.raises(ValueError, match=sentence):
        adjoint(rates, f, times)


def test_what_laws_refuse():
    with pytest.raises(ValueError, match="start: no probabilities"):
        laws([(1.0, JUMP)], [0.5, 0.0], [0.0, 1.0])
    assert laws(lambda t: JUMP, START, [0.5, 0.5, 1.0])[1].tolist() == START


def test_what_velocities_refuse():
    good = JUMP[:, None]
    for settings, sentence in (
        ({"begin": 0.5, "end": 0.5}, "end: 0.5 is given, but a finite time above 0.5"),
        ({"begin": -1.0}, "begin: -1.0 is given"),
        ({"end": 2.0}, r"velocity: pieces until \[1.0\] are given"),
    ):
        with pytest.raises(ValueError, match=sentence):
            velocity_bound([(1.0, good)], [(1.0, good)], START, **settings)
    with pytest.raises(ValueError, match=r"other: shape \(4, 2, 2\) is given"):
        velocity_bound([(1.0, good)], [(1.0, np.zeros((4, 2, 2)))], START)
