"""What the figures of chapter 3 draw and say, against computations that share nothing with them."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest

from softbook.diffusion.experiment.statistics import of_repeats
from softbook.diffusion.figures import chain, paths, posteriors, steps, velocity
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import path_law, posterior, states
from softbook.diffusion.model.tables import random_law
from softbook.diffusion.model.tabular import tabular_conditionals
from softbook.diffusion.theory import steps_needed, velocity_bound
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


def test_what_knows_the_data_lies_between_and_kl_grows_with_the_vocabulary():
    for sites, schedule in itertools.product((2, 3), steps.SCHEDULES):
        few, many = (
            steps.diff_steps(sites=sites, tokens=tokens, schedule=schedule) for tokens in (4, 4096)
        )
        measured, pairs, groups, kl = (drawn(few, i) for i in (0, 2, 3, 4))
        assert (measured <= groups + 1e-12).all()
        assert (groups <= pairs).all()
        assert (measured <= kl).all()
        # Four tokens have log 4, 4096 = 4^6 six times that; nothing else of the figure knows S.
        assert drawn(many, 4) == pytest.approx(math.sqrt(6) * kl)
        assert np.array_equal(drawn(many, 3), groups)
        assert math.log2(kl[-2] / kl[-1]) == pytest.approx(0.5, abs=0.05)
    noise = steps.diff_steps(prior=steps.UNIFORM)
    assert np.isnan([drawn(noise, 3), drawn(noise, 4)]).all()
    # A name in the legend without a curve would be a fault.
    for frame, shown in ((few, True), (noise, False)):
        assert [frame.figure.data[i].showlegend for i in (3, 4)] == [shown, shown]


def test_schedules_cost_what_their_squares_say():
    """For two sites the bound is the sum of the squared steps, and equal steps have the least."""
    equal, cosine, squared = (
        drawn(steps.diff_steps(sites=2, schedule=name), 2) for name in steps.SCHEDULES
    )
    k = np.arange(1, 65) / 64
    widths = np.diff(np.concatenate([[0], 1 - np.cos(np.pi * k / 2)]))
    assert cosine[-1] == pytest.approx((widths**2).sum())
    assert squared[-1] == pytest.approx(sum(((2 * j + 1) / 64**2) ** 2 for j in range(64)))
    assert (equal <= np.minimum(cosine, squared) + 1e-15).all()


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


def test_the_planner_asks_for_as_many_steps_as_sites_and_says_the_tables_tolerance():
    for sites, prior in itertools.product((2, 4, 8), ("masked", "uniform")):
        assert min(steps.planned(sites, prior)) >= sites
    said = numbers(steps.diff_planner(sites=8).summary)
    assert said[:3] == [8, 0.1, steps_needed(0.1, 8)]


def test_what_the_model_costs_is_taken_off_the_tolerance():
    left = 0.05
    for tolerance, count in zip(steps.TOLERANCES, steps.planned(4, "masked", left), strict=True):
        assert math.isnan(count) == (tolerance <= left)
        if 1 < count < 9:
            assert shared_step(4, count) <= tolerance - left < shared_step(4, count - 1)
    frame = steps.diff_planner(sites=4, score_error=left)
    assert np.isnan(drawn(frame, 0)).sum() == np.isnan(drawn(frame, 1)).sum() > 10
    assert (steps.planned(4, "masked")[-1] or 0) < steps.planned(4, "masked", left)[-1]


def test_wrong_posteriors_are_ordered_and_the_missing_curve_is_said():
    mixed = posteriors.diff_perturbed(epsilon=0.03)
    measured, adjoint, pinsker, entries = (drawn(mixed, i) for i in range(4))
    assert (measured <= adjoint).all()
    assert (measured <= pinsker).all()
    assert entries[-1] / entries[0] > 1e4
    dropped = list(posteriors.DROPS)[1]
    rare = posteriors.diff_perturbed(dropped=dropped, epsilon=0.0)
    assert np.isnan(drawn(rare, 2)).all()
    assert "KL is infinite" in rare.summary
    # A little noise on top makes KL finite: both knobs act.
    both = posteriors.diff_perturbed(dropped=dropped, epsilon=0.01)
    assert (drawn(both, 2) > drawn(both, 0)).all()
    assert (drawn(both, 1) > drawn(rare, 1)).any()
    exact = posteriors.diff_perturbed(epsilon=0.0)
    assert all(np.isnan(drawn(exact, i)).all() for i in range(4))
    assert "exact" in exact.summary


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
    # As the title says: mostly by less.
    assert np.mean(near < 0.9 * whole) > 0.8
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


def test_the_exponent_of_counting_has_an_interval_over_the_samples():
    frame = chain.diff_chain(tokens=3, sites=3)
    found = chain.learned(3, 3)
    x = np.log(chain.SAMPLES) - np.log(chain.SAMPLES).mean()
    slopes = (x[:, None] * np.log(found)).sum(0) / (x**2).sum()
    value, low, high = of_repeats(slopes)
    said = numbers(frame.summary)
    assert [round(end, 2) for end in (value, low, high)] == said[-5:-2]
    assert low < slopes.mean() < high
    # Student's 97.5 % point of 7 degrees of freedom.
    assert high - value == pytest.approx(2.3646 * slopes.std(ddof=1) / math.sqrt(8), rel=1e-4)


@pytest.mark.parametrize(("tokens", "sites", "stop"), [(2, 1, 0.5), (3, 2, 0.9), (2, 3, 0.9)])
def test_the_drawn_chain_is_that_of_the_bound_for_any_velocity(tokens, sites, stop):
    """The general bound integrates along time; the figure knows the masked path's form."""
    law, place, seed = random_law(tokens, sites, 0), 1, 3
    drawn_rows = chain.sample_of(law, seed)[: chain.SAMPLES[place]]
    every = states(tokens + 1, sites)
    here = np.eye(tokens + 1)[every]

    def velocity_of(table):
        return np.concatenate([table, np.zeros((*table.shape[:2], 1))], 2) - here

    learned = tabular_conditionals(drawn_rows, tokens)(every, 0.0)
    shown = every < tokens
    learned[shown] = np.eye(tokens)[every[shown]]
    exact, model = velocity_of(posterior(law, every, 0.5)), velocity_of(learned)
    start = np.eye(len(every))[-1]
    wanted = velocity_bound(lambda t: exact / (1 - t), lambda t: model / (1 - t), start, end=stop)
    found = velocity.link(tokens, sites, stop)
    for name in ("mean", "product", "unfactorised"):
        value = getattr(found, name)[place, seed]
        assert value == pytest.approx(getattr(wanted, name), rel=1e-6)
        # A planted fault: without the factor of the half it is another number.
        assert 2 * value != pytest.approx(getattr(wanted, name), rel=1e-6)
    assert (found.measured <= found.mean + 1e-12).all()
    assert (found.mean <= found.product).all()


def test_the_velocitys_error_is_that_of_the_sampler_stopped_at_the_same_time():
    """At T the masks that are left differ in nothing; filled by the model they cost at most the rest."""
    measured = velocity.link(3, 2, 0.99).measured.mean(1)
    whole = chain.learned(3, 2).mean(1)
    assert np.abs(measured - whole).max() <= 2 * (1 - 0.99)
