"""The attack: it finds what chance does not, keeps to its budget, and repeats."""

from __future__ import annotations

import math

import pytest

from softbook.claims import Claim, Hypothesis
from softbook.knobs import Choice, Integer, Linear, Log, Switch


def claim(measured, knobs, **more):
    return Claim(
        id="target",
        title="Target",
        statement="s",
        evidence="proved",
        source="own",
        knobs=knobs,
        predicted=lambda **_: 1.0,
        measured=measured,
        **more,
    )


def peak(x, y):
    """Above 1 on a disc of radius 0.001 alone: three millionths of the square."""
    return 1 + 1e-6 - (x - 0.7312) ** 2 - (y - 0.2718) ** 2


SQUARE = {"x": Linear(0, 1), "y": Linear(0, 1)}


def test_a_narrow_violation_that_a_thousand_draws_miss_is_found():
    target = claim(peak, SQUARE)
    assert all(target.check(**settings).holds for settings in target.draw(1000, seed=0))
    found = target.attack(400, seed=0)
    assert not found.holds
    assert found.settings["x"] == pytest.approx(0.7312, abs=1e-3)


def test_the_same_seed_finds_the_same():
    target = claim(peak, SQUARE)
    assert target.attack(100, seed=5) == target.attack(100, seed=5)
    assert target.attack(20, seed=5) != target.attack(20, seed=6)


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 64, 200])
@pytest.mark.parametrize("size", [0, 1, 2, 4])
def test_the_budget_is_kept(budget, size):
    calls = []

    def counted(**settings):
        calls.append(settings)
        return sum(settings.values(), 0.0) / 10

    target = claim(counted, {f"k{i}": Linear(0, 1) for i in range(size)})
    assert target.attack(budget, seed=0).holds
    assert 1 <= len(calls) <= budget


def test_a_budget_below_one_is_refused():
    with pytest.raises(ValueError, match="budget: 0 is given, but at least 1 is needed"):
        claim(peak, SQUARE).attack(0, seed=0)


def test_every_kind_of_knob_is_searched():
    def measured(n, kind, on, beta):
        return 1 - abs(n - 13) / 20 - (kind == "even") - (not on) - (1000 - beta) / 1000

    knobs = {
        "n": Integer(1, 20),
        "kind": Choice(["even", "odd"]),
        "on": Switch(),
        "beta": Log(1, 1000),
    }
    found = claim(measured, knobs).attack(1000, seed=1)
    assert found.settings["kind"] == "odd"
    assert found.settings["on"] is True
    assert found.settings["n"] == 13
    assert found.ratio > 0.99


def test_a_maximum_at_a_corner_is_reached():
    found = claim(lambda x, y: 0.5 * (x + y), SQUARE).attack(300, seed=0)
    assert found.ratio == pytest.approx(1.0, abs=1e-9)
    assert found.holds


def test_the_hypotheses_bound_the_search():
    seen = []

    def measured(x, y):
        seen.append((x, y))
        return peak(x, y)

    inside = [Hypothesis("left half", lambda x, y: x <= 0.5)]
    assert claim(measured, SQUARE, hypotheses=inside).attack(200, seed=0).holds
    assert all(x <= 0.5 for x, _ in seen)


def test_a_hypothesis_that_hardly_ever_holds_is_met_all_the_same():
    narrow = [Hypothesis("thin", lambda x, y: 0.311 < x < 0.318)]
    assert claim(peak, SQUARE, hypotheses=narrow).attack(4, seed=0).settings["x"] < 0.318


def test_nan_found_on_the_way_is_not_lost():
    def measured(x):
        return math.nan if 0.2 < x < 0.25 else x / 2

    found = claim(measured, {"x": Linear(0, 1)}).attack(200, seed=0)
    assert not found.holds
    assert math.isnan(found.measured)


def test_a_break_is_not_hidden_by_a_greater_ratio_that_holds():
    def measured(x):
        return 2.0 if x < 0.1 else 1.0

    def promised(x):
        return 1.9 if x < 0.1 else 0.01

    target = Claim(
        id="target",
        title="Target",
        statement="s",
        evidence="proved",
        source="own",
        knobs={"x": Linear(0, 1)},
        predicted=promised,
        measured=lambda x: measured(x) if x < 0.1 else 0.0099,
    )
    assert not target.attack(100, seed=0).holds
