"""The chapter's sweeps by name, for `python -m softbook sweep`: the two halves of its study on DNA."""

from __future__ import annotations

from softbook.domino.experiment.study import GRID, OTHER_GRID, SEEDS
from softbook.domino.experiment.study_runs import other, tuned
from softbook.sweep import experiment

experiment(
    "domino-tuning",
    title="Both references on DNA, tuned for the judge with three prices on moving away, and once by PPO",
    grid=GRID,
    seeds=SEEDS,
    cost_seconds=970,
)(tuned)

experiment(
    "domino-others",
    title="What other methods draw for the same judge: best of 16, particles, guidance, back-propagation",
    grid=OTHER_GRID,
    seeds=SEEDS,
    cost_seconds=320,
)(other)
