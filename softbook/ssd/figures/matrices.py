"""Explorables on the kernel matrix: one map two ways, the state and its attention row, sums of heads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from softbook.explore import explorable
from softbook.kernels.ssd import ssd
from softbook.knobs import Choice, Integer
from softbook.plotting import chart, curve, heatmap, number, points, scale_below, side_by_side
from softbook.ssd.figures.panels import matrix_chart, matrix_map
from softbook.ssd.model import diagonal_as_heads, kernel_matrix

TOKENS = 16
STATES = 4
CHANNELS = 6
HEADS = 8
HEAD_TOKENS = 12
# Errors below this are rounding, which differs between machines, and may be 0: a log axis ends here.
FLOOR = 1e-14
WHOLE, MASK, SCORES = "L∘(QKᵀ)", "the mask L", "the scores QKᵀ"


def drawn(tokens: int, states: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return queries and keys [T, N], standard normal over N^¼, so that scores q·k have variance 1.

    >>> drawn(3, 2)[0].shape
    torch.Size([3, 2])
    """
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((2, tokens, states)) / states**0.25
    return torch.from_numpy(q), torch.from_numpy(k)


def one_semiseparable(tokens: int, decay: float) -> Tensor:
    """Return the mask 1SS(a) [T, T] of one decay: a^(j−i) for j ≥ i (0⁰ = 1), 0 above.

    >>> one_semiseparable(3, 0.5)[2].tolist()
    [0.25, 0.5, 1.0]
    """
    steps = torch.arange(tokens, dtype=torch.float64)
    return (
        torch.full((tokens, tokens), decay, dtype=torch.float64)
        .pow((steps.unsqueeze(-1) - steps).clamp(min=0))
        .tril()
    )


def by_recurrence(q: Tensor, k: Tensor, decay: float) -> Tensor:
    """Return the map [T, T] of the recurrence: its outputs for the unit vectors as inputs."""
    tokens = len(q)
    log_a = torch.full((1, tokens, 1), decay, dtype=torch.float64).log()
    unit = torch.eye(tokens, dtype=torch.float64)
    out, _ = ssd(
        q[None, :, None], k[None, :, None], unit[None, :, None], log_a, backend="reference"
    )
    return out[0, :, 0].double()


def _lower(matrix: Tensor) -> Tensor:
    """Return a matrix with gaps above the diagonal, where a causal map is zero."""
    return torch.where(torch.ones_like(matrix).tril() > 0, matrix, torch.nan)


@explorable(
    "ssd-matrix",
    title="Two computations, one matrix",
    decay=Choice([0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.97, 1.0], 0.8, label="decay a"),
    states=Choice([1, 2, 4], 2, label="states N"),
    tokens=Choice([4, 8, 16], 16, label="tokens T"),
    right=Choice([WHOLE, MASK, SCORES], label="right panel"),
)
def ssd_matrix(decay: float, states: int, tokens: int, right: str) -> tuple[go.Figure, str]:
    """Show what the recurrence does to each unit vector beside masked attention, or its factors."""
    q, k = (entry[:tokens] for entry in drawn(TOKENS, states))
    recurrence = by_recurrence(q, k, decay)
    mask, scores = one_semiseparable(tokens, decay), q @ k.T
    attention = mask * scores
    chosen = {WHOLE: attention, MASK: mask, SCORES: scores}[right]
    limits = (-2.0, 2.0)
    if right != SCORES:
        chosen = _lower(chosen)
    figure = side_by_side(
        matrix_chart(
            [matrix_map(_lower(recurrence), TOKENS, "entry", limits=limits)],
            "the recurrence",
            tokens,
        ),
        matrix_chart(
            [matrix_map(chosen, TOKENS, "entry", limits=limits, bar=False)], right, tokens, y=""
        ),
        title="Two computations, one matrix",
    )
    difference = float((recurrence - attention).abs().max())
    return figure, (
        f"With T = {tokens}, N = {states} and a = {decay:g} the largest difference between the recurrence's matrix "
        f"and L∘(QKᵀ) is {number(difference, 1)}; the largest entry is {float(attention.abs().max()):.3g}."
    )


@lru_cache(maxsize=16)
def states_over_time(decay: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Run the recurrence once: queries, keys [T, N], values [T, P] and all states [T, N, P]."""
    q, k = drawn(TOKENS, STATES, seed=1)
    v = torch.from_numpy(np.random.default_rng(2).standard_normal((TOKENS, CHANNELS)))
    state, states = torch.zeros(STATES, CHANNELS, dtype=torch.float64), []
    for token in range(TOKENS):
        state = decay * state + torch.outer(k[token], v[token])
        states.append(state)
    return q, k, v, torch.stack(states)


@explorable(
    "ssd-recurrence",
    title=f"The state stays {STATES} × {CHANNELS}, the row of attention grows",
    t=Integer(1, TOKENS, 15, label="token t"),
    decay=Choice([0.0, 0.5, 0.8, 0.9, 1.0], 0.8, label="decay a"),
)
def ssd_recurrence(t: int, decay: float) -> tuple[go.Figure, str]:
    """Show the state after token t beside the weights with which attention sums the past values."""
    q, k, v, states = states_over_time(decay)
    state = states[t - 1]
    age = torch.arange(t - 1, -1, -1, dtype=torch.float64)
    weights = torch.full((t,), decay, dtype=torch.float64).pow(age) * (k[:t] @ q[t - 1])
    row = np.pad(weights.numpy(), (0, TOKENS - t), constant_values=np.nan)
    from_state, from_row = q[t - 1] @ state, weights @ v[:t]
    places = np.arange(1, TOKENS + 1)
    limits = (-5.0, 5.0)
    channels = np.arange(1, CHANNELS + 1)
    numbers = np.arange(1, STATES + 1)
    field = heatmap(state, channels, numbers, "entry of h", limits=limits, diverging=True)
    figure = side_by_side(
        chart(
            [field | {"colorbar": scale_below("entry of the state"), "xgap": 1, "ygap": 1}],
            title=f"the state h, {STATES} × {CHANNELS}",
            x="channel p",
            y="state n",
            x_range=(0.5, CHANNELS + 0.5),
            y_range=(STATES + 0.5, 0.5),
            height=420,
        ),
        chart(
            [
                _stems(places, row),
                points(places, row, "measured", "weight of past token i", showlegend=False),
            ],
            title="row of attention",
            x="past token i",
            y="weight",
            x_range=(0.3, TOKENS + 0.7),
            y_range=(-2.6, 2.6),
        ),
        title=f"The state stays {STATES} × {CHANNELS}, the row of attention grows",
        gap=0.25,
    )
    difference = float((from_state - from_row).abs().max())
    return figure, (
        f"At t = {t} with a = {decay:g} the first output channel is {float(from_state[0]):.3f} from the state's "
        f"{STATES * CHANNELS} numbers and {float(from_row[0]):.3f} from {t} weights and {t} values; over all "
        f"{CHANNELS} channels the two differ by at most {number(difference, 1)}."
    )


def _stems(x: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """Return a vertical line from 0 to each point, as one curve with gaps."""
    gap = np.full_like(y, np.nan)
    heights = np.stack([np.where(np.isnan(y), gap, 0.0), y, gap], axis=1).ravel()
    return curve(np.repeat(x.astype(float), 3), heights, "measured", "from 0", showlegend=False)


@lru_cache(maxsize=2)
def _diagonal(cut: bool) -> tuple[Tensor, list[Tensor]]:
    """Return the kernel matrix of a diagonal SSM and those of its one-width heads, all [T, T]."""
    q, k = drawn(HEAD_TOKENS, HEADS, seed=3)
    a = torch.linspace(0.3, 0.99, HEADS, dtype=torch.float64).repeat(HEAD_TOKENS, 1)
    if cut:
        a[HEAD_TOKENS // 2, HEADS // 2 :] = 0
    return kernel_matrix(q, k, a), [kernel_matrix(*head) for head in diagonal_as_heads(q, k, a)]


EVERYWHERE, CUT = "0.3 to 0.99", "0.3 to 0.99, half of them 0 at token 7"


@explorable(
    "ssd-heads",
    title="A diagonal SSM is a sum of heads of width one",
    heads=Integer(0, HEADS, 4, label="heads added"),
    decays=Choice([EVERYWHERE, CUT], label="decays of the 8 states"),
)
def ssd_heads(heads: int, decays: str) -> tuple[go.Figure, str]:
    """Show the sum of the first heads beside what is left to the matrix of the SSM."""
    whole, parts = _diagonal(decays == CUT)
    sums = torch.zeros_like(whole)
    errors, shown = [float(whole.abs().max())], sums
    for count, part in enumerate(parts, 1):
        sums = sums + part
        errors.append(float((whole - sums).abs().max()))
        shown = sums if count == heads else shown
    limits = (-3.0, 3.0)
    counts = np.arange(HEADS + 1)
    drawn_errors = np.maximum(errors, FLOOR)
    figure = side_by_side(
        matrix_chart(
            [matrix_map(_lower(shown), HEAD_TOKENS, "entry of the sum", limits=limits)],
            "sum of the heads",
            HEAD_TOKENS,
        ),
        chart(
            [
                curve(counts, drawn_errors, "measured", "largest error", showlegend=False),
                points(
                    [heads],
                    [drawn_errors[heads]],
                    "measured",
                    "at this number",
                    showlegend=False,
                    marker={"size": 13, "color": "#0b5cad"},
                ),
            ],
            title="largest error",
            x="heads added",
            y="",
            y_type="log",
            x_range=(-0.4, HEADS + 0.4),
            y_range=(FLOOR / 3, 30),
        ),
        title="A diagonal SSM is a sum of heads of width one",
        gap=0.2,
    )
    return figure, (
        f"After {heads} of {HEADS} heads an entry is off by up to {number(errors[heads], 2)}; the largest entry of the SSM's "
        f"matrix is {errors[0]:.3g}."
    )
