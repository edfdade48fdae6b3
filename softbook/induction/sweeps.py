"""The chapter's sweeps by name, for `python -m softbook sweep`."""

from __future__ import annotations

from softbook.induction.experiment import phase, training, transformer
from softbook.sweep import experiment

experiment(
    "induction-windows",
    title="The paper's Figure 3: accuracy after two steps over windows of lengths",
    grid=phase.GRID,
    seeds=phase.SEEDS,
    cost_seconds=90,
)(phase.row)

experiment(
    "induction-training",
    title="Eleven laws on lengths, trained by two steps, Adam and gradient descent",
    grid={"optimiser": list(training.STEPS), "previous": [True, False]},
    seeds=training.SEEDS,
    cost_seconds=60,
)(training.runs)

experiment(
    "induction-transformers",
    title="Transformers of three layers on windows of lengths, for two sizes of positions at the start",
    grid={"places": list(transformer.PLACES), "shortest": list(transformer.WINDOWS)},
    seeds=transformer.SEEDS,
    cost_seconds=700,
)(transformer.runs)
