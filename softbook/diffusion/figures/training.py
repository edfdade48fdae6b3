"""Explorables of the experiment: digits while they are learned, samples against steps, the budget."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from softbook.diffusion.experiment import study
from softbook.diffusion.experiment.digits import SITES
from softbook.diffusion.figures.steps import LABEL
from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import chart, curve, heatmap, points, rule

ROWS, COLUMNS, SIDE = 2, 6, 8
DRAWN = {**{f"{k}": place for place, k in enumerate(study.STEPS)}, "one at a time": -1}


@lru_cache(maxsize=1)
def committed() -> dict[str, Any]:
    """Read the committed study once."""
    return study.load()


def sheet(rows: list[list[int]]) -> np.ndarray:
    """Return twelve digits as one picture, two rows of six with a pixel between them; 1 is ink.

    >>> sheet([[0] * 64] * 12).shape
    (17, 53)
    """
    images = np.array(rows, float).reshape(ROWS, COLUMNS, SIDE, SIDE)
    picture = np.full((ROWS * (SIDE + 1) - 1, COLUMNS * (SIDE + 1) - 1), np.nan)
    for row in range(ROWS):
        for column in range(COLUMNS):
            top, left = row * (SIDE + 1), column * (SIDE + 1)
            picture[top : top + SIDE, left : left + SIDE] = images[row, column]
    return picture[::-1]


def _pictures(rows: list[list[int]], title: str) -> go.Figure:
    picture = sheet(rows)
    high, wide = picture.shape
    return chart(
        [heatmap(picture, np.arange(wide), np.arange(high), "ink", limits=(0, 1))],
        title=title,
        x="pixels",
        y="pixels",
        x_range=(-1, wide),
        y_range=(-1, high),
        height=320,
    )


@explorable(
    "diff-digits-samples",
    title="Samples of digits against the number of steps",
    drawn=Choice(list(DRAWN), "4", label="steps K"),
)
def diff_digits_samples(drawn: str) -> tuple[go.Figure, str]:
    """Show twelve samples, and how far four thousand are from the digits learned from."""
    result, place = committed(), DRAWN[drawn]
    figure = _pictures(
        result["results"][0]["shown"][place], "Samples of digits against the number of steps"
    )
    found = [one["samples"][place] for one in result["results"]]
    pairs, near = ([one[name] for one in found] for name in ("pairs", "nearest"))
    how = "one site at a time" if place < 0 else f"K = {drawn}"
    return figure, (
        f"{how}, three seeds: a sample differs from the nearest digit learned from in {min(near):.2f} to {max(near):.2f} "
        f"pixels (a held-out digit in {result['held_out']['nearest']:.2f}); pairs of pixels are off by {min(pairs):.4f} to "
        f"{max(pairs):.4f}."
    )


@explorable(
    "diff-digits-learning",
    title="The same noise, while the network learns",
    look=Integer(0, 24, 24, label="look"),
)
def diff_digits_learning(look: int) -> tuple[go.Figure, str]:
    """Show twelve samples at one of 25 looks during training, with the same random numbers."""
    one = committed()["results"][0]
    step, nats = one["curves"]["step"][look], one["curves"]["held_out"][look]
    figure = _pictures(one["pictures"][look], "The same noise, while the network learns")
    return figure, (
        f"After {step:,} of {one['curves']['step'][-1]:,} steps of training (held out {nats:.2f} nats a digit), 64 sampler steps."
    )


@explorable(
    "diff-digits-training",
    title="A masked denoiser learns digits",
    look=Integer(0, 24, 24, label="look"),
)
def diff_digits_training(look: int) -> tuple[go.Figure, str]:
    """Show the nats a digit against training steps, three seeds: learned and held out."""
    results = committed()["results"]
    steps = np.array(results[0]["curves"]["step"], float)
    ends = {
        name: np.array([one["curves"][name] for one in results]) for name in ("train", "held_out")
    }
    middle = {name: np.median(values, 0) for name, values in ends.items()}
    now = steps[look]
    figure = chart(
        [
            curve(steps, middle["held_out"], "measured", "held out"),
            curve(steps, middle["train"], "reference", "learned from"),
            points([now], [middle["held_out"][look]], "measured", "here", showlegend=False),
        ],
        title="A masked denoiser learns digits",
        x="training steps",
        y="nats a digit",
        x_range=(-50, steps[-1] + 50),
        y_range=(12, 46),
        rules=[rule("reference", x=float(now))],
    )
    low, high = ends["held_out"][:, look].min(), ends["held_out"][:, look].max()
    return figure, (
        f"After {int(now):,} steps, medians of three seeds: {middle['train'][look]:.2f} nats on digits learned from, "
        f"{middle['held_out'][look]:.2f} held out ({low:.2f} to {high:.2f}). {SITES} coins would need 44.36."
    )


@explorable(
    "diff-digits-budget",
    title="Where the error budget goes",
    part=Choice(["all", "the model", "the steps"], label="show"),
)
def diff_digits_budget(part: str) -> tuple[go.Figure, str]:
    """Show the budget of a denoiser of four coarse sites against steps, over the exact error."""
    rows = committed()["coarse"]
    column = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    total = column["score_high"] + column["discretisation"]
    shown = {
        "all": (total, column["measured"], "model and steps"),
        "the model": (column["score_high"], column["measured"], "model"),
        "the steps": (column["discretisation"], column["exact_conditionals"], "steps"),
    }
    bound, measured, name = shown[part]
    if part == "the model":
        # What is left when the steps cost nothing: the limit of the exact error.
        measured = np.full(len(rows), column["measured"][-1])
    figure = chart(
        [
            curve(column["steps"], measured, "measured", f"measured: {name}"),
            curve(column["steps"], bound, "bound", f"budget: {name}"),
        ],
        title="Where the error budget goes",
        x="steps K",
        y=LABEL,
        x_type="log",
        y_type="log",
        x_range=(0.9, 300),
        y_range=(5e-4, 2),
    )
    return figure, (
        f"Four quadrants of digits in three shades. At K = 256 the budget is {total[-1]:.4f}: at most {column['score_high'][-1]:.4f} "
        f"for the model and {column['discretisation'][-1]:.4f} for the steps; the exact error is {column['measured'][-1]:.4f}, "
        f"of which {column['exact_conditionals'][-1]:.4f} would remain with a perfect model."
    )
