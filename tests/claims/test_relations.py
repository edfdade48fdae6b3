"""Claims on made-up statements: what holds, what breaks, what is refused."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softbook.claims import Claim, Hypothesis, Tolerance, Verdict
from softbook.knobs import Choice, Integer, Linear, Log

X = {"x": Linear(-1, 1, default=0.5)}


def claim(predicted, measured, relation="<=", tolerance=0.0, **more):
    more = {"evidence": "proved", "knobs": X} | more
    return Claim(
        id="made-up",
        title="Made up",
        statement="$x$",
        source="own",
        predicted=lambda x=0.0, **_: predicted,
        measured=lambda x=0.0, **_: measured,
        relation=relation,
        tolerance=Tolerance("stated", lambda **_: tolerance),
        **more,
    )


BOUNDARY = [
    ("<=", 1.0, 1.0, 0.0, True),
    ("<=", 1.0, math.nextafter(1, 2), 0.0, False),
    ("<=", 1.0, 1.1, 0.125, True),
    ("<=", 1.0, 1.2, 0.125, False),
    ("<=", 0.0, 0.0, 0.0, True),
    ("<=", 0.0, 1e-300, 0.0, False),
    ("<=", -1.0, -2.0, 0.0, True),
    ("<=", -1.0, -0.5, 0.0, False),
    ("<=", math.inf, 5.0, 0.0, True),
    ("in", (0.0, 1.0), 0.0, 0.0, True),
    ("in", (0.0, 1.0), 1.0, 0.0, True),
    ("in", (0.0, 1.0), -1e-9, 0.0, False),
    ("in", (0.0, 1.0), (0.2, 0.8), 0.0, True),
    ("in", (0.0, 1.0), (0.2, 1.1), 0.0, False),
    ("in", (0.0, 1.0), (-0.1, 0.8), 0.125, True),
    ("in", (0.0, math.inf), 3.0, 0.0, True),
    ("==", 2.0, 2.0, 0.0, True),
    ("==", 2.0, math.nextafter(2, 3), 0.0, False),
    ("==", 2.0, 2.1, 0.125, True),
    ("==", 2.0, 2.2, 0.125, False),
    ("~rate", -2.0, (-2.1, -1.9), 0.0, True),
    ("~rate", -2.0, (-2.0, -1.9), 0.0, True),
    ("~rate", -2.0, (-1.95, -1.9), 0.0, False),
    ("~rate", -2.0, (-2.2, -2.05), 0.0, False),
    ("~rate", -2.0, -2.0, 0.0, True),
]


@pytest.mark.parametrize(("relation", "predicted", "measured", "tolerance", "holds"), BOUNDARY)
def test_each_relation_holds_up_to_its_boundary(relation, predicted, measured, tolerance, holds):
    verdict = claim(predicted, measured, relation, tolerance).check()
    assert verdict.holds is holds
    assert (verdict.slack >= -tolerance) is holds
    assert (verdict.ratio <= 1) is holds
    assert (verdict.predicted, verdict.measured, verdict.tolerance) == (
        predicted,
        measured,
        tolerance,
    )


NAN = math.nan
MISSING = [
    ("<=", NAN, 0.0),
    ("<=", 1.0, NAN),
    ("<=", (0.0, NAN), 0.0),
    ("<=", 1.0, (NAN, 0.5)),
    ("==", NAN, NAN),
    ("==", 0.0, (NAN, 0.0)),
    ("==", (0.0, 1.0), (0.0, NAN)),
    ("in", (0.0, 1.0), NAN),
    ("in", (NAN, 1.0), 0.5),
    ("in", (0.0, NAN), 0.5),
    ("in", (0.0, 1.0), (NAN, 0.5)),
    ("in", (0.0, 1.0), (0.5, NAN)),
    ("~rate", NAN, (-1.0, 1.0)),
    ("~rate", 0.0, (NAN, 1.0)),
    ("~rate", 0.0, (-1.0, NAN)),
]


@pytest.mark.parametrize(("relation", "predicted", "measured"), MISSING)
def test_nan_never_holds(relation, predicted, measured):
    verdict = claim(predicted, measured, relation, tolerance=10.0).check()
    assert verdict.holds is False
    assert math.isnan(verdict.slack)
    assert math.isnan(verdict.ratio)


def test_a_nan_tolerance_forgives_nothing():
    assert not claim(1.0, 1.0, tolerance=NAN).check().holds


FINITE = st.floats(-1e6, 1e6)


@given(FINITE, FINITE, st.floats(0, 1e3))
def test_ratio_and_verdict_say_the_same(predicted, measured, tolerance):
    verdict = claim(predicted, measured, tolerance=tolerance).check()
    if abs(measured - predicted - tolerance) > 1e-6:
        assert verdict.holds == (measured <= predicted + tolerance) == (verdict.ratio <= 1)


@given(st.tuples(FINITE, FINITE).map(sorted).map(tuple), FINITE)
def test_in_is_a_bound_on_either_side(promise, measured):
    low, high = promise
    verdict = claim(promise, measured, "in").check()
    above = claim(high + 2e6, measured + 2e6).check().slack
    below = claim(-low + 2e6, -measured + 2e6).check().slack
    assert verdict.slack == pytest.approx(min(above, below), abs=1e-8)
    assert verdict.holds == (low <= measured <= high)


def test_sides_that_are_no_interval_are_refused():
    with pytest.raises(ValueError, match=r"sides: \(1.0, 0.0\) is given, but a number or a pair"):
        claim((1.0, 0.0), 0.5, "in").check()


def test_severity_puts_what_breaks_last():
    def verdict(holds, ratio):
        return Verdict("id", {}, 1.0, 1.0, ratio, 0.0, 0.0, holds)

    ordered = [
        verdict(True, 0.1),
        verdict(True, 0.9),
        verdict(False, 1.1),
        verdict(False, math.inf),
        verdict(False, NAN),
    ]
    assert sorted(reversed(ordered), key=Verdict.severity)[:3] == ordered[:3]
    assert max(ordered[:3], key=Verdict.severity) is ordered[2]
    assert max([ordered[4], ordered[1]], key=Verdict.severity) is ordered[4]


def halves(**more):
    """The absolute value of x is at most x, true where x is not negative."""
    return Claim(
        id="halves",
        title="Halves",
        statement="$|x| \\le x$",
        evidence="proved",
        source="own",
        knobs=X,
        predicted=lambda x: x,
        measured=lambda x: abs(x),
        hypotheses=[Hypothesis("$x \\ge 0$", lambda x: x >= 0, {"x": -0.5})],
        **more,
    )


def test_a_setting_that_breaks_a_hypothesis_is_refused_by_check():
    with pytest.raises(ValueError, match=re.escape("halves: {'x': -0.5} breaks a hypothesis: $x")):
        halves().check(x=-0.5)


def test_violate_reports_both_sides_where_a_hypothesis_is_broken():
    broken = halves().violate(halves().hypotheses[0])
    assert not broken.holds
    assert (broken.predicted, broken.measured, broken.slack) == (-0.5, 0.5, -1.0)


def test_a_hypothesis_without_a_known_violation_says_so():
    with pytest.raises(ValueError, match="made-up: no violation is known of: by convention"):
        claim(1.0, 0.0).violate(Hypothesis("by convention", lambda **_: True))


def test_draws_meet_the_hypotheses_and_repeat_with_their_seed():
    drawn = list(halves().draw(300, seed=3))
    assert drawn == list(halves().draw(300, seed=3))
    assert drawn != list(halves().draw(300, seed=4))
    assert len(drawn) == 300
    assert all(settings["x"] >= 0 for settings in drawn)
    # An end of the range comes about once in sixteen, where chance alone would give none.
    assert 5 < sum(settings["x"] == 1 for settings in drawn) < 60


def test_draws_give_up_on_hypotheses_that_cannot_hold():
    never = claim(1.0, 0.0, hypotheses=[Hypothesis("never", lambda **_: False)])
    with pytest.raises(RuntimeError, match="made-up: 1000 draws in a row break a hypothesis"):
        next(never.draw(1, seed=0))


def test_settings_are_checked_by_their_knobs():
    many = claim(1.0, 0.0, knobs={"n": Integer(1, 4), "kind": Choice(["a", "b"])})
    assert many.check(n=3).settings == {"n": 3, "kind": "a"}
    with pytest.raises(TypeError, match="settings: m is no knob of made-up; it has n, kind"):
        many.check(m=3)
    with pytest.raises(ValueError, match="n: 9 is given, but an integer from 1 to 4"):
        many.check(n=9)
    with pytest.raises(ValueError, match="kind: 'c' is given, but one of a, b is needed"):
        many.check(kind="c")


@pytest.mark.parametrize("evidence", ["proved", "exact", "measured"])
def test_what_is_not_quoted_needs_both_sides(evidence):
    assert claim(1.0, 0.0, evidence=evidence).check().holds
    with pytest.raises(ValueError, match="made-up: a claim that is not quoted needs predicted and"):
        Claim(id="made-up", title="t", statement="s", evidence=evidence, source="own")


def test_a_quoted_claim_has_nothing_to_check():
    said = Claim(id="said", title="t", statement="s", evidence="quoted", source="hu2026, abstract")
    with pytest.raises(ValueError, match="said: a quoted claim has nothing to check"):
        said.check()


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (
            {"evidence": "obvious"},
            "evidence: 'obvious' is given, but one of proved, exact, measured",
        ),
        ({"relation": "<"}, "relation: '<' is given, but <=, in, == or ~rate is needed"),
    ],
)
def test_labels_that_do_not_exist_are_refused(field, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        claim(1.0, 0.0, **field)


def test_a_claim_is_drawn_along_any_knob():
    both = Claim(
        id="both",
        title="Both sides",
        statement="s",
        evidence="proved",
        source="own",
        knobs={"x": Linear(0, 1, points=5), "scale": Log(1, 100, points=3)},
        predicted=lambda x, scale: (-scale, scale),
        measured=lambda x, scale: (-x * scale, x * scale),
        relation="in",
    )
    figure = both.figure("scale", x=0.5)
    assert figure.layout.xaxis.type == "log"
    drawn = {(t.name, t.line.dash): [] for t in figure.data}
    for trace in figure.data:
        drawn[trace.name, trace.line.dash].append(np.asarray(trace.y).tolist())
    assert drawn["promised", "dash"] == [[-1, -10, -100], [1, 10, 100]]
    assert drawn["measured", "solid"] == [[-0.5, -5, -50], [0.5, 5, 50]]
    assert both.figure().layout.xaxis.type == "linear"


@pytest.mark.parametrize(
    ("measured", "kind", "zeros"),
    [
        (lambda x: x, "log", True),
        (lambda x: x + 1, "log", False),
        (lambda x: x - 1, "linear", False),
    ],
)
def test_sides_without_a_sign_stand_on_a_logarithmic_axis(measured, kind, zeros):
    one = replace(claim(3.0, 1.0, knobs={"x": Linear(0, 1, points=3)}), measured=measured)
    layout = one.figure().layout
    assert layout.yaxis.type == kind
    assert layout.yaxis.title.text.endswith("zeros left out") is zeros


def test_a_figure_runs_along_numbers():
    kinds = claim(1.0, 0.0, knobs={"kind": Choice(["a", "b"])})
    with pytest.raises(ValueError, match="along: 'kind' is given, but a knob of numbers is needed"):
        kinds.figure()


@pytest.mark.parametrize("along", ["y", ""])
def test_a_figure_needs_a_knob_to_run_along(along):
    without = claim(1.0, 0.0, knobs={})
    with pytest.raises(ValueError, match=rf"along: '{along}' is given, but a knob of made-up is"):
        without.figure(along)
