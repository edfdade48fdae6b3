"""The explorable of old data: many updates from one batch, with the ratio clipped or not."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.domino.experiment.toy import judge, reuse
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import band, chart, curve, rule, side_by_side

CLIPS = {"0.1": 0.1, "0.2": 0.2, "0.5": 0.5, "none": float("inf")}
UPDATES, SEEDS = 40, 6
TITLE = "Without a clip the objective grows far more than the return"


@lru_cache(maxsize=32)
def trained(clip: str, noise: float, runs: int) -> Float64[np.ndarray, "seeds three updates"]:
    """Return the return, the surrogate and the ratio after each update, for each batch."""
    return np.array(
        [reuse(runs, UPDATES, clip=CLIPS[clip], noise=noise, seed=seed) for seed in range(SEEDS)]
    )


def _range(along: np.ndarray, found: np.ndarray, role: str) -> list[dict[str, Any]]:
    """Return the band from the least to the greatest batch, without edges."""
    edges = band(along, found.min(0), found.max(0), role, "six batches")
    return [edge | {"line": edge["line"] | {"width": 0}} for edge in edges]


@explorable(
    "dom-clip",
    title=TITLE,
    clip=Choice(list(CLIPS), "none", label="clip ε"),
    noise=Choice([0.0, 2.0], 2.0, label="judge's noise"),
    runs=Choice([8, 32], 8, label="runs N in the batch"),
)
def dom_clip(clip: str, noise: float, runs: int) -> tuple[go.Figure, str]:
    """Show the exact return and the objective along the updates: mean, least and greatest of six batches."""
    found, along = trained(clip, noise, runs), np.arange(UPDATES + 1)
    value, objective, ratio = found.transpose(1, 0, 2)
    start, best = float(value[0, 0]), float(judge().max())
    left = chart(
        [
            *_range(along, value, "measured"),
            curve(along, value.mean(0), "measured", "exact return, mean"),
        ],
        title="what is wanted",
        x="updates",
        y="return",
        x_range=(0, UPDATES),
        y_range=(-0.4, 1.6),
        rules=[rule("reference", y=start)],
    )
    right = chart(
        [
            *(edge | {"showlegend": False} for edge in _range(along, objective, "violated")),
            curve(along, objective.mean(0), "violated", "objective, mean"),
        ],
        title="what is raised",
        x="updates",
        y="",
        x_range=(0, UPDATES),
        y_range=(-1, 16),
    )
    # A rounding may leave a negative zero.
    last = value[:, -1].round(2) + 0.0
    fallen = int((value[:, -1] < start).sum())
    return side_by_side(left, right, title=TITLE), (
        f"{'No clip' if clip == 'none' else f'Clip {clip}'}, noise {noise:g}, {runs} runs: after {UPDATES} updates the objective has grown to {objective[:, -1].mean():.2f}, "
        f"the exact return from {start:.2f} to {last.mean():.2f} in the mean, {last.min():.2f} to {last.max():.2f} ({fallen} of {SEEDS} have fallen; "
        f"the best policy has {best:.2f}). The greatest ratio of new to old is {ratio.max():.1f}."
    )
