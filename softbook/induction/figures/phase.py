"""Explorables of the paper's Figure 3: windows of lengths, measured, predicted and as published."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.explore import explorable
from softbook.induction.experiment import phase
from softbook.induction.experiment.phase import FIRST, LAST, SEEDS
from softbook.knobs import Choice, Integer
from softbook.plotting import (
    band,
    chart,
    curve,
    heatmap,
    points,
    scale_below,
    side_by_side,
)

PHASE = "Longer windows of lengths turn the shortcut into induction"
ROWS = "One row of the map: measured, predicted, published"
MEASURED, PREDICTED, PAPER = "measured here", "predicted", "the paper's"
SPARE = "wrong: the shortcut"
SHOWN = (PREDICTED, PAPER, SPARE)
TRIGGERS = Choice(phase.TRIGGERS, 4, label="triggers n")
STARTS = range(FIRST, LAST)


@lru_cache(maxsize=64)
def row(kind: str, triggers: int, shortest: int) -> Float64[np.ndarray, " windows"]:
    """Return one row in per cent; of what is measured the mean over seeds."""
    if kind == PREDICTED:
        return phase.predicted(triggers, shortest)
    if kind == PAPER:
        return phase.paper(triggers, shortest)
    return seeds("pseudo" if kind == SPARE else "correct", triggers, shortest).mean(0)


@lru_cache(maxsize=128)
def seeds(mode: str, triggers: int, shortest: int) -> Float64[np.ndarray, "seeds windows"]:
    """Return one measured row for each seed."""
    return phase.measured(triggers, shortest, mode, results=_results())


@lru_cache(maxsize=1)
def _results() -> dict:
    return phase.load()


def square(kind: str, triggers: int) -> Float64[np.ndarray, "starts ends"]:
    """Return the map: rows are ℓmin = 3..14, columns ℓmax = 4..15; NaN below the diagonal."""
    many = LAST - FIRST
    whole = np.full((many, many), np.nan)
    for place, shortest in enumerate(STARTS):
        whole[place, place:] = row(kind, triggers, shortest)
    return whole


def _panel(kind: str, triggers: int, bar: bool, unit: str = "") -> go.Figure:
    trace = heatmap(
        square(kind, triggers),
        np.arange(FIRST + 1, LAST + 1),
        np.arange(FIRST, LAST),
        unit,
        limits=(0, 100),
    )
    trace |= {"xgap": 1, "ygap": 1, "showscale": bar}
    trace |= {"colorbar": scale_below(unit)}
    figure = chart(
        [trace],
        title=kind,
        x="longest ℓmax",
        y="shortest ℓmin" if bar else "",
        x_range=(FIRST + 0.5, LAST + 0.5),
        y_range=(LAST - 0.5, FIRST - 0.5),
        height=460,
    )
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        axis.update(showgrid=False, tickvals=[4, 8, 12, 15])
    figure.layout.yaxis.showticklabels = bar
    return figure


@explorable(
    "ind-phase",
    title=PHASE,
    triggers=TRIGGERS,
    shown=Choice(SHOWN, PAPER, label="beside it"),
)
def ind_phase(triggers: int, shown: str) -> tuple[go.Figure, str]:
    """Show accuracy out of distribution over all windows, and beside it another map."""
    unit = f"{'answers' if shown == SPARE else 'right answers'}, % of 1,024 tests"
    figure = side_by_side(
        _panel(MEASURED, triggers, True, unit), _panel(shown, triggers, False), title=PHASE, gap=0.1
    )
    ours, theirs = square(MEASURED, triggers), square(shown, triggers)
    known = ~np.isnan(theirs)
    start = (
        f"{triggers} trigger{'s' if triggers > 1 else ''}: accuracy goes from {ours[0, 0]:.0f} % on the window 3 to 4 to "
        f"{ours[0, -1]:.0f} % on 3 to 15 (means of {len(SEEDS)} seeds)."
    )
    if shown == SPARE:
        return figure, (
            f"{start} On 3 to 4 the answer is that of the shortcut in {theirs[0, 0]:.0f} % of the tests, on 3 to 15 in "
            f"{theirs[0, -1]:.1f} %."
        )
    if not known.any():
        return figure, f"{start} What the paper found with so many triggers is not known here."
    gaps = np.abs(ours - theirs)[known]
    blank = "" if known.sum() == np.isfinite(ours).sum() else " Its other rows are not known here."
    return figure, (
        f"{start} {'The prediction' if shown == PREDICTED else 'The paper'} differs in {known.sum()} cells by {gaps.mean():.1f} "
        f"points in the mean, {gaps.max():.1f} at most.{blank}"
    )


@explorable(
    "ind-rows",
    title=ROWS,
    triggers=TRIGGERS,
    shortest=Integer(FIRST, LAST - 2, 3, label="shortest ℓmin"),
)
def ind_rows(triggers: int, shortest: int) -> tuple[go.Figure, str]:
    """Show accuracy against the longest length of the window, with the range over seeds."""
    longest = np.arange(shortest + 1, LAST + 1, dtype=float)
    gap = np.full(LAST - FIRST - len(longest), np.nan)

    def padded(values: np.ndarray) -> np.ndarray:
        # Every setting has as many points, so that the page can move between them.
        return np.concatenate([values, gap])

    found, promised, theirs = (
        seeds("correct", triggers, shortest),
        row(PREDICTED, triggers, shortest),
        row(PAPER, triggers, shortest),
    )
    x = padded(longest)
    edges = band(
        x, padded(found.min(0)), padded(found.max(0)), "measured", f"range of {len(SEEDS)} seeds"
    )
    figure = chart(
        [
            *(edge | {"line": edge["line"] | {"width": 0}} for edge in edges),
            curve(x, padded(found.mean(0)), "measured", "measured"),
            curve(x, padded(promised), "prediction", "predicted, nothing fitted"),
            points(x, padded(theirs), "reference", "the paper's"),
        ],
        title=ROWS,
        x="longest ℓmax",
        y="accuracy out of distribution (%)",
        x_range=(FIRST + 0.5, LAST + 0.5),
        y_range=(0, 103),
    )
    words = (
        f"n = {triggers}, ℓmin = {shortest}: the prediction is off by {np.abs(found.mean(0) - promised).mean():.1f} points in the mean "
        f"over {len(longest)} windows"
    )
    if np.isnan(theirs).all():
        return figure, f"{words}. The paper's row is not known here."
    return figure, f"{words}, the paper's by {np.abs(found.mean(0) - theirs).mean():.1f}."
