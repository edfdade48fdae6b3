"""Explorables of trained models: their curves, and what no ratio orders."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.explore import explorable
from softbook.induction.experiment import training
from softbook.induction.experiment.training import LAWS, LENGTHS, NAMES, POINTS, SPOKEN, STEPS
from softbook.induction.figures.ratio import BOTH, TOKEN
from softbook.induction.theory import margin, max_sum_ratio
from softbook.knobs import Choice, Integer
from softbook.plotting import ROLES, band, chart, curve, note, points, rule

CURVES = "One length stays half a shortcut, many do not"
ORDER = "Neither a ratio nor the margin orders what Adam learns"
ADAM, DESCENT, ONE_STEP = "Adam", "gradient descent", "one step"
TRAINED = {ADAM: "adam", DESCENT: "sgd", ONE_STEP: "one-step"}
LOOKS = {"color": ROLES["measured"].light, "dash": "dashdot", "width": 1.5}
FINITE, PAPER, MARGIN = "ratio R_T", "ratio R (the paper's)", "worst margin / A"


@lru_cache(maxsize=1)
def stored() -> dict[str, Any]:
    """Return the committed result."""
    return training.load()


@lru_cache(maxsize=256)
def along(law: str, by: str, previous: bool, measure: str) -> Float64[np.ndarray, "seeds points"]:
    """Return a measure along a training, one row a seed."""
    return training.seen(law, TRAINED[by], previous, measure, stored())


@lru_cache(maxsize=64)
def abscissa(law: str, kind: str, previous: bool) -> float:
    """Return what a law is put in order by: one of its ratios, or minus its worst margin over A.

    >>> abscissa("8 only", FINITE, True), abscissa("8 only", MARGIN, True) > 0
    (1.0, True)
    """
    if kind == MARGIN:
        return -margin(LAWS[law], LENGTHS, 1, previous=previous, reach=int(LENGTHS.max()))
    return max_sum_ratio(LAWS[law], LENGTHS, form="finite" if kind == FINITE else "paper")


def misordered(kind: str, by: str, previous: bool) -> list[tuple[str, str]]:
    """Return the pairs of laws of which the one that theory prefers is worse, for every seed of both.

    >>> misordered(FINITE, ONE_STEP, False), misordered(MARGIN, ONE_STEP, True)
    ([], [])
    """
    ends = {law: along(law, by, previous, "correct")[:, -1] for law in NAMES}
    return [
        (better, worse)
        for better, worse in permutations(NAMES, 2)
        if abscissa(better, kind, previous) < abscissa(worse, kind, previous)
        and ends[better].max() < ends[worse].min()
    ]


def _percent(values: Float64[np.ndarray, " seeds"]) -> str:
    low, high = (f"{100 * value:.0f}" for value in (values.min(), values.max()))
    span = "in all five seeds" if low == high else f"{low} to {high} over five seeds"
    return f"{100 * values.mean():.0f} % ({span})"


@explorable(
    "ind-training",
    title=CURVES,
    law=Choice(NAMES, label="lengths"),
    by=Choice([ADAM, DESCENT], label="trained by"),
    point=Integer(0, POINTS, POINTS, label="twentieths of the training"),
)
def ind_training(law: str, by: str, point: int) -> tuple[go.Figure, str]:
    """Show right answers and attention on ℓ1 ≠ ℓ2 along the training, means and ranges of five seeds."""
    all_steps = STEPS[TRAINED[by]]
    steps = np.linspace(0, all_steps, POINTS + 1)
    correct, output, middle = (
        along(law, by, True, name) for name in ("correct", "on_output", "on_middle")
    )
    loss = along(law, by, True, "loss")
    now = steps[point]
    means = [values.mean(0)[point] for values in (correct, output, middle)]
    roles = ("measured", "measured", "violated")
    figure = chart(
        [
            *(
                edge | {"line": edge["line"] | {"width": 0}}
                for edge in band(steps, correct.min(0), correct.max(0), "measured", "five seeds")
            ),
            curve(steps, correct.mean(0), "measured", "right answers"),
            curve(steps, output.mean(0), "measured", "attention on the output", line=LOOKS),
            curve(steps, middle.mean(0), "violated", "attention on the shortcut"),
            *(
                points([now], [mean], role, "now", showlegend=False)
                for mean, role in zip(means, roles, strict=True)
            ),
        ],
        title=CURVES,
        x="training step",
        y="share, out of distribution",
        x_range=(-0.02 * all_steps, 1.02 * all_steps),
        y_range=(-0.03, 1.05),
        rules=[rule("reference", x=now)],
    )
    ratio = abscissa(law, FINITE, True)
    best, worst = (
        along(name, ADAM, True, "correct")[:, -1].mean() for name in (NAMES[3], "7 to 9")
    )
    return figure, (
        f"{by}, lengths {SPOKEN[law]} (R_T = {ratio:.3f}), after {now:,.0f} steps: loss {loss[:, point].mean():.3f} nats, "
        f"{_percent(correct[:, point])} right on ℓ1 ≠ ℓ2; attention {means[1]:.2f} on the output, {means[2]:.2f} on the "
        f"shortcut where there is one. The ratio does not order what Adam learns: lengths {SPOKEN[NAMES[3]]} (R_T = "
        f"{abscissa(NAMES[3], FINITE, True):.2f}) end at {100 * best:.0f} %, 7 to 9 ({abscissa('7 to 9', FINITE, True):.2f}) at {100 * worst:.0f} %."
    )


@explorable(
    "ind-order",
    title=ORDER,
    by=Choice(list(TRAINED), label="trained by"),
    kind=Choice([FINITE, PAPER, MARGIN], label="in the order of"),
    values=Choice([BOTH, TOKEN], label="values read"),
)
def ind_order(by: str, kind: str, values: str) -> tuple[go.Figure, str]:
    """Show right answers at the end of the training of every law, against a ratio or minus the margin."""
    previous = values == BOTH
    x = np.array([abscissa(law, kind, previous) for law in NAMES])
    ends = np.array([along(law, by, previous, "correct")[:, -1] for law in NAMES])
    step = np.array([along(law, ONE_STEP, previous, "correct")[:, -1].mean() for law in NAMES])
    order = np.argsort(x)
    small = {"color": ROLES["measured"].light, "size": 5, "symbol": "circle"}
    limits = (-0.95, 0.3) if kind == MARGIN else (-0.02, 1.04)
    wrong = misordered(kind, by, previous)
    figure = chart(
        [
            curve(x[order], step[order], "prediction", "after one step"),
            points(
                np.repeat(x, ends.shape[1]), ends.ravel(), "measured", "five seeds", marker=small
            ),
            points(x, ends.mean(1), "measured", f"{by}, mean"),
        ],
        title=ORDER,
        x="−worst margin / A" if kind == MARGIN else kind,
        y="right answers, ℓ1 ≠ ℓ2",
        x_range=limits,
        y_range=(-0.03, 1.05),
        notes=[note(float(x[NAMES.index("8 or 9")]), 0.05, "8 or 9", "reference")],
        rules=[rule("reference", x=float(x[NAMES.index("8 or 9")]))],
    )
    many = len(NAMES) * (len(NAMES) - 1) // 2
    what = f"{by} on {len(NAMES)} laws, in the order of the {kind.replace(' / A', '')}"
    if not wrong:
        return figure, (f"{what}: no pair of the {many} is the other way round for all seeds.")
    better, worse = max(
        wrong,
        key=lambda pair: ends[NAMES.index(pair[1])].mean() - ends[NAMES.index(pair[0])].mean(),
    )
    one, two = (100 * ends[NAMES.index(law)].mean() for law in (better, worse))
    return figure, (
        f"{what}: {len(wrong)} of {many} pairs are the other way round for all seeds. Lengths {SPOKEN[better]} should "
        f"do better than {SPOKEN[worse]}, but end at {one:.0f} % against {two:.0f} %."
    )
