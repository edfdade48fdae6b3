"""Explorables of laws on lengths: their ratios, what a small one costs, and what the ratio does not tell."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.explore import explorable
from softbook.induction.theory import least_cost, margin, max_sum_ratio
from softbook.knobs import Choice, Integer, Switch
from softbook.plotting import ROLES, chart, curve, note, points, rule

RATIO = "A largest share below 1/(n+1) gives induction, above 1/n it can fail"
COST = "Uniform windows from 1 on cost exponentially more"
ORDER = "If values read the previous token, a greater ratio can do better"
SHAPES = {"1/ℓ²": -2, "1/ℓ": -1, "uniform": 0, "∝ ℓ": 1, "∝ ℓ²": 2}
MANY = (1, 2, 3, 4, 6, 10, 16)
LAST = 24
BOTH, TOKEN = "token and previous (the paper's)", "token only"


def power_law(shape: str, shortest: int, many: int) -> tuple[np.ndarray, np.ndarray]:
    """Return q proportional to a power of ℓ on `many` lengths from `shortest` on.

    >>> power_law("∝ ℓ", 1, 3)[0].round(3).tolist()
    [0.167, 0.333, 0.5]
    """
    lengths = np.arange(shortest, shortest + many)
    weights = lengths.astype(np.float64) ** SHAPES[shape]
    return weights / weights.sum(), lengths


def failing(masses: np.ndarray, lengths: np.ndarray) -> tuple[int, int] | None:
    """Return the first (ℓ1, ℓ2) on which the theorem on failure speaks for R_T > 1/n, or None.

    ℓ1 + ℓ2 is twice the length ℓ* that contributes most; ℓ1 and ℓ1 − 1 are without mass, and ℓ1 is at least 2 from ℓ*.

    >>> failing(np.ones(1), np.array([3]))
    (1, 5)
    """
    top = int(lengths[np.argmax(masses / (2 * lengths + 3))])
    used = set(lengths[masses > 0].tolist())
    for first in range(1, 2 * top):
        if abs(first - top) >= 2 and not used & {first, first - 1}:
            return first, 2 * top - first
    return None


@explorable(
    "ind-ratio",
    title=RATIO,
    shape=Choice(list(SHAPES), "1/ℓ²", label="masses"),
    many=Choice(MANY, 6, label="number of lengths"),
    triggers=Choice([1, 2, 4, 8], 4, label="triggers n"),
    shortest=Integer(1, 9, 3, label="shortest length"),
)
def ind_ratio(shape: str, many: int, triggers: int, shortest: int) -> tuple[go.Figure, str]:
    """Show the shares a/A of a law that the reader chooses, with both thresholds."""
    masses, lengths = power_law(shape, shortest, many)
    each = masses / (2 * lengths + 3)
    shares = np.full(LAST, np.nan)
    shares[lengths - 1] = each / each.sum()
    mass = np.full(LAST, np.nan)
    mass[lengths - 1] = masses
    places = np.arange(1, LAST + 1, dtype=float)
    paper, finite = (max_sum_ratio(masses, lengths, form=form) for form in ("paper", "finite"))
    low, high = 1 / (triggers + 1), 1 / triggers
    figure = chart(
        [
            points(places, shares, "measured", "share of A: a/A"),
            points(places, mass, "reference", "mass q"),
            curve([0, LAST + 1], [low, low], "prediction", "1/(n+1): induction below"),
            curve([0, LAST + 1], [high, high], "bound", "1/n: can fail above"),
        ],
        title=RATIO,
        x="length ℓ",
        y="share",
        x_range=(0, LAST + 1),
        y_range=(0, 1.04),
    )
    said = f"between 1/(n+1) = {low:.3f} and 1/n = {high:.3f}: the neighbours decide"
    if finite < low - 1e-12:
        said = f"below 1/(n+1) = {low:.3f}: at leading order induction on every sequence"
    elif finite > high + 1e-12:
        pair = failing(masses, lengths)
        said = f"above 1/n = {high:.3f}: " + (
            f"the shortcut wins at ℓ1 = {pair[0]}, ℓ2 = {pair[1]}"
            if pair
            else "no ℓ1 is far enough from all lengths with mass for the theorem"
        )
    side = "at most" if paper <= high + 1e-12 else "above"
    return (
        figure,
        f"n = {triggers}, R_T = {finite:.3f}, {said}. The paper's R is {paper:.3f}, {side} 1/n.",
    )


START_ONE, START_N, LINEAR = "uniform from 1", "uniform from n", "linear in ℓ: the least"
COUNT = 12
FORMS = {"R (the paper's)": "paper", "R_T": "finite"}


@lru_cache(maxsize=2)
def costs(form: str) -> dict[str, Float64[np.ndarray, " triggers"]]:
    """Return the costs for n = 1..12 of the cheapest law, and of the narrowest uniform ones with the ratio 1/n.

    >>> float(costs("paper")[LINEAR][3])
    10.0
    """
    found: dict[str, list[float]] = {LINEAR: [], START_N: [], START_ONE: []}
    extra = 0.0 if form == "paper" else 1.5
    for n in range(1, COUNT + 1):
        found[LINEAR].append(least_cost(n, form=form))
        for name, start in ((START_N, n), (START_ONE, 1)):
            x = start + extra
            most = int(np.ceil(x * np.expm1(n / x))) + 1
            sums = np.cumsum(x / (x + np.arange(most)))
            width = int(np.argmax(sums >= n - 1e-12)) + 1
            lengths = np.arange(start, start + width, dtype=np.float64)
            found[name].append(float((lengths**2).mean()))
    return {name: np.array(values) for name, values in found.items()}


@explorable(
    "ind-cost",
    title=COST,
    form=Choice(list(FORMS), label="ratio"),
    triggers=Integer(1, COUNT, 4, label="triggers n"),
)
def ind_cost(form: str, triggers: int) -> tuple[go.Figure, str]:
    """Show the cost of a ratio of 1/n: the least, and that of uniform windows."""
    found, each = costs(FORMS[form]), np.arange(1, COUNT + 1, dtype=float)
    figure = chart(
        [
            curve(each, found[LINEAR], "prediction", LINEAR),
            curve(each, found[START_N], "prediction", START_N, line=FROM_N),
            curve(each, found[START_ONE], "reference", START_ONE),
        ],
        title=COST,
        x="triggers n",
        y="mean of ℓ² a sequence",
        y_type="log",
        x_range=(0.5, COUNT + 0.5),
        y_range=(0.5, 1e11),
        rules=[rule("reference", x=triggers)],
    )
    now = {name: f"{values[triggers - 1]:,.4g}" for name, values in found.items()}
    if found[START_ONE][triggers - 1] >= 1e4:
        now[START_ONE] = f"{found[START_ONE][triggers - 1]:,.0f}"
    kind = "linear" if FORMS[form] == "paper" else "affine"
    return figure, (
        f"n = {triggers}, {form.split()[0]} at most 1/{triggers}: the {kind} law costs {now[LINEAR]}, the narrowest uniform "
        f"window from {triggers} on {now[START_N]}, the one from 1 on {now[START_ONE]}."
    )


# A closed form as well: the colour of one, and another dash.
FROM_N = {"color": ROLES["prediction"].light, "dash": "dashdot", "width": 2}
WINDOWS = ((8, 8), (8, 9), (7, 9), (7, 10), (6, 10), (5, 11), (4, 12), (1, 16))
MIXED = np.linspace(0, 1, 21)
SHOWN = 4
"""The mixture that the sentence names: a fifth on 1 to 16."""


@lru_cache(maxsize=16)
def families(previous: bool, triggers: int, background: bool) -> dict[str, np.ndarray]:
    """Return (R_T, worst margin on 1..16) of windows around 8 and of mixtures of δ_8 with 1..16."""
    lengths = np.arange(1, 17)

    def row(masses: np.ndarray) -> tuple[float, float]:
        worst = margin(
            masses, lengths, triggers, previous=previous, background=background, reach=16
        )
        return max_sum_ratio(masses, lengths, form="finite"), worst

    windows = [(lengths >= low) & (lengths <= high) for low, high in WINDOWS]
    return {
        "windows": np.array([row(inside / inside.sum()) for inside in windows]).T,
        "mixtures": np.array([row((1 - w) * (lengths == 8) + w / 16) for w in MIXED]).T,
    }


@explorable(
    "ind-break-previous",
    title=ORDER,
    values=Choice([BOTH, TOKEN], label="values read"),
    triggers=Choice([1, 2], 1, label="triggers n"),
    background=Switch(True, label="terms in 1/T"),
)
def ind_break_previous(values: str, triggers: int, background: bool) -> tuple[go.Figure, str]:
    """Show the worst margin against the ratio for two families of laws."""
    found = families(values == BOTH, triggers, background)
    windows, mixtures = found["windows"], found["mixtures"]
    ends, kappa = np.array([0.0, 1.0]), 2 if values == BOTH else 1
    figure = chart(
        [
            curve(ends, 1 - (triggers + kappa - 1) * ends, "bound", "promised without 1/T"),
            curve(mixtures[0], mixtures[1], "measured", "8, mixed with 1 to 16"),
            points(mixtures[0], mixtures[1], "measured", "mixtures", showlegend=False),
            curve(windows[0], windows[1], "reference", "windows around 8"),
            points(windows[0], windows[1], "reference", "windows", showlegend=False),
        ],
        title=ORDER,
        x="ratio R_T",
        y="worst margin / A",
        x_range=(0, 1.03),
        y_range=(-2.1, 1.1),
        rules=[rule("reference", y=0.0)],
        notes=[note(0.02, -0.03, "below 0: a failure", "reference", yanchor="top")],
    )
    # Of two laws, the one with the greater ratio has the greater margin.
    greater = [np.subtract.outer(one, two) for one, two in zip(windows, mixtures, strict=True)]
    swapped = int((greater[0] * greater[1] > 1e-9).sum())
    two, fifth = (
        f"R_T = {ratio:.3f}, margin {worst:+.3f} A".replace("-", "−")
        for ratio, worst in (windows[:, 1] + 0.0, mixtures[:, SHOWN] + 0.0)
    )
    return figure, (
        f"Lengths 8 and 9: {two}. Four fifths at 8, the rest on 1 to 16: {fifth}. The greater ratio has the greater margin "
        f"in {swapped} of {len(WINDOWS) * len(MIXED)} pairs of a window and a mixture."
    )
