"""The outlook for a reader's distances, and the committed map of windows."""

from __future__ import annotations

import copy
import heapq
import inspect
import textwrap

import numpy as np
import pytest

from softbook.induction import margin, max_sum_ratio, outlook, repeat_distances
from softbook.induction.experiment import phase


def test_distances_are_those_of_the_task():
    # Fillers, trigger, output, l fillers, trigger.
    for length in range(1, 6):
        tokens = ["x0", "t", "o", *(f"y{i}" for i in range(length)), "t"]
        assert repeat_distances(tokens).tolist() == [length]
    assert repeat_distances("tttt").tolist() == []
    assert repeat_distances("toto").tolist() == []


def test_an_outlook_is_the_margin_of_the_law_of_the_distances():
    rng = np.random.default_rng(0)
    distances = rng.integers(1, 12, 500)
    for triggers in (1, 2, 4.5, 12):
        found = outlook(distances, triggers, longest=8)
        law = found.masses, found.lengths
        assert found.beyond == pytest.approx((distances > 8).mean())
        assert found.margin == margin(*law, triggers, background=False)
        assert found.finite == max_sum_ratio(*law, form="finite")
        assert (found.verdict == "induction") == (found.margin > 0)
    assert outlook(distances, 1).verdict == "induction"
    assert outlook(distances, 12).verdict == "shortcut"
    assert outlook([8, 8, 8, 9, 9, 9], 1).verdict in ("shortcut", "undecided")


def test_bytes_of_the_standard_library_give_induction_for_one_trigger_and_not_for_all():
    text = (inspect.getsource(textwrap) + inspect.getsource(heapq)).encode()
    distances = repeat_distances(text)
    assert len(distances) > 1000
    assert outlook(distances, 1, longest=32).verdict == "induction"
    assert outlook(distances, len(set(text)), longest=32).verdict == "shortcut"


def test_bad_distances_get_a_sentence(as_reader):
    for bad in ([], [0, 3], [1.5], [[1]]):
        with pytest.raises(ValueError, match="distances: a list of integers of at least 1"):
            outlook(bad, 1)
    with pytest.raises(ValueError, match="longest: 4 is given, but the least distance is 5"):
        outlook([5], 1, longest=4)
    with pytest.raises(ValueError, match=r"triggers: 0\.5 is given"):
        outlook([5], 0.5)


def test_the_committed_map_is_what_its_command_computes():
    made = phase.load()
    assert made["provenance"]["seeds"] == [0, 1, 2]
    for triggers, shortest, seed in ((4, 13, 1), (8, 12, 2)):
        again = phase.row(triggers, shortest, seed)
        for mode in ("correct", "pseudo", "leftmost"):
            stored = phase.measured(triggers, shortest, mode)[seed]
            # Sums in another order may turn a tie of two logits, one test of 1,024 here and there.
            np.testing.assert_allclose(again[mode], stored, atol=0.5)


def test_the_map_is_near_the_prediction_and_the_paper_and_a_wrong_row_is_seen():
    gaps, known, wrong = [], [], []
    for triggers, shortest in [(4, start) for start in range(3, 10)] + [(8, 3)]:
        ours, theirs = phase.measured(triggers, shortest).mean(0), phase.paper(triggers, shortest)
        gaps.extend(np.abs(ours - phase.predicted(triggers, shortest)))
        known.extend(np.abs(ours - theirs))
        wrong.extend(np.abs(ours[::-1] - theirs))
    assert len(known) == 75
    # Two independent trainings, each tested on 1,024 sequences, have a standard deviation of about two points.
    assert np.mean(known) < 2
    assert np.mean(gaps) < 2
    assert np.mean(wrong) > 20


def test_the_comparison_with_the_paper_is_of_its_rows_and_feels_a_wrong_one():
    rows, whole = phase.compare()
    assert [(row["n"], row["from"]) for row in rows] == [(4, s) for s in range(3, 10)] + [(8, 3)]
    for row in rows:
        place = int(row["n"]), int(row["from"])
        gaps = phase.paper(*place) - phase.measured(*place).mean(0)
        assert row["worst"] == np.abs(gaps).max()
        assert row["cells"] == len(gaps)
    weights = np.array([row["cells"] for row in rows]) / whole["cells"]
    assert weights @ [row["paper"] for row in rows] == pytest.approx(whole["paper_from_ours"])
    assert weights @ [row["predicted"] for row in rows] == pytest.approx(
        whole["predicted_from_ours"]
    )
    # A planted fault: a result whose windows stand in the other order.
    fault = copy.deepcopy(phase.load())
    for one in fault["rows"]:
        one["correct"].reverse()
    assert phase.compare(fault)[1]["paper_from_ours"] > 20


def test_a_run_that_fails_writes_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(phase, "GRID", {"triggers": [1], "shortest": [14]})
    monkeypatch.setattr(phase, "row", failing)
    with pytest.warns(RuntimeWarning), pytest.raises(RuntimeError, match="1 runs failed"):
        phase.run(tmp_path / "out.json", seeds=(0,), cache=None)
    assert not (tmp_path / "out.json").exists()


def failing(triggers: int, shortest: int, seed: int) -> dict:
    raise OSError("no room")
