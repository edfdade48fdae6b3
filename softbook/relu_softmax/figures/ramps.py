"""Explorables on ramps from anchors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

from softbook.explore import explorable
from softbook.knobs import Choice, Integer, Log
from softbook.plotting import band, chart, curve, note, points, rule
from softbook.relu_softmax.experiment.sharpness import largest_error
from softbook.relu_softmax.model import anchor_ramp
from softbook.relu_softmax.theory import interior_series, ramp_bound


@explorable(
    "anchor-ramp",
    title="A staircase, an interpolation, or a blur",
    sharpness=Log(0.1, 50, default=2.7, label="sharpness c = βh²", points=33),
    anchors=Integer(3, 12, 6, label="anchors p"),
)
def anchors(sharpness: float, anchors: int) -> tuple[go.Figure, str]:
    """Show the softmax mean of the anchors beside the ramp, with the promised band."""
    s = torch.linspace(-0.3, 1.3, 121, dtype=torch.float64)
    ramp = s.clamp(0, 1)
    out = anchor_ramp(s, 0.0, 1.0, anchors, sharpness)
    bound = ramp_bound(0.0, 1.0, anchors, sharpness)
    shown = np.where(np.arange(12) < anchors, np.arange(12) / (anchors - 1), np.nan)
    figure = chart(
        [
            *band(s, ramp - bound, ramp + bound, "bound", "promised by the theorem"),
            curve(s, ramp, "reference", "ramp clip(s)"),
            curve(s, out, "measured", "softmax over anchors"),
            points(shown, shown, "reference", "anchors"),
        ],
        title="A staircase, an interpolation, or a blur",
        x="input s, in units of b − a",
        y="output",
        x_range=(-0.3, 1.3),
        y_range=(-0.3, 1.3),
    )
    error = float((out - ramp).abs().max()) * (anchors - 1)
    return figure, (
        f"With {anchors} anchors and c = {sharpness:.3g} the largest error shown is {error:.3g} steps; "
        f"{interior_series(sharpness):.3g} steps are promised."
    )


@lru_cache(maxsize=4)
def _profile(anchors: int) -> tuple[np.ndarray, np.ndarray]:
    c = np.geomspace(0.1, 50, 61)
    return c, np.array([largest_error(float(value), anchors, points=32) for value in c])


@explorable(
    "anchor-sharpness",
    title="Sharper is not better",
    sharpness=Log(0.1, 50, default=2.72, label="sharpness c = βh²", points=41),
    anchors=Choice([5, 11, 41], 41, label="anchors p"),
)
def sharpness_profile(sharpness: float, anchors: int) -> tuple[go.Figure, str]:
    """Show the largest error in steps against c, with its minimum near 2.7."""
    c, errors = _profile(anchors)
    here = largest_error(sharpness, anchors, points=32)
    figure = chart(
        [
            curve(c, [interior_series(float(v)) for v in c], "bound", "promised by the theorem"),
            curve(c, np.full_like(c, 0.5), "reference", "sharp limit: half a step"),
            curve(c, errors, "measured", "largest error"),
            points(
                [sharpness],
                [here],
                "measured",
                "at this c",
                marker={"size": 13, "color": "#0b5cad"},
            ),
        ],
        title="Sharper is not better",
        x="sharpness c = βh²",
        y="largest error, in steps h",
        x_type="log",
        y_type="log",
        x_range=(0.1, 50),
        y_range=(0.04, 12),
        rules=[rule("measured", x=2.72)],
        notes=[note(np.log10(2.72) + 0.04, 0.9, "best c", "measured")],
    )
    return figure, (
        f"At c = {sharpness:.3g} with {anchors} anchors the largest error is {here:.3g} steps. The least, about a "
        "sixteenth of a step, is near c = 2.72; in the sharp limit it is half a step."
    )
