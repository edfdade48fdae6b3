"""What the figures of chapter 3 draw and say, against computations that share nothing with them."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest

from softbook.diffusion.figures import chain, paths, posteriors, steps
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import path_law, posterior
from softbook.diffusion.model.tables import random_law
from softbook.explore.parts import array_of

NUMBER = r"[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"


def numbers(words):
    return [float(n.replace("−", "-").replace(",", "")) for n in re.findall(NUMBER, words)]


def drawn(frame, trace, key="y"):
    return array_of(frame.figure.to_plotly_json()["data"][trace][key])


def shared_step(sites, count):
    """P(two of `sites` share one of `count` steps), by counting all assignments."""
    ways = itertools.product(range(count), repeat=sites)
    return sum(len(set(way)) < sites for way in ways) / count**sites


def test_the_error_is_below_its_bound_and_the_vocabulary_is_not_seen_by_masks():
    for prior, sites in itertools.product((steps.MASKED, steps.UNIFORM), (2, 3)):
        frames = [
            steps.diff_steps(prior=prior, sites=sites, tokens=tokens) for tokens in (4, 131072)
        ]
        for frame in frames:
            assert (drawn(frame, 0) <= drawn(frame, 2)).all()
        alike = np.array_equal(drawn(frames[0], 0), drawn(frames[1], 0))
        assert alike == (prior == steps.MASKED)
    assert drawn(frames[0], 0)[0] == pytest.approx(_from_independence(3))


def _from_independence(sites):
    """One step draws the product of the marginals."""
    law = random_law(4, sites, 0)
    product = 1.0
    for site in range(sites):
        product = product * law.sum(tuple(i for i in range(sites) if i != site), keepdims=True)
    return 0.5 * np.abs(law - product).sum()


@pytest.mark.parametrize("tokens", [2, 4])
def test_copies_closed_form_enumeration_and_birthday_agree(tokens):
    frame = steps.diff_copy(sites=3, tokens=tokens)
    exact, counted, pairs, birthday = (drawn(frame, i) for i in range(4))
    seen = np.isfinite(counted)
    assert seen.sum() >= 5
    assert np.allclose(exact[seen], counted[seen], rtol=1e-12, atol=0)
    assert (exact < birthday).all()
    assert (birthday <= pairs).all()
    for place, count in ((0, 1), (1, 2), (2, 4), (3, 8)):
        assert birthday[place] == pytest.approx(shared_step(3, count))
    # A planted fault: without the factor for a lucky draw the form is another.
    wrong = [shared_step(2, 2**k) for k in range(4)]
    assert not np.allclose([steps.copy_error(tokens, 2, 2**k) for k in range(4)], wrong)


def test_a_large_vocabulary_tends_to_masks_and_the_sentence_says_what_is_drawn():
    frame = steps.diff_vocabulary(steps=8)
    measured, masked = drawn(frame, 0), drawn(frame, 1)
    gaps = np.abs(measured - masked)
    assert gaps[-1] < 0.02 * gaps[0] + 1e-3
    said = numbers(frame.summary)
    assert round(measured[0], 4) in said
    assert round(masked[0], 4) in said
    assert round(measured.min(), 4) in said


def test_the_planner_is_the_least_number_of_steps():
    for sites in (2, 4):
        for tolerance, count in zip(steps.TOLERANCES, steps.planned(sites, "masked"), strict=True):
            if 1 < count < 9:
                assert shared_step(sites, count) <= tolerance < shared_step(sites, count - 1)


def test_wrong_posteriors_are_ordered_and_the_missing_curve_is_said():
    mixed = posteriors.diff_perturbed(epsilon=0.03)
    measured, adjoint, pinsker, entries = (drawn(mixed, i) for i in range(4))
    assert (measured <= adjoint).all()
    assert (measured <= pinsker).all()
    assert entries[-1] / entries[0] > 1e4
    rare = posteriors.diff_perturbed(kind=next(iter(posteriors.DROPPED)))
    assert np.isnan(drawn(rare, 2)).all()
    assert "KL is infinite" in rare.summary


def test_the_worst_state_grows_and_the_mean_keeps_its_bound():
    frame = posteriors.diff_break_sup(sites=2)
    mean, bound, worst = (drawn(frame, i) for i in range(3))
    assert (mean <= bound).all()
    assert worst[-1] / worst[-2] == pytest.approx(2, rel=0.02)
    # The same drift from the public posterior, one state after another.
    law, time, step = random_law(4, 2, 0), 0.3, 1e-6
    every = np.array(list(itertools.product(range(4), repeat=2)))
    now, later = (posterior(law, every, t, prior="uniform") for t in (time, time + step))
    moved = np.abs(now - later).sum((1, 2)) / (2 * step)
    mass = path_law(law, time, prior="uniform").ravel()
    assert float(mass @ moved) <= mean[0] + 1e-4
    assert moved.max() <= worst[0] + 1e-4


@pytest.mark.parametrize("prior", [steps.MASKED, steps.UNIFORM])
@pytest.mark.parametrize("name", paths.OBSERVABLES)
def test_oscillations_shrink_backwards_in_time(prior, name):
    frame = paths.diff_osc(name=name, prior=prior)
    whole, all_states, near = (drawn(frame, i) for i in range(3))
    assert (all_states <= whole + 1e-9).all()
    assert (near <= all_states + 1e-9).all()
    assert (np.diff(all_states) >= -1e-9).all()
    # At the end of time u is f.
    assert all_states[-1] == pytest.approx(whole[0], abs=1e-9)


def test_masks_know_u_by_the_posterior():
    # From masks site 1 is filled by T with probability T, and then by the posterior.
    law = random_law(paths.TOKENS, paths.SITES, 1)
    given = posterior(law, np.array([[paths.TOKENS] * 2]), 0.0)[0, 0, 0]
    u = paths.adjoint(
        lambda t: paths.rates(law, t, prior="masked"),
        paths.observable(paths.OBSERVABLES[0], 4),
        [0.0, 0.99],
    )[0]
    assert u[-1] == pytest.approx(0.99 * given, abs=1e-9)


def test_stopping_is_bounded_and_ends_at_nothing():
    for prior, sites in itertools.product((steps.MASKED, steps.UNIFORM), (1, 3)):
        measured, bound = (drawn(paths.diff_stop(prior=prior, sites=sites), i) for i in range(2))
        assert (measured <= bound + 1e-12).all()
        assert measured[-1] == pytest.approx(0, abs=1e-12)
        assert bound[0] == pytest.approx(1 - (0 if prior == steps.MASKED else 4.0**-sites))


def test_shared_coins_break_the_bound_and_independent_ones_do_not():
    for share, broken in ((0.0, 0), (0.3, 5), (1.0, 6)):
        frame = paths.diff_break_together(share=share, tokens=4)
        assert np.isfinite(drawn(frame, 1)).sum() == broken
    assert drawn(frame, 0) == pytest.approx(np.full(7, 0.75))


def test_learning_by_counting_gets_better_with_samples():
    frame = chain.diff_chain(tokens=3, sites=2)
    mean, bound = drawn(frame, 0), drawn(frame, 2)
    assert (mean <= bound).all()
    assert math.log(mean[0] / mean[-1]) / math.log(300) == pytest.approx(0.5, abs=0.1)
    assert drawn(frame, 1).reshape(6, -1).mean(1) == pytest.approx(mean)
    # With one site counting is the empirical law.
    law = random_law(2, 1, 0)
    rows = np.random.default_rng(0).choice(2, 3000, p=law)
    shares = np.bincount(rows[:100], minlength=2) / 100
    assert chain.learned(2, 1)[2, 0] == pytest.approx(total_variation(shares, law))
