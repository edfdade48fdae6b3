"""Explorables of laws on lengths: their ratios, what a small one costs, and what the ratio does not tell."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.explore import explorable
from softbook.induction.theory import least_cost, margin, max_sum_ratio
from softbook.knobs import Choice, Integer, Switch
from softbook.plotting import chart, curve, note, points, rule

RATIO = "What one length contributes must stay below all together, over n"
COST = "The cheapest data are linear in the length"
ORDER = "The ratio orders the data if values read tokens only"
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


@explorable(
    "ind-ratio",
    title=RATIO,
    shape=Choice(list(SHAPES), "uniform", label="masses"),
    shortest=Integer(1, 9, 3, label="shortest length"),
    many=Choice(MANY, 6, label="lengths"),
    triggers=Choice([1, 2, 4, 8], 4, label="triggers n"),
)
def ind_ratio(shape: str, shortest: int, many: int, triggers: int) -> tuple[go.Figure, str]:
    """Show the shares a/A of a law that the reader draws, with both thresholds."""
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
            curve([0, LAST + 1], [low, low], "prediction", "1/(n+1): safe below"),
            curve([0, LAST + 1], [high, high], "bound", "1/n: fails above"),
        ],
        title=RATIO,
        x="length ℓ",
        y="share",
        x_range=(0, LAST + 1),
        y_range=(0, 1.04),
    )
    ends = f"between {low:.3f} and {high:.3f}: the neighbours decide"
    if finite < low - 1e-12:
        ends = f"below 1/(n+1) = {low:.3f}: induction on every sequence"
    elif finite > high + 1e-12:
        ends = f"above 1/n = {high:.3f}: the shortcut wins where no seen length is near the output"
    return figure, f"R_T = {finite:.3f}, {ends}. The paper's R is {paper:.3f}."


START_ONE, START_N, LINEAR = "uniform from 1", "uniform from n", "linear in ℓ: the least"
COUNT = 12


@lru_cache(maxsize=2)
def costs(form: str) -> dict[str, Float64[np.ndarray, " triggers"]]:
    """Return the costs for n = 1..12 of the cheapest law, and of the narrowest uniform ones with the ratio 1/n.

    >>> costs("paper")[LINEAR][3]
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
    form=Choice(["paper", "finite"], label="ratio"),
    triggers=Integer(1, COUNT, 4, label="triggers n"),
)
def ind_cost(form: str, triggers: int) -> tuple[go.Figure, str]:
    """Show the cost of a ratio of 1/n: the least, and that of uniform windows."""
    found, each = costs(form), np.arange(1, COUNT + 1, dtype=float)
    figure = chart(
        [
            curve(each, found[LINEAR], "prediction", LINEAR),
            curve(each, found[START_N], "measured", START_N),
            curve(each, found[START_ONE], "violated", START_ONE),
        ],
        title=COST,
        x="triggers n",
        y="mean of ℓ² a sequence",
        y_type="log",
        x_range=(0.5, COUNT + 0.5),
        y_range=(0.5, 1e11),
        rules=[rule("reference", x=triggers)],
    )
    now = {name: values[triggers - 1] for name, values in found.items()}
    return figure, (
        f"n = {triggers}, {'R' if form == 'paper' else 'R_T'} at most 1/{triggers}: the linear law costs {now[LINEAR]:.3g}, the narrowest uniform "
        f"window from {triggers} on {now[START_N]:.3g}, the one from 1 on {now[START_ONE]:.3g}."
    )


WINDOWS = ((8, 8), (8, 9), (7, 9), (7, 10), (6, 10), (5, 11), (4, 12), (1, 16))
MIXED = np.linspace(0, 1, 17)


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
    background=Switch(False, label="terms in 1/T"),
)
def ind_break_previous(values: str, triggers: int, background: bool) -> tuple[go.Figure, str]:
    """Show the worst margin against the ratio for two families of laws."""
    found = families(values == BOTH, triggers, background)
    windows, mixtures = found["windows"], found["mixtures"]
    ends = np.array([0.0, 1.0])
    figure = chart(
        [
            curve(ends, 1 - triggers * ends, "prediction", "1 − n R_T"),
            curve(mixtures[0], mixtures[1], "measured", "8, mixed with 1 to 16"),
            points(mixtures[0], mixtures[1], "measured", "mixtures", showlegend=False),
            curve(windows[0], windows[1], "violated", "windows around 8"),
            points(windows[0], windows[1], "violated", "windows", showlegend=False),
        ],
        title=ORDER,
        x="ratio R_T",
        y="worst margin / A",
        x_range=(0, 1.03),
        y_range=(-1.8, 1.1),
        rules=[rule("reference", y=0.0)],
        notes=[note(0.02, -1.75, "below 0: a sequence fails", "reference", yanchor="bottom")],
    )
    mixed = int(np.argmin(np.abs(MIXED - 0.125)))
    return figure, (
        f"Windows 8 to 9: R_T = {windows[0, 1]:.3f}, margin {windows[1, 1]:+.3f} A. Seven eighths at 8, the rest on 1 to 16: R_T = "
        f"{mixtures[0, mixed]:.3f}, margin {mixtures[1, mixed]:+.3f} A."
    )
