"""The study of trained models: repeatable, committed with what repeats it; its claims and its figures."""

from __future__ import annotations

import copy
import itertools
import re

import numpy as np
import pytest

from softbook.claims import ledger
from softbook.explore import explorables
from softbook.induction.claims import trained
from softbook.induction.claims.trained import in_order, right
from softbook.induction.experiment import training
from softbook.induction.experiment.training import LAWS, LENGTHS, NAMES, SEEDS, final, seen
from softbook.induction.figures import training as figures
from softbook.induction.theory import margin, max_sum_ratio
from softbook.provenance import read_result

STORED = training.load()
CLAIMS = {claim.id: claim for claim in ledger() if claim.id.startswith("ind-trained")}
CASES = list(itertools.product(("adam", "sgd"), (True, False)))


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(training, "STEPS", {"one-step": 1, "adam": 20, "sgd": 20})
    monkeypatch.setattr(training, "ONE_STEP", training.ONE_STEP | {"samples": 50})
    monkeypatch.setattr(training, "TESTS", 200)


def numbers(result):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in result["rows"]]


def test_a_study_repeats_and_goes_on_from_what_is_finished(quick, tmp_path, monkeypatch):
    whole = training.run(tmp_path / "a.json", cache=None, seeds=(0, 1))
    kept = {"cache": tmp_path / "kept"}
    training.run(tmp_path / "b.json", seeds=(0,), **kept)
    again = training.run(tmp_path / "c.json", seeds=(0, 1), **kept)
    assert numbers(again) == numbers(whole)
    assert read_result(tmp_path / "c.json") == again
    assert again["provenance"]["seeds"] == [0, 1]
    first, second = (final(NAMES[0], "adam", True, "loss", whole) for _ in range(2))
    assert (first == second).all()
    assert first[0] != first[1]


def test_the_command_says_what_it_costs_and_what_it_found(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(training, "run", lambda out, jobs, cache: STORED)
    training.main(["--out", str(tmp_path / "x.json")])
    said = capsys.readouterr().out
    assert f"330 models: at most {training.MINUTES} minutes of one core" in said
    assert f"adam, one length only: {final(NAMES[0], 'adam', True).mean():.3f} right" in said


def test_the_committed_settings_are_the_codes():
    record = STORED["provenance"]
    assert record["seeds"] == list(SEEDS)
    assert record["seconds"] / 60 < training.MINUTES
    wanted = {"steps": training.STEPS, "rates": training.RATES, "one_step": training.ONE_STEP}
    wanted |= {"batch": training.BATCH, "tests": training.TESTS}
    for name, value in wanted.items():
        assert record["settings"][name] == value, name
    assert record["settings"]["command"] == "python -m softbook.induction.experiment.training"
    assert STORED["laws"] == list(NAMES)
    every = itertools.product(training.STEPS, (True, False), SEEDS)
    assert [(r["optimiser"], r["previous"], r["seed"]) for r in STORED["rows"]] == list(every)


@pytest.mark.parametrize(("optimiser", "previous"), CASES)
def test_the_committed_curves_are_whole_and_begin_as_they_do_here(optimiser, previous, monkeypatch):
    monkeypatch.setitem(training.STEPS, optimiser, training.STEPS[optimiser] // training.POINTS)
    monkeypatch.setattr(training, "POINTS", 1)
    here = training.runs(optimiser, previous, seed=0)
    for place, law in enumerate(NAMES):
        loss = seen(law, optimiser, previous, "loss", STORED)
        assert loss.shape == (5, 21)
        looks = seen(law, optimiser, previous, "on_output", STORED)
        # Another machine rounds otherwise.
        assert here["loss"][place] == pytest.approx(list(loss[0, :2]), abs=0.005)
        assert here["on_output"][place] == pytest.approx(list(looks[0, :2]), abs=0.005)
        shares = [
            seen(law, optimiser, previous, name, STORED)
            for name in ("correct", "on_output", "on_middle")
        ]
        assert all(((part >= 0) & (part <= 1)).all() for part in shares)
    # Laws differ by more than that.
    assert np.ptp([row[1] for row in here["on_output"]]) > 2 * 0.005


def test_a_row_of_one_step_is_made_again():
    here = training.runs("one-step", True, seed=3)
    for place, law in enumerate(NAMES):
        assert here["correct"][place] == pytest.approx([right(law, "one-step", True, 3)], abs=0.01)
    assert abs(here["correct"][0][0] - right(NAMES[0], "one-step", False, 3)) > 0.1


def test_other_words_are_refused():
    for given, words in (
        (("9 only", "adam", True), "law: '9 only' is given, but one of 8 only"),
        ((NAMES[0], "lbfgs", True), "optimiser: 'lbfgs' is given, but one of one-step, adam, sgd"),
        ((NAMES[0], "one-step", True, "loss"), "measure: 'loss' is given, but one of correct"),
        ((NAMES[0], "adam", True, "width"), "measure: 'width' is given, but one of loss"),
    ):
        with pytest.raises(ValueError, match=words):
            seen(*given)


@pytest.mark.parametrize("id", list(CLAIMS))
def test_a_claim_holds_at_every_setting(id):
    claim = CLAIMS[id]
    for values in itertools.product(*(knob.grid() for knob in claim.knobs.values())):
        settings = dict(zip(claim.knobs, values, strict=True))
        assert claim.check(**settings).holds, settings
    assert "a minute of one core" in claim.statement
    assert STORED["provenance"]["seconds"] < 60
    assert f"{training.TESTS:,} tests" in claim.statement


def test_the_words_of_the_claims_are_the_data():
    alone = {by: final(NAMES[0], by, True, results=STORED) for by in ("adam", "sgd")}
    half = np.sort(
        np.concatenate([final(NAMES[0], "sgd", p, results=STORED) for p in (True, False)])
    )
    assert half[0] < 0.5 < half[1]
    assert "One of the ten gradient descents diverged" in CLAIMS["ind-trained-alone"].statement
    diverged = final(NAMES[0], "sgd", True, "loss", STORED) > 1
    assert diverged.sum() == 1
    assert alone["sgd"][diverged] == half[0]
    ratios = {
        name: max_sum_ratio(LAWS[name], LENGTHS, form="finite")
        for name in (*trained.WINDOWS, *trained.MIXED)
    }
    found = re.findall(r"\.\d\d", CLAIMS["ind-trained-order"].statement)
    assert [float(word) for word in found] == [round(value, 2) for value in ratios.values()]
    token = [margin(LAWS[name], LENGTHS, 1, previous=False, reach=16) for name in ratios]
    assert min(token[:2]) > max(token[2:])


def test_planted_fault_laws_in_the_order_of_the_ratio_break_the_claim_on_margins():
    ratios = sorted(NAMES, key=lambda law: -max_sum_ratio(LAWS[law], LENGTHS, form="finite"))
    for previous, broken in ((True, True), (False, False)):
        ends = [[right(law, "one-step", previous, seed) for law in ratios] for seed in SEEDS]
        assert (np.diff(ends) < -0.01).any(axis=1).all() == broken
    assert list(in_order(True)) != ratios


def test_planted_fault_results_of_other_laws_break_the_claims():
    fault = copy.deepcopy(STORED)
    for row in fault["rows"]:
        row["correct"].reverse()
    assert right(NAMES[0], "adam", True, 0, fault) > trained.HALF
    assert right(trained.WIDE[-1], "adam", True, 0, fault) < trained.ALL


def settings(id):
    knobs = explorables()[id].knobs
    for values in itertools.product(*(knob.grid() for knob in knobs.values())):
        yield dict(zip(knobs, values, strict=True))


def test_the_scrubber_shows_the_stored_point_at_every_setting():
    for one in itertools.islice(settings("ind-training"), 0, None, 7):
        frame = explorables()["ind-training"](**one)
        by = figures.TRAINED[one["by"]]
        share = seen(one["law"], by, True, "correct", STORED)[:, one["point"]]
        assert f"{100 * share.mean():.0f}\u00a0% (" in frame.summary
        step = training.STEPS[by] * one["point"] // training.POINTS
        assert f"after {step:,} steps" in frame.summary
        marks = [trace for trace in frame.figure.data if trace["mode"] == "markers"]
        assert [trace["x"][0] for trace in marks] == [step] * 3
        assert marks[0]["y"][0] == pytest.approx(share.mean())


def test_the_order_counts_the_pairs_that_are_the_other_way_round():
    for one in settings("ind-order"):
        frame = explorables()["ind-order"](**one)
        previous = one["values"] == figures.BOTH
        by = figures.TRAINED[one["by"]]
        ends = {law: final(law, by, previous, results=STORED) for law in NAMES}
        if one["kind"] == figures.MARGIN:
            x = {law: -margin(LAWS[law], LENGTHS, 1, previous=previous, reach=16) for law in NAMES}
        else:
            form = "finite" if one["kind"] == figures.FINITE else "paper"
            x = {law: max_sum_ratio(LAWS[law], LENGTHS, form=form) for law in NAMES}
        wrong = sum(
            x[a] < x[b] and ends[a].max() < ends[b].min()
            for a, b in itertools.permutations(NAMES, 2)
        )
        said = re.search(r"(\d+|no pair) of (the )?\d+", frame.summary).group(1)
        assert said == (str(wrong) if wrong else "no pair")
        # What the title says.
        assert (by != "adam") or wrong
