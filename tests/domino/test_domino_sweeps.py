"""The study's halves as named sweeps: the same runs, under the same keys, for what the study cost."""

from __future__ import annotations

import pytest

from softbook.domino.experiment.study import GRID, OTHER_GRID, SEEDS, load
from softbook.domino.experiment.study_runs import other, tuned
from softbook.sweep import experiments, plan

HALVES = {"domino-tuning": (tuned, GRID, 21), "domino-others": (other, OTHER_GRID, 18)}


@pytest.mark.parametrize("name", HALVES)
def test_a_sweep_keeps_what_the_study_would_look_for(name, tmp_path):
    function, grid, runs = HALVES[name]
    one = experiments()[name]
    assert one.runs == runs
    ours = plan(one.function, one.grid, seeds=one.seeds, cache=tmp_path)
    theirs = plan(function, list(grid), seeds=SEEDS, cache=tmp_path)
    assert ours.place == theirs.place
    assert [task.key for task in ours.tasks] == [task.key for task in theirs.tasks]
    # The comparison above can fail.
    fewer = plan(function, list(grid), seeds=SEEDS[1:], cache=tmp_path)
    assert [task.key for task in ours.tasks] != [task.key for task in fewer.tasks]


def test_the_costs_are_what_the_study_took():
    costs = sum(experiments()[name].cost_seconds for name in HALVES)
    assert costs == pytest.approx(load()["provenance"]["seconds"], rel=0.05)
