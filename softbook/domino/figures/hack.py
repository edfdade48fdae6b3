"""The explorable of a judge that can be fooled: repeats of a few letters, and what they truly are."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float64

from softbook.domino.experiment.grammar import activity, dna_sequences
from softbook.domino.experiment.loaders import text
from softbook.domino.experiment.metrics import motif_shares
from softbook.domino.experiment.oracles import load_oracle
from softbook.domino.experiment.pretraining import LENGTH
from softbook.domino.model.regression import values
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, points

JUDGES = {"judge": "reward", "second judge": "held_out"}
SHOWN, DATA_SEED = 40, 7
TITLE = "Repeats without a motif: in the mean a judge says too much"


@lru_cache(maxsize=8)
def repeats(unit: int) -> tuple[torch.Tensor, Float64[np.ndarray, " n"]]:
    """Return all repeats of `unit` letters that hold no motif, and their true activity."""
    words = torch.tensor(list(product(range(4), repeat=unit)))
    rows = words.repeat(1, -(-LENGTH // unit))[:, :LENGTH]
    free = torch.tensor([not motif_shares(row[None]).any() for row in rows])
    return rows[free], activity(rows[free]).numpy()


@lru_cache(maxsize=1)
def natural() -> torch.Tensor:
    """Return new sequences like those that the judges know."""
    return dna_sequences(80, length=LENGTH, seed=DATA_SEED)


@torch.no_grad()
def judged(judge: str, rows: torch.Tensor) -> Float64[np.ndarray, " n"]:
    """Return a judge's values."""
    return values(load_oracle(JUDGES[judge]), rows).double().numpy()


@explorable(
    "dom-hack",
    title=TITLE,
    unit=Choice([2, 3, 4], 4, label="letters in a repeat"),
    judge=Choice(list(JUDGES), label="asked"),
)
def dom_hack(unit: int, judge: str) -> tuple[go.Figure, str]:
    """Show the repeats that a judge likes best, beside natural sequences, against the truth."""
    rows, truth = repeats(unit)
    said = judged(judge, rows)
    best = (-said).argsort()[:SHOWN]
    x, y = np.full(SHOWN, np.nan), np.full(SHOWN, np.nan)
    x[: len(best)], y[: len(best)] = truth[best], said[best]
    figure = chart(
        [
            curve([-4, 3], [-4, 3], "reference", "judge = truth"),
            points(activity(natural()).numpy(), judged(judge, natural()), "reference", "natural"),
            points(x, y, "violated", "repeats, no motif"),
        ],
        title=TITLE,
        x="true activity",
        y=f"the {judge}",
        x_range=(-2.6, 3),
        y_range=(-2.6, 3),
    )
    name = text(rows[best[:1]])[0][:unit]
    above = float((judged(judge, natural()) < said[best[0]]).mean())
    return figure, (
        f"Of {len(rows)} repeats of {unit} letters without a motif the {judge} likes {name}… best: it says {said[best[0]]:.2f}, the true activity is {truth[best[0]]:.2f}. "
        f"It ranks it above {100 * above:.0f} % of natural sequences; in the mean over the {min(SHOWN, len(best))} best it says {said[best].mean():.2f}, where {truth[best].mean():.2f} is true."
    )
