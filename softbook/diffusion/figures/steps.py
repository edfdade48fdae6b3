"""Explorables on steps: the error against them, its tight case, the vocabulary, and the planner."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go

from softbook.diffusion.figures.common import (
    LABEL,
    MASKED,
    UNIFORM,
    USED,
    another_bound,
    at_one,
    data,
)
from softbook.diffusion.model.along import group_bound
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.samplers import masked_sampler_law, uniform_sampler_law
from softbook.diffusion.model.tables import copy_law
from softbook.diffusion.theory import (
    parallel_unmasking_bound,
    steps_needed,
    total_correlation_bound,
    uniform_bound,
)
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, note, points, rule

STEPS = 2 ** np.arange(7)
TICKS = [1, 4, 16, 64]
EQUAL = "equal steps"
SCHEDULES: dict[str, Callable[[float], float]] = {
    EQUAL: lambda s: s,
    "cosine": lambda s: 1 - math.cos(math.pi * s / 2),
    "squared": lambda s: s**2,
}
SIZES = np.unique(np.round(np.geomspace(USED, 1e9, 26)))


@lru_cache(maxsize=64)
def times(schedule: str, steps: int) -> tuple[float, ...]:
    """Return the K + 1 times of a schedule; the last is 1 without rounding.

    >>> times("squared", 2)
    (0.0, 0.25, 1.0)
    """
    return (*(SCHEDULES[schedule](k / steps) for k in range(steps)), 1.0)


@lru_cache(maxsize=4096)
def error(prior: str, sites: int, size: float, steps: int, schedule: str = EQUAL) -> float:
    """Return TV(sampler, data), exact; the masked sampler does not know the size."""
    law, grid = data(sites), times(schedule, steps)
    if prior == MASKED:
        return total_variation(masked_sampler_law(law, steps, grid=grid), law)
    return total_variation(uniform_sampler_law(law, steps, size, grid=grid), law)


@lru_cache(maxsize=256)
def _groups(sites: int, steps: int, schedule: str) -> float:
    return group_bound(data(sites), steps, grid=times(schedule, steps))


@explorable(
    "diff-steps",
    title="The error falls like 1/K, however large the vocabulary",
    prior=Choice([MASKED, UNIFORM], label="noise"),
    sites=Choice([2, 3, 4], 4, label="sites d"),
    tokens=Choice([4, 64, 4096, 131072], label="tokens S"),
    schedule=Choice(list(SCHEDULES), label="schedule"),
)
def diff_steps(prior: str, sites: int, tokens: int, schedule: str) -> tuple[go.Figure, str]:
    """Show the exact error of the sampler against its steps, under its bounds."""
    masks, grids = prior == MASKED, [(int(k), times(schedule, int(k))) for k in STEPS]
    size = float(USED if masks else tokens)
    measured = [error(prior, sites, size, k, schedule) for k, _ in grids]
    # The bound that knows the data, and KL's, are for masks: with noise curves and names are missing.
    groups = correlation = [math.nan] * len(STEPS)
    shown = {"showlegend": masks}
    if masks:
        bound = [parallel_unmasking_bound(sites, k, grid=grid) for k, grid in grids]
        groups = [_groups(sites, k, schedule) for k, _ in grids]
        correlation = [total_correlation_bound(sites, tokens, k, grid=grid) for k, grid in grids]
    else:
        bound = [uniform_bound(sites, tokens, k, grid=grid) for k, grid in grids]
    figure = chart(
        [
            curve(STEPS, measured, "measured", "measured"),
            points(STEPS, measured, "measured", "measured", showlegend=False, hoverinfo="skip"),
            curve(STEPS, bound, "bound", "bound, for all data"),
            another_bound(STEPS, groups, "bound, knowing the data") | shown,
            another_bound(STEPS, correlation, "KL and Pinsker", "third") | shown,
        ],
        title="The error falls like 1/K, however large the vocabulary",
        x="steps K",
        y=LABEL,
        x_type="log",
        y_type="log",
        x_range=(0.9, 72),
        y_range=(1e-3, 100),
        rules=[rule("reference", y=1)],
        notes=[at_one(1.65, xanchor="right")],
    )
    figure.update_xaxes(tickmode="array", tickvals=TICKS)
    order = math.log2(measured[-2] / measured[-1])
    more = (
        f"; knowing the data it is {groups[4]:.3f}, and by KL {correlation[4]:.3f}" if masks else ""
    )
    return figure, (
        f"From {prior} with d = {sites} and S = {tokens:,}, {schedule}: at K = 16 the error is {measured[4]:.3f} and the bound "
        f"{bound[4]:.3f}{more}. From K = 32 to 64 the error falls like K to the power −{order:.2f}."
    )


COPY_STEPS = 2 ** np.arange(15)


def copy_error(tokens: float, sites: int, steps: int) -> float:
    """Return the sampler's error on copies of one token: E[1 - S^(1-m)], m the first group's size.

    The sites of the first step that writes any are drawn independently; if they agree, all later
    ones copy them. S >= 1 tokens, d >= 1 sites, K >= 1 steps on the uniform grid. O(d K).

    >>> copy_error(2, 2, 4)
    0.125
    """
    later = 1 - np.arange(1, steps + 1) / steps
    total = 0.0
    for size in range(2, sites + 1):
        first = math.comb(sites, size) * steps**-size * float((later ** (sites - size)).sum())
        total += first * (1 - tokens ** (1 - size))
    return total


@lru_cache(maxsize=256)
def _enumerated(tokens: int, sites: int, steps: int) -> float:
    if (tokens + 1) ** sites > 700 or steps > 32:
        return math.nan
    law = copy_law(tokens, sites)
    return total_variation(masked_sampler_law(law, steps), law)


@explorable(
    "diff-copy",
    title="Copies of one token err like 1/K, however large the vocabulary",
    sites=Choice([2, 3, 8, 64], label="sites d"),
    tokens=Choice([2, 4, 16, 131072], label="tokens S"),
)
def diff_copy(sites: int, tokens: int) -> tuple[go.Figure, str]:
    """Show the error on copies in closed form and by enumeration, under the two bounds."""
    exact = [copy_error(tokens, sites, int(k)) for k in COPY_STEPS]
    counted = [_enumerated(tokens, sites, int(k)) for k in COPY_STEPS]
    pairs = [parallel_unmasking_bound(sites, int(k)) for k in COPY_STEPS]
    birthday = [parallel_unmasking_bound(sites, int(k), form="birthday") for k in COPY_STEPS]
    figure = chart(
        [
            curve(COPY_STEPS, exact, "prediction", "closed form"),
            points(COPY_STEPS, counted, "measured", "measured"),
            curve(COPY_STEPS, pairs, "bound", "bound d(d−1)/2K"),
            another_bound(COPY_STEPS, birthday, "bound: two sites share a step"),
        ],
        title="Copies of one token err like 1/K, however large the vocabulary",
        x="steps K",
        y=LABEL,
        x_type="log",
        y_type="log",
        x_range=(0.9, 2e4),
        y_range=(1e-5, 10),
        rules=[rule("reference", y=0.01)],
        notes=[note(4.2, -2, "once in a hundred", xanchor="right", yanchor="bottom")],
    )
    place = 13
    return figure, (
        f"d = {sites}, S = {tokens:,}: at K = {COPY_STEPS[place]:,} the error is {exact[place]:.6f}, a share of "
        f"{exact[place] / birthday[place]:.3f} of the probability that two sites share a step ({birthday[place]:.6f})."
    )


@explorable(
    "diff-vocabulary",
    title="Ever more tokens in the noise: the error tends to that of masks",
    steps=Choice([2, 4, 8, 16, 32], 8, label="steps K"),
)
def diff_vocabulary(steps: int) -> tuple[go.Figure, str]:
    """Show the exact error against the size of the uniform prior, up to a billion tokens."""
    sites = 3
    measured = [error(UNIFORM, sites, float(size), steps) for size in SIZES]
    masked = error(MASKED, sites, float(USED), steps)
    figure = chart(
        [
            curve(SIZES, measured, "measured", "uniform noise"),
            curve(SIZES, np.full(len(SIZES), masked), "reference", "masks"),
        ],
        title="Ever more tokens in the noise: the error tends to that of masks",
        x="noise tokens S (four in the data)",
        y=LABEL,
        x_type="log",
        x_range=(3, 2e9),
        y_range=(0, 1.15 * max(*measured, masked)),
    )
    least = int(np.argmin(measured))
    return figure, (
        f"K = {steps}, d = {sites}: {measured[0]:.4f} at S = 4, least {measured[least]:.4f} near S = {SIZES[least]:,.0f}, "
        f"{measured[-1]:.4f} at S = 10⁹; from masks {masked:.4f}."
    )


SAID = 0.1
TOLERANCES = np.sort(np.append(np.geomspace(1e-4, 0.5, 30), SAID))


@lru_cache(maxsize=64)
def planned(sites: int, prior: str, score_error: float = 0.0) -> tuple[float, ...]:
    """Return the least steps that the bounds allow, one for each of `TOLERANCES`; NaN where none do.

    >>> planned(2, "masked", 0.1)[0]
    nan
    """
    return tuple(
        math.nan
        if t <= score_error
        else steps_needed(t, sites, prior=prior, score_error=score_error)
        for t in TOLERANCES.tolist()
    )


@explorable(
    "diff-planner",
    title="The bounds ask for at least as many steps as there are sites",
    sites=Choice([2, 4, 8, 64, 512, 4096], 64, label="sites d"),
    score_error=Choice([0.0, 0.001, 0.01, 0.05], label="error of the model"),
)
def diff_planner(sites: int, score_error: float) -> tuple[go.Figure, str]:
    """Show the least number of steps whose bound is within a tolerance, what the model costs taken off."""
    masked, uniform = (planned(sites, prior, score_error) for prior in ("masked", "uniform"))
    figure = chart(
        [
            curve(TOLERANCES, masked, "bound", "masks"),
            another_bound(TOLERANCES, uniform, "uniform noise, any S"),
            curve(TOLERANCES, np.full(len(TOLERANCES), sites), "reference", "one site at a time"),
        ],
        title="The bounds ask for at least as many steps as there are sites",
        x="tolerance in total variation",
        y="steps K that a bound asks for",
        x_type="log",
        y_type="log",
        x_range=(8e-5, 0.6),
        y_range=(1, 10.0 ** math.ceil(math.log10(np.nanmax([masked, uniform])) + 0.1)),
    )
    place = TOLERANCES.tolist().index(SAID)
    less = f", of which the model takes {score_error}," if score_error else ""
    return figure, (
        f"d = {sites}: a tolerance of {SAID}{less} is promised by {masked[place]:,} steps from masks and "
        f"{uniform[place]:,} from uniform noise. One site at a time makes no error of steps and takes {sites:,} "
        "evaluations: beyond that, parallel steps do not pay by this bound, which knows nothing of the data."
    )
