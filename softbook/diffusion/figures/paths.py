"""Explorables along time: what the future depends on, early stopping, and steps that share coins."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go

from softbook.diffusion.figures.common import LABEL, MASKED, UNIFORM, data
from softbook.diffusion.figures.steps import STEPS, TICKS
from softbook.diffusion.model.distances import oscillation, total_variation
from softbook.diffusion.model.path import path_law, rates
from softbook.diffusion.model.samplers import continuous_law
from softbook.diffusion.model.tables import copy_law, random_law
from softbook.diffusion.theory import adjoint, parallel_unmasking_bound, stop_bound
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, points

TIMES = np.linspace(0.0, 0.98, 50)
END = 0.98
TOKENS, SITES = 3, 2
OBSERVABLES = ("site 1 shows token 0", "both sites agree", "sites that show token 0")
PRIORS = {MASKED: "masked", UNIFORM: "uniform"}


def observable(name: str, letter_count: int) -> np.ndarray:
    """Return the values of an observable on all states, in C order.

    >>> observable("both sites agree", 2).tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    first, second = np.indices((letter_count,) * SITES).reshape(SITES, -1)
    values = {
        OBSERVABLES[0]: first == 0,
        OBSERVABLES[1]: first == second,
        OBSERVABLES[2]: (first == 0).astype(int) + (second == 0),
    }
    return values[name].astype(float)


@lru_cache(maxsize=16)
def oscillations(name: str, prior: str) -> np.ndarray:
    """Return osc(u_t) over all states, and its mean over what one jump along the path reaches."""
    law = random_law(TOKENS, SITES, 1)
    letter_count = TOKENS + (prior == "masked")
    u = adjoint(lambda t: rates(law, t, prior=prior), observable(name, letter_count), TIMES)
    found = []
    for time, values in zip(TIMES, u, strict=True):
        reached = rates(law, time, prior=prior) != 0
        reached |= np.eye(len(values), dtype=bool)
        near = np.where(reached, values, -np.inf).max(1) - np.where(reached, values, np.inf).min(1)
        found.append((oscillation(values), path_law(law, time, prior=prior).ravel() @ near))
    return np.array(found)


@explorable(
    "diff-osc",
    title="One jump changes the future by at most osc f, mostly by less",
    name=Choice(list(OBSERVABLES), label="observable f"),
    prior=Choice([UNIFORM, MASKED], label="noise"),
)
def diff_osc(name: str, prior: str) -> tuple[go.Figure, str]:
    """Show the oscillation of u_t: over all states, and over one jump, in the mean."""
    found = oscillations(name, PRIORS[prior])
    whole = oscillation(observable(name, TOKENS))
    figure = chart(
        [
            curve(TIMES, np.full(len(TIMES), whole), "bound", "osc f"),
            curve(TIMES, found[:, 0], "prediction", "osc uₜ, all states"),
            curve(TIMES, found[:, 1], "measured", "osc uₜ, one jump away"),
        ],
        title="One jump changes the future by at most osc f, mostly by less",
        x="time t",
        y="oscillation",
        x_range=(0, 1),
        y_range=(0, 1.1 * whole),
    )
    return figure, (
        f"f: {name}; {prior}. At t = 0 the mean of f differs by {found[0, 0]:.3f} between the farthest states, and by "
        f"{found[0, 1]:.3f} on average within one jump; at t = {END} by {found[-1, 0]:.3f} and {found[-1, 1]:.3f}. osc f = {whole:.0f}."
    )


STOPS = np.linspace(0.0, 1.0, 41)


@lru_cache(maxsize=16)
def stopped(prior: str, sites: int) -> np.ndarray:
    """Return TV at each of `STOPS`: masks that are left are filled at once, noise stays."""
    law = data(sites)
    if prior == MASKED:
        found = [continuous_law(law, stop=float(t)) for t in STOPS]
    else:
        found = [path_law(law, float(t), prior="uniform") for t in STOPS]
    return np.array([total_variation(one, law) for one in found])


@explorable(
    "diff-stop",
    title="Stopping early costs at most what is not yet data",
    prior=Choice([MASKED, UNIFORM], label="noise"),
    sites=Choice([1, 2, 3, 4], 3, label="sites d"),
)
def diff_stop(prior: str, sites: int) -> tuple[go.Figure, str]:
    """Show the error of stopping at time t, under its bound."""
    measured = stopped(prior, sites)
    tokens = None if prior == MASKED else float(len(data(1)))
    bound = [stop_bound(sites, float(t), tokens) for t in STOPS]
    what = "masks left are filled at once" if prior == MASKED else "noise left stays"
    figure = chart(
        [
            curve(STOPS, measured, "measured", what),
            curve(STOPS, bound, "bound", "bound"),
        ],
        title="Stopping early costs at most what is not yet data",
        x="time t at which the sampler stops",
        y=LABEL,
        x_range=(0, 1),
        y_range=(0, 1.02),
    )
    place = 36
    return figure, (
        f"{prior}, d = {sites}, S = 4: stopped at t = {STOPS[place]:.1f} the error is {measured[place]:.4f}, "
        f"the bound {bound[place]:.4f}."
    )


@explorable(
    "diff-break-together",
    title="What shared coins cost, no number of steps removes",
    share=Choice([0.0, 0.1, 0.3, 1.0], 0.3, label="share ρ of shared coins"),
    tokens=Choice([2, 4, 16], 4, label="tokens S"),
)
def diff_break_together(share: float, tokens: int) -> tuple[go.Figure, str]:
    """Show two sites that copy each other, whose coins are the same with probability ρ."""
    law = copy_law(tokens, SITES)
    apart, at_once = continuous_law(law), continuous_law(law, stop=0.0)
    measured = []
    for k in STEPS:
        together = share + (1 - share) / k
        measured.append(total_variation(together * at_once + (1 - together) * apart, law))
    bound = [parallel_unmasking_bound(SITES, int(k)) for k in STEPS]
    over = np.where(np.array(measured) > np.array(bound) + 1e-12, measured, np.nan)
    figure = chart(
        [
            curve(STEPS, measured, "measured", "measured"),
            points(STEPS, over, "violated", "above the bound"),
            curve(STEPS, bound, "bound", "bound for independent coins"),
        ],
        title="What shared coins cost, no number of steps removes",
        x="steps K",
        y=LABEL,
        x_type="log",
        y_type="log",
        x_range=(0.9, 72),
        y_range=(5e-3, 2),
    )
    figure.update_xaxes(tickmode="array", tickvals=TICKS)
    broken = int(np.isfinite(over).sum())
    return figure, (
        f"ρ = {share}, S = {tokens}: at K = 64 the error is {measured[-1]:.4f}, the bound {bound[-1]:.4f}; it is exceeded at "
        f"{broken} of {len(STEPS)} numbers of steps."
    )
