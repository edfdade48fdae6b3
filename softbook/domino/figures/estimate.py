"""The explorable of a gradient that is known exactly, and of its estimates from N runs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.domino.experiment.toy import BASELINES, deviation, estimates, wanted
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import ROLES, chart, curve, points, rule, side_by_side

RUNS = (8, 32, 128, 512, 2048)
SEEDS = 6
TITLE = "The estimate's error falls like one over √N"


@lru_cache(maxsize=8)
def simulated(baseline: str, added: float) -> Float64[np.ndarray, "sizes seeds entries"]:
    """Return the estimates for each N and seed."""
    return np.array(
        [[estimates(runs, baseline, added, seed).numpy() for seed in range(SEEDS)] for runs in RUNS]
    )


@explorable(
    "dom-estimate",
    title=TITLE,
    runs=Choice(list(RUNS), 512, label="runs N"),
    baseline=Choice(list(BASELINES), BASELINES[1], label="baseline"),
    added=Choice([0.0, 1.0, 10.0], label="added to every reward"),
)
def dom_estimate(runs: int, baseline: str, added: float) -> tuple[go.Figure, str]:
    """Show the error of the estimates against N, and one of them entry by entry."""
    exact, found = wanted().numpy(), simulated(baseline, added)
    errors = np.linalg.norm(found - exact, axis=-1) / np.linalg.norm(exact)
    line = [deviation(n, baseline, added) for n in RUNS]
    left = chart(
        [
            curve(RUNS, line, "prediction", "exact deviation"),
            points(np.repeat(RUNS, SEEDS), errors.ravel(), "measured", "simulated")
            | {"marker": {"color": ROLES["measured"].light, "size": 5, "symbol": "circle"}},
        ],
        title="relative error",
        x="runs N",
        y="error / length",
        x_type="log",
        y_type="log",
        x_range=(6, 2700),
        y_range=(0.05, 60),
        rules=[rule("reference", x=runs), rule("reference", y=1.0)],
    )
    place, edge = RUNS.index(runs), 0.04
    right = chart(
        [
            curve([-edge, edge], [-edge, edge], "reference", "equal"),
            points(exact, found[place, 0], "measured", "one entry")
            | {
                "marker": {"color": ROLES["measured"].light, "size": 5, "symbol": "circle"},
                "showlegend": False,
            },
        ],
        title="estimated entry",
        x="exact entry",
        y="",
        x_range=(-edge, edge),
        y_range=(-0.12, 0.12),
    )
    right.layout.xaxis.tickvals = [-edge, 0, edge]
    outside = int((np.abs(found[place, 0]) > 0.12).sum())
    beyond = (
        f" {outside} of the {len(exact)} entries lie outside of the picture." if outside else ""
    )
    return side_by_side(left, right, title=TITLE, gap=0.18), (
        f"Baseline: {baseline}{f', {added:g} added to every reward' if added else ''}. With N = {runs} the estimate's deviation is exactly "
        f"{line[place]:.3f} of the gradient's length; {SEEDS} simulated ones err by {errors[place].mean():.3f} in the mean.{beyond}"
    )
