"""The explorables of the small book that tests build: every kind of knob, trace and change."""

import numpy as np
import plotly.graph_objects as go

from softbook.explore import Explorable
from softbook.knobs import Choice, Integer, Linear, Log, Switch
from softbook.plotting import band, chart, curve, heatmap, note, points, rule

X = np.linspace(-3, 3, 161)


def _curves(beta, shift):
    gate = 1 / (1 + np.exp(-beta * (X - shift)))
    relu = np.maximum(X - shift, 0)
    kappa = 0.27846
    figure = chart(
        [
            *band(X, relu - kappa / beta, relu + kappa / beta, "bound", "promised"),
            curve(X, relu, "reference", "ReLU"),
            curve(X, (X - shift) * gate, "measured", "attention"),
        ],
        title="A soft gate against ReLU: the gap stays inside κ/β",
        x="input x",
        y="output",
        x_range=(-3, 3),
        y_range=(-0.6, 4.2),
        notes=[note(-2.8, 3.6, f"κ/β = {kappa / beta:.3g}")],
    )
    return figure, f"At β = {beta:.3g} and shift {shift:.2g} the gap is at most {kappa / beta:.3g}."


curves = Explorable(
    "mini-curves",
    "Three curves over one axis",
    _curves,
    {
        "beta": Log(1, 64, default=8, label="sharpness β", points=13),
        "shift": Linear(-1, 1, default=0, label="shift", unit="x", points=9),
    },
)


def _wave(phase):
    side = np.linspace(0, 1, 101)
    x, y = np.meshgrid(side, side)
    z = np.sin(2 * np.pi * (x * y * 3 + phase))
    trace = heatmap(z, side, side, "height", limits=(-1, 1), diverging=True)
    return chart(
        [trace], title="A wave on a square", x="x", y="y", x_range=(0, 1), y_range=(0, 1)
    ), f"The wave at phase {phase:.2g}: from {z.min():.2g} to {z.max():.2g}."


wave = Explorable(
    "mini-map",
    "A wave on a square",
    _wave,
    {
        "phase": Linear(0, 1, default=0.25, label="phase", unit="turns", points=9),
    },
)


def _kinds(n, shape, marked, scale, window):
    t = np.linspace(0.01, 1, 41)
    odd = np.arange(1, 2 * n, 2) if shape == "square" else np.arange(1, n + 1)
    y = scale * np.abs(sum(np.sin(2 * np.pi * k * t) / k for k in odd)) + 1e-3
    y[5] = np.nan
    figure = chart(
        [
            curve(t, y, "violated" if marked else "measured", f"{n} terms"),
            points(t[::8], y[::8], "prediction", "samples"),
        ],
        title=f"{shape}, {n} terms",
        x="time t (s)",
        y="value (log scale)",
        x_range=(0, 1),
        y_range=(1e-4, 10.0 * window),
        y_type="log",
        rules=[rule("violated", x=0.5)] if True else [],
    )
    figure.layout.shapes[0].visible = marked
    return figure


kinds = Explorable(
    "mini-kinds",
    "Every kind of control",
    _kinds,
    {
        "n": Integer(1, 6, default=3, label="terms n"),
        "shape": Choice(("sine", "square"), label="shape"),
        "marked": Switch(False, label="mark the zero"),
        "scale": Log(0.1, 10, default=1, label="scale", points=5),
        "window": Linear(1, 3, default=2, label="window", points=3),
    },
)


def _beside(left, right, **axes):
    """Put the right trace in a second panel."""
    figure = chart([left], title="Two panels", x="x", y="y", **axes)
    figure.add_trace(right | {"xaxis": "x2", "yaxis": "y2"})
    figure.layout.xaxis.domain = [0, 0.45]
    figure.layout.xaxis2 = {"domain": [0.55, 1], "anchor": "y2", "range": axes["x_range"]}
    figure.layout.yaxis2 = {"anchor": "x2", "range": axes["y_range"]}
    return figure


def _panels(slope):
    figure = _beside(
        curve(X, slope * X, "measured", "moves"),
        curve(X, X**2, "reference", "stays"),
        x_range=(-3, 3),
        y_range=(-6, 9),
    )
    return figure, f"The left line has slope {slope:.2g}."


panels = Explorable(
    "mini-panels",
    "Two panels",
    _panels,
    {"slope": Linear(-2, 2, default=1, label="slope", points=5)},
)


def _maps(height):
    side = np.arange(3.0)
    one, two = np.full((3, 3), height), np.add.outer(side, side)
    left, right = (
        heatmap(z, side, side, "height", limits=(0, 4)) | {"showscale": False} for z in (one, two)
    )
    figure = _beside(left, right, x_range=(0, 2), y_range=(0, 2))
    return figure, f"The left map is {height:.2g} everywhere."


maps = Explorable(
    "mini-maps", "Two maps", _maps, {"height": Integer(0, 4, default=3, label="height")}
)


def plain_figure():
    return go.Figure(
        go.Bar(x=["a", "b", "c"], y=[3, 1, 2], name="counts"),
        layout={"title": {"text": "Three bars"}},
    )
