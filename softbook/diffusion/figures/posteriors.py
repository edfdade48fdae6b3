"""Explorables on wrong posteriors: what three bounds say, and why the mean matters, not the worst."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go

from softbook.diffusion.figures.common import LABEL, another_bound, data
from softbook.diffusion.model.path import letters, path_law, posteriors
from softbook.diffusion.model.perturbation import Perturbation, posterior_perturbation
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, points

SIZES = 4.0 * 2.0 ** np.arange(0, 16)
SITES = 3
DROPS = {"none": 0.0, "those below 0.02": 0.02, "those below 0.1": 0.1}


@lru_cache(maxsize=1024)
def perturbed(epsilon: float, dropped: str, size: float) -> Perturbation:
    """Return what a wrong posterior costs: rare tokens are dropped, then noise is mixed in."""
    return posterior_perturbation(data(SITES), epsilon, size, drop=DROPS[dropped])


def _said(epsilon: float, dropped: str) -> str:
    """Say what the posterior is, or nothing where it is exact."""
    parts = [f"without its tokens below {DROPS[dropped]}"] if DROPS[dropped] else []
    return " and ".join(parts + ([f"with ε = {epsilon}"] if epsilon else []))


@explorable(
    "diff-perturbed",
    title="A wrong posterior: what each bound says as the vocabulary grows",
    dropped=Choice(list(DROPS), label="tokens dropped"),
    epsilon=Choice([0.0, 0.001, 0.003, 0.01, 0.03, 0.1], 0.01, label="share ε of noise"),
)
def diff_perturbed(dropped: str, epsilon: float) -> tuple[go.Figure, str]:
    """Show the exact error of a perturbed masked sampler under three bounds, against S."""
    found = [perturbed(epsilon, dropped, float(size)) for size in SIZES]
    columns = {
        name: np.array([getattr(one, name) for one in found])
        for name in ("measured", "adjoint", "pinsker", "entrywise")
    }
    what = _said(epsilon, dropped)
    if not what:
        # What rounding leaves of nothing has no place on a logarithmic axis.
        columns = {name: np.full(len(SIZES), math.nan) for name in columns}
    figure = chart(
        [
            curve(SIZES, columns["measured"], "measured", "measured"),
            curve(SIZES, columns["adjoint"], "bound", "along the path"),
            another_bound(SIZES, columns["pinsker"], "KL and Pinsker"),
            another_bound(SIZES, columns["entrywise"], "entry by entry", "third"),
        ],
        title="A wrong posterior: what each bound says as the vocabulary grows",
        x="tokens S (four in the data)",
        y=LABEL,
        x_type="log",
        y_type="log",
        x_range=(3.5, 1.6e5),
        y_range=(1e-4, 1e5),
    )
    if not what:
        return figure, "The posterior is exact: there is no error, and every bound is 0."
    last = found[-1]
    said = (
        f"KL and Pinsker promise {last.pinsker:.4f}"
        if math.isfinite(last.pinsker)
        else "KL is infinite, and its curve is missing"
    )
    return figure, (
        f"d = {SITES}, the posterior {what}, S = 131,072: measured {last.measured:.4f}, along the path "
        f"{last.adjoint:.4f}; {said}; entry by entry {last.entrywise:,.0f}."
    )


TIMES = (0.0, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9)


@lru_cache(maxsize=256)
def drift(size: float, sites: int) -> tuple[float, float]:
    """Return how fast the posterior moves at its fastest: in the mean over the path, in the worst state.

    The largest over `TIMES` of sum_i TV(p^i_t(.|x), p^i_{t+h}(.|x)) / h, where h = 1 / (1000 S).
    """
    law, step = data(sites), 1e-3 / size
    noise = letters(len(law), "uniform", size)[1]
    means, worst = [], []
    for time in TIMES:
        now, later = (posteriors(law, t, noise) for t in (time, time + step))
        moved = np.abs(now - later).sum((1, 2)) / (2 * step)
        mass = path_law(law, time, prior="uniform", prior_size=size).ravel()
        means.append(float(mass @ moved))
        worst.append(float(moved.max()))
    return max(means), max(worst)


@explorable(
    "diff-break-sup",
    title="The mean along the path stays, the worst state grows with the vocabulary",
    sites=Choice([1, 2, 3], 2, label="sites d"),
)
def diff_break_sup(sites: int) -> tuple[go.Figure, str]:
    """Show how fast the posterior moves in time: in the mean over states, and in the worst."""
    found = np.array([drift(float(size), sites) for size in SIZES])
    promised = 2 * sites**2 * (1 - 1 / SIZES)
    figure = chart(
        [
            curve(SIZES, found[:, 0], "measured", "mean over the path"),
            curve(SIZES, promised, "bound", "bound 2d²(1−1/S)"),
            curve(SIZES, found[:, 1], "violated", "worst state"),
            points(SIZES, found[:, 1], "violated", "worst state", showlegend=False),
        ],
        title="The mean along the path stays, the worst state grows with the vocabulary",
        x="noise tokens S (four in the data)",
        y="drift of the posterior, 1 / time",
        x_type="log",
        y_type="log",
        x_range=(3.5, 1.6e5),
        y_range=(0.1, 1e6),
    )
    slope = math.log(found[-1, 1] / found[-5, 1]) / math.log(SIZES[-1] / SIZES[-5])
    return figure, (
        f"d = {sites}, at the time at which it is fastest. S = 131,072: the mean drift is {found[-1, 0]:.3f}, within its bound "
        f"{promised[-1]:.3f}; the worst state's is {found[-1, 1]:,.0f} and grows like S to the power {slope:.2f}."
    )
