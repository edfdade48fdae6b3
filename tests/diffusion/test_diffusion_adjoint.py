"""The adjoint identity to rounding, the bounds along paths against exact laws, and planted faults."""

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
    pathwise,
    telescoped_identity,
)
from softbook.diffusion.theory import adjoint as adjoint_function
from softbook.diffusion.theory.pathwise import row_divergences, row_gaps

SEEDS = range(60)


def matrix(rng, n, scale):
    q = rng.gamma(0.5, 1, (n, n)) * scale * (rng.random((n, n)) > 0.3)
    np.fill_diagonal(q, 0)
    return q - np.diag(q.sum(1))


def pieces(rng, n):
    ends = [*np.sort(rng.random(rng.integers(0, 3))), 1.0]
    return [(float(end), matrix(rng, n, 10 ** rng.uniform(-1, 1))) for end in ends]


def system(seed):
    """Two chains, near to each other for every second seed; equal starts for two seeds of four."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    rates, other = pieces(rng, n), pieces(rng, n)
    if seed % 2:
        other = [(end, 0.9 * q + 0.1 * matrix(rng, n, 1.0)) for end, q in rates]
    start = rng.dirichlet(np.full(n, 0.3))
    moved = start if seed % 4 < 2 else rng.dirichlet(np.full(n, 0.3))
    return rates, other, start, moved, rng.normal(size=n)


def end_law(rates, start):
    """The law at time 1, by exponentials written out here."""
    law, before = start, 0.0
    for end, q in rates:
        law, before = law @ expm(q * (end - before)), end
    return law


def total(rates, other, start, moved):
    return np.abs(end_law(rates, start) - end_law(other, moved)).sum() / 2


# ---------------------------------------------------------------- the identity


@pytest.mark.parametrize("path", ["other", "rates"])
@pytest.mark.parametrize("seed", SEEDS)
def test_both_sides_agree_to_rounding(seed, path):
    rates, other, start, moved, f = system(seed)
    found = adjoint_identity(rates, other, start, f, other_start=moved, path=path)
    exact = (end_law(other, moved) - end_law(rates, start)) @ f
    assert found.left == pytest.approx(exact, abs=1e-12)
    assert abs(found.gap) <= 1e-12
    assert found.error <= 1e-12
    assert found.weights.sum() == pytest.approx(1.0)
    assert (found.oscillations <= np.ptp(f) * (1 + 1e-12)).all()
    if seed % 4 < 2:
        assert found.initial == 0


def test_rates_that_are_functions_of_time():
    rng = np.random.default_rng(5)
    a, b = matrix(rng, 5, 1.0), matrix(rng, 5, 2.0)
    start, f = rng.dirichlet(np.ones(5)), rng.normal(size=5)
    found = adjoint_identity(lambda t: a * (1 + np.sin(9 * t)), lambda t: b / (1 + t), start, f)
    assert abs(found.gap) <= 1e-11
    # A scaled constant matrix commutes with itself: the law is one exponential.
    exact = start @ expm(b * math.log(2))
    assert np.abs(laws(lambda t: b / (1 + t), start, [0, 1])[-1] - exact).max() <= 1e-11


def test_the_adjoint_is_the_conditional_mean_of_the_future():
    rng = np.random.default_rng(6)
    q, f = matrix(rng, 4, 3.0), rng.normal(size=4)
    found = adjoint([(2.0, q)], f, [0.0, 0.5, 1.5])
    for row, left in zip(found, (1.5, 1.0, 0.0), strict=True):
        assert row == pytest.approx(expm(q * left) @ f, abs=1e-13)


@pytest.mark.parametrize("path", ["other", "rates"])
@pytest.mark.parametrize("seed", range(20))
def test_steps_telescope(seed, path):
    rng = np.random.default_rng(seed)
    n, steps = int(rng.integers(1, 6)), int(rng.integers(0, 6))
    kernels, others = rng.dirichlet(np.full(n, 0.5), (2, steps, n))
    start, moved = rng.dirichlet(np.ones(n), 2)
    f = rng.normal(size=n)
    found = telescoped_identity(kernels, others, start, f, other_start=moved, path=path)
    product = start, moved
    for p, q in zip(kernels, others, strict=True):
        product = product[0] @ p, product[1] @ q
    assert found.left == pytest.approx((product[1] - product[0]) @ f, abs=1e-14)
    assert abs(found.gap) <= 1e-13
    assert len(found.terms) == steps


# ---------------------------------------------------------------- the bounds


@pytest.mark.parametrize("path", ["other", "rates"])
@pytest.mark.parametrize("seed", SEEDS)
def test_each_bound_holds_and_they_are_ordered(seed, path):
    rates, other, start, moved, _ = system(seed)
    settings = {"other_start": moved, "path": path}
    measured = total(rates, other, start, moved)
    bound = path_bound(rates, other, start, **settings)
    assert measured <= bound + 1e-13
    assert bound <= path_bound(rates, other, start, diagonal=False, **settings) + 1e-13
    for first in ("other", "rates"):
        assert bound <= entropy_bound(rates, other, start, first=first, **settings) + 1e-12
    assert measured <= girsanov_bound(rates, other, start, **settings) + 1e-13


def test_equal_exit_rates_have_pinskers_constant():
    rng = np.random.default_rng(1)
    for _ in range(50):
        exits = rng.gamma(1.0, 1.0, 4)
        chains = []
        for _side in range(2):
            q = rng.dirichlet(np.full(3, 0.5), 4)
            full = np.zeros((4, 4))
            full[~np.eye(4, dtype=bool)] = (exits[:, None] * q).ravel()
            chains.append([(1.0, full - np.diag(full.sum(1)))])
        start = rng.dirichlet(np.ones(4))
        bound = path_bound(*chains, start)
        entropy = entropy_bound(*chains, start)
        assert bound <= entropy + 1e-12
        # The general constant would be √(2/3 · 3λ) = 2 √(λ/2).
        spread = pathwise._walk(*chains, start, None, 1.0, "other", [row_divergences])
        mean = spread.mean(lambda q, p: row_divergences(q, p))
        exit_mean = spread.mean(lambda q, p: -np.diagonal(q))
        assert entropy == pytest.approx(math.sqrt(exit_mean * mean / 2), rel=1e-12)


def test_a_row_is_the_larger_of_what_grows_and_what_shrinks():
    rng = np.random.default_rng(2)
    for _ in range(100):
        q, p = matrix(rng, 5, 1.0), matrix(rng, 5, 2.0)
        gap = p - q
        np.fill_diagonal(gap, 0)
        grows, shrinks = np.maximum(gap, 0).sum(1), np.maximum(-gap, 0).sum(1)
        assert row_gaps(q, p) == pytest.approx(np.maximum(grows, shrinks))
        assert row_gaps(q, p, diagonal=False) == pytest.approx(grows + shrinks)


def test_the_constant_of_the_entropy_form_is_the_least():
    """(a−b)² ≤ (2/3)(a+2b) D(a‖b), attained as a → b; a constant one per cent less fails."""
    b = 1.0
    a = np.concatenate([np.geomspace(1e-6, 0.99, 2000), np.geomspace(1.001, 1e6, 2000)])
    divergence = a * np.log(a / b) - a + b
    ratio = (a - b) ** 2 / ((2 / 3) * (a + 2 * b) * divergence)
    assert 0.9999 < ratio.max() <= 1 + 1e-9


def test_a_jump_that_the_other_never_makes_costs_kl_but_not_tv():
    both = np.array([[-1.01, 1.0, 0.01], [0, 0, 0], [0, 0, 0.0]])
    dropped = np.array([[-1.01, 1.01, 0.0], [0, 0, 0], [0, 0, 0.0]])
    chains = [(1.0, both)], [(1.0, dropped)]
    assert girsanov_bound(*chains, [1.0, 0, 0]) == math.inf
    assert path_bound(*chains, [1.0, 0, 0]) < 0.01


# ---------------------------------------------------------------- planted faults


def bound_breaks():
    """Tell whether TV exceeds `path_bound` in one of the drawn systems."""
    return any(
        total(*system(seed)[:4])
        > path_bound(*system(seed)[:3], other_start=system(seed)[3], path=path) + 1e-13
        for seed in SEEDS
        for path in ("other", "rates")
    )


def one_jump():
    """Two chains that leave one state at different rates: nothing cancels."""
    chains = [(1.0, np.array([[-r, r], [0.0, 0.0]])) for r in (0.1, 0.2)]
    return [chains[0]], [chains[1]], np.array([1.0, 0.0])


def test_a_row_without_its_diagonal_goes_red(monkeypatch):
    assert not bound_breaks()
    rates, other, start = one_jump()
    assert total(rates, other, start, start) <= path_bound(rates, other, start)

    def halved(q, p, diagonal=True):
        return row_gaps(q, p, diagonal=False) / 2

    monkeypatch.setattr(pathwise, "row_gaps", halved)
    assert total(rates, other, start, start) > path_bound(rates, other, start) + 1e-3
    assert bound_breaks()


def test_the_wrong_adjoint_goes_red(monkeypatch):
    """p and p̂ exchanged: the path of Y with the adjoint of Y is no identity."""
    module = __import__("softbook.diffusion.theory.adjoint", fromlist=["adjoint"])
    rates, other, start, moved, f = system(3)
    monkeypatch.setattr(
        module, "adjoint", lambda _, values, times: adjoint_function(other, values, times)
    )
    assert abs(adjoint_identity(rates, other, start, f, other_start=moved).gap) > 1e-4


def test_an_adjoint_that_is_not_transported_goes_red(monkeypatch):
    module = __import__("softbook.diffusion.theory.adjoint", fromlist=["adjoint"])
    rates, other, start, moved, f = system(3)
    monkeypatch.setattr(
        module, "adjoint", lambda _, values, times: np.tile(values, (len(times), 1))
    )
    assert abs(adjoint_identity(rates, other, start, f, other_start=moved).gap) > 1e-4


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rates": [(1.0, [[-1.0, 2.0], [0, 0]])]}, "rates: a row that does not sum to 0"),
        ({"rates": [(1.0, [[1.0, -1.0], [0, 0]])]}, "rates: a negative rate off the diagonal"),
        ({"other": [(0.5, np.zeros((2, 2)))]}, r"other: pieces until \[0.5\] are given"),
        ({"other": [(1.0, [[math.nan, 0], [0, 0]])]}, "other: NaN or an infinite rate"),
        ({"other": lambda t: np.ones((2, 2))}, "other at .*: a row that does not sum to 0"),
        ({"start": [1.0, 1.0]}, "start: no probabilities"),
        ({"start": [1.0, 0, 0]}, r"start: shape \(3,\) is given, but \(2,\)"),
        ({"f": [1.0]}, r"f: shape \(1,\) is given, but \(2,\) is needed"),
        ({"path": "X"}, "path: 'X' is given"),
    ],
)
def test_what_is_no_chain(change, sentence):
    settings = {
        "rates": [(1.0, np.zeros((2, 2)))],
        "other": [(1.0, np.zeros((2, 2)))],
        "start": [1.0, 0.0],
        "f": [0.0, 1.0],
    }
    with pytest.raises(ValueError, match=sentence):
        adjoint_identity(**(settings | change))


def test_kernels_are_as_many_as_others():
    with pytest.raises(ValueError, match="others: 0 kernels are given, but 1 are needed"):
        telescoped_identity([np.eye(2)], [], [1.0, 0.0], [0.0, 1.0])
