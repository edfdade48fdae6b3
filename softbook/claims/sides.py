"""The two sides of a claim as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from softbook.plotting import band, chart, curve


def draw(
    title: str, knob: Any, grid: Sequence[float], ends: np.ndarray, *, two_sided: bool
) -> go.Figure:
    """Return both sides along a knob's grid, on a logarithmic axis where no end is negative.

    Parameters
    ----------
    title, knob, grid
        Of the claim; the knob of numbers; its values, (points,).
    ends
        Least and greatest promise, least and greatest measurement, (points, 4).
    two_sided
        Whether the least promise is one.

    >>> from softbook.knobs import Linear
    >>> ends = np.array([[0, 1, 0.5, 0.5], [0, 10, 5, 5]])
    >>> draw("Two", Linear(0, 1), [0, 1], ends, two_sided=True).layout.yaxis.type
    'log'
    """
    # A curve over decades is a spike on any but a logarithmic axis, which has no place for a zero.
    decades = bool((ends >= 0).all() and (ends[:, 1] > 0).all() and (ends[:, 3] > 0).any())
    zeros = decades and bool((ends == 0).any())
    if decades:
        ends = np.where(ends > 0, ends, np.nan)
    promised = [curve(grid, ends[:, 1], "bound", "promised")]
    if two_sided and not np.isnan(ends[:, 0]).all():
        promised = band(grid, ends[:, 0], ends[:, 1], "bound", "promised")
    found = [curve(grid, ends[:, 3], "measured", "measured")]
    if (ends[:, 2] < ends[:, 3]).any():
        found = band(grid, ends[:, 2], ends[:, 3], "measured", "measured")
    return chart(
        [*promised, *found],
        title=title,
        x=knob.title,
        y="both sides of the claim" + ", zeros left out" * zeros,
        x_type="log" if knob.kind == "log" else "linear",
        y_type="log" if decades else "linear",
    )
