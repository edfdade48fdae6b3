"""Matrices as heat maps with token 1 at the top."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from softbook.plotting import chart, heatmap, scale_below
from softbook.plotting.traces import Numbers


def matrix_map(
    matrix: Numbers, most: int, unit: str, *, limits: tuple[float, float], bar: bool = True
) -> dict[str, Any]:
    """Return a T × T matrix as a heat map of `most` × `most` cells, rows and columns counted from 1.

    What lies beyond T is a gap, so that T may change with a knob; `bar` draws the scale, below the
    panels, where a narrow page has room for it. `limits` as in `heatmap`; a ValueError says if the
    matrix is larger than `most` or not square.

    >>> matrix_map([[1.0]], 2, "entry", limits=(-1, 1))["z"].tolist()
    [[1.0, nan], [nan, nan]]
    """
    values = np.asarray(matrix, dtype=np.float64)
    tokens = len(values)
    if values.shape != (tokens, tokens) or tokens > most:
        raise ValueError(
            f"matrix: shape {values.shape} is given, but a square one of at most {most} rows is needed"
        )
    padded = np.full((most, most), np.nan)
    padded[:tokens, :tokens] = values
    places = np.arange(1, most + 1)
    diverging = limits[0] < 0
    trace = heatmap(padded, places, places, unit, limits=limits, diverging=diverging)
    return trace | {"colorbar": scale_below(unit), "showscale": bar, "xgap": 1, "ygap": 1}


def matrix_chart(
    traces: list[dict[str, Any]],
    heading: str,
    tokens: int,
    *,
    y: str = "token j",
    height: int = 440,
    **more: Any,
) -> go.Figure:
    """Return the chart of a T × T matrix: columns are past tokens i, rows are tokens j from the top.

    `more` goes to `chart`.

    >>> matrix_chart([], "M", 4).layout.yaxis.range
    (4.5, 0.5)
    """
    ends = (0.5, tokens + 0.5)
    figure = chart(
        traces,
        title=heading,
        x="past token i",
        y=y,
        x_range=ends,
        y_range=ends[::-1],
        height=height,
        **more,
    )
    step = 1 if tokens <= 8 else 4
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        axis.update(showgrid=False, tickvals=list(range(step, tokens + 1, step)))
    return figure
