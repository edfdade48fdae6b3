"""From a velocity's error to total variation: both inequalities, both constants, and faults."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import expm

from softbook.diffusion.theory import flow, generator, tabular_bound, velocity_bound

SIZES = [(1, 2), (1, 5), (2, 2), (2, 3), (3, 2)]


def velocity(rng, sites, tokens, scale=1.0):
    n = tokens**sites
    here = flow.states(tokens, sites)[:, :, None] == np.arange(tokens)
    u = np.where(here, 0.0, rng.gamma(0.5, 1, (n, sites, tokens)) * scale)
    return u - np.where(here, u.sum(2, keepdims=True), 0.0)


def systems():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sites, tokens = SIZES[seed % len(SIZES)]
        u = velocity(rng, sites, tokens)
        other = velocity(rng, sites, tokens)
        if seed % 2:
            other = u + 0.01 * velocity(rng, sites, tokens)
        yield u, other, rng.dirichlet(np.full(tokens**sites, 0.3))


def measured(u, other, start, span=1.0):
    ends = [start @ expm(span * generator(v)) for v in (u, other)]
    return np.abs(ends[0] - ends[1]).sum() / 2


def test_the_generator_moves_one_site_at_a_time():
    rng = np.random.default_rng(0)
    u = velocity(rng, 2, 3)
    q = generator(u)
    every = flow.states(3, 2)
    for x, a in enumerate(every):
        for y, b in enumerate(every):
            changed = np.flatnonzero(a != b)
            wanted = {0: u[x, [0, 1], a].sum(), 1: u[x, changed[:1], b[changed[:1]]].sum()}
            assert q[x, y] == pytest.approx(wanted.get(len(changed), 0.0))


def test_each_bound_holds_and_the_mean_is_below_the_product():
    for u, other, start in systems():
        found = velocity_bound([(1.0, u)], [(1.0, other)], start)
        assert measured(u, other, start) <= found.mean + 1e-12
        assert found.mean <= found.product + 1e-12
        assert measured(u, other, start) <= found.unfactorised + 1e-12


def test_one_rare_jump_meets_the_first_and_signs_of_equal_size_the_second():
    """Both inequalities are attained to leading order: their constants are the least."""
    u = np.zeros((4, 1, 4))
    small = 1e-6 * np.array([[[-1.0, -1, 1, 1]]])
    base = u.copy()
    base[0, 0] = [-2e-6, 2e-6, 0, 0]
    other = base.copy()
    other[0, 0] = base[0, 0] + small[0, 0] * np.array([1, 1, 1, 1])
    start = np.eye(4)[0]
    found = velocity_bound([(1.0, base)], [(1.0, other)], start)
    assert measured(base, other, start) == pytest.approx(found.mean, rel=1e-5)
    assert found.mean == pytest.approx(found.product, rel=1e-5)


def test_times_and_pieces_of_both_velocities_count():
    rng = np.random.default_rng(4)
    u, other, late = (velocity(rng, 2, 2) for _ in range(3))
    start = rng.dirichlet(np.ones(4))
    found = velocity_bound([(1.0, u)], [(0.5, other), (1.0, late)], start, begin=0.25, end=0.75)
    halves = start, start @ expm(0.25 * generator(u))
    exact = 0.0
    for law, with_ in zip(halves, (other, late), strict=True):
        grid, weights = np.polynomial.legendre.leggauss(20)
        for x, w in zip(grid, weights, strict=True):
            now = law @ expm(0.125 * (1 + x) * generator(u))
            exact += 0.125 * w * now @ np.abs(u - with_).sum((1, 2)) / 2
    assert found.mean == pytest.approx(exact, rel=1e-12)
    again = velocity_bound(
        lambda t: u, lambda t: other if t < 0.5 else late, start, begin=0.25, end=0.75
    )
    assert again.mean == pytest.approx(exact, rel=1e-9)


def test_leaving_the_current_token_out_goes_red():
    """With it out, ½√(dM(T−t0)) is no bound: the vector no longer sums to 0."""
    u = np.zeros((2, 1, 2))
    other = u.copy()
    other[0, 0] = [-1e-4, 1e-4]
    start = np.array([1.0, 0.0])
    risk = 1e-8
    wrong = math.sqrt(1 * 2 * risk) / 2
    found = velocity_bound([(1.0, u)], [(1.0, other)], start)
    assert wrong * 1.4 < measured(u, other, start) <= found.product
    assert found.risk == pytest.approx(2 * risk)


def test_what_is_no_velocity():
    good = np.array([[[-1.0, 1.0]], [[0.0, 0.0]]])
    for wrong in (good * -1, good + 1, good[:1]):
        with pytest.raises(ValueError, match="velocity: "):
            velocity_bound([(1.0, good)], [(1.0, wrong)], [1.0, 0.0])


# ---------------------------------------------------------------- counting


def learnt(counts, orders):
    """TV between the law that counting gives, by all orders in Fractions, and nothing else."""
    shape = counts.shape
    law = {}
    for x in np.ndindex(shape):
        total = Fraction(0)
        for order in orders:
            chance, seen = Fraction(1), [slice(None)] * len(shape)
            for i in order:
                before = int(counts[tuple(seen)].sum())
                seen[i] = x[i]
                after = int(counts[tuple(seen)].sum())
                chance *= Fraction(after, before) if before else Fraction(1, shape[i])
            total += chance
        law[x] = total / len(orders)
    return law


def test_the_mean_of_counting_is_below_its_bound_by_enumeration():
    """All samples of n rows on two binary sites, with their probabilities."""
    from itertools import permutations, product

    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(4, 0.5)).reshape(2, 2)
    cells = list(np.ndindex(2, 2))
    for n in (1, 2, 4, 6):
        mean = 0.0
        for rows in product(cells, repeat=n):
            counts = np.zeros((2, 2), dtype=int)
            for row in rows:
                counts[row] += 1
            law = learnt(counts, list(permutations(range(2))))
            gap = sum(abs(float(law[x]) - p[x]) for x in cells) / 2
            mean += math.prod(p[row] for row in rows) * gap
        assert 0.1 * tabular_bound(2, 2, n) < mean <= tabular_bound(2, 2, n)


def test_the_constant_of_unseen_contexts():
    """(1−P)^n ≤ (2e nP)^{−1/2} for all n and P, nearly met at nP = 1/2."""
    n = np.arange(1, 2000)[:, None]
    P = np.geomspace(1e-6, 1, 500)
    ratio = (1 - P) ** n * np.sqrt(n * P) / flow.UNSEEN
    assert 0.999 < ratio.max() <= 1


def test_tabular_bound_has_the_printed_constant():
    assert tabular_bound(3, 3, 30) == pytest.approx(1.496, abs=1e-3)
    assert tabular_bound(2, 4, 400) == pytest.approx(tabular_bound(2, 4, 100) / 2)
