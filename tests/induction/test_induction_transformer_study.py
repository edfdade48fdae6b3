"""The study of small transformers: repeatable, committed with what repeats it; its claims and its figure."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest

from softbook.claims import ledger
from softbook.explore import explorables
from softbook.induction.claims import trained
from softbook.induction.experiment import transformer
from softbook.induction.experiment.transformer import PLACES, SEEDS, WINDOWS, final, seen
from softbook.provenance import read_result

STORED = transformer.load()
CELLS = list(itertools.product(WINDOWS, PLACES))
CLAIMS = {claim.id: claim for claim in ledger() if claim.id.startswith("ind-transformer")}


@pytest.fixture
def quick(monkeypatch):
    few = {"width": 4, "batch": 4, "layers": 2}
    monkeypatch.setattr(transformer, "SETTING", transformer.SETTING | few)
    monkeypatch.setattr(transformer, "STEPS", 6)
    monkeypatch.setattr(transformer, "TESTS", 50)
    monkeypatch.setattr(transformer, "WINDOWS", {8: (9, 12)})


def test_a_study_repeats_and_goes_on_from_what_is_finished(quick, tmp_path):
    whole = transformer.run(tmp_path / "a.json", cache=None, seeds=(0, 1))
    kept = {"cache": tmp_path / "kept"}
    transformer.run(tmp_path / "b.json", seeds=(0,), **kept)
    again = transformer.run(tmp_path / "c.json", seeds=(0, 1), **kept)
    assert again["rows"] == whole["rows"]
    assert read_result(tmp_path / "c.json") == again
    assert again["provenance"]["seeds"] == [0, 1]
    first, second = seen(8, 0.1, "within", whole)
    assert first.shape == (2, 7)
    assert (first != second).any()


def test_the_command_says_what_it_costs_and_what_it_found(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(transformer, "run", lambda out, jobs, cache: STORED)
    transformer.main(["--out", str(tmp_path / "x.json")])
    said = capsys.readouterr().out
    assert f"90 transformers: at most {transformer.MINUTES} minutes of one core" in said
    assert f"16: {final(2, 0.1)[:, -1].mean():.2f}" in said


def test_the_committed_settings_are_the_codes():
    record = STORED["provenance"]
    assert record["seeds"] == list(SEEDS)
    assert record["seconds"] / 60 < transformer.MINUTES
    wanted = transformer.SETTING | {"steps": transformer.STEPS, "tests": transformer.TESTS}
    for name, value in wanted.items():
        assert record["settings"][name] == value, name
    assert record["settings"]["command"] == "python -m softbook.induction.experiment.transformer"
    every = itertools.product(PLACES, WINDOWS, SEEDS)
    assert [(row["places"], row["shortest"], row["seed"]) for row in STORED["rows"]] == list(every)
    assert [len(transformer.windows(first)) for first in WINDOWS] == [6, 5, 4]


@pytest.mark.parametrize(("shortest", "places"), CELLS)
def test_the_committed_shares_are_whole(shortest, places):
    parts = {name: seen(shortest, places, name, STORED) for name in transformer.MEASURES}
    for part in parts.values():
        assert part.shape == (3, len(WINDOWS[shortest]), 7)
        assert ((part >= 0) & (part <= 1)).all()
    assert (parts["correct"] + parts["pseudo"] <= 1).all()
    assert np.ptp(parts["within"], axis=0).any()


def test_the_committed_curves_begin_as_they_do_here(monkeypatch):
    monkeypatch.setattr(transformer, "WINDOWS", {8: (9,)})
    monkeypatch.setattr(transformer, "STEPS", transformer.STEPS // transformer.POINTS)
    monkeypatch.setattr(transformer, "POINTS", 1)
    for places in PLACES:
        here = transformer.runs(places, 8, seed=1)
        for name in transformer.MEASURES:
            kept = seen(8, places, name, STORED)[:, 0, :2]
            # Another machine rounds otherwise.
            assert here[name][0] == pytest.approx(list(kept[1]), abs=0.02), name
    # Another start is not within that.
    assert here["pseudo"][0][1] != pytest.approx(seen(8, 0.1, "pseudo", STORED)[1, 0, 1], abs=0.02)


def test_what_was_not_measured_is_refused():
    with pytest.raises(ValueError, match=r"shortest, places: 3, 0\.1 are given, but were not"):
        seen(3, 0.1)
    with pytest.raises(ValueError, match="measure: 'loss' is given, but one of within, correct"):
        seen(2, 0.1, "loss")


@pytest.mark.parametrize("id", list(CLAIMS))
def test_a_claim_holds_at_every_setting(id):
    claim = CLAIMS[id]
    for values in itertools.product(*(knob.grid() for knob in claim.knobs.values())):
        settings = dict(zip(claim.knobs, values, strict=True))
        assert claim.check(**settings).holds, settings
    assert f"{transformer.STEPS} steps" in claim.statement


def test_what_the_claims_say_of_the_tests_in_distribution_is_stored():
    assert "on at least 99 %" in CLAIMS["ind-transformer-start"].statement
    assert min(final(shortest, 1.0, "within").min() for shortest in WINDOWS) >= 0.99
    assert "1,000 tests" in CLAIMS["ind-transformer-range"].statement
    assert transformer.TESTS == 1000


def test_planted_fault_the_two_starts_exchanged_break_the_claims():
    fault = copy.deepcopy(STORED)
    for row in fault["rows"]:
        row["places"] = {0.1: 1.0, 1.0: 0.1}[row["places"]]
    grown = [trained.told(2, 0.1, 16, seed, fault) for seed in SEEDS]
    assert max(grown) < 0.5
    assert min(trained.told(2, 1.0, 16, seed, fault) for seed in SEEDS) > 0.5


def test_the_figure_says_what_is_stored_at_every_setting():
    figure = explorables()["ind-transformer"]
    for shortest, places in CELLS:
        frame = figure(shortest=shortest, places=places)
        right, pseudo = (100 * final(shortest, places, name) for name in ("correct", "pseudo"))
        last = WINDOWS[shortest][-1]
        said = f"up to {last}: {right[:, -1].mean():.0f} % and {pseudo[:, -1].mean():.0f} %"
        assert said.replace(" %", "\u00a0%") in frame.summary
        drawn = frame.figure.data[2]["y"]
        assert drawn[: right.shape[1]] == pytest.approx(right.mean(0))
        assert np.isnan(drawn[right.shape[1] :]).all()
    # A page can follow all settings: it asks for curves of one length.
    assert figure.payload()["id"] == "ind-transformer"
