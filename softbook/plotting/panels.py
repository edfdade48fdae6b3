"""Two charts side by side in one figure, and a colour bar that lies below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

__all__ = ["scale_below", "side_by_side"]

GAP = 0.13


def _heading(text: str, left: float) -> dict[str, Any]:
    """Return a panel's heading above its left edge (paper units)."""
    place = {"xref": "paper", "x": left, "xanchor": "left", "yref": "paper", "y": 1.01}
    return place | {"yanchor": "bottom", "text": text, "showarrow": False}


def _moved(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a note or a rule of the right panel: what stands in data units, on its axes."""
    refs = {axis: entry.get(f"{axis}ref", axis) for axis in "xy"}
    moved = {
        f"{axis}ref": f"{axis}2 domain" if ref == "paper" else f"{axis}2"
        for axis, ref in refs.items()
    }
    return dict(entry) | moved


def _contained(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a note or a rule of the left panel: a line across the figure ends with its panel."""
    refs = {f"{axis}ref": f"{axis} domain" for axis in "xy" if entry.get(f"{axis}ref") == "paper"}
    return dict(entry) | refs


def side_by_side(
    left: go.Figure, right: go.Figure, *, title: str, share: float = 0.5, gap: float = GAP
) -> go.Figure:
    """Return two charts as the two panels of one figure; their own titles become headings.

    Parameters
    ----------
    left, right
        From `chart`, without further axes. Heights, margins and colours are those of the left one.
    title
        The figure's title.
    share
        How much of the width, the gap left out, the left panel takes; in (0, 1).
    gap
        How much of the width lies between the panels; the tick labels of the right one stand there.

    Raises
    ------
    ValueError
        If `share` or `gap` leaves no room for one of the panels.

    >>> from softbook.plotting import chart, curve
    >>> one = chart([curve([0, 1], [0, 1], "measured", "a")], title="rise", x="x", y="y")
    >>> both = side_by_side(one, one, title="Twice")
    >>> both.data[1].xaxis, both.layout.xaxis2.domain, both.layout.annotations[1].text
    ('x2', (0.565, 1), 'rise')
    """
    for name, value in (("share", share), ("gap", gap)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: {value} is given, but a share between 0 and 1 is needed")
    first, second = (figure.to_plotly_json() for figure in (left, right))
    ours, theirs = first["layout"], second["layout"]
    border = share * (1 - gap)
    start = round(border + gap, 6)
    layout = dict(ours) | {
        "title": dict(ours["title"]) | {"text": title},
        "xaxis": dict(ours["xaxis"]) | {"domain": [0, border]},
        "xaxis2": dict(theirs["xaxis"]) | {"domain": [start, 1], "anchor": "y2"},
        "yaxis2": dict(theirs["yaxis"]) | {"anchor": "x2"},
        "annotations": [
            _heading(ours["title"]["text"], 0),
            _heading(theirs["title"]["text"], start),
            *map(_contained, ours["annotations"]),
            *map(_moved, theirs["annotations"]),
        ],
        "shapes": [*map(_contained, ours["shapes"]), *map(_moved, theirs["shapes"])],
    }
    moved = [dict(trace) | {"xaxis": "x2", "yaxis": "y2"} for trace in second["data"]]
    return go.Figure({"data": [*first["data"], *moved], "layout": layout}, _validate=False)


def scale_below(unit: str) -> dict[str, Any]:
    """Return a colour bar that lies below the figure.

    >>> scale_below("entry")["orientation"]
    'h'
    """
    title = {"text": unit, "side": "top"}
    place = {"x": 0, "xanchor": "left", "y": -0.24, "yanchor": "top", "len": 0.6}
    return {"orientation": "h", "title": title, "thickness": 10, "nticks": 5} | place
