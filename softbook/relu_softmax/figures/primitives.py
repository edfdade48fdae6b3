"""Explorables on maxima, products and reciprocals."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from softbook.explore import explorable
from softbook.knobs import Choice, Integer, Log
from softbook.plotting import chart, curve, heatmap, note, number, points, rule
from softbook.relu_softmax.model import (
    maximum,
    multiply,
    reciprocal,
    sawtooth_square,
    soft_multiply,
    square,
)
from softbook.relu_softmax.theory import (
    maximum_bound,
    multiply_bound,
    reciprocal_interval,
    sawtooth_bound,
    soft_multiply_bound,
    square_bound,
)


@explorable(
    "maximum-gap",
    title="The worst case is not a tie",
    n=Choice([2, 3, 5, 10, 30, 100], 10, label="entries n"),
    spread=Choice([0, 1, 4], label="spread of the others, in 1/β"),
)
def maximum_gap(n: int, spread: int) -> tuple[go.Figure, str]:
    """Show β times the gap while all other entries move away from the maximum."""
    distance = torch.linspace(0, 10, 101, dtype=torch.float64)
    offsets = torch.linspace(0, spread, n - 1, dtype=torch.float64)
    entries = torch.cat([torch.zeros(101, 1), -(distance.unsqueeze(-1) + offsets)], dim=1)
    scaled = -maximum(entries, beta=1.0)
    omega = maximum_bound(n, 1.0)
    figure = chart(
        [
            curve(distance, torch.full_like(distance, omega), "bound", "promised: W((n−1)/e)"),
            curve(distance, torch.full_like(distance, math.log(n)), "reference", "log n"),
            curve(distance, scaled, "measured", "max − head"),
        ],
        title="The worst case is not a tie",
        x="distance of the other entries below the maximum, in 1/β",
        y="β · (max − head)",
        x_range=(0, 10),
        y_range=(0, 4.8),
        rules=[rule("prediction", x=1 + omega)],
        notes=[note(1.12 + omega, 4.55, "1+ω", "prediction")],
    )
    at = float(distance[scaled.argmax()])
    return figure, (
        f"For n = {n} the gap is largest, {float(scaled.max()):.3f}/β, when the others lie {at:.1f}/β below; "
        f"{omega:.3f}/β is promised, log n is {math.log(n):.3f}."
    )


@explorable(
    "product-map",
    title="The error of xy, as a share of what is promised",
    pieces=Choice([2, 4, 8, 16, 32], 8, label="pieces K"),
    beta=Log(10, 10_000, default=1000, label="sharpness β", points=7),
)
def product_map(pieces: int, beta: float) -> tuple[go.Figure, str]:
    """Show the signed error of xy over the square, as a share of the bound."""
    axis = torch.linspace(-1, 1, 97, dtype=torch.float64)
    error = multiply(axis, axis.unsqueeze(-1), beta, pieces) - axis * axis.unsqueeze(-1)
    bound = multiply_bound(beta, pieces)
    figure = chart(
        [heatmap(error / bound, axis, axis, "error / bound", limits=(-1, 1), diverging=True)],
        title="The error of xy, as a share of what is promised",
        x="x",
        y="y",
        x_range=(-1, 1),
        y_range=(-1, 1),
        height=460,
    )
    return figure, (
        f"With K = {pieces} and β = {beta:.5g}, {2 * (pieces - 1)} heads: largest error "
        f"{number(float(error.abs().max()))}; {number(bound)} is promised."
    )


ARCHES = "Equal arches: knots equally spaced in 1/√x"


@explorable(
    "reciprocal-error",
    title=ARCHES,
    pieces=Integer(1, 16, 8, label="pieces K"),
    beta=Log(100, 1e6, default=1e3, label="sharpness β", points=9),
)
def reciprocal_error(pieces: int, beta: float) -> tuple[go.Figure, str]:
    """Show the error of 1/x on [0.1, 1], whose arches are equally high."""
    # The arches crowd near 0.1: points equally spaced in x^(−1/2) see each of them alike.
    x = torch.linspace(0.1**-0.5, 1, 321, dtype=torch.float64) ** -2
    error = reciprocal(x, 0.1, 1.0, beta, pieces) - 1 / x
    low, high = reciprocal_interval(0.1, 1.0, beta, pieces)
    least = torch.full_like(x, max(low / high, -9))
    softening = curve(x, least, "bound", "promised, below (softening)")
    softening["line"]["dash"] = "longdash"
    figure = chart(
        [
            curve(x, torch.ones_like(x), "bound", "promised, above (chord)"),
            softening,
            curve(x, error / high, "measured", "error"),
        ],
        title=ARCHES,
        x="input x",
        y="(approximation − 1/x) / chord bound",
        x_range=(0.1, 1),
        y_range=(-1.5, 1.2),
    )
    return figure, (
        f"With K = {pieces} and β = {number(beta, 5)} the error lies between {number(float(error.min()))} and "
        f"{number(float(error.max()))}; {number(low)} to {number(high)} is promised."
    )


LEVELS = np.arange(1, 13)
PIECES = 2 ** np.arange(1, 9)


def _largest(approximation: Callable[..., Tensor], pieces: int, beta: float) -> float:
    """Return the largest error of x² on [0, 1] by an approximation of sharpness β.

    Chord errors peak at the middles of the pieces; softening peaks about 1/β beside a kink, where no
    grid would look.
    """
    chosen = torch.linspace(0, pieces - 1, 64, dtype=torch.float64).round()
    beside = torch.linspace(0.2, 3, 57, dtype=torch.float64) / beta
    kinks = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64).unsqueeze(-1)
    near = torch.cat([kinks + beside, kinks - beside]).ravel().clamp(0, 1)
    grid = torch.linspace(0, 1, 129, dtype=torch.float64)
    x = torch.cat([grid, (chosen + 0.5) / pieces, near])
    return float((approximation(x, beta=beta) - x * x).abs().max())


@lru_cache(maxsize=16)
def _square_errors(beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest errors of x² by depth (each of `LEVELS`) and by width (each of `PIECES`)."""
    deep = [_largest(partial(sawtooth_square, levels=int(m)), 2 ** int(m), beta) for m in LEVELS]
    # On [−1, 1] the K pieces are 2/K long: half as many lie on [0, 1].
    wide = [_largest(partial(square, pieces=int(k)), max(int(k) // 2, 1), beta) for k in PIECES]
    return np.array(deep), np.array(wide)


@explorable(
    "sawtooth-cost",
    title="A factor of four costs three heads, or twice the heads",
    levels=Integer(1, 12, 6, label="levels m"),
    beta=Log(100, 1e8, default=1e6, label="sharpness β", points=13),
)
def sawtooth_cost(levels: int, beta: float) -> tuple[go.Figure, str]:
    """Show error against heads: m layers of three heads, and one layer of K − 1 heads."""
    deep, wide = _square_errors(beta)
    chosen = deep[levels - 1]
    promised_deep = [sawtooth_bound(beta, int(m)) for m in LEVELS]
    promised = [square_bound(beta, int(k)) for k in PIECES]
    wide_bound = curve(PIECES - 1, promised, "bound", "promised, width")
    wide_bound["line"]["dash"] = "longdash"
    figure = chart(
        [
            curve(3 * LEVELS, promised_deep, "bound", "promised, depth"),
            points(3 * LEVELS, deep, "measured", "sawtooth: m layers of 3 heads"),
            wide_bound,
            points(PIECES - 1, wide, "reference", "one layer of K − 1 heads"),
            points(
                [3 * levels],
                [chosen],
                "measured",
                "at this m",
                marker={"size": 15, "color": "#0b5cad", "symbol": "circle-open"},
            ),
        ],
        title="A factor of four costs three heads, or twice the heads",
        x="two-key heads",
        y="largest error of x² on [0, 1]",
        x_type="log",
        y_type="log",
        x_range=(0.9, 300),
        y_range=(1e-9, 1),
        notes=[
            note(2.0, np.log10(promised[-2]) + 0.7, "width", "bound"),
            note(1.58, np.log10(promised_deep[-1]) - 0.6, "depth", "bound"),
        ],
    )
    enough = np.nonzero(wide <= chosen)[0]
    other = f"needs {PIECES[enough[0]] - 1} heads" if len(enough) else "needs more than 255 heads"
    return figure, (
        f"At β = {number(beta)}, {levels} layers of 3 heads ({3 * levels} in all) reach {number(chosen, 2)}; one layer "
        f"{other} for that."
    )


@lru_cache(maxsize=8)
def _product_errors(pieces: int) -> np.ndarray:
    """Return the largest error of xy at each β of the figure; 0 pieces mean the soft product."""
    axis = torch.linspace(-1, 1, 25, dtype=torch.float64)
    y = axis.unsqueeze(-1)
    products = (
        multiply(axis, y, float(b), pieces) if pieces else soft_multiply(axis, y, float(b))
        for b in np.geomspace(1e-3, 1e6, 37)
    )
    return np.array([float((product - axis * y).abs().max()) for product in products])


@explorable(
    "soft-or-sharp",
    title="Soft at small β, sharp at large β",
    pieces=Choice([4, 8, 16, 32, 64], 16, label="pieces K of the sharp way"),
)
def soft_or_sharp(pieces: int) -> tuple[go.Figure, str]:
    """Show the error of both products against β."""
    beta = np.geomspace(1e-3, 1e6, 37)
    soft = _product_errors(0)
    sharp = _product_errors(pieces)
    promised = [soft_multiply_bound(b) for b in beta]
    soft_bound = curve(beta, promised, "bound", "promised, two soft heads")
    soft_bound["line"]["dash"] = "longdash"
    figure = chart(
        [
            soft_bound,
            curve(beta, soft, "measured", "two soft heads"),
            curve(
                beta,
                [multiply_bound(b, pieces) for b in beta],
                "bound",
                "promised, 2(K−1) sharp heads",
            ),
            curve(beta, sharp, "reference", "2(K−1) sharp heads"),
        ],
        title="Soft at small β, sharp at large β",
        x="sharpness β",
        y="largest error of xy",
        x_type="log",
        y_type="log",
        x_range=(1e-3, 1e6),
        y_range=(1e-9, 100),
        notes=[note(-2.9, -4.4, "soft", "bound"), note(4.6, 0.4, "sharp", "bound")],
    )
    return figure, (
        f"Sharp, with K = {pieces}: {2 * (pieces - 1)} heads reach {number(min(sharp), 2)}. Soft: two heads reach "
        f"{number(min(soft), 2)}, with output weights 4/β."
    )
