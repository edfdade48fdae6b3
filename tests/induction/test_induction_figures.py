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
from softbook.induction.theory import margin, max_sum_ratio, predicted_accuracy

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
        assert ("most of it is on the output" in text) == (
            int(np.nanargmax(found)) == one["first"] + 1
        )


def test_sampled_weights_are_near_the_exact_ones_and_the_window_turns_them():
    tops = {}
    for name in ("3", "3 to 6"):
        both = attention.matrices(name)
        gap = np.abs(both[attention.SAMPLED] - both[attention.EXACT])
        assert gap.max() < 0.003
        exact = both[attention.EXACT]
        edge = len(exact) - 2 * attention.TOKENS
        tops[name] = exact[edge + attention.TOKENS, edge] / exact[:edge, :edge].max()
        figure, _ = attention.ind_weights.function(trained_on=name)
        drawn = array_of(figure.data[1]["z"])
        # The first drawn column is the query at place 9, the first row the key at place 1.
        assert drawn[4, 0] == exact[4, 8]
        # The previous-token block's first row, and the first column of tokens after 7 places.
        assert drawn[-5, 7] == exact[edge + attention.TOKENS, edge]
    assert tops["3"] < 1 < tops["3 to 6"]


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
            assert ("not known" in text) == (known == 0)
    # The title: the longest window of every row is better than its shortest, but for single cells.
    for triggers in phase.TRIGGERS:
        whole = maps.square(maps.MEASURED, triggers)
        for start in range(10):
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


def test_the_ratio_s_sentence_is_the_theorem_s():
    seen = set()
    for one in settings("ind-ratio", 5):
        _, text = ratio.ind_ratio.function(**one)
        law = ratio.power_law(one["shape"], one["shortest"], one["many"])
        finite, n = max_sum_ratio(*law, form="finite"), one["triggers"]
        assert f"R_T = {finite:.3f}" in text
        told = next(word for word in ("below", "above", "between") if f", {word} " in text)
        seen.add(told)
        low, high = 1 / (n + 1), 1 / n
        wanted = (
            "below" if finite < low - 1e-12 else "above" if finite > high + 1e-12 else "between"
        )
        assert told == wanted
    assert seen == {"below", "above", "between"}


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
    # What the figure is there to show: with the paper's values a mixture with a greater ratio has the
    # greater margin.
    both, alone = ratio.families(True, 1, False), ratio.families(False, 1, False)
    assert both["windows"][1, 1] < both["mixtures"][1, 2]
    assert both["windows"][0, 1] < both["mixtures"][0, 2]
    assert alone["windows"][1, 1] > alone["mixtures"][1, 2]


def test_the_transition_shows_the_committed_numbers_and_their_exact_curve():
    for one in settings("ind-transition"):
        _, text = transition.ind_transition.function(**one)
        kappa = 2 if one["values"] == ratio.BOTH else 1
        (row,) = [
            row
            for row in pictures.load()["mixture"]
            if (row["share"], row["kappa"]) == (one["share"], kappa)
        ]
        assert f"{np.mean(row['attention']):.3f}" in text
        assert f"weights {row['exact']:.3f}" in text
        assert abs(np.mean(row["attention"]) - row["exact"]) < 0.02
    assert pictures.load()["provenance"]["seeds"] == [0, 1, 2, 3, 4]


def test_the_vocabulary_figure_shows_its_prediction():
    for name, (low, high) in pictures.WINDOWS.items():
        _, text = transition.ind_break_vocabulary.function(window=name)
        lengths = np.arange(low, high + 1)
        told = predicted_accuracy(np.full(len(lengths), 1 / len(lengths)), lengths, 4)
        assert numbers(text)[-1] == round(100 * told)


def test_the_committed_pictures_are_what_their_command_computes():
    again = pictures._sized("3 to 5", 16, lambda: None)
    (stored,) = [
        row
        for row in pictures.load()["vocabulary"]
        if (row["window"], row["vocabulary"]) == ("3 to 5", 16)
    ]
    np.testing.assert_allclose(again["right"], stored["right"], atol=0.005)
    # A planted fault: another number of tokens is another result.
    other = pictures._sized("3 to 5", 24, lambda: None)
    assert np.abs(np.array(other["right"]) - stored["right"]).max() > 0.005
