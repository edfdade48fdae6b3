"""Frozen rates, sites on their own, other rates: the bounds and the chains that they are held against."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import expm

from softbook.domino.claims import jumps as measured
from softbook.domino.claims.jumps import apart, exact, frozen, generator, rates_of, system
from softbook.domino.theory.jumps import KERNELS, jump_bound, rates_bound

SHAPES = [(2, 1), (2, 3), (3, 2)]


@pytest.mark.parametrize(("tokens", "sites"), SHAPES)
def test_generators_move_one_site_at_its_rate(tokens, sites):
    rates = rates_of(tokens, sites, 0, 4)
    found = generator(rates)
    words = np.array(list(np.ndindex(*(tokens,) * sites)))
    for x, word in enumerate(words):
        for y, other in enumerate(words):
            where = np.flatnonzero(word != other)
            if len(where) == 1:
                assert found[x, y] == rates[x, where[0], other[where[0]]]
            elif len(where) > 1:
                assert found[x, y] == 0
    assert np.abs(found.sum(1)).max() < 1e-12


@pytest.mark.parametrize(("tokens", "sites"), SHAPES)
def test_the_chain_is_the_matrix_exponential(tokens, sites):
    """Constant rates: expm. Growing ones: the product of many expm, by their middles."""
    first, last = system(tokens, sites, 1, load=0.3, steps=8)
    assert exact(first, first) == pytest.approx(expm(generator(first))[0], abs=1e-9)
    law, many = np.eye(tokens**sites)[0], 400
    for k in range(many):
        share = (k + 0.5) / many
        law = law @ expm(generator((1 - share) * first + share * last) / many)
    assert exact(first, last) == pytest.approx(law, abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("tokens", "sites"), SHAPES)
def test_steps_are_laws_and_tend_to_the_chain(kernel, tokens, sites):
    first, last = system(tokens, sites, 2, load=1.0, steps=1)
    errors = []
    for steps in (64, 128):
        law = frozen(first, last, steps, kernel)
        assert law.sum() == pytest.approx(1.0, abs=1e-12)
        assert law.min() >= -1e-15
        errors.append(np.abs(law - exact(first, last)).sum())
    # Of first order: half the step, half the error, to a tenth.
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)


def test_one_site_has_one_kernel():
    first, last = system(3, 1, 3, load=0.5, steps=4)
    joint, product = (frozen(first, last, 4, kernel) for kernel in KERNELS)
    assert joint == pytest.approx(product, abs=1e-14)
    assert jump_bound(1.0, 2.0, 1.0, 4) == jump_bound(1.0, 2.0, 1.0, 4, kernel="product", sites=1)


def test_a_kernel_that_jumps_twice_as_often_breaks_the_bound(monkeypatch):
    """The planted fault: steps of twice the length."""
    honest = measured.frozen

    def hasty(first, last, steps, kernel):
        return honest(2 * first, 2 * last, 2 * steps, kernel)

    settings = {"load": 0.02, "steps": 32, "tokens": 2, "sites": 2, "seed": 0}
    bound = measured.frozen_bound("joint", **settings)
    assert measured.frozen_apart("joint", **settings) <= bound
    monkeypatch.setattr(measured, "frozen", hasty)
    assert measured.frozen_apart("joint", **settings) > bound


def test_other_rates_against_the_exponential():
    tokens, sites, seed = 2, 2, 5
    found, bound = apart(tokens, sites, seed, 1.0, 0.7, False)
    ours = rates_of(tokens, sites, seed, 4)
    push = np.exp(0.7 * measured.rng_of(seed, 6).normal(size=ours.shape))
    laws = [expm(generator(rates))[0] for rates in (ours, ours * push)]
    assert found == pytest.approx(np.abs(laws[0] - laws[1]).sum() / 2, abs=1e-9)
    assert found <= bound
    assert apart(tokens, sites, seed, 1.0, 0.0, False)[1] == pytest.approx(0.0, abs=1e-12)


POSITIVE = st.floats(1e-3, 1e3)


@given(arrays(float, 4, elements=POSITIVE), arrays(float, 4, elements=POSITIVE))
def test_the_density_bounds_the_difference_of_rates(ours, theirs):
    divergence = (theirs * np.log(theirs / ours) - theirs + ours).clip(0).sum()
    bound = rates_bound(*(np.array([one]) for one in (divergence, ours.sum(), theirs.sum())))
    # The divergence of nearly equal rates is a difference of numbers near them.
    assert np.abs(ours - theirs).sum() <= bound[0] + 1e-5 * (ours.sum() + theirs.sum())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rate": 2.0, "steps": 1}, "steps: 1 is given, but at least 2 are needed"),
        ({"rate": -1.0}, "rate: -1.0 is given"),
        ({"kernel": "both"}, "kernel: 'both' is given"),
        ({"kernel": "product"}, "sites: nothing is given"),
        ({"kernel": "product", "sites": 0}, "sites: 0 is given"),
    ],
)
def test_bad_settings_get_a_sentence(settings, sentence):
    given = {"rate": 1.0, "drift": 0.0, "span": 1.0, "steps": 4} | settings
    with pytest.raises(ValueError, match=sentence):
        jump_bound(**given)


def test_negative_divergences_get_a_sentence():
    with pytest.raises(ValueError, match=r"divergence: -1\.0 is given"):
        rates_bound(np.array([-1.0]), np.array([1.0]), np.array([1.0]))
