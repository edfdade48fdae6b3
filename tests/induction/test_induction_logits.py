"""Logits on a new sequence, their margins and the predictor."""

from __future__ import annotations

import numpy as np
import pytest

from softbook.induction import family_pairs, margin, population_logits, predicted_accuracy
from softbook.induction.theory import max_sum_ratio


def uniform(low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(high - low + 1, 1 / (high - low + 1)), np.arange(low, high + 1)


def plain(masses, lengths, triggers, first, second, previous, background):
    """The displayed formula, place by place."""
    kappa, end = (2 if previous else 1), first + second + 3
    lost = kappa if background else 0
    each = {k: q / (2 * k + 3) for q, k in zip(masses, lengths, strict=True)}
    here = next((each[k] for k in each if 2 * k + 3 == end), 0.0)
    found = []
    for j in range(1, end + 1):
        logit = -triggers * here * lost / end
        logit += sum(a * ((j == k + 2) + (previous and j == k + 3)) for k, a in each.items())
        logit -= sum(a * lost / (2 * k + 3) * (j <= 2 * k + 3) for k, a in each.items())
        if here:
            logit += triggers * here * ((2 * j == end + 1) + (previous and 2 * j == end + 3))
        if j == first + 2:
            logit += here * (1 - lost / end)
            logit += sum(a * (1 - lost / (2 * k + 3)) for k, a in each.items())
        if j in (first + 1, end):
            logit -= 2 * (here * lost / end + sum(a * lost / (2 * k + 3) for k, a in each.items()))
        found.append(logit)
    return np.array(found)


@pytest.mark.parametrize("previous", [True, False])
@pytest.mark.parametrize("background", [True, False])
def test_logits_are_the_displayed_formula(previous, background):
    law = [0.2, 0.5, 0.3], [2, 3, 6]
    for first in range(7):
        for second in range(9):
            found = population_logits(
                *law, 3, first, second, previous=previous, background=background
            )
            wanted = plain(*law, 3, first, second, previous, background)
            np.testing.assert_allclose(found, wanted, atol=1e-15)


def test_the_worst_margin_is_the_least_over_pairs():
    law = uniform(3, 6)
    found = [margin(*law, 2, first=i, second=j) for i in range(1, 9) for j in range(1, 9) if i != j]
    assert margin(*law, 2, reach=8) == min(found)
    logits = population_logits(*law, 2, 3, 5)
    a = sum(1 / 4 / (2 * k + 3) for k in range(3, 7))
    by_hand = (logits[4] - np.delete(logits, 4).max()) / a
    assert margin(*law, 2, first=3, second=5) == pytest.approx(by_hand, rel=1e-14)


@pytest.mark.parametrize("previous", [True, False])
def test_thresholds_of_the_leading_order_on_random_laws(previous):
    rng, seen = np.random.default_rng(0), [0, 0]
    for _ in range(500):
        lengths = np.arange(1, rng.integers(2, 9))
        masses = rng.dirichlet(np.full(len(lengths), rng.choice([0.3, 3.0])))
        triggers = int(rng.integers(1, 4))
        ratio = max_sum_ratio(masses, lengths, form="finite")
        worst = margin(masses, lengths, triggers, previous=previous, background=False)
        if ratio < 1 / (triggers + previous):
            seen[0] += 1
            assert worst > 0
        least = margin(
            masses,
            lengths,
            triggers,
            previous=previous,
            background=False,
            reach=4 * int(lengths[-1]),
        )
        # A length that is tested beyond the support: ell1 outside of it, ell1 + ell2 even.
        top = int(lengths[np.argmax(masses / (2 * lengths + 3))])
        beyond = 2 * top - 1 > lengths[-1] + 1
        if ratio > 1 / triggers and top >= 2 and beyond:
            seen[1] += 1
            assert least < 0
    assert min(seen) > 20


def test_without_a_conflict_a_point_mass_does_not_fail():
    # delta_1 has ratio 1, and no sequence of the family contradicts it: ties at leading order.
    assert max_sum_ratio([1.0], [1], form="finite") == 1
    assert margin([1.0], [1], 1, reach=6, background=False) >= 0


def test_the_predictor_without_parameters_gives_its_known_rows():
    rows = {4: [33, 29, 33, 69, 88, 94, 95, 100, 100, 100, 100, 100]}
    rows[8] = [33, 29, 26, 24, 26, 43, 60, 75, 80, 84, 89, 92]
    for triggers, wanted in rows.items():
        found = [100 * predicted_accuracy(*uniform(3, high), triggers) for high in range(4, 16)]
        assert [round(share) for share in found] == wanted


@pytest.mark.parametrize("family", ["train", "conflict", "pairs"])
def test_families_are_laws_on_what_they_say(family):
    one, two, chance = family_pairs([0.5, 0.0, 0.5], [2, 3, 4], family)
    assert chance.sum() == pytest.approx(1, rel=1e-12)
    assert len(set(zip(one.tolist(), two.tolist(), strict=True))) == len(one)
    assert ((one == two).all()) if family == "train" else (one != two).all()
    if family == "conflict":
        assert set(((one + two) // 2).tolist()) == {3, 4}
        assert one.min() == two.min() == 1
    if family == "pairs":
        assert len(one) == 4 * 3


def test_bad_settings_get_a_sentence(as_reader):
    with pytest.raises(ValueError, match="family 'conflict' needs a length of at least 2"):
        predicted_accuracy([1.0], [1], 1)
    with pytest.raises(ValueError, match="one is given, but both or neither"):
        margin([1.0], [2], 1, first=1)
    with pytest.raises(ValueError, match="family: 'all' is given"):
        family_pairs([1.0], [2], "all")
