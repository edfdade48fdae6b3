"""Explorables on single heads: two keys, the gap, no mask, and two broken hypotheses."""

from __future__ import annotations

import plotly.graph_objects as go
import torch

from softbook.explore import explorable
from softbook.knobs import Choice, Integer, Linear, Log
from softbook.plotting import band, chart, curve, note, number, rule
from softbook.relu_softmax.model import relu_head, rounded_relu_head, unmasked_relu_head
from softbook.relu_softmax.theory import KAPPA, relu_bound, unmasked_bound

BETA_LABEL = "sharpness β"


def _grid(low: float, high: float, points: int) -> torch.Tensor:
    return torch.linspace(low, high, points, dtype=torch.float64)


@explorable(
    "two-keys",
    title="Two keys make a ReLU",
    beta=Log(0.5, 100, default=1.5, label=BETA_LABEL),
)
def two_keys(beta: float) -> tuple[go.Figure, str]:
    """Show the head, ReLU and the band κ/β that the theorem promises."""
    z = _grid(-3, 3, 161)
    relu, head = z.relu(), relu_head(z, beta)
    bound = relu_bound(beta)
    figure = chart(
        [
            *band(z, relu - bound, relu, "bound", "promised: within κ/β below ReLU"),
            curve(z, relu, "reference", "ReLU"),
            curve(z, head, "measured", "softmax over two keys"),
        ],
        title="Two keys make a ReLU",
        x="pre-activation z",
        y="output of the head",
        x_range=(-3, 3),
        y_range=(-0.7, 3.1),
    )
    largest = float((relu - head).max())
    return figure, (
        f"At β = {beta:.5g} the head lies at most {largest:.3g} below ReLU; "
        f"κ/β = {bound:.3g} is promised."
    )


@explorable(
    "gap",
    title="The gap is zero at the corner, largest beside it",
    beta=Log(0.5, 100, default=4, label=BETA_LABEL),
)
def gap(beta: float) -> tuple[go.Figure, str]:
    """Show β times the gap over βz: one curve for all β."""
    u = _grid(-8, 8, 161)
    z = u / beta
    scaled = beta * (z.relu() - relu_head(z, beta))
    peak = 1 + KAPPA
    figure = chart(
        [
            curve(u, torch.full_like(u, KAPPA), "bound", "promised: κ"),
            curve(u, scaled, "measured", "gap, in units of 1/β"),
        ],
        title="The gap is zero at the corner, largest beside it",
        x="βz",
        y="β · (ReLU − head)",
        x_range=(-8, 8),
        y_range=(0, 0.34),
        rules=[rule("prediction", x=-peak), rule("prediction", x=peak)],
        notes=[note(peak + 0.15, 0.315, "βz = 1+κ", "prediction")],
    )
    return figure, (
        f"At β = {beta:.5g} the largest gap is {float(scaled.max()):.4f}/β, at β|z| = 1+κ on both sides, "
        "and it is zero at the corner. The curve is the same at every β."
    )


@explorable(
    "unmasked-head",
    title="Without a mask the other tokens leak in",
    self_score=Linear(0, 16, default=4, label="own score λ", points=33),
    tokens=Choice([2, 4, 8, 16], 8, label="tokens n"),
    beta=Choice([1, 4, 16, 64], 16, label=BETA_LABEL),
)
def unmasked_head(self_score: float, tokens: int, beta: int) -> tuple[go.Figure, str]:
    """Show one token's output while all others hold the value Z = 2, and the promised band."""
    size = 2.0
    z = _grid(-size, size, 81)
    rows = torch.full((len(z), tokens), size, dtype=torch.float64)
    rows[:, 0] = z
    out = unmasked_relu_head(rows, float(beta), self_score)[:, 0]
    bound = min(unmasked_bound(beta, tokens, self_score, size), 10.0)
    relu = z.relu()
    figure = chart(
        [
            *band(z, relu - bound, relu + bound, "bound", "promised: κ/β + 2Z(n−1)e<sup>−λ</sup>"),
            curve(z, relu, "reference", "ReLU"),
            curve(z, out, "measured", "the head, other tokens at Z = 2"),
        ],
        title="Without a mask the other tokens leak in",
        x="pre-activation z of the token itself",
        y="output at that token",
        x_range=(-size, size),
        y_range=(-0.8, 2.6),
    )
    error = float((out - relu).abs().max())
    return figure, (
        f"With {tokens} tokens, β = {beta} and λ = {self_score:.3g} the output is off by up to {number(error)}; "
        f"{number(unmasked_bound(beta, tokens, self_score, size))} is promised."
    )


@explorable(
    "broken-precision",
    title="Rounded keys break the bound",
    beta=Log(1, 1e4, default=100, label=BETA_LABEL, points=33),
    precision=Choice(["bfloat16", "float16", "float32"], label="keys are stored in"),
)
def broken_precision(beta: float, precision: str) -> tuple[go.Figure, str]:
    """Show the gap of a head whose key holds x = z + 8 in a shorter format."""
    z = _grid(-0.08, 0.08, 321)
    relu = z.relu()
    exact = relu - relu_head(z, beta)
    rounded = relu - rounded_relu_head(z, beta, offset=8.0, precision=getattr(torch, precision))
    bound = relu_bound(beta)
    figure = chart(
        [
            *band(z, torch.zeros_like(z), torch.full_like(z, bound), "bound", "promised: 0 to κ/β"),
            curve(z, rounded, "violated", "gap, keys rounded"),
            curve(z, exact, "measured", "gap, keys exact"),
        ],
        title="Rounded keys break the bound",
        x="pre-activation z = x − 8, where x is stored in the key",
        y="ReLU − head",
        x_range=(-0.08, 0.08),
        y_range=(-0.002, 0.042),
    )
    largest = float(rounded.max())
    word = "outside of" if largest > bound * (1 + 1e-9) else "within"
    return figure, (
        f"With keys in {precision} and β = {beta:.5g} the largest gap is {number(largest)}, {word} the promised "
        f"{number(bound)}. A larger β does not help: the key no longer knows where the corner is."
    )


@explorable(
    "broken-mask",
    title="What is seen at score 0 stays, however sharp the softmax",
    beta=Log(1, 1000, default=100, label=BETA_LABEL, points=19),
    neighbours=Integer(0, 8, 3, label="other tokens seen"),
    self_score=Choice([0, 2, 4, 8], label="own score λ"),
)
def broken_mask(beta: float, neighbours: int, self_score: int) -> tuple[go.Figure, str]:
    """Show the head's output when other tokens of value 1 are seen at score 0."""
    z = _grid(-2, 2, 81)
    rows = torch.ones(len(z), neighbours + 1, dtype=torch.float64)
    rows[:, 0] = z
    out = unmasked_relu_head(rows, beta, float(self_score))[:, 0]
    relu, bound = z.relu(), relu_bound(beta)
    figure = chart(
        [
            *band(z, relu - bound, relu, "bound", "promised for two keys: within κ/β"),
            curve(z, relu, "reference", "ReLU"),
            curve(z, out, "violated", "the head, other tokens at 1"),
        ],
        title="What is seen at score 0 stays, however sharp the softmax",
        x="pre-activation z of the token itself",
        y="output at that token",
        x_range=(-2, 2),
        y_range=(-0.4, 2.1),
    )
    error = float((out - relu).abs().max())
    return figure, (
        f"With {neighbours} other tokens, λ = {self_score} and β = {beta:.5g} the output is off by up to "
        f"{number(error)}; two keys alone would be within {number(bound)}."
    )
