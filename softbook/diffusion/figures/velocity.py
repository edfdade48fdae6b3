"""The explorable on the first link of flow matching's chain: the risk of the velocity, and the error."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from scipy.linalg import expm

from softbook.diffusion.figures.chain import REPEATS, SAMPLES, sample_of
from softbook.diffusion.figures.common import LABEL, another_bound, at_one
from softbook.diffusion.model.path import asked, letters, path_law, rates, states
from softbook.diffusion.model.tables import random_law
from softbook.diffusion.model.tabular import tabular_conditionals
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, points, rule

TITLE = "From the risk of the velocity to the error: what each step of the proof gives away"
NODES = 40
"""In log 1/(1-t) the integrands are polynomials of exponentials: 40 nodes have them to rounding."""


class Link(NamedTuple):
    """TV(p̂_T, p_T) and its three bounds, arrays [samples, repeats]; the bounds are those of `velocity_bound`."""

    measured: Float[np.ndarray, "n r"]
    mean: Float[np.ndarray, "n r"]
    product: Float[np.ndarray, "n r"]
    unfactorised: Float[np.ndarray, "n r"]


def _weights(law: Float[np.ndarray, "..."], stop: float) -> Float[np.ndarray, "2 states"]:
    """Return ∫ p_t(x) / (1-t)^q dt on [0, stop] for q = 1 and 2, in states with a mask (0 in others)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    span = -math.log1p(-stop)
    found = np.zeros((2, (len(law) + 1) ** law.ndim))
    for node, weight in zip((nodes + 1) / 2 * span, weights / 2 * span, strict=True):
        mass = path_law(law, -math.expm1(-node)).ravel()
        found += weight * mass * np.array([[1.0], [math.exp(node)]])
    return found * (states(len(law) + 1, law.ndim) == len(law)).any(1)


@lru_cache(maxsize=64)
def link(tokens: int, sites: int, stop: float) -> Link:
    """Return error and bounds up to time `stop` of the velocities that are counted in n samples.

    The velocity is u^i = (p^i - delta) / (1-t) on the states of tokens and mask, M = S + 1; so
    u - u-hat is (p^i - p-hat^i) / (1-t), and the two laws are exponentials of log 1/(1-t).

    >>> one = link(2, 2, 0.5)
    >>> bool((one.mean <= one.product).all()), one.measured.shape
    (True, (6, 8))
    """
    law, letter_count = random_law(tokens, sites, 0), tokens + 1
    noise = letters(tokens, "masked", None)[1]
    every = states(letter_count, sites)
    exact = asked(None, law, every, 0.0, "masked", noise)
    start, span = np.eye(len(every))[-1], -math.log1p(-stop)
    end = start @ expm(span * rates(law, 0.0))
    weights = _weights(law, stop)
    found = np.zeros((4, len(SAMPLES), REPEATS))
    for seed in range(REPEATS):
        drawn = sample_of(law, seed)
        for place, n in enumerate(SAMPLES):
            model = tabular_conditionals(drawn[:n], tokens)
            gap = exact - asked(model, law, every, 0.0, "masked", noise)
            moved = start @ expm(span * rates(law, 0.0, conditionals=model))
            risk = float(weights[1] @ (gap**2).sum((1, 2)))
            found[:, place, seed] = (
                np.abs(moved - end).sum() / 2,
                weights[0] @ np.abs(gap).sum((1, 2)) / 2,
                math.sqrt(sites * letter_count * stop * risk) / 2,
                # A row's entries stand at distinct states, and the mask's own entry is the same in both.
                math.sqrt(letter_count**sites * stop * risk) / 2,
            )
    return Link(*found)


@explorable(
    "diff-velocity",
    title=TITLE,
    sites=Choice([1, 2, 3], 3, label="sites d"),
    tokens=Choice([2, 3], 3, label="tokens S"),
    stop=Choice([0.5, 0.9, 0.99], 0.9, label="end T"),
)
def diff_velocity(sites: int, tokens: int, stop: float) -> tuple[go.Figure, str]:
    """Show the error of velocities that are counted in n samples, under the bounds of the chain."""
    found = link(tokens, sites, stop)
    measured, mean, product, whole = (part.mean(1) for part in found)
    figure = chart(
        [
            curve(SAMPLES, measured, "measured", "measured"),
            points(SAMPLES, measured, "measured", "measured", showlegend=False, hoverinfo="skip"),
            curve(SAMPLES, mean, "bound", "mean of the norms"),
            another_bound(SAMPLES, product, "risk, factor √(dM)"),
            another_bound(SAMPLES, whole, "risk, factor M^(d/2)", "third"),
        ],
        title=TITLE,
        x="samples n",
        y=LABEL,
        x_type="log",
        y_type="log",
        x_range=(8, 4000),
        y_range=(1e-3, 100),
        rules=[rule("reference", y=1)],
        notes=[at_one(3.55, xanchor="right")],
    )
    place = SAMPLES.index(1000)
    return figure, (
        f"S = {tokens} and a mask, so M = {tokens + 1}; d = {sites}, T = {stop}; means of {REPEATS} samples. At n = 1,000 the error is "
        f"{measured[place]:.4f}; the mean of the norms promises {mean[place]:.4f}, the risk {product[place]:.4f} with √(dM) and "
        f"{whole[place]:.4f} with M^(d/2)."
    )
