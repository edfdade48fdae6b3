"""What the ledger's generic tests do not reach: the enumeration, planted faults, the words after a claim's formula."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from softbook.claims import claim_by_id
from softbook.induction.claims import margins, output, ratios, steps
from softbook.induction.claims.common import contributions, law, strongest
from softbook.induction.claims.enumeration import _sequences, enumerated_steps
from softbook.induction.theory import (
    cheapest_masses,
    least_cost,
    length_cost,
    margin,
    max_sum_ratio,
    optimal_masses,
    population_logits,
    population_weights,
)
from softbook.induction.theory import weights as rooms


def trained(masses, lengths, vocabulary, triggers, rate):
    """Return both steps from autograd on the mean cross-entropy of all sequences."""
    longest = 2 * max(lengths) + 3
    features = longest + 2 * vocabulary
    value = torch.zeros(vocabulary, features, dtype=torch.float64, requires_grad=True)
    attention = torch.zeros(features, features, dtype=torch.float64, requires_grad=True)

    def loss():
        total = 0.0
        for mass, length in zip(masses, lengths, strict=True):
            tokens, x = map(torch.from_numpy, _sequences(length, vocabulary, triggers, longest))
            scores = torch.einsum("sif,fg,sg->si", x, attention, x[:, -1])
            mean = torch.einsum("si,sif->sf", scores.softmax(1), x)
            total += mass * torch.nn.functional.cross_entropy(mean @ value.T, tokens[:, length + 1])
        return total

    (step,) = torch.autograd.grad(loss(), value)
    value.data = -rate * step
    (other,) = torch.autograd.grad(loss(), attention)
    return -other.numpy() / rate, -step.numpy()


@pytest.mark.parametrize("rate", [1e-6, 3.0])
def test_the_enumeration_is_what_autograd_does(rate):
    case = [0.3, 0.7], [1, 2], 5, 2
    wanted, value = trained(*case, rate)
    found = enumerated_steps(*case, rate=rate)
    np.testing.assert_allclose(found[1], value, atol=1e-15)
    np.testing.assert_allclose(found[0], wanted, atol=1e-10)


def verdict(id, **settings):
    return claim_by_id(id).check(**settings)


def test_a_part_in_a_million_of_one_corner_is_seen(monkeypatch):
    real = rooms._same
    monkeypatch.setattr(rooms, "_same", lambda *all: tuple(x * (1 + 1e-6) for x in real(*all)))
    assert not verdict("ind-weights").holds
    assert verdict("ind-value").holds


def test_values_without_their_position_block_are_seen(monkeypatch):
    real = rooms._value

    def without(s):
        value = real(s)
        value[:, : s.longest] = 0
        return value

    monkeypatch.setattr(rooms, "_value", without)
    assert not verdict("ind-value").holds


def test_logits_with_half_of_the_background_leave_their_limit(monkeypatch):
    def half(*given, **more):
        full = population_logits(*given, **more)
        return (full + population_logits(*given, **more, background=False)) / 2

    settings = {"ordinary": 200, "triggers": 1, "shortest": 1, "span": 1}
    assert verdict("ind-limit", **settings).holds
    monkeypatch.setattr(steps, "population_logits", half)
    assert not verdict("ind-limit", **settings).holds


@pytest.mark.parametrize(
    ("id", "change"),
    [
        ("ind-success", -0.01),
        ("ind-success-finite", -0.01),
        ("ind-failure", 0.01),
        ("ind-token", 0.01),
    ],
)
def test_margins_that_are_off_by_a_hundredth_are_seen(id, change, monkeypatch):
    claim = claim_by_id(id)
    monkeypatch.setattr(margins, "margin", lambda *given, **more: margin(*given, **more) + change)
    assert not claim.attack(300, seed=0).holds


def test_the_sharper_condition_is_enough_and_reaches_beyond_the_ratio():
    seen = 0
    for seed in range(400):
        masses, lengths = law(1 + seed % 4, 4 + seed % 5, 0.6, seed)
        each, n = contributions(masses, lengths), 1 + seed % 4
        top = max(each.values())
        sharp = all(
            n * a + max(each.get(k - 1, 0), each.get(k + 1, 0)) < 1 for k, a in each.items()
        )
        beside = all(each.get(k - 1, 0) < 1 and each.get(k + 1, 0) < 1 for k in each)
        if sharp and beside and 2 * top < 1:
            assert margin(masses, lengths, n, background=False) > 0
            seen += top >= 1 / (n + 1)
    assert seen > 10


def test_the_shortcut_beats_the_other_place_that_reads_the_output():
    seen = 0
    for seed in range(600):
        masses, lengths = law(3 + seed % 4, 3, 2.0, seed)
        best, n = strongest(contributions(masses, lengths)), 1 + seed % 4
        ratio = max_sum_ratio(masses, lengths, form="finite")
        if best < 3 or lengths[masses > 0].max() >= 2 * best - 2 or ratio <= 1 / n:
            continue
        # The sequence that the statement says exists.
        first = 2 * best - 1
        assert margins.apart(
            first, shares=None, shortest=3 + seed % 4, span=3, sharp=2.0, seed=seed
        )
        found = population_logits(masses, lengths, n, first, 1, background=False)
        assert found[best + 1] > max(found[first + 1], found[first + 2])
        seen += 1
    assert seen > 100


@pytest.mark.parametrize(("previous", "enough"), [(True, 2 / 3), (False, 1 / 2)])
def test_less_attention_than_the_claim_asks_for_is_not_enough(previous, enough):
    # All else goes to one place that holds a wrong token, after the same wrong token.
    found = population_weights([1.0], [3], 8, 1, previous=previous)
    output, wrong, block = 5, 6, found.longest
    scores = np.zeros(8)
    for share in (enough - 0.001, enough + 0.001):
        mean = np.zeros(found.value.shape[1])
        mean[[2, block + output, block + 8]] = share
        mean[[5, block + wrong, block + 8 + wrong]] = 1 - share
        scores = found.value @ mean
        lead = (scores[output] - scores[wrong]) / found.scale
        assert lead == pytest.approx(share - (1 + previous) * (1 - share), rel=1e-9)
        assert (int(scores.argmax()) == output) == (share > enough)


def test_the_steps_that_the_claim_asks_for_are_enough():
    seen = 0
    for seed in range(200):
        shape = {"shortest": 3, "span": 6, "sharp": 0.3, "seed": seed}
        one, two, n = 1 + seed % 9, 1 + seed % 7, 1 + seed % 2
        lead = margin(*law(**shape), n, first=one, second=two)
        if one == two or lead <= 0:
            continue
        length = math.log(3 * (one + two + 3)) / lead
        assert output.missed(one, two, n, True, length, **shape) < 1 / 3
        seen += 1
    assert seen > 50


@pytest.mark.parametrize("form", ["paper", "finite"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_cheapest_law_is_the_linear_one_and_no_other(n, form):
    found = cheapest_masses(n, n + 4, form=form)
    np.testing.assert_allclose(found[:n], optimal_masses(n, form=form), atol=1e-9)
    np.testing.assert_allclose(found[n:], 0, atol=1e-9)
    # The corners of the set of laws with ratio at most 1/n: n lengths, with equal contributions.
    for chosen in itertools.combinations(range(1, n + 5), n):
        per = np.array(chosen) if form == "paper" else 2 * np.array(chosen) + 3
        gap = length_cost(per / per.sum(), chosen) - least_cost(n, form=form)
        assert gap > 0.1 or (abs(gap) < 1e-9 and chosen == tuple(range(1, n + 1)))


def test_windows_cost_what_the_page_says():
    for n in (2, 3, 5, 8):
        assert ratios.least_window(n, 1, "paper") >= math.exp(n - 1)
        assert ratios.least_window(n, n, "paper") <= math.ceil((math.e - 1) * n)
    n = 400
    many = math.ceil((math.e - 1) * n)
    cost = length_cost(np.full(many, 1 / many), np.arange(n, n + many))
    assert cost / n**2 == pytest.approx((math.e**3 - 1) / (3 * (math.e - 1)), rel=0.01)
    assert round((math.e**3 - 1) / (3 * (math.e - 1)), 1) == 3.7
