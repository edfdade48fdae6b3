"""Traces: curves, points, bands and heat maps in the look of their role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softbook.plotting.roles import role_named, translucent

# numpy's own `ArrayLike` leaves out tuples when it is checked at run time.
Numbers = ArrayLike | Sequence[Any]
DIVERGING = [[0, "#b3370f"], [0.5, "#f2f2f2"], [1, "#0b5cad"]]


def _array(values: Numbers) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def _series(**named: Numbers) -> dict[str, np.ndarray]:
    """Return float64 arrays of one length with one axis each, or raise a ValueError that names them."""
    arrays = {name: _array(values) for name, values in named.items()}
    shapes = [array.shape for array in arrays.values()]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise ValueError(
            f"{', '.join(arrays)}: shapes {', '.join(map(str, shapes))} are given, "
            "but arrays of one length with one axis are needed"
        )
    return arrays


def curve(x: Numbers, y: Numbers, role: str, name: str, **more: Any) -> dict[str, Any]:
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

    Raises
    ------
    ValueError
        If x and y differ in length or have more than one axis, or if there is no such role.
    """
    look = role_named(role)
    line = {"color": look.light, "dash": look.dash, "width": look.width}
    trace = {"type": "scatter", "mode": "lines", **_series(x=x, y=y), "name": name}
    return trace | {"line": line} | more


def points(x: Numbers, y: Numbers, role: str, name: str, **more: Any) -> dict[str, Any]:
    """Return markers without a line in the colours of `role`; x and y have shape (points,).

    Raises what `curve` raises.

    >>> points([0, 1], [2, 3], "prediction", "samples")["marker"]["symbol"]
    'diamond'
    """
    look = role_named(role)
    marker = {"color": look.light, "symbol": look.marker, "size": 8}
    trace = {"type": "scatter", "mode": "markers", **_series(x=x, y=y), "name": name}
    return trace | {"marker": marker} | more


def band(x: Numbers, low: Numbers, high: Numbers, role: str, name: str) -> list[dict[str, Any]]:
    """Return two curves with the space between them filled; all arrays have shape (points,).

    Raises what `curve` raises.

    >>> [trace["y"].tolist() for trace in band([0, 1], [0, 0], [1, 2], "bound", "promised")]
    [[0.0, 0.0], [1.0, 2.0]]
    """
    x, low, high = _series(x=x, low=low, high=high).values()
    fill = translucent(role_named(role).light, 0.12)
    lower = curve(x, low, role, name, showlegend=False, hoverinfo="skip")
    upper = curve(x, high, role, name, fill="tonexty", fillcolor=fill)
    return [lower, upper]


def heatmap(
    z: Numbers,
    x: Numbers,
    y: Numbers,
    unit: str,
    *,
    limits: tuple[float, float],
    diverging: bool = False,
) -> dict[str, Any]:
    """Return a heat map of z with shape (rows, columns) over x (columns,) and y (rows,).

    Cividis shows magnitudes; `diverging` centres a two-sided map on zero. `limits` keeps the
    colours' meaning when a knob moves; `unit` is written on the colour bar. A ValueError says which
    shapes or limits do not fit.

    >>> heatmap([[0, 1]], x=[0, 1], y=[0], unit="error", limits=(0, 1))["zmax"]
    1
    """
    arrays = {"z": _array(z), "x": _array(x), "y": _array(y)}
    shapes = [array.shape for array in arrays.values()]
    if shapes[0] != (*shapes[2], *shapes[1]) or len(shapes[0]) != 2:
        raise ValueError(
            f"z, x, y: shapes {', '.join(map(str, shapes))} are given, "
            "but (rows, columns), (columns,) and (rows,) are needed"
        )
    low, high = limits
    if not low < high:
        raise ValueError(f"limits: {limits} is given, but low < high is needed")
    scale = {"colorscale": DIVERGING, "zmid": 0} if diverging else {"colorscale": "Cividis"}
    bar = {"title": {"text": unit, "side": "right"}, "thickness": 14}
    trace = {
        "type": "heatmap",
        **arrays,
        "zmin": low,
        "zmax": high,
    }
    return trace | scale | {"colorbar": bar}
