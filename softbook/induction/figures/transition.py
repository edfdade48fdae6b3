"""Explorables from the committed pictures: the transition in a mixture, and too small a vocabulary."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.induction.experiment import pictures
from softbook.induction.experiment.pictures import LENGTHS, SHARES, SIZES, THETAS, WINDOWS
from softbook.induction.figures.ratio import BOTH, TOKEN
from softbook.induction.theory import margin, max_sum_ratio, predicted_accuracy
from softbook.knobs import Choice
from softbook.plotting import ROLES, band, chart, curve, points, rule

TURN = "A few other lengths turn the shortcut into induction"
SMALL = "With few tokens accuracy strays from the prediction"


@lru_cache(maxsize=1)
def stored() -> dict[str, Any]:
    """Return the committed result."""
    return pictures.load()


@lru_cache(maxsize=4)
def margins(previous: bool) -> np.ndarray:
    """Return the worst margin on 1..16 for each share of the mixture."""
    return np.array(
        [
            margin(pictures.mixture(share), LENGTHS, 1, previous=previous, reach=16)
            for share in SHARES
        ]
    )


@explorable(
    "ind-transition",
    title=TURN,
    share=Choice(SHARES, 0.2, label="share w of 1 to 16"),
    values=Choice([BOTH, TOKEN], label="values read"),
    theta=Choice(THETAS, 30, label="length of steps θ"),
)
def ind_transition(share: float, values: str, theta: int) -> tuple[go.Figure, str]:
    """Show attention and accuracy on ℓ1 ≠ ℓ2 against the mixture's weight, with the exact curve."""
    previous = values == BOTH
    wanted = (1 + previous, theta)
    rows = [one for one in stored()["mixture"] if (one["kappa"], one["theta"]) == wanted]
    looks = np.array([one["attention"] for one in rows])
    right = np.array([one["right"] for one in rows])
    exact = np.array([one["exact"] for one in rows])
    worst = margins(previous)
    x = np.array(SHARES)
    every = np.repeat(x, looks.shape[1])
    small, square = (
        {"color": ROLES[role].light, "size": 5, "symbol": ROLES[role].marker}
        for role in ("measured", "reference")
    )
    figure = chart(
        [
            points(every, looks.ravel(), "measured", "attention, five seeds", marker=small),
            curve(x, exact, "prediction", "attention, exact"),
            curve(x, right.mean(1), "measured", "right answers"),
            curve(x, worst, "reference", "worst margin / A", mode="lines+markers", marker=square),
        ],
        title=TURN,
        x="share w of lengths 1 to 16, rest at 8",
        y="share; margin in units of A",
        x_range=(-0.02, 1.02),
        y_range=(-0.25, 1.05),
        rules=[rule("reference", x=share), rule("reference", y=0.0)],
    )
    at = SHARES.index(share)
    told = f"{worst[at]:+.3f}".replace("-", "−")
    ratio = max_sum_ratio(pictures.mixture(share), LENGTHS, form="finite")
    return figure, (
        f"w = {share:g}: {100 * right[at].mean():.0f} % right on two different distances up to 16; attention on the output {looks[at].mean():.3f} "
        f"({looks[at].min():.3f} to {looks[at].max():.3f}), with the exact weights {exact[at]:.3f}. Steps of θ = {theta}, R_T = {ratio:.3f}, worst margin {told} A."
    )


@explorable(
    "ind-break-vocabulary",
    title=SMALL,
    window=Choice(list(WINDOWS), "3 to 7", label="lengths"),
)
def ind_break_vocabulary(window: str) -> tuple[go.Figure, str]:
    """Show accuracy on conflicting lengths against the number of tokens, four triggers."""
    rows = [one for one in stored()["vocabulary"] if one["window"] == window]
    right = 100 * np.array([one["right"] for one in rows])
    low, high = WINDOWS[window]
    lengths = np.arange(low, high + 1)
    told = 100 * predicted_accuracy(
        np.full(len(lengths), 1 / len(lengths)), lengths, pictures.TRIGGERS
    )
    x = np.array(SIZES, dtype=float)
    spread = band(x, right.min(1), right.max(1), "measured", "range of five seeds")
    figure = chart(
        [
            *(edge | {"line": edge["line"] | {"width": 0}} for edge in spread),
            curve(x, right.mean(1), "measured", "measured"),
            curve([7, 110], [told, told], "prediction", "predicted, N → ∞"),
        ],
        title=SMALL,
        x="tokens N",
        y="accuracy out of distribution (%)",
        x_type="log",
        x_range=(7, 110),
        y_range=(0, 103),
    )
    axis = figure.layout.xaxis
    axis.update(tickmode="array", tickvals=[8, 16, 32, 64], ticktext=["8", "16", "32", "64"])
    seen = ", ".join(
        f"{right[SIZES.index(size)].mean():.0f} % with {size}" for size in (8, 16, 32, 96)
    )
    return figure, (
        f"Lengths {window}, four triggers, tokens: {seen}; the prediction for many is {told:.0f} %."
    )
