"""The chapter's figures show the library's numbers, and their sentences are true at every setting."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from softbook.explore import explorables
from softbook.explore.parts import array_of
from softbook.induction.experiment import phase, pictures
from softbook.induction.figures import attention, ratio, transition
from softbook.induction.figures import phase as maps
from softbook.induction.theory import (
    cheapest_masses,
    length_cost,
    margin,
    max_sum_ratio,
    predicted_accuracy,
)

FIGURES = {one.id: one for one in explorables().values() if one.id.startswith("ind-")}


def settings(id: str, few: int | None = None):
    """Return all settings of a figure, or every `few`-th."""
    knobs = FIGURES[id].knobs
    every = itertools.product(*(knob.grid() for knob in knobs.values()))
    return [
        dict(zip(knobs, values, strict=True)) for values in itertools.islice(every, 0, None, few)
    ]


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"[-+]?\d+(?:\.\d+)?", text)]


def test_attention_is_a_law_and_near_the_exact_weights():
    for one in settings("ind-attention", 13):
        figure, text = attention.ind_attention.function(**one)
        found, told = (np.array(trace["y"], dtype=float) for trace in figure.data[:2])
        end = one["first"] + one["second"] + 3
        for values in (found, told):
            assert np.isnan(values[end:]).all()
            assert np.nansum(values) == pytest.approx(1, abs=1e-9)
        # Six seeds of 8,192 sequences: a standard error of at most 0.02 in the mean.
        assert np.nanmax(np.abs(found - told)) < 0.08
        inside = one["first"] == one["second"] and one["first"] <= int(one["trained_on"][-2:])
        inside &= one["first"] >= 3
        assert ("as in training" in text) == inside
        best = int(np.nanargmax(found))
        place = "the output" if best == one["first"] + 1 else f"place {best + 1}"
        assert text.endswith(f"no place has more than {place}.")
        assert f"{100 * found[one['first'] + 1]:.0f} % of the attention is on the output" in text


def test_with_many_lengths_attention_is_on_the_output():
    least = {
        name: min(
            attention.looked(name, first, second)[0][first + 1]
            for first, second in itertools.product(range(1, attention.FILLERS + 1), repeat=2)
        )
        for name in attention.LAWS
    }
    assert least["3 to 12"] > 0.9
    # With fewer lengths it can be elsewhere.
    assert max(least["3"], least["3 to 6"]) < 0.4


def test_sampled_weights_are_near_the_exact_ones_and_the_window_turns_them():
    tops = {}
    for name in ("3", "3 to 6"):
        both = attention.matrices(name)
        gap = np.abs(both[attention.SAMPLED] - both[attention.EXACT])
        assert gap.max() < 0.003
        exact = both[attention.EXACT]
        edge = len(exact) - 2 * attention.TOKENS
        tops[name] = exact[edge + attention.TOKENS, edge] / exact[:edge, :edge].max()
        figure, text = attention.ind_weights.function(trained_on=name)
        assert f"places is {exact[:edge, :edge].max():.3f}" in text
        assert f"token {exact[edge + attention.TOKENS, edge]:.3f}, for" in text
        drawn = array_of(figure.data[1]["z"])
        # The first drawn column is the query at place 9, the first row the key at place 1.
        assert drawn[4, 0] == exact[4, 8]
        # The previous-token block's first row, and the first column of tokens after 7 places.
        assert drawn[-5, 7] == exact[edge + attention.TOKENS, edge]
        # The frame named induction holds that entry, and the one named shortcut all the places.
        frames = [s for s in figure.layout.shapes if s["type"] == "rect" and s["xref"] == "x2"]
        assert [(s["x0"], s["x1"], s["y0"], s["y1"]) for s in frames] == [
            (0.5, 7.5, 0.5, 15.5),
            (7.5, 9.5, 20.5, 22.5),
        ]
    assert tops["3"] < 1 < tops["3 to 6"]
    # A planted fault: half the rate leaves entries far outside what sampling explains.
    halved = attention.matrices("3")[attention.SAMPLED] / 2
    assert np.abs(halved - attention.matrices("3")[attention.EXACT]).max() > 0.03


def test_the_map_of_windows_draws_what_is_committed():
    for one in settings("ind-phase"):
        figure, text = maps.ind_phase.function(**one)
        ours = array_of(figure.data[0]["z"])
        row = phase.measured(one["triggers"], 5).mean(0)
        np.testing.assert_array_equal(ours[2, 2:], row)
        assert np.isnan(ours[2, :2]).all()
        known = np.isfinite(array_of(figure.data[1]["z"])).sum()
        if one["shown"] == maps.PAPER:
            assert known == {4: 63, 8: 12}.get(one["triggers"], 0)
            assert ("What the paper found" in text) == (known == 0)
            assert ("Its other rows are not known here." in text) == (0 < known < 78)
    # The title, in the rows up to ℓmin = 9: further down the map ends before eight triggers turn.
    for triggers in phase.TRIGGERS:
        whole = maps.square(maps.MEASURED, triggers)
        for start in range(7):
            assert whole[start, -1] > whole[start, start] + (20 if start < 5 else 0)


def test_rows_have_as_many_points_at_every_setting():
    for one in settings("ind-rows"):
        figure, text = maps.ind_rows.function(**one)
        assert {len(trace["x"]) for trace in figure.data} == {12}
        gaps = np.abs(
            phase.measured(one["triggers"], one["shortest"]).mean(0)
            - phase.predicted(one["triggers"], one["shortest"])
        )
        assert f"off by {gaps.mean():.1f} points" in text


def test_the_ratio_s_sentence_is_true_at_every_law():
    seen = set()
    for place, one in enumerate(settings("ind-ratio", 5)):
        figure, text = ratio.ind_ratio.function(**one)
        law, n = ratio.power_law(one["shape"], one["shortest"], one["many"]), one["triggers"]
        shares = law[0] / (2 * law[1] + 3)
        finite = float(shares.max() / shares.sum())
        assert text.startswith(f"n = {n}, R_T = {finite:.3f}, ")
        assert np.nanmax(array_of(figure.data[0]["y"])) == pytest.approx(finite)
        paper = float((law[0] / law[1]).max() / (law[0] / law[1]).sum())
        side = "above" if paper > 1 / n + 1e-9 else "at most"
        assert text.endswith(f"The paper's R is {paper:.3f}, {side} 1/n.")
        if finite < 1 / (n + 1) - 1e-12:
            seen.add("below")
            assert "at leading order induction on every sequence" in text
            if place % 9 == 0:
                assert margin(*law, n, background=False, reach=10) > 0
        elif finite <= 1 / n + 1e-12:
            seen.add("between")
            assert "the neighbours decide" in text
        elif found := re.search(r"the shortcut wins at ℓ1 = (\d+), ℓ2 = (\d+)\.", text):
            seen.add("above")
            first, second = map(int, found.groups())
            for terms in (True, False):
                lead = margin(*law, n, first=first, second=second, background=terms)
                assert lead <= 1 - n * finite + 1e-12 < 1e-9
        else:
            seen.add("silent")
            assert "no ℓ1 is far enough" in text
            assert law[1][np.argmax(shares)] <= 3 or 1 in law[1]
    assert seen == {"below", "above", "between", "silent"}
    # A planted fault: at a length with mass the shortcut need not win.
    one = {"first": 1, "second": 5, "background": False}
    assert ratio.failing(np.array([0.45, 0.55]), np.array([1, 3])) is None
    shares = np.array([0.45 * 5, 0.55 * 9])
    assert margin(shares / shares.sum(), [1, 3], 2, previous=False, **one) > 0


def test_costs_are_those_of_laws_with_the_ratio_asked_for():
    for form in ("paper", "finite"):
        found = ratio.costs(form)
        for n in (1, 2, 3, 5):
            widths = {}
            for name, start in ((ratio.START_ONE, 1), (ratio.START_N, n)):
                width = 1
                while True:
                    lengths = np.arange(start, start + width)
                    law = np.full(width, 1 / width), lengths
                    if max_sum_ratio(*law, form=form) <= 1 / n + 1e-12:
                        break
                    width += 1
                widths[name] = width
                assert found[name][n - 1] == pytest.approx((lengths**2.0).mean())
            assert found[ratio.LINEAR][n - 1] <= min(found[name][n - 1] for name in widths)


def test_the_sentence_on_costs_names_what_is_drawn_and_the_cheapest_masses_are_affine():
    for one in settings("ind-cost"):
        figure, text = ratio.ind_cost.function(**one)
        n, form = one["triggers"], ratio.FORMS[one["form"]]
        drawn = [float(trace["y"][n - 1]) for trace in figure.data]
        assert numbers(text.replace(",", ""))[-1] == pytest.approx(drawn[2], rel=5e-4)
        law = cheapest_masses(n, n + 3, form=form)
        assert drawn[0] == pytest.approx(length_cost(law, np.arange(1, n + 4)), rel=1e-6)
        assert np.diff(law[:n], 2) == pytest.approx(0, abs=1e-7)
        assert law[n:].max() < 1e-9
    # The title: how many times more a window from 1 costs grows by a seventh at least with each trigger.
    for form in ratio.FORMS.values():
        found = ratio.costs(form)
        assert (
            np.diff(np.log(found[ratio.START_ONE] / found[ratio.LINEAR]))[1:] > np.log(8 / 7)
        ).all()


def test_families_of_laws_have_their_margins_and_only_token_values_lie_on_the_line():
    lengths = np.arange(1, 17)
    pair = ((lengths == 8) | (lengths == 9)) / 2
    for previous, triggers, background in itertools.product((True, False), (1, 2), (True, False)):
        found = ratio.families(previous, triggers, background)
        shape = {"previous": previous, "background": background, "reach": 16}
        wanted = margin(pair, lengths, triggers, **shape)
        assert found["windows"][1, 1] == wanted
        if not background:
            for ratios, worst in found.values():
                assert (worst >= 1 - (triggers + previous) * ratios - 1e-12).all()


def test_a_greater_ratio_can_do_better_and_the_sentence_counts_how_often():
    for one in settings("ind-break-previous"):
        figure, text = ratio.ind_break_previous.function(**one)
        both = one["values"] == ratio.BOTH
        promise, mixtures, _, windows, _ = figure.data
        assert promise["y"][1] == pytest.approx(1 - one["triggers"] - both)
        swapped = sum(
            (r - s) * (m - k) > 1e-9
            for r, m in zip(windows["x"], windows["y"], strict=True)
            for s, k in zip(mixtures["x"], mixtures["y"], strict=True)
        )
        assert f"greater margin in {swapped} of 168 pairs" in text
        assert 0 < swapped < (6 if not both else 40)
        assert swapped > 12 or not both
    # The untouched frame: half at 8, half at 9 fails, and a mixture with a greater ratio does not.
    assert "margin −0.156 A. Four fifths" in ratio.ind_break_previous().summary
    assert "R_T = 0.767, margin +0.023 A" in ratio.ind_break_previous().summary


def test_the_transition_shows_the_committed_numbers_and_their_exact_curve():
    for one in settings("ind-transition"):
        _, text = transition.ind_transition.function(**one)
        kappa = 2 if one["values"] == ratio.BOTH else 1
        (row,) = [
            row
            for row in pictures.load()["mixture"]
            if (row["share"], row["kappa"], row["theta"]) == (one["share"], kappa, one["theta"])
        ]
        assert f"{np.mean(row['attention']):.3f}" in text
        assert f"weights {row['exact']:.3f}" in text
        assert abs(np.mean(row["attention"]) - row["exact"]) < 0.02
        assert f"{100 * np.mean(row['right']):.0f} % right" in text
        lead = margin(
            pictures.mixture(one["share"]), pictures.LENGTHS, 1, previous=kappa == 2, reach=16
        )
        assert text.endswith(f"worst margin {lead:+.3f} A.".replace("-", "−"))
    assert pictures.load()["provenance"]["seeds"] == [0, 1, 2, 3, 4]


def test_longer_steps_sharpen_the_transition():
    rows = {(row["share"], row["theta"]): row for row in pictures.load()["mixture"][:39]}
    shortcut, induction = ([rows[w, theta]["exact"] for theta in (10, 30, 100)] for w in (0.0, 0.2))
    assert shortcut == sorted(shortcut, reverse=True)
    assert induction == sorted(induction)
    # Where the worst margin is positive, long steps are right on nearly all sequences; at w = 0 on few.
    assert np.mean(rows[0.2, 100]["right"]) > 0.99
    assert np.mean(rows[0.0, 100]["right"]) < 0.35


def test_few_tokens_stray_from_the_prediction_and_many_do_not():
    for name, (low, high) in pictures.WINDOWS.items():
        figure, text = transition.ind_break_vocabulary.function(window=name)
        lengths = np.arange(low, high + 1)
        told = 100 * predicted_accuracy(np.full(len(lengths), 1 / len(lengths)), lengths, 4)
        assert numbers(text)[-1] == round(told)
        gaps = dict(zip(pictures.SIZES, np.abs(array_of(figure.data[2]["y"]) - told), strict=True))
        assert gaps[8] > 15
        assert max(gaps[size] for size in (64, 96)) < 3


def test_the_committed_pictures_are_what_their_command_computes():
    again = pictures._sized("3 to 5", 16, lambda: None)
    (stored,) = [
        row
        for row in pictures.load()["vocabulary"]
        if (row["window"], row["vocabulary"]) == ("3 to 5", 16)
    ]
    np.testing.assert_allclose(again["right"], stored["right"], atol=0.005)
    for previous, kappa in ((True, 2), (False, 1)):
        for row in pictures.mixed(0.1, previous):
            (kept,) = [
                one
                for one in pictures.load()["mixture"]
                if (one["share"], one["kappa"], one["theta"]) == (0.1, kappa, row["theta"])
            ]
            np.testing.assert_allclose(row["attention"], kept["attention"], atol=1e-4)
            np.testing.assert_allclose(row["right"], kept["right"], atol=0.005)
            assert row["exact"] == pytest.approx(kept["exact"], abs=2e-5)
    # A planted fault: another number of tokens is another result.
    other = pictures._sized("3 to 5", 24, lambda: None)
    assert np.abs(np.array(other["right"]) - stored["right"]).max() > 0.005
