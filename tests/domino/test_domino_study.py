"""The DNA study: what is committed is what its runs give, its table, and how it goes on after a stop."""

from __future__ import annotations

import json
import math

import pytest
import torch

from softbook.domino.experiment import study, study_runs
from softbook.domino.experiment.grammar import activity
from softbook.domino.experiment.loaders import tokens_of
from softbook.domino.experiment.oracles import load_oracle
from softbook.domino.experiment.pretraining import load_reference
from softbook.domino.experiment.study import GRID, OTHER_GRID, SEEDS, curves, load, run, table
from softbook.domino.experiment.study_measures import MEASURES, best_rows, counts, measured
from softbook.domino.experiment.study_runs import OTHERS, other, tuned
from softbook.domino.model.regression import values


def test_every_run_is_there_once():
    found = load()
    rows = [(r["reference"], r["method"], r["strength"], r["seed"]) for r in found["rows"]]
    wanted = [(g["reference"], g["method"], g["strength"], s) for g in GRID for s in SEEDS]
    assert sorted(rows) == sorted(wanted)
    beside = [(r["reference"], r["method"], r["seed"]) for r in found["others"]]
    assert sorted(beside) == sorted(
        (g["reference"], g["method"], s) for g in OTHER_GRID for s in SEEDS
    )


def test_a_run_begins_with_its_reference():
    """The first look of every run is the same, and is what the committed network draws."""
    for name in ("weak", "strong"):
        model = load_reference(name)
        drawn = study_runs.samples_of(
            model, study_runs.SEEN, steps=study_runs.SETTINGS["steps"], seed=study_runs.LOOK_SEED
        )
        again = measured(drawn, model)
        for row in load()["rows"]:
            if row["reference"] == name:
                assert [row[m][0] for m in MEASURES] == pytest.approx(
                    [again[m] for m in MEASURES], abs=2e-3
                )


def test_committed_texts_have_their_rewards_near_the_mean():
    """The texts are the first of 512: what is measured of all must be near what these three get."""
    for row in load()["rows"]:
        tokens = tokens_of(row["texts"])
        judged = values(load_oracle("reward"), tokens)
        assert abs(float(judged.mean()) - row["final"]["reward"]) < 1.5
        assert bool(activity(tokens).isfinite().all())


def test_counts_are_of_all_samples():
    for row in load()["rows"]:
        for tall in row["counts"].values():
            assert torch.tensor(tall).shape == (80, 4)
            assert set(torch.tensor(tall).sum(1).tolist()) == {study_runs.SEEN}


def test_the_table_has_means_between_its_ends():
    lines = table()
    assert [line.method for line in lines[:3]] == ["data", "best", "random"]
    assert len(lines) == 3 + len(OTHER_GRID) + len(GRID)
    for line in lines:
        for name in MEASURES:
            if line.mean[name] is not None:
                assert line.low[name] <= line.mean[name] + 1e-9 <= line.high[name] + 2e-9
    row = next(line for line in lines if (line.reference, line.strength) == ("weak", 0.0))
    by_hand = [curves("weak", 0.0, seed)["final"]["truth"] for seed in SEEDS]
    assert row.mean["truth"] == pytest.approx(sum(by_hand) / 3, abs=1e-12)
    assert (row.low["truth"], row.high["truth"], row.seeds) == (min(by_hand), max(by_hand), 3)


def test_measures_of_rows_that_are_all_the_same():
    same = best_rows()[:1].repeat(5, 1)
    found = measured(same, load_reference("weak"))
    assert found["hamming"] == 0.0
    assert found["unique"] == pytest.approx(0.2)
    none = measured(torch.zeros(4, 80, dtype=torch.int64), load_reference("weak"))
    assert none["motifs"] is None
    assert counts(same)[0][int(same[0, 0])] == 5


@pytest.fixture
def short(monkeypatch):
    """Runs of two iterations with few samples."""
    monkeypatch.setattr(study_runs, "SEEN", 8)
    monkeypatch.setattr(study_runs, "FINAL", 12)
    monkeypatch.setattr(study_runs, "FINAL_STEPS", 4)
    monkeypatch.setattr(study_runs, "BACK_ITERATIONS", 2)
    monkeypatch.setattr(
        study_runs,
        "SETTINGS",
        study_runs.SETTINGS | {"steps": 4, "steps_per_update": 2, "batch": 8},
    )


@pytest.mark.parametrize("method", ["grpo", "ppo", "reinforce"])
def test_a_short_run_is_repeatable_and_moves(short, method):
    one, two = (tuned(3, "weak", 0.1, method, iterations=2) for _ in range(2))
    assert one == two
    assert one["iteration"] == [0, 1, 2]
    assert json.loads(json.dumps(one)) == one
    assert tuned(4, "weak", 0.1, method, iterations=2)["final"] != one["final"]


@pytest.mark.parametrize("method", OTHERS)
def test_every_other_method_draws(short, method):
    found = other(0, "weak", method)
    assert set(found["final"]) == set(MEASURES)
    assert math.isfinite(found["final"]["truth"])
    assert [len(word) for word in found["texts"]] == [80] * 3


def test_a_study_goes_on_where_it_was(short, tmp_path, monkeypatch):
    grid = [{"reference": "weak", "strength": 0.0, "method": "grpo", "iterations": 1}]
    more = [{"reference": "weak", "method": "pretrained"}]
    settings = {"cache": tmp_path / "cache", "seeds": (0,), "grid": grid, "others": more}
    first = run(tmp_path / "a.json", **settings)
    lines = [p.read_bytes() for p in sorted((tmp_path / "cache").glob("*.jsonl"))]
    second = run(tmp_path / "b.json", **settings)
    assert [p.read_bytes() for p in sorted((tmp_path / "cache").glob("*.jsonl"))] == lines
    assert second["rows"] == first["rows"]
    assert second["others"] == first["others"]


def test_a_truth_that_hears_the_judge_is_noticed(short, monkeypatch):
    """The planted fault: the reward written where the truth belongs."""
    from softbook.domino.experiment import study_measures

    monkeypatch.setattr(
        study_measures, "activity", lambda rows: values(load_oracle("reward"), rows)
    )
    with pytest.raises(AssertionError):
        test_a_run_begins_with_its_reference()


def test_runs_that_are_not_there():
    with pytest.raises(ValueError, match=r"strength, seed, method: 0\.5, 0, 'grpo' are"):
        curves("weak", 0.5, 0)
    with pytest.raises(ValueError, match="reference: 'middling' is given"):
        curves("middling", 0.0, 0)
    assert study.DATA.name == "study.json"
