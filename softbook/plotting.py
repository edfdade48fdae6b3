"""One visual language: a colour is a role, the same in every chapter and in both themes.

Never colour alone: each role has its own dash and marker too. Figures are built with the light
palette; the page replaces each light string by its dark partner (`palette`) when the theme changes.

>>> trace = curve([0, 1], [0, 2], "bound", "what is promised")
>>> trace["line"]["dash"], trace["line"]["color"]
('dash', '#b3370f')
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

__all__ = [
    "ROLES",
    "Role",
    "band",
    "chart",
    "curve",
    "heatmap",
    "note",
    "palette",
    "points",
    "rule",
]

Axis = Literal["linear", "log"]


@dataclass(frozen=True)
class Role:
    """How one kind of thing is drawn: its colour in both themes, its dash and its marker."""

    light: str
    dark: str
    dash: str
    width: float
    marker: str


ROLES: dict[str, Role] = {
    "measured": Role("#0b5cad", "#6cb6ff", "solid", 2.5, "circle"),
    "bound": Role("#b3370f", "#ff9a5c", "dash", 2, "triangle-up"),
    "prediction": Role("#157347", "#5fd38d", "dot", 2.5, "diamond"),
    "violated": Role("#9a1272", "#ff8ad1", "solid", 4, "x"),
    "reference": Role("#4a4f57", "#b8bec8", "solid", 1.5, "square"),
}
GRID = ("rgba(74,79,87,0.18)", "rgba(184,190,200,0.22)")
DIVERGING = [[0, "#b3370f"], [0.5, "#f2f2f2"], [1, "#0b5cad"]]


def _translucent(colour: str, share: float) -> str:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"


def palette() -> dict[str, str]:
    """Return the light strings that figures use, each with its dark partner."""
    pairs = {role.light: role.dark for role in ROLES.values()}
    fills = {_translucent(r.light, 0.12): _translucent(r.dark, 0.18) for r in ROLES.values()}
    return pairs | fills | {GRID[0]: GRID[1]}


def _role(name: str) -> Role:
    if name not in ROLES:
        raise ValueError(f"role: {name!r} is given, but one of {', '.join(ROLES)} is needed")
    return ROLES[name]


def _array(values: ArrayLike) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def curve(x: ArrayLike, y: ArrayLike, role: str, name: str, **more: Any) -> dict[str, Any]:
    """Return a line of plotly's `scatter` in the colours of `role`.

    Parameters
    ----------
    x, y
        Arrays of shape (points,); NaN makes a gap.
    role
        One of `ROLES`.
    name
        What the legend says.
    more
        Further attributes of the plotly trace.
    """
    look = _role(role)
    line = {"color": look.light, "dash": look.dash, "width": look.width}
    trace = {"type": "scatter", "mode": "lines", "x": _array(x), "y": _array(y), "name": name}
    return trace | {"line": line} | more


def points(x: ArrayLike, y: ArrayLike, role: str, name: str, **more: Any) -> dict[str, Any]:
    """Return markers without a line in the colours of `role`; x and y have shape (points,)."""
    look = _role(role)
    marker = {"color": look.light, "symbol": look.marker, "size": 8}
    trace = {"type": "scatter", "mode": "markers", "x": _array(x), "y": _array(y), "name": name}
    return trace | {"marker": marker} | more


def band(
    x: ArrayLike, low: ArrayLike, high: ArrayLike, role: str, name: str
) -> list[dict[str, Any]]:
    """Return two curves with the space between them filled; all arrays have shape (points,)."""
    fill = _translucent(_role(role).light, 0.12)
    lower = curve(x, low, role, name, showlegend=False, hoverinfo="skip")
    upper = curve(x, high, role, name, fill="tonexty", fillcolor=fill)
    return [lower, upper]


def heatmap(
    z: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    unit: str,
    *,
    limits: tuple[float, float],
    diverging: bool = False,
) -> dict[str, Any]:
    """Return a heat map of z with shape (rows, columns) over x (columns,) and y (rows,).

    Cividis shows magnitudes; `diverging` centres a two-sided map on zero. `limits` keeps the
    colours' meaning when a knob moves; `unit` is written on the colour bar.
    """
    low, high = limits
    scale = {"colorscale": DIVERGING, "zmid": 0} if diverging else {"colorscale": "Cividis"}
    bar = {"title": {"text": unit, "side": "right"}, "thickness": 14}
    trace = {
        "type": "heatmap",
        "z": _array(z),
        "x": _array(x),
        "y": _array(y),
        "zmin": low,
        "zmax": high,
    }
    return trace | scale | {"colorbar": bar}


def note(x: float, y: float, text: str, role: str = "reference", **more: Any) -> dict[str, Any]:
    """Return an annotation at (x, y) in data units (on a log axis: the logarithm to base ten)."""
    look = {"showarrow": False, "font": {"color": _role(role).light}, "xanchor": "left"}
    return {"x": x, "y": y, "text": text} | look | more


def rule(role: str, *, x: float | None = None, y: float | None = None) -> dict[str, Any]:
    """Return a straight line across the whole figure at one x or one y (data units)."""
    if (x is None) == (y is None):
        raise ValueError("x, y: exactly one of them is needed")
    look = _role(role)
    line = {"color": look.light, "dash": look.dash, "width": 1.5}
    if x is not None:
        return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}
    return {"type": "line", "y0": y, "y1": y, "xref": "paper", "x0": 0, "x1": 1, "line": line}


def _axis(title: str, kind: Axis, limits: Sequence[float] | None) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": title},
        "type": kind,
        "gridcolor": GRID[0],
        "zeroline": False,
        "automargin": True,
    }
    if kind == "log":
        axis |= {"exponentformat": "power", "dtick": 1, "minor": {"ticks": ""}}
    if limits is not None:
        low, high = (float(v) for v in limits)
        # plotly wants the exponents of a logarithmic axis; callers write the values themselves.
        axis["range"] = [np.log10(low), np.log10(high)] if kind == "log" else [low, high]
        span = abs(axis["range"][1] - axis["range"][0])
        if kind == "log" and span > 9:
            axis["dtick"] = int(np.ceil(span / 7))
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
    """
    layout = {
        "title": {"text": title, "x": 0, "xanchor": "left", "font": {"size": 16}},
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 48, "b": 48},
        "legend": {"orientation": "h", "yanchor": "top", "y": -0.2, "x": 0},
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
