"""Charts: traces on labelled axes, with notes and rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from softbook.plotting.roles import GRID, ROLES, role_named

Axis = Literal["linear", "log"]
TICKS = 12


def note(x: float, y: float, text: str, role: str = "reference", **more: Any) -> dict[str, Any]:
    """Return an annotation at (x, y) in data units (on a log axis: the logarithm to base ten).

    >>> note(0, 1, "the kink")["text"]
    'the kink'
    """
    look = {"showarrow": False, "font": {"color": role_named(role).light}, "xanchor": "left"}
    return {"x": x, "y": y, "text": text} | look | more


def rule(role: str, *, x: float | None = None, y: float | None = None) -> dict[str, Any]:
    """Return a straight line across the whole figure at one x or one y (data units).

    Raises a ValueError unless exactly one of them is given.

    >>> rule("violated", x=0.5)["x1"]
    0.5
    """
    if (x is None) == (y is None):
        raise ValueError("x, y: exactly one of them is needed")
    look = role_named(role)
    line = {"color": look.light, "dash": look.dash, "width": 1.5}
    if x is not None:
        return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}
    return {"type": "line", "y0": y, "y1": y, "xref": "paper", "x0": 0, "x1": 1, "line": line}


def _axis(title: str, kind: Axis, limits: Sequence[float] | None) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": title},
        "tickfont": {"size": TICKS},
        "type": kind,
        "gridcolor": GRID[0],
        "zeroline": False,
        "automargin": True,
    }
    # Both kinds have the same keys, so that a page can follow a switch between them.
    ticks = ("power", 1) if kind == "log" else (None, None)
    axis |= {"exponentformat": ticks[0], "dtick": ticks[1], "minor": {"ticks": ""}}
    if kind == "log":
        # plotly draws powers a quarter larger than other labels.
        axis["tickfont"] = {"size": TICKS / 1.25}
    if limits is not None:
        low, high = (float(v) for v in limits)
        if not (math.isfinite(low) and math.isfinite(high) and low != high):
            raise ValueError(f"range: {tuple(limits)} is given, but two finite numbers are needed")
        if kind == "log" and not min(low, high) > 0:
            raise ValueError(
                f"range: {tuple(limits)} is given, but a log axis needs numbers above 0"
            )
        # plotly wants the exponents of a logarithmic axis; callers write the values themselves.
        axis["range"] = [math.log10(low), math.log10(high)] if kind == "log" else [low, high]
        span = abs(axis["range"][1] - axis["range"][0])
        if kind == "log" and span > 7:
            # A narrow page has room for some seven labels beside each other.
            axis["dtick"] = math.ceil(span / 7)
        elif kind == "log" and span < 1.5:
            # Less than a decade or two: plotly then labels the numbers between the powers of ten.
            axis |= {
                "dtick": "D2" if span > 0.5 else math.log10(high / low) / 6,
                "tickformat": ".3~g",
                "tickfont": {"size": TICKS},
            }
    return axis


def chart(
    traces: Iterable[dict[str, Any]],
    *,
    title: str,
    x: str,
    y: str,
    x_type: Axis = "linear",
    y_type: Axis = "linear",
    x_range: Sequence[float] | None = None,
    y_range: Sequence[float] | None = None,
    height: int = 420,
    notes: Sequence[dict[str, Any]] = (),
    rules: Sequence[dict[str, Any]] = (),
) -> go.Figure:
    """Return a figure with one title, labelled axes and the legend below.

    Parameters
    ----------
    traces
        From `curve`, `points`, `band`, `heatmap`.
    title, x, y
        What is seen, and the axes' labels with letter and unit.
    x_type, y_type
        Scale of each axis.
    x_range, y_range
        Fixed limits in data units. Give both for a figure that a knob moves: only then does a
        change on the page mean a change of the data.
    height
        Pixels reserved for the figure.
    notes, rules
        From `note` and `rule`.

    Notes
    -----
    plotly's own validation is skipped, since it takes most of the time of a small figure; the tests
    validate every figure of the book once.

    Raises
    ------
    ValueError
        If a range is not two different finite numbers, above 0 on a log axis.

    >>> from softbook.plotting import curve
    >>> line = curve([1, 10], [0, 1], "measured", "line")
    >>> chart([line], title="A line", x="x", y="y", x_type="log", x_range=(1, 10)).layout.xaxis.range
    (0.0, 1.0)
    """
    layout = {
        "title": {"text": title, "x": 0, "xanchor": "left", "font": {"size": 16}},
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 48, "b": 48},
        "legend": {"orientation": "h", "yanchor": "top", "y": -0.26, "x": 0},
        "hovermode": "closest",
        "font": {"color": ROLES["reference"].light},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": _axis(x, x_type, x_range),
        "yaxis": _axis(y, y_type, y_range),
        "annotations": list(notes),
        "shapes": list(rules),
    }
    return go.Figure({"data": list(traces), "layout": layout}, _validate=False)
