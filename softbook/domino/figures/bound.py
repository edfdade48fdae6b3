"""The explorable on how far a tuned law has moved, and on what promises it: three bounds and a factor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float64

from softbook.domino.experiment.toy_laws import (
    PENALTIES,
    REWARDS,
    ascend,
    conditionals,
    deviations,
    mixed_law,
    reward_table,
    terminal_laws,
)
from softbook.domino.figures.steps import ticks
from softbook.domino.theory.bounds import reported_exponent, tv_bound
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import ROLES, chart, curve, rule, side_by_side

AT_RANDOM, TO_REWARD = "at random", "towards a reward"
FAR = np.geomspace(0.01, 10, 19)
SHOWN = [float(FAR[place]) for place in (3, 6, 9, 12, 15)]
STEPS = (1, 2, 4, 8, 16, 32, 64)
NAMES = ("Σ TV", "√(d·R/2)", "√(R′/2)")
DASHES = ("dash", "dashdot", "dot")
TITLE = "The law moves less than each of three bounds allows"


def push(sites: int, way: str) -> Float64[torch.Tensor, "n d S"]:
    """Return a direction for the reference's logits, of mean square 1."""
    made = conditionals(mixed_law(sites, 0.5))
    if way == AT_RANDOM:
        found = torch.from_numpy(np.random.default_rng(0).normal(size=tuple(made.shape)))
    else:
        marks = torch.from_numpy(reward_table(REWARDS[1], sites).reshape(1, -1))
        free = torch.zeros(1, len(PENALTIES), dtype=torch.float64)
        found = ascend(made, marks, free, 4, iterations=60)[0] - made
    return found / found.square().mean().sqrt()


@lru_cache(maxsize=8)
def measured(sites: int, way: str) -> Float64[np.ndarray, "K four far"]:
    """Return for each K the exact TV and the three bounds, a column a distance."""
    made = conditionals(mixed_law(sites, 0.5))
    policies = made + torch.from_numpy(FAR)[:, None, None, None] * push(sites, way)
    found = []
    for steps in STEPS:
        laws, base = terminal_laws(policies, steps), terminal_laws(made[None], steps)
        rows = [((laws - base).abs().sum(1) / 2).tolist()]
        for form in PENALTIES:
            sums = deviations(policies, made, steps, form).clamp_min(0).tolist()
            rows.append([tv_bound(one, form=form, sites=sites) for one in sums])
        found.append(rows)
    return np.array(found)


def panel(
    along: Sequence[float] | Float64[np.ndarray, " n"],
    lines: Float64[np.ndarray, "four n"],
    title: str,
    *,
    x: str,
    at: float,
) -> go.Figure:
    """Return the exact distance and the bounds along one axis, with a line where the reader is."""
    look = {"color": ROLES["bound"].light, "width": ROLES["bound"].width}
    bounds = zip(lines[1:], DASHES, NAMES, strict=True)
    return chart(
        [
            *(
                curve(along, line, "bound", f"bound {name}", line=look | {"dash": dash})
                for line, dash, name in bounds
            ),
            curve(along, lines[0], "measured", "exact"),
        ],
        title=title,
        x=x,
        y="total variation",
        x_type="log",
        y_type="log",
        x_range=(0.8 * along[0], 1.25 * along[-1]),
        y_range=(1e-3, 20),
        rules=[rule("reference", y=1.0), rule("reference", x=at)],
    )


@explorable(
    "dom-bound",
    title=TITLE,
    way=Choice([TO_REWARD, AT_RANDOM], label="moved"),
    sites=Choice([2, 3, 4], 4, label="sites d"),
    far=Choice([round(one, 3) for one in SHOWN], 0.316, label="change of the logits (rms)"),
    steps=Choice([1, 4, 16, 64], 16, label="steps K"),
)
def dom_bound(way: str, sites: int, far: float, steps: int) -> tuple[go.Figure, str]:
    """Show exact TV and three bounds against the change of the logits, and against K."""
    table = measured(sites, way)
    place, row = int(np.abs(FAR - far).argmin()), STEPS.index(steps)
    left = panel(FAR, table[row], f"K = {steps}", x="change of logits", at=float(FAR[place]))
    right = panel(STEPS, table[:, :, place].T, f"change {far:g}", x="steps K", at=steps)
    for trace in right.data:
        trace.showlegend = False
    # Narrow pages have no room for more: the right panel's heights are those of the left one.
    left.layout.xaxis.dtick = 2
    right.layout.yaxis.update(title={"text": ""}, showticklabels=False)
    values = dict(zip(("exact", *NAMES), table[row, :, place], strict=True))
    told = ", ".join(f"{name} = {values[name]:.3f}" for name in NAMES)
    empty = [name for name in NAMES if values[name] >= 1]
    last = f"no promise above 1: {', '.join(empty)}" if empty else "all below 1"
    return side_by_side(left, ticks(right), title=TITLE), (
        f"Moved {way} by {far:g}, d = {sites}, K = {steps}: exactly {values['exact']:.3f}; {told}; {last}. "
        f"The factor exp(M) that is reported of the paper's bounds, with M = K, is 10 to the power {reported_exponent(steps):.1f}."
    )
