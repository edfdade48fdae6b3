"""The explorable on discrete flow matching: from samples, by counting, to a sampler."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int64

from softbook.diffusion.experiment.statistics import of_repeats
from softbook.diffusion.figures.common import LABEL
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import states
from softbook.diffusion.model.samplers import continuous_law
from softbook.diffusion.model.tables import random_law
from softbook.diffusion.model.tabular import tabular_conditionals
from softbook.diffusion.theory import tabular_bound
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, points

TITLE = "From samples to a sampler: the error falls about like 1/√n"
SAMPLES = (10, 30, 100, 300, 1000, 3000)
REPEATS = 8


def sample_of(law: Float[np.ndarray, "..."], seed: int) -> Int64[np.ndarray, "n d"]:
    """Return the largest sample of a law; one of n is the first part of the next larger one.

    >>> sample_of(random_law(2, 2, 0), 0).shape
    (3000, 2)
    """
    every = states(len(law), law.ndim)
    return every[np.random.default_rng(seed).choice(len(every), SAMPLES[-1], p=law.ravel())]


@lru_cache(maxsize=64)
def learned(tokens: int, sites: int) -> Float[np.ndarray, "n r"]:
    """Return TV(sampler, data) after counting n samples: one row for each n, one column a repeat.

    >>> learned(2, 1).shape
    (6, 8)
    """
    law, found = random_law(tokens, sites, 0), []
    for seed in range(REPEATS):
        drawn = sample_of(law, seed)
        found.append(
            [
                total_variation(
                    continuous_law(law, conditionals=tabular_conditionals(drawn[:n], tokens)), law
                )
                for n in SAMPLES
            ]
        )
    return np.array(found).T


def exponents(errors: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "r"]:
    """Return each repeat's exponent in n: the slope of its errors' logarithms.

    >>> exponents(np.array(SAMPLES)[:, None] ** -0.5).round(6).tolist()
    [-0.5]
    """
    # An error of nothing has no logarithm; with these samples none is.
    return np.polyfit(np.log(SAMPLES), np.log(errors), 1)[0]


@explorable(
    "diff-chain",
    title=TITLE,
    tokens=Choice([2, 3, 4], 3, label="tokens M"),
    sites=Choice([1, 2, 3], 3, label="sites d"),
)
def diff_chain(tokens: int, sites: int) -> tuple[go.Figure, str]:
    """Show the error of the sampler that counts its conditionals in n samples, under its bound."""
    found = learned(tokens, sites)
    mean = found.mean(1)
    bound = [tabular_bound(tokens, sites, n) for n in SAMPLES]
    figure = chart(
        [
            curve(SAMPLES, mean, "measured", f"measured, mean of {REPEATS}"),
            points(
                np.repeat(SAMPLES, REPEATS),
                found.ravel(),
                "measured",
                "each",
                marker={"color": "#0b5cad", "size": 4, "opacity": 0.75, "symbol": "circle"},
            ),
            curve(SAMPLES, bound, "bound", "bound of the mean"),
        ],
        title=TITLE,
        x="samples n",
        y=LABEL,
        x_type="log",
        y_type="log",
        x_range=(8, 4000),
        y_range=(1e-3, 10),
    )
    slope, low, high = of_repeats(exponents(found))
    return figure, (
        f"M = {tokens}, d = {sites}: with n = 1,000 samples the mean error is {mean[4]:.4f}, the bound {bound[4]:.4f}. "
        f"Over all n one sample's error goes like n to the power −{-slope:.2f} (−{-low:.2f} to −{-high:.2f}: 95 %, over {REPEATS} samples)."
    )
