"""Explorables of the experiment: samples against steps, digits while they are learned, the budget."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.diffusion.experiment import study
from softbook.diffusion.experiment.digits import coarse
from softbook.diffusion.experiment.parts import STEPS, picture, table
from softbook.diffusion.figures.common import another_bound, at_one, look
from softbook.diffusion.model.along import group_bound
from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import GRID, ROLES, band, chart, curve, heatmap, points, rule

SAMPLES = "More steps draw better digits, up to about 32"
TRAINING = "A masked denoiser learns digits"
BUDGET = "What is measured stays within the budget"
QUADRANTS, PIXELS = "4 quadrants, 3 shades", "64 pixels"
ALONE, SIDE, COLUMNS = "one at a time", 8, 12
DRAWN = {**{str(2**k): k for k in range(7)}, ALONE: -1}
"""Choices of the number of steps K, and their places in the committed result."""
ALL = study.PIXELS.steps
EVERY = ALL // study.PIXELS.logs
SEED = Choice(study.SEEDS, label="seed")
MEASURES = {
    "nearest": ("nearest digit", "pixels to the nearest training digit"),
    "pairs": ("pairs of pixels", "error of pairs' frequencies"),
}
SHOWN = {words: name for name, (words, _) in MEASURES.items()}


@lru_cache(maxsize=2)
def stored(form: str) -> list[dict[str, Any]]:
    """Return the committed results of "pixels" or "quadrants", one a seed."""
    return study.load(form)


@lru_cache(maxsize=1)
def reference() -> dict[str, Any]:
    """Return what held-out images score, from the committed result."""
    return study.load()["reference"]


def sheet(words: Sequence[str]) -> Float64[np.ndarray, "rows columns"]:
    """Return pictures as one, twelve in a row with a pixel between them; 1 is ink, NaN a gap.

    >>> sheet(["0" * 16] * 24).shape
    (17, 107)
    """
    many = -(-len(words) // COLUMNS)
    whole = np.full((many * (SIDE + 1), COLUMNS * (SIDE + 1)), np.nan)
    for place, word in enumerate(words):
        top, left = (SIDE + 1) * (place // COLUMNS), (SIDE + 1) * (place % COLUMNS)
        whole[top : top + SIDE, left : left + SIDE] = picture(word)
    return whole[:-1, :-1]


def under_pictures(words: Sequence[str], figure: go.Figure) -> go.Figure:
    """Return a chart with pictures above it."""
    drawn = sheet(words)
    high, wide = drawn.shape
    trace = heatmap(drawn, np.arange(wide), np.arange(high), "ink", limits=(0, 1))
    trace |= {"xaxis": "x2", "yaxis": "y2", "showscale": False, "hoverinfo": "skip"}
    trace["colorscale"] = [[0, GRID[0]], [1, ROLES["reference"].light]]
    hidden = {"visible": False, "constrain": "domain"}
    share = 0.3 if high > SIDE else 0.18
    layout = figure.to_plotly_json()["layout"]
    layout |= {
        "yaxis": layout["yaxis"] | {"domain": [0, 1 - share - 0.06]},
        "xaxis2": hidden | {"range": [-0.5, wide - 0.5], "anchor": "y2"},
        "yaxis2": hidden
        | {"range": [high - 0.5, -0.5], "domain": [1 - share, 1], "anchor": "x2"}
        | {"scaleanchor": "x2"},
    }
    # A rule ends with the chart, below the pictures.
    layout["shapes"] = [
        dict(shape) | ({"yref": "y domain"} if shape.get("yref") == "paper" else {})
        for shape in layout["shapes"]
    ]
    return go.Figure({"data": [*figure.data, trace], "layout": layout}, _validate=False)


@explorable(
    "diff-digits-samples",
    title=SAMPLES,
    drawn=Choice(list(DRAWN), "8", label="steps K"),
    shown=Choice(list(SHOWN), label="measured by"),
    seed=SEED,
)
def diff_digits_samples(drawn: str, shown: str, seed: int) -> tuple[go.Figure, str]:
    """Show 24 samples, always of the same random numbers, and how far 4,000 are from digits."""
    one, name, place = stored("pixels")[seed], SHOWN[shown], DRAWN[drawn]
    at, wanted = one[name][place], reference()[name]
    values, low, high = np.array([one[name][k] for k in DRAWN.values()]).T
    standard = "held-out digits" if name == "nearest" else "training digits"
    # One at a time stands where K = 128 would: it is what K tends to.
    kinds = 2.0 ** np.arange(len(DRAWN))
    under, over = band(kinds, low, high, "measured", "samples, 95 %")
    none = {"line": under["line"] | {"width": 0}}
    figure = chart(
        [
            under | none,
            over | none,
            curve(kinds, values, "measured", "samples, value", showlegend=False),
            points(kinds, values, "measured", "samples"),
            curve([0.9, 150], [wanted[0]] * 2, "reference", standard),
        ],
        title=SAMPLES,
        x="steps K",
        y=MEASURES[name][1],
        x_type="log",
        x_range=(0.9, 150),
        y_range=(0, 0.04 if name == "pairs" else 9),
        height=500,
        rules=[rule("reference", x=float(kinds[place]))],
    )
    names = [*list(DRAWN)[:-1], "one at<br>a time"]
    figure.update_xaxes(tickmode="array", tickvals=kinds, ticktext=names)
    how = "One site at a time" if drawn == ALONE else f"K = {drawn}"
    differs = {
        "nearest": f"a sample differs from the nearest training digit in {at[0]:.2f} of 64 pixels",
        "pairs": f"the frequencies of pairs of pixels are off those of held-out digits by {at[0]:.4f}",
    }[name]
    unit = "a held-out digit in" if name == "nearest" else "those of the training digits by"
    return under_pictures(one["pictures"][place], figure), (
        f"{how}, seed {seed}: {differs} ({at[1]:.3g} to {at[2]:.3g}), {unit} {wanted[0]:.3g} "
        f"({wanted[1]:.3g} to {wanted[2]:.3g})."
    )


@explorable(
    "diff-digits-training",
    title=TRAINING,
    step=Integer(0, ALL, ALL, step=EVERY, label="training step"),
    seed=SEED,
)
def diff_digits_training(step: int, seed: int) -> tuple[go.Figure, str]:
    """Show the loss against training steps, and what the network then writes from the same noise."""
    results, at = stored("pixels"), step // EVERY
    curves = results[seed]["curves"]
    figure = chart(
        [
            curve(curves["step"], curves["held_out"], "measured", "held out"),
            curve(curves["step"], curves["train"], "reference", "training digits"),
            points([step], [curves["held_out"][at]], "measured", "held out, now", showlegend=False),
        ],
        title=TRAINING,
        x="training step",
        y="loss (nats a masked pixel)",
        x_range=(-50, ALL + 50),
        y_range=(0.2, 0.72),
        height=460,
        rules=[rule("reference", x=step)],
    )
    ends = [one["curves"]["held_out"][at] for one in results]
    return under_pictures(results[seed]["frames"][at], figure), (
        f"Seed {seed} after {step:,} steps: {curves['held_out'][at]:.3f} nats a masked pixel held out "
        f"({min(ends):.3f} to {max(ends):.3f} over the seeds), {curves['train'][at]:.3f} on training digits. "
        "A coin for each pixel would need 0.693."
    )


@lru_cache(maxsize=32)
def shared(steps: int) -> float:
    """Return the group form of the steps' part, for the quadrants; it needs their law.

    >>> round(shared(8), 3)
    0.065
    """
    return group_bound(table(coarse(), 3), steps)


def _padded(values: Sequence[Any]) -> Float64[np.ndarray, "..."]:
    """Return figures for all K of the pixels, NaN where they are not measured."""
    found = np.asarray(values, dtype=np.float64)
    gap = np.full((len(STEPS["pixels"]) - len(found), *found.shape[1:]), np.nan)
    return np.concatenate([found, gap])


@explorable(
    "diff-digits-budget",
    title=BUDGET,
    form=Choice([QUADRANTS, PIXELS], label="digits as"),
    seed=SEED,
)
def diff_digits_budget(form: str, seed: int) -> tuple[go.Figure, str]:
    """Show the parts of the error budget against K, with what is measured."""
    fine = form == PIXELS
    one = stored("pixels" if fine else "quadrants")[seed]
    kinds = np.array(STEPS["pixels"], dtype=float)
    bounds, scores = _padded(one["birthday"]), _padded(one["score"])
    low, high = scores[:, 1:].T
    if fine:
        measured, name = np.array(one["differ"])[:, 0], "coupled runs that differ: cost of steps"
        groups = np.full(len(kinds), np.nan)
    else:
        groups = _padded([shared(steps) for steps in one["steps"]])
        measured, name = _padded(one["total"]), "exact error"
    model = band(kinds, low, high, "bound", "model (score), 95 %")
    figure = chart(
        [
            *(edge | {"line": look("third")} for edge in model),
            another_bound(kinds, bounds, "steps (birthday bound)", "fourth"),
            curve(kinds, high + bounds, "bound", "budget: both"),
            another_bound(kinds, high + groups, "both, group form") | {"showlegend": not fine},
            curve(kinds, measured, "measured", name),
            points(kinds, measured, "measured", name, showlegend=False),
        ],
        title=BUDGET,
        x="steps K",
        y="total variation",
        x_type="log",
        y_type="log",
        x_range=(0.9, 5000),
        y_range=(4e-3, 20),
        height=460,
        rules=[rule("reference", y=1.0)],
        notes=[at_one(np.log10(4500), xanchor="right")],
    )
    last = len(one["steps"]) - 1
    parts = (
        f"Seed {seed}, K = {one['steps'][last]:,}: at most {high[last]:.3g} for the model and "
        f"{bounds[last]:.3g} for the steps"
    )
    if fine:
        copied = one["copied"][-1]
        return figure, (
            f"{parts}: above 1 the budget promises nothing. Nor could it: {100 * copied[0]:.2f} % of the samples are training "
            f"digits, so that the distance to them is about {1 - copied[0]:.3f}. The steps' part alone is measured: "
            f"{100 * one['differ'][-1][0]:.2f} % of the runs end otherwise than one site at a time."
        )
    at = one["steps"].index(8)
    return figure, (
        f"{parts}; the exact error is {measured[last]:.3g}. At K = 8 the budget in the group form is {high[at] + groups[at]:.3g}, "
        f"and the error {measured[at]:.3g}."
    )
