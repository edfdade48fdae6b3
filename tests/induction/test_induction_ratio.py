"""The max-sum ratio, the cheapest law, and what bad laws are told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softbook.induction import (
    cheapest_masses,
    least_cost,
    length_cost,
    max_sum_ratio,
    optimal_masses,
    uniform_ratio,
)

FORMS = ("paper", "finite")


@st.composite
def laws(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw a law on lengths: sparse, with zero masses, or on one length."""
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12, unique=True))
    raw = draw(
        st.lists(
            st.one_of(st.just(0.0), st.floats(1e-9, 1.0)),
            min_size=len(lengths),
            max_size=len(lengths),
        )
    )
    raw[draw(st.integers(0, len(raw) - 1))] = 1.0
    return np.array(raw) / np.sum(raw), np.array(lengths)


@given(laws())
def test_the_ratio_lies_between_one_over_the_support_and_one(law):
    masses, lengths = law
    for form in FORMS:
        ratio = max_sum_ratio(masses, lengths, form=form)
        support = int((masses > 0).sum())
        assert 1 / support - 1e-12 <= ratio <= 1
        assert (ratio == 1) == (support == 1) or 1 - ratio < 1e-7


@given(laws())
def test_lengths_without_mass_and_the_order_do_not_matter(law):
    masses, lengths = law
    more = np.append(lengths, lengths.max() + 1)
    turned = np.append(masses, 0.0)[::-1]
    for form in FORMS:
        assert max_sum_ratio(turned, more[::-1], form=form) == pytest.approx(
            max_sum_ratio(masses, lengths, form=form), rel=1e-12
        )


@given(laws())
def test_the_two_forms_differ_by_less_than_five_halves(law):
    paper, finite = (max_sum_ratio(*law, form=form) for form in FORMS)
    assert 0.4 * paper < finite * (1 + 1e-12)
    assert finite < 2.5 * paper


def test_the_two_forms_are_not_the_same_number():
    law = optimal_masses(4), [1, 2, 3, 4]
    assert max_sum_ratio(*law) == pytest.approx(0.25, rel=1e-15)
    by_hand = (0.4 / 11) / (0.1 / 5 + 0.2 / 7 + 0.3 / 9 + 0.4 / 11)
    assert max_sum_ratio(*law, form="finite") == pytest.approx(by_hand, rel=1e-15)
    assert by_hand > 0.3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("triggers", [1, 2, 3, 5, 8])
def test_the_linear_law_is_what_a_linear_programme_finds(triggers, form):
    best = optimal_masses(triggers, form=form)
    lengths = np.arange(1, triggers + 1)
    assert max_sum_ratio(best, lengths, form=form) == pytest.approx(1 / triggers, rel=1e-12)
    assert length_cost(best, lengths) == pytest.approx(least_cost(triggers, form=form), rel=1e-12)
    for longest in (triggers, 2 * triggers + 3):
        found = cheapest_masses(triggers, longest, form=form)
        np.testing.assert_allclose(found[:triggers], best, atol=1e-7)
        np.testing.assert_allclose(found[triggers:], 0.0, atol=1e-7)


def test_a_law_that_is_not_linear_is_seen_to_cost_more_or_to_have_a_greater_ratio():
    # Planted faults: the uniform law, and the linear one on one length more.
    assert max_sum_ratio(np.full(4, 0.25), range(1, 5)) > 0.25 + 0.1
    assert length_cost(optimal_masses(5), range(1, 6)) > least_cost(4) + 1


def test_a_uniform_law_has_the_closed_form():
    assert uniform_ratio(3, 4) == pytest.approx((1 / 3) / (1 / 3 + 1 / 4 + 1 / 5 + 1 / 6))
    assert uniform_ratio(7, 1) == 1.0


@pytest.mark.parametrize(
    ("masses", "lengths", "words"),
    [
        ([0.5, 0.5], [1, 1], "different lengths"),
        ([0.5, 0.5], [0, 1], "at least 1"),
        ([0.5, 0.6], [1, 2], "sum to 1"),
        ([1.5, -0.5], [1, 2], "at least 0"),
        ([float("nan"), 1.0], [1, 2], "sum to 1"),
        ([1.0], [1, 2], "one mass for each"),
        ([], [], "list of integers"),
        ([1.0], [1.5], "list of integers"),
    ],
)
def test_a_bad_law_gets_a_sentence(masses, lengths, words, as_reader):
    with pytest.raises(ValueError, match=words):
        max_sum_ratio(masses, lengths)


def test_bad_settings_get_a_sentence(as_reader):
    with pytest.raises(ValueError, match="form: 'thin' is given, but one of paper, finite"):
        max_sum_ratio([1.0], [1], form="thin")
    with pytest.raises(ValueError, match="longest: 2 is given, but at least 3"):
        cheapest_masses(3, 2)
    with pytest.raises(ValueError, match="triggers: 0 is given"):
        optimal_masses(0)
