"""The explorable on what a reward costs in distance: policies, the tilted laws, and any law at all."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float64

from softbook.domino.experiment.toy_laws import (
    PENALTIES,
    REWARDS,
    ascend,
    best_at_divergence,
    conditionals,
    deviations,
    frontier,
    mixed_law,
    reward_table,
    terminal_laws,
)
from softbook.domino.figures.steps import ASCENDED
from softbook.domino.model.exact import tilted_law
from softbook.domino.theory.bounds import tv_bound
from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import ROLES, chart, curve, note, points, rule

SITES, COUPLING = 3, 0.5
STRENGTHS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
SHOWN = [0.03, 0.1, 0.3, 0.6, 1.0]
STEPS = [1, 2, 8]
FORMS = dict(zip(("TV", "cross-entropy", "KL(policy ‖ ref)"), PENALTIES, strict=True))
BETAS = np.geomspace(20, 0.02, 40)
TITLE = "With several steps policies earn nearly all that distance allows"


@lru_cache(maxsize=8)
def reference(steps: int) -> Float64[np.ndarray, " words"]:
    """Return the law that the reference writes in K steps."""
    made = conditionals(mixed_law(SITES, COUPLING))
    return terminal_laws(made[None], steps)[0].numpy()


@lru_cache(maxsize=8)
def tuned(
    steps: int,
) -> tuple[Float64[np.ndarray, "forms R L words"], Float64[np.ndarray, "forms R L"]]:
    """Return laws and bounds of the policies that ascend J - λR, for each penalty, reward and λ."""
    made = conditionals(mixed_law(SITES, COUPLING))
    kinds = torch.stack([torch.from_numpy(reward_table(kind, SITES).ravel()) for kind in REWARDS])
    shape = (len(PENALTIES), len(REWARDS), len(STRENGTHS))
    # A price of one of the penalties each, in the order of `shape`.
    prices = torch.zeros(*shape, len(PENALTIES), dtype=torch.float64)
    for place in range(len(PENALTIES)):
        prices[place, :, :, place] = torch.tensor(STRENGTHS, dtype=torch.float64)
    rewards = kinds[:, None].expand(*shape, -1).reshape(-1, kinds.shape[1])
    policies = ascend(made, rewards, prices.reshape(-1, len(PENALTIES)), steps)
    bounds = []
    for form, part in zip(PENALTIES, policies.chunk(len(PENALTIES)), strict=True):
        sums = deviations(part, made, steps, form).clamp_min(0).tolist()
        bounds += [tv_bound(one, form=form, sites=SITES) for one in sums]
    return terminal_laws(policies, steps).numpy().reshape(*shape, -1), np.reshape(bounds, shape)


@explorable(
    "dom-frontier",
    title=TITLE,
    tolerance=ASCENDED,
    reward=Choice(list(REWARDS), label="reward"),
    penalty=Choice(list(FORMS), "cross-entropy", label="penalty"),
    steps=Choice(STEPS, 8, label="steps K"),
    strength=Choice(SHOWN, 0.3, label="price λ"),
)
def dom_frontier(reward: str, penalty: str, steps: int, strength: float) -> tuple[go.Figure, str]:
    """Show mean reward against TV to the reference: any law, tilted laws, policies, and their bounds."""
    base, marks = reference(steps), reward_table(reward, SITES).ravel()
    row = PENALTIES.index(FORMS[penalty]), REWARDS.index(reward)
    laws, bounds = (part[row] for part in tuned(steps))
    moved, earned = np.abs(laws - base).sum(1) / 2, laws @ marks
    tilted = np.array([tilted_law(base, marks, float(beta)).numpy() for beta in BETAS])
    # Every reward's curve has as many points: the last repeats, as the most stays the most.
    far, most = (
        np.pad([*part, 1.0], (0, len(base)), mode="edge")[: len(base) + 2]
        for part in frontier(base, marks)
    )
    at = STRENGTHS.index(strength)
    figure = chart(
        [
            curve(far, most, "reference", "the most of any law"),
            curve(np.abs(tilted - base).sum(1) / 2, tilted @ marks, "prediction", "tilted laws"),
            curve(bounds, earned, "bound", "bound of each policy"),
            points(moved, earned, "measured", "policies found, λ from 0 to 1"),
            curve(
                [moved[at], bounds[at]],
                [earned[at]] * 2,
                "reference",
                "chosen λ, to its bound",
                mode="lines+markers",
                marker={"color": ROLES["reference"].light, "symbol": "square", "size": 9},
            ),
        ],
        title=TITLE,
        x="total variation to the reference",
        y="mean reward",
        x_range=(-0.03, 2.0),
        y_range=(-0.02, 1.04),
        rules=[rule("reference", x=1.0)],
        notes=[note(1.03, 0.1, "no promise<br>above 1", xanchor="left", align="left")],
    )
    gap = float((laws[at] * np.log(np.maximum(laws[at], 1e-300) / base)).sum())
    # A divergence of equal laws may come out as a rounding below 0.
    gap = max(gap, 0.0)
    most_here = float(np.interp(moved[at], far, most))
    return figure, (
        f"{reward.capitalize()}, {penalty} penalty, λ = {strength:g}, K = {steps}: mean reward {earned[at]:.3f} (reference "
        f"{base @ marks:.3f}) at total variation {moved[at]:.3f}, promised at most {bounds[at]:.3f}. At this distance the best of all "
        f"laws earns {most_here:.3f}; at its divergence of {gap:.3f} nats the best is a tilted law, with {best_at_divergence(base, marks, gap):.3f}."
    )
