"""Explorables of the trained matrix: where it looks on one sequence, and what it holds."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from softbook.explore import explorable
from softbook.induction.model.network import attention_of
from softbook.induction.model.task import sequences_at, stack
from softbook.induction.model.two_steps import Models, train_two_steps
from softbook.induction.theory import PopulationWeights, population_weights
from softbook.knobs import Choice, Integer
from softbook.plotting import (
    chart,
    curve,
    heatmap,
    note,
    points,
    rule,
    scale_below,
    side_by_side,
)

LOOKS = "Many lengths move attention from the usual place to the output"
HOLDS = "Two mechanisms in one matrix: shortcut and induction"
VOCABULARY, TRIGGERS, MOST = 32, 2, 12
FILLERS = 8
"""So many are shown on either side of the output, at most."""
LAWS = {"3": (3, 3), "3 to 6": (3, 6), "3 to 12": (3, 12)}
LENGTHS = np.arange(3, MOST + 1)
THETA, VALUE_RATE, SEEDS = 8.0, 0.1, 6
"""Length of the steps: the logit of the induction part is θ."""


def law(name: str) -> np.ndarray:
    """Return the uniform law on a window of `LAWS`, over the lengths 3..12.

    >>> law("3")[:2].tolist()
    [1.0, 0.0]
    """
    low, high = LAWS[name]
    inside = (low <= LENGTHS) & (high >= LENGTHS)
    return inside / inside.sum()


def rates(name: str) -> float:
    """Return η_V η_KQ = θ n m/A²."""
    mean = float((law(name) / (2 * LENGTHS + 3)).sum())
    return THETA * TRIGGERS * (VOCABULARY - TRIGGERS) / mean**2


@lru_cache(maxsize=len(LAWS))
def trained(name: str) -> tuple[Models, PopulationWeights]:
    """Return models of six seeds, trained on 8,192 sequences a step, and the exact weights."""
    shape: dict[str, Any] = {"vocabulary": VOCABULARY, "triggers": TRIGGERS}
    models = train_two_steps(
        law(name),
        LENGTHS,
        seeds=range(SEEDS),
        value_rate=VALUE_RATE,
        attention_rate=rates(name) / VALUE_RATE,
        **shape,
    )
    return models, population_weights(law(name), LENGTHS, **shape)


@lru_cache(maxsize=512)
def looked(name: str, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    """Return attention on the places 1..27, NaN behind the end: of the models, and of the exact weights.

    Means over six seeds and 40 fillings of the sequence.
    """
    models, exact = trained(name)
    shape: dict[str, Any] = {
        "vocabulary": VOCABULARY,
        "triggers": TRIGGERS,
        "longest": models.longest,
    }
    tests = [
        sequences_at([first] * 40, [second] * 40, seed=10**6 + seed, **shape)
        for seed in models.seeds
    ]
    found = attention_of(models.attention, stack(tests)).mean((0, 1, 2)).numpy()
    told = attention_of(rates(name) * torch.from_numpy(exact.attention), stack(tests))
    end = first + second + 3
    behind = np.where(np.arange(models.longest) < end, 0.0, np.nan)
    return found + behind, told.mean((0, 1)).numpy() + behind


@explorable(
    "ind-attention",
    title=LOOKS,
    trained_on=Choice(list(LAWS), "3 to 6", label="trained on lengths"),
    first=Integer(1, FILLERS, 2, label="fillers before ℓ1"),
    second=Integer(1, FILLERS, 6, label="fillers between ℓ2"),
)
def ind_attention(trained_on: str, first: int, second: int) -> tuple[go.Figure, str]:
    """Show attention over the places of a sequence with ℓ1 and ℓ2 fillers, simulated and exact."""
    found, told = looked(trained_on, first, second)
    places = np.arange(1, len(found) + 1, dtype=float)
    end, middle = first + second + 3, (first + second) // 2 + 2
    # Each word stands on the side of its line where the other line is not near.
    side = ("right", "output ") if first + 2 <= middle else ("left", " output")
    figure = chart(
        [
            points(places, found, "measured", f"trained, {SEEDS} seeds"),
            curve(places, told, "prediction", "exact weights"),
        ],
        title=LOOKS,
        x="place in the sequence",
        y="attention of the last token",
        x_range=(0, 2 * FILLERS + 4),
        y_range=(-0.03, 1.14),
        rules=[rule("reference", x=first + 2), rule("violated", x=middle)],
        notes=[
            note(first + 2, 1.12, side[1], "reference", yanchor="top", xanchor=side[0]),
            note(middle, 1.05, " middle", "violated", yanchor="top"),
        ],
    )
    where = int(np.nanargmax(found)) + 1
    best = "the output" if where == first + 2 else f"place {where}"
    inside = first == second and law(trained_on)[first == LENGTHS].any()
    return figure, (
        f"Trained on lengths {trained_on}, shown ℓ1 = {first}, ℓ2 = {second} ({'as in training' if inside else 'never seen'}): "
        f"{100 * found[first + 1]:.0f} % of the attention is on the output, place {first + 2} of {end}, and "
        f"{100 * found[middle - 1]:.0f} % on place {middle}; no place has more than {best}."
    )


KEYS = {"3": [1.0, 0, 0, 0], "3 to 6": [0.25] * 4}
SAMPLED, EXACT = "trained, one seed", "exact"
TOKENS, PAIR = 16, 2


@lru_cache(maxsize=2)
def matrices(name: str) -> dict[str, np.ndarray]:
    """Return W_KQ in units of η_V η_KQ c for N = 16, n = 2: trained, and exact."""
    lengths = np.arange(3, 7)
    exact = population_weights(KEYS[name], lengths, TOKENS, PAIR)
    models = train_two_steps(
        KEYS[name],
        lengths,
        vocabulary=TOKENS,
        triggers=PAIR,
        samples=30_000,
        value_rate=VALUE_RATE,
        attention_rate=1 / VALUE_RATE,
    )
    return {
        SAMPLED: models.attention[0, 0].numpy() / exact.scale,
        EXACT: exact.attention / exact.scale,
    }


ORDINARY = 3
"""Ordinary tokens are alike: so many of them are drawn."""


def _parts(features: int, first: int) -> list[tuple[str, np.ndarray]]:
    """Return the features that are drawn, block by block: places from `first` on, triggers, some others."""
    edge = features - 2 * TOKENS
    some = np.arange(PAIR + ORDINARY)
    return [
        ("place", np.arange(first - 1, edge)),
        ("token", edge + some),
        ("previous", edge + TOKENS + some),
    ]


# Lines on the map, which is light in both themes: so these colours are no role's, which a theme would change.
SHORTCUT, INDUCTION, BORDER = "rgb(154,18,114)", "rgb(11,92,173)", "rgb(110,110,110)"
STRONG = 0.04
"""Stronger entries are drawn as this one."""


def _marked(colour: str, left: float, top: float, wide: int, high: int) -> dict[str, Any]:
    """Return a frame around a block of cells, (left, top) its corner."""
    ends = {"x0": left, "x1": left + wide, "y0": top, "y1": top + high}
    return {"type": "rect", "line": {"color": colour, "width": 2}} | ends


def _border(**place: float) -> dict[str, Any]:
    """Return a line between two blocks."""
    line = rule("reference", **place)
    return line | {"line": line["line"] | {"color": BORDER}}


def _matrix(name: str, kind: str, bar: bool) -> go.Figure:
    whole = matrices(name)[kind]
    rows, columns = _parts(len(whole), 1), _parts(len(whole), 9)
    pick = [np.concatenate([part for _, part in parts]) for parts in (rows, columns)]
    values = whole[np.ix_(*pick)]
    high, wide = values.shape
    trace = heatmap(
        values,
        np.arange(1, wide + 1),
        np.arange(1, high + 1),
        "W_KQ / c",
        limits=(-STRONG, STRONG),
        diverging=True,
    )
    trace |= {
        "showscale": bar,
        "colorbar": scale_below(f"entry / c, cut at ±{STRONG:g}") | {"len": 1},
        "xgap": 0,
        "ygap": 0,
    }
    borders = {
        axis: np.cumsum([0, *(len(part) for _, part in parts)])
        for axis, parts in (("y", rows), ("x", columns))
    }
    figure = chart(
        [trace],
        title=kind,
        x="of the last token",
        y="feature it looks for" if bar else "",
        x_range=(0.5, wide + 0.5),
        y_range=(high + 0.5, 0.5),
        height=500,
        rules=[
            _border(**{axis: float(edge) + 0.5})
            for axis, edges in borders.items()
            for edge in edges[1:-1]
        ]
        + [
            _marked(SHORTCUT, 0.5, 0.5, int(borders["x"][1]), int(borders["y"][1])),
            _marked(INDUCTION, borders["x"][1] + 0.5, borders["y"][2] + 0.5, PAIR, PAIR),
        ],
    )
    for axis, edges, names in (
        (figure.layout.xaxis, borders["x"], ["place", "token", "prev."]),
        (figure.layout.yaxis, borders["y"], ["place", "token", "prev."]),
    ):
        axis.update(
            showgrid=False, tickvals=(edges[:-1] + edges[1:] + 1) / 2, ticktext=names, tickangle=0
        )
    figure.layout.xaxis.tickfont = {"size": 10}
    figure.layout.yaxis.showticklabels = bar
    return figure


@explorable(
    "ind-weights",
    title=HOLDS,
    trained_on=Choice(list(KEYS), "3 to 6", label="trained on lengths"),
)
def ind_weights(trained_on: str) -> tuple[go.Figure, str]:
    """Show W_KQ after two steps, from samples and exact: the paper's Figure 2."""
    figure = side_by_side(
        _matrix(trained_on, SAMPLED, True), _matrix(trained_on, EXACT, False), title=HOLDS, gap=0.12
    )
    both = matrices(trained_on)
    exact = both[EXACT]
    edge = len(exact) - 2 * TOKENS
    place, finds = exact[:edge, :edge].max(), exact[edge + TOKENS, edge]
    off = np.abs(both[SAMPLED] - exact)
    return figure, (
        f"Lengths {trained_on}: the strongest entry among places is {place:.3f}, the one that looks for the trigger as previous token "
        f"{finds:.3f}, for each of two triggers. 30,000 sequences give every entry to within {off.max():.4f}. "
        "The large frame is the shortcut, places that look for places; the small one is induction, a trigger that looks for itself just before."
    )
