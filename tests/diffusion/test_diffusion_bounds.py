"""Closed forms against enumeration of cells, and against samplers written out here."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from softbook.diffusion.theory import (
    entrywise_bound,
    harmonic,
    parallel_unmasking_bound,
    pinsker_bound,
    start_bound,
    steps_needed,
    stop_bound,
    total_correlation_bound,
    uniform_bound,
)

GRIDS = [
    (Fraction(1, 3), Fraction(1, 2), Fraction(1)),
    (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(1)),
    (Fraction(1, 5), Fraction(1, 2), Fraction(9, 10)),
]


def cells(sites, ends):
    """All ways to put the unmask times into cells, with probabilities; cell K: after the grid's end."""
    widths = [b - a for a, b in itertools.pairwise((Fraction(0), *ends))]
    widths.append(1 - ends[-1])
    for where in itertools.product(range(len(widths)), repeat=sites):
        chance = math.prod((widths[k] for k in where), start=Fraction(1))
        yield [where.count(k) for k in range(len(widths) - 1)], chance


MEANS = {
    "birthday": lambda counts: max(counts) > 1,
    "bins": lambda counts: sum(max(0, c - 1) for c in counts),
    "pairs": lambda counts: sum(math.comb(c, 2) for c in counts),
}


@pytest.mark.parametrize("form", MEANS)
@pytest.mark.parametrize("ends", GRIDS, ids=str)
@pytest.mark.parametrize("sites", [1, 2, 3, 4])
def test_the_three_forms_are_what_they_count(form, ends, sites):
    exact = sum(chance * MEANS[form](counts) for counts, chance in cells(sites, ends))
    grid = [0.0, *map(float, ends)]
    found = parallel_unmasking_bound(sites, len(ends), form=form, grid=grid)
    assert found == pytest.approx(float(exact), rel=1e-12, abs=1e-14)
    if grid == [0, 0.25, 0.5, 0.75, 1]:
        assert parallel_unmasking_bound(sites, 4, form=form) == pytest.approx(found, rel=1e-12)


def test_the_default_is_the_number_of_pairs_over_steps():
    for sites, steps in itertools.product((1, 2, 3, 17, 64), (1, 2, 8, 1000)):
        assert parallel_unmasking_bound(sites, steps) == sites * (sites - 1) / 2 * (1 / steps)
        ordered = [
            parallel_unmasking_bound(sites, steps, form=form)
            for form in ("birthday", "bins", "pairs")
        ]
        assert ordered[0] <= ordered[1] * (1 + 1e-12) <= ordered[2] * (1 + 2e-12)


def test_one_site_shares_no_step_with_another():
    """0, and not the -0.0 that a sum of no logarithms would leave."""
    for form, steps in itertools.product(MEANS, (1, 7)):
        assert str(parallel_unmasking_bound(1, steps, form=form)) == "0.0"


def test_small_probabilities_keep_their_digits():
    steps = 10**12
    exact = 1 - math.prod(1 - Fraction(j, steps) for j in range(5))
    assert parallel_unmasking_bound(5, steps, form="birthday") == pytest.approx(
        float(exact), rel=1e-12
    )
    bins = 5 - steps * (1 - (1 - Fraction(1, steps)) ** 5)
    # d/K and the 1 − (1−1/K)^d agree to all but eps·K of their digits.
    assert parallel_unmasking_bound(5, steps, form="bins") == pytest.approx(float(bins), rel=1e-3)


def test_the_harmonic_form_is_its_sum():
    for n in (0, 1, 2, 10, 1000):
        assert harmonic(n) == pytest.approx(float(sum(Fraction(1, k) for k in range(1, n + 1))))
    for sites, tokens, steps in itertools.product((1, 3), (2, 5, 10**9), (1, 2, 7)):
        drift = sum(Fraction(1, k) for k in range(1, steps)) * 3 * sites**2 / (2 * steps)
        exact = (1 - Fraction(1, tokens)) * (drift + Fraction(sites, steps))
        assert uniform_bound(sites, tokens, steps) == pytest.approx(float(exact), rel=1e-13)
        grid = np.linspace(0, 1, steps + 1)
        assert uniform_bound(sites, tokens, steps, grid=grid) == pytest.approx(float(exact))


def test_the_integral_form_is_its_integral_and_smaller():
    from scipy.integrate import quad

    for grid in (np.linspace(0, 1, 6), np.array([0, 0.3, 0.31, 0.8])):
        steps = len(grid) - 1
        inner = [
            quad(lambda s, a=a: (s - a) / (1 - s), a, b, epsabs=1e-13)[0]
            for a, b in itertools.pairwise(grid)
            if b < 1
        ]
        last = 3 * 0.2 if grid[-1] == 1 else 0
        exact = 0.75 * (27 * sum(inner) + last)
        found = uniform_bound(3, 4, steps, grid=grid, form="integral")
        assert found == pytest.approx(exact, rel=1e-9)
        assert found <= uniform_bound(3, 4, steps, grid=grid)


def tv(p, q):
    return 0.5 * float(np.abs(p - q).sum())


def noised(data, time, tokens, prior):
    """The path's law by a loop over all pairs of states; masks are token S."""
    sites, size = data.ndim, tokens + (prior == "masked")
    law = np.zeros((size,) * sites)
    for clean in np.ndindex(data.shape):
        for seen in np.ndindex(law.shape):
            chance = data[clean]
            for a, b in zip(clean, seen, strict=True):
                noise = float(b == tokens) if prior == "masked" else 1 / tokens
                chance *= time * (a == b) + (1 - time) * noise
            law[seen] += chance
    return law


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("time", [0.0, 0.2, 0.9, 1.0])
def test_starting_late_and_stopping_early(seed, time):
    rng = np.random.default_rng(seed)
    sites, tokens = [(1, 3), (2, 2), (2, 3), (3, 2)][seed % 4]
    data = rng.dirichlet(np.full(tokens**sites, 0.1)).reshape((tokens,) * sites)
    masked, uniform = (noised(data, time, tokens, prior) for prior in ("masked", "uniform"))
    start = np.zeros(masked.shape)
    start[(tokens,) * sites] = 1.0
    end = np.zeros(masked.shape)
    end[(slice(tokens),) * sites] = data
    assert tv(masked, start) == pytest.approx(start_bound(sites, None, time), abs=1e-14)
    assert tv(masked, end) == pytest.approx(stop_bound(sites, time), abs=1e-14)
    assert tv(uniform, tokens**-sites) <= start_bound(sites, tokens, time) + 1e-14
    assert tv(uniform, data) <= stop_bound(sites, time, tokens) + 1e-14


def test_a_single_token_of_data_starts_and_stops_at_the_bound():
    data = np.zeros((3, 3))
    data[0, 0] = 1.0
    uniform = noised(data, 0.7, 3, "uniform")
    assert tv(uniform, data) == pytest.approx(stop_bound(2, 0.7, tokens=3))
    # A bound with the old factor d(1−t) instead, and one for two tokens less, would not be met.
    assert stop_bound(2, 0.7, tokens=3) < 2 * 0.3 * (1 - 1 / 3)


def test_what_contrast_bounds_say():
    assert pinsker_bound(math.inf) == math.inf
    assert entrywise_bound(3, 131072, 0.01) == pytest.approx(1966.08)


# ---------------------------------------------------------------- the planner


@pytest.mark.parametrize("prior", ["masked", "uniform"])
@pytest.mark.parametrize("tolerance", [0.9, 0.31, 0.05, 1e-3])
@pytest.mark.parametrize("sites", [1, 2, 3, 20])
def test_the_number_of_steps_is_the_least(prior, tolerance, sites):
    def cost(steps):
        if prior == "masked":
            return parallel_unmasking_bound(sites, steps, form="birthday")
        return uniform_bound(sites, 7, steps)

    steps = steps_needed(tolerance, sites, prior=prior, tokens=7)
    assert cost(steps) <= tolerance
    assert all(cost(fewer) > tolerance for fewer in range(1, min(steps, 500)))
    assert steps == 1 or cost(steps - 1) > tolerance


def test_the_planner_knows_neither_vocabulary_nor_a_tolerance_above_one():
    assert steps_needed(0.1, 9, tokens=4) == steps_needed(0.1, 9, tokens=10**9)
    assert steps_needed(1.0, 9) == steps_needed(1.5, 9, score_error=0.5) == 1
    assert steps_needed(0.1, 2, prior="uniform") >= steps_needed(
        0.1, 2, prior="uniform", tokens=10**6
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tolerance": 0.1, "sites": 3, "score_error": 0.2}, "score_error: 0.2 .* alone exceeds"),
        ({"tolerance": 0.1, "sites": 3, "score_error": 0.1}, "leaves 0 for the steps"),
        ({"tolerance": 0.0, "sites": 3}, "tolerance: 0.0 is given"),
        ({"tolerance": math.nan, "sites": 3}, "tolerance: nan is given"),
        ({"tolerance": 0.1, "sites": 0}, "sites: 0 is given"),
        ({"tolerance": 0.1, "sites": 3, "prior": "gaussian"}, "prior: 'gaussian' is given"),
        ({"tolerance": 0.1, "sites": 3, "prior": "uniform", "tokens": 0}, "tokens: 0 is given"),
        ({"tolerance": 0.1, "sites": 3, "tokens": -4}, "tokens: -4 is given"),
        ({"tolerance": 0.1, "sites": 3, "prior": "uniform", "tokens": math.nan}, "tokens: nan is"),
        ({"tolerance": 0.1, "sites": 3, "score_error": math.nan}, "score_error: nan is given"),
    ],
)
def test_what_the_planner_refuses(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        steps_needed(**settings)


def test_what_bounds_refuse(as_reader):
    for call, sentence in (
        (lambda: parallel_unmasking_bound(2, 0), "steps: 0 is given"),
        (lambda: parallel_unmasking_bound(2, 2, form="pair"), "form: 'pair' is given"),
        (lambda: parallel_unmasking_bound(2, 2, grid=[0, 1]), "grid: 2 times are given, but 3"),
        (lambda: parallel_unmasking_bound(2, 2, grid=[0, 0.7, 0.6]), "increasing times from 0"),
        (lambda: parallel_unmasking_bound(2, 2, grid=[0, 0.7, 1.1]), "increasing times from 0"),
        (lambda: stop_bound(2, 1.2), r"time: 1.2 is given, but a number in \[0, 1\]"),
        (lambda: pinsker_bound(-1.0), "divergence: -1.0 is given"),
        (lambda: pinsker_bound(math.nan), "divergence: nan is given"),
        (lambda: uniform_bound(2, math.nan, 3), "tokens: nan is given"),
        (lambda: stop_bound(2, math.nan), "time: nan is given"),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()
    with pytest.raises(TypeError, match="sites: float is given"):
        parallel_unmasking_bound(2.0, 2)
    with pytest.raises(TypeError, match="tolerance: str is given"):
        steps_needed("0.1", 2)
    with pytest.raises(TypeError, match="tokens: str is given"):
        steps_needed(0.1, 2, tokens="x")


# ---------------------------------------------------------------- by KL


def parallel_law(law, grid):
    """The law of the parallel sampler with exact conditionals, by all ways to put sites into steps."""
    sites = law.ndim
    total = np.zeros_like(law)
    for where in itertools.product(range(len(grid) - 1), repeat=sites):
        chance = math.prod(grid[k + 1] - grid[k] for k in where)
        drawn = np.ones_like(law)
        for i, k in enumerate(where):
            context = [j for j in range(sites) if where[j] < k]
            joint, alone = (
                law.sum(tuple(j for j in range(sites) if j not in kept), keepdims=True)
                for kept in ([*context, i], context)
            )
            drawn = drawn * np.divide(joint, alone, out=np.zeros_like(joint), where=alone > 0)
        total += chance * drawn
    return total


def test_kl_of_parallel_steps_is_within_its_bound_and_copies_in_one_step_meet_it():
    rng, worst = np.random.default_rng(3), 0.0
    for tokens, sites, steps in [(2, 2, 1), (2, 2, 3), (3, 2, 2), (2, 3, 1), (2, 3, 2), (3, 3, 2)]:
        copies = np.zeros((tokens,) * sites)
        copies[(np.arange(tokens),) * sites] = 1 / tokens
        some = rng.dirichlet(np.full(tokens**sites, 0.2)).reshape(copies.shape)
        grid = np.sort([0, *rng.random(steps - 1), 1])
        bound = total_correlation_bound(sites, tokens, steps, grid=grid)
        for law in (copies, some):
            found = parallel_law(law, grid)
            seen = law > 0
            kl = float((law[seen] * np.log(law[seen] / found[seen])).sum())
            assert np.abs(law - found).sum() / 2 <= bound
            assert kl <= 2 * bound**2 * (1 + 1e-12)
            worst = max(worst, kl / (2 * bound**2))
    # In one step all but one of the copies cost log S each: a smaller constant would go red.
    assert worst == pytest.approx(1, rel=1e-12)


def test_the_bound_by_kl_loses_half_of_the_rate_and_takes_on_the_vocabulary():
    ends = [total_correlation_bound(4, 4, k) for k in (1024, 4096)]
    assert math.log2(ends[0] / ends[1]) / 2 == pytest.approx(0.5, abs=1e-3)
    ratio = total_correlation_bound(4, 16, 64) / total_correlation_bound(4, 4, 64)
    assert ratio == pytest.approx(math.sqrt(2))
    grid = np.linspace(0, 1, 65)
    assert total_correlation_bound(4, 4, 64, grid=grid) == pytest.approx(
        total_correlation_bound(4, 4, 64)
    )
    assert total_correlation_bound(1, math.inf, 3) == 0
    assert total_correlation_bound(2, math.inf, 3) == math.inf
    assert total_correlation_bound(2, 1, 3) == 0


@pytest.mark.parametrize("tokens", [math.nan, 0.5, -1.0])
def test_no_number_of_tokens(as_reader, tokens):
    with pytest.raises(ValueError, match="tokens: "):
        total_correlation_bound(2, tokens, 4)
