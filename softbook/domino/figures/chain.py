"""The explorable of one run: what is hidden, what may be written there, and what the step's log is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go

from softbook.domino.experiment.toy import Run, chain
from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import chart, curve, heatmap, note, points, scale_below, side_by_side

LETTERS = "ABC"
OPENS = -0.72
"""Height of the marks at the sites that open in this step."""
SITES, STEPS = 5, 6
POLICIES = {"not steered": float("inf"), "steered": 0.4}
TITLE = "A sampler as a game: one move is one step"


@lru_cache(maxsize=16)
def played(policy: str, seed: int) -> Run:
    """Return one run by a policy's name."""
    return chain(len(LETTERS), SITES, STEPS, beta=POLICIES[policy], seed=seed)


def board(run: Run, step: int) -> go.Figure:
    """Return the chances of letters at the hidden sites, and the letters that stand at the others."""
    state = run.states[step].tolist()
    shown = run.chances[min(step, STEPS - 1)].numpy().T.copy()
    signs, open_now = [], np.full(SITES, np.nan)
    moved = run.states[min(step + 1, STEPS)].tolist()
    for site, (letter, then) in enumerate(zip(state, moved, strict=True)):
        hidden = letter == len(LETTERS)
        if hidden and then != letter:
            open_now[site] = OPENS
        if not hidden:
            shown[:, site] = np.arange(len(LETTERS)) == letter
        sign = note(
            site + 1, 1 if hidden else letter, "" if hidden else f"<b>{LETTERS[letter]}</b>"
        )
        signs.append(sign | {"xanchor": "center", "font": {"size": 18, "color": "#1b1f24"}})
    figure = chart(
        [
            heatmap(shown, np.arange(1, SITES + 1), np.arange(len(LETTERS)), "p", limits=(0, 1))
            | {"xgap": 2, "ygap": 2, "colorbar": scale_below("p") | {"len": 0.45}},
            points(np.arange(1, SITES + 1), open_now, "reference", "opens now", showlegend=False),
        ],
        title=f"before step {step + 1} of {STEPS}" if step < STEPS else "the end",
        x="site",
        y="letter",
        x_range=(0.5, SITES + 0.5),
        y_range=(-1, len(LETTERS) - 0.5),
        notes=signs,
        height=500,
    )
    figure.layout.yaxis.update(
        tickvals=[OPENS, 0, 1, 2], ticktext=["opens", *LETTERS], showgrid=False
    )
    figure.layout.xaxis.update(tickvals=list(range(1, SITES + 1)), showgrid=False)
    return figure


def score(run: Run, step: int) -> go.Figure:
    """Return the sum of the steps' logs so far."""
    sums = np.concatenate([[0.0], run.logs.numpy().cumsum()])
    done = np.where(np.arange(STEPS + 1) <= step, sums, np.nan)
    return chart(
        [
            curve(np.arange(STEPS + 1), sums, "reference", "whole run"),
            points(np.arange(STEPS + 1), done, "measured", "so far"),
        ],
        title="Σ log π (nats)",
        x="steps done",
        y="",
        x_range=(-0.2, STEPS + 0.2),
        y_range=(-6.5, 0.5),
    )


@explorable(
    "dom-chain",
    title=TITLE,
    step=Integer(0, STEPS, default=2, label="steps done"),
    policy=Choice(list(POLICIES), "steered", label="sampler"),
    seed=Choice([0, 1, 2, 3], label="run"),
)
def dom_chain(step: int, policy: str, seed: int) -> tuple[go.Figure, str]:
    """Show one run of a small sampler, step by step, and what the gradient weighs: the steps' logs."""
    run = played(policy, seed)
    words = [
        "".join(LETTERS[letter] if letter < len(LETTERS) else "·" for letter in state)
        for state in run.states.tolist()
    ]
    if step < STEPS:
        told = (
            f"The state is {words[step]}; hidden sites open with probability 1/{STEPS - step}. "
            f"This step leads to {words[step + 1]}: log π = {float(run.logs[step]):.3f} without the coins, which do not know θ."
        )
    else:
        told = (
            f"Written: {words[step]}. Reward, neighbours alike: {run.reward:.0f}. The gradient weighs "
            f"it with the slope of Σ log π = {float(run.logs.sum()):.3f}."
        )
    return side_by_side(board(run, step), score(run, step), title=TITLE, share=0.55), told
