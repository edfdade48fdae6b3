"""The explorable on a policy that is tuned with some steps and sampled with others."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float64

from softbook.diffusion.theory import parallel_unmasking_bound
from softbook.domino.experiment.toy_laws import (
    PENALTIES,
    REWARDS,
    ascend,
    conditionals,
    mixed_law,
    reward_table,
    terminal_laws,
)
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import ROLES, chart, curve, points, rule, side_by_side

COUPLINGS = [0.0, 0.5, 0.9]
SAMPLED = (1, 2, 4, 8, 16, 32, 64)
TITLE = "More steps: the law stays within d(d−1)/2K"
PRICE = 0.1
# Adam near a corner or a saddle: logits off by 10^-14 have moved laws by up to 3 10^-4.
ASCENDED = 1e-3


@lru_cache(maxsize=16)
def tuned(
    sites: int, steps: int
) -> tuple[Float64[np.ndarray, "K C R words"], Float64[np.ndarray, "C R words"]]:
    """Return laws of policies tuned with `steps`, by coupling and reward: sampled with K, in the limit."""
    made = torch.stack([conditionals(mixed_law(sites, one)) for one in COUPLINGS])
    marks = torch.stack([torch.from_numpy(reward_table(one, sites).ravel()) for one in REWARDS])
    price = torch.tensor([[PRICE if form == "kl" else 0.0 for form in PENALTIES]]).double()
    policies = ascend(
        made.repeat_interleave(len(marks), 0),
        marks.repeat(len(made), 1),
        price.expand(len(made) * len(marks), -1),
        steps,
        iterations=200,
    )
    shape = (len(made), len(marks), -1)
    laws = [terminal_laws(policies, k).numpy().reshape(shape) for k in SAMPLED]
    return np.stack(laws), terminal_laws(policies, None).numpy().reshape(shape)


def ticks(figure: go.Figure) -> go.Figure:
    """Return the figure with the powers of 4 on its axis of steps.

    >>> ticks(go.Figure()).layout.xaxis.ticktext
    ('1', '4', '16', '64')
    """
    figure.layout.xaxis.update(
        tickmode="array", tickvals=[1, 4, 16, 64], ticktext=["1", "4", "16", "64"]
    )
    return figure


@explorable(
    "dom-steps",
    title=TITLE,
    tolerance=ASCENDED,
    reward=Choice(list(REWARDS), REWARDS[1], label="reward"),
    sites=Choice([2, 3, 4], 4, label="sites d"),
    steps=Choice([1, 2, 8], 8, label="tuned with K₀ steps"),
    coupling=Choice(COUPLINGS, 0.5, label="share of data whose sites all agree"),
)
def dom_steps(reward: str, sites: int, steps: int, coupling: float) -> tuple[go.Figure, str]:
    """Show TV to the law of ever more steps, under d(d-1)/2K, and the mean reward, against K."""
    row = COUPLINGS.index(coupling), REWARDS.index(reward)
    laws, limit = (part[..., *row, :] for part in tuned(sites, steps))
    marks = reward_table(reward, sites).ravel()
    # Equal laws differ by roundings, which a logarithm would show.
    moved = np.abs(laws - limit).sum(1) / 2
    moved = np.where(moved > 1e-12, moved, np.nan)
    bound = np.array([parallel_unmasking_bound(sites, k) for k in SAMPLED])
    earned, end = laws @ marks, float(limit @ marks)
    at = SAMPLED.index(steps)
    ring = {"color": ROLES["reference"].light, "symbol": "circle-open", "size": 12}
    ring["line"] = {"width": 3}
    left = chart(
        [
            curve(SAMPLED, moved, "measured", "measured", mode="lines+markers"),
            curve(SAMPLED, bound, "bound", "bound d(d−1)/2K"),
            points([steps], [moved[at]], "reference", "K₀", marker=ring, showlegend=False),
        ],
        title="TV to many steps",
        x="steps K",
        y="total variation",
        x_type="log",
        y_type="log",
        x_range=(0.8, 80),
        y_range=(3e-6, 8),
        rules=[rule("reference", y=1.0)],
    )
    right = chart(
        [
            curve(
                SAMPLED, earned, "measured", "mean reward", showlegend=False, mode="lines+markers"
            ),
            points([steps], [earned[at]], "reference", "K₀, tuned with", marker=ring),
            curve(SAMPLED, np.full(len(SAMPLED), end), "prediction", "one site at a time"),
        ],
        title="mean reward",
        x="steps K",
        y="",
        x_type="log",
        x_range=(0.8, 80),
        y_range=(-0.02, 1.04),
    )
    same = np.isnan(moved[at])
    error = "none" if same else f"{moved[at]:.4f}"
    return side_by_side(ticks(left), ticks(right), title=TITLE), (
        f"{reward.capitalize()}, d = {sites}, {100 * coupling:.0f} % of the data all alike, tuned with {steps} steps: these earn {earned[at]:.3f}, one site at a time "
        f"{end:.3f}, one step {earned[0]:.3f}. In total variation to one site at a time: {error} with K₀ = {steps}, bound {bound[at]:.3f}."
    )
