"""Explorables on trained mixers: loss curves with a scrubber, and recall against the state size."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import band, chart, curve, points, rule
from softbook.ssd.experiment import study
from softbook.ssd.experiment.setting import MIXERS, SEEDS, STATES, default

CURVES = "Three mixers of equal size learn: median and range of three seeds"
SIZES = "A larger state learns to recall more"
TASKS = {
    "recall, N = 8": ("mqar", 8),
    "recall, N = 16": ("mqar", 16),
    "recall, N = 32": ("mqar", 32),
    "bytes, N = 16": ("bytes", 16),
}
SHOWN = {
    "held-out loss": ("held_out", "loss (bits an asked symbol)"),
    "training loss": ("train", "loss (bits an asked symbol)"),
    "right answers": ("accuracy", "fraction of right answers, held out"),
}
NAMES = {"scalar": "scalar SSM", "diagonal": "diagonal SSM", "softmax": "softmax attention"}
ROLE = {"scalar": "measured", "diagonal": "measured", "softmax": "reference"}
DASH = {"scalar": "solid", "diagonal": "dash", "softmax": "solid"}
MARK = {"scalar": "circle", "diagonal": "circle-open", "softmax": "square"}
STEPS = default("mqar", "scalar").steps
EVERY = STEPS // default("mqar", "scalar").logs


@lru_cache(maxsize=1)
def stored() -> dict[str, Any]:
    """Return the committed result of `softbook.ssd.experiment`."""
    return study.load()


def seeds_of(figure: str, task: str, mixer: str, state: int) -> np.ndarray:
    """Return one row a seed: the logged values of `figure` ("train", "held_out" or "accuracy")."""
    runs = study.runs_of(task, mixer, state, stored())
    return np.array([one[figure] for one in runs], dtype=float)


def _line(mixer: str) -> dict[str, Any]:
    colour = curve([], [], ROLE[mixer], "")["line"]["color"]
    return {"color": colour, "dash": DASH[mixer], "width": 2.5}


def _mark(mixer: str) -> dict[str, Any]:
    return {"color": _line(mixer)["color"], "symbol": MARK[mixer], "size": 10}


@explorable(
    "ssd-training",
    title=CURVES,
    task=Choice(list(TASKS), "recall, N = 16", label="task"),
    shown=Choice(list(SHOWN), label="what is shown"),
    step=Integer(0, STEPS, STEPS, step=EVERY, label="step"),
)
def ssd_training(task: str, shown: str, step: int) -> tuple[go.Figure, str]:
    """Show the learning curves of the three mixers, with their values at the chosen step."""
    name, state = TASKS[task]
    figure, label = SHOWN[shown]
    x = np.arange(0, STEPS + 1, EVERY)
    at = step // EVERY
    traces, said = [], []
    for mixer in MIXERS:
        rows = seeds_of(figure, name, mixer, state)
        low, middle, high = rows.min(axis=0), np.median(rows, axis=0), rows.max(axis=0)
        under, over = band(x, low, high, ROLE[mixer], f"{NAMES[mixer]}, range of seeds")
        none = {"line": {"color": _line(mixer)["color"], "width": 0}, "showlegend": False}
        traces += [under | none, over | none | {"hoverinfo": "skip"}]
        traces.append(curve(x, middle, ROLE[mixer], NAMES[mixer], line=_line(mixer)))
        traces.append(
            points(
                [step],
                [middle[at]],
                ROLE[mixer],
                f"{NAMES[mixer]}, at the step",
                marker=_mark(mixer),
                showlegend=False,
            )
        )
        said.append(f"{NAMES[mixer]} {middle[at]:.3g} ({low[at]:.3g} to {high[at]:.3g})")
    right = figure == "accuracy"
    # Recall's losses fall over four decades. Those of text differ by hundredths in the end, so the axis
    # leaves out the first steps, in which all three fall alike from above 8 bits.
    limits = (-0.02, 1.02) if right else ((1e-4, 12.0) if name == "mqar" else (2.2, 3.2))
    drawn = chart(
        traces,
        title=CURVES,
        x="step",
        y=label,
        y_type="log" if name == "mqar" and not right else "linear",
        x_range=(-10, STEPS + 10),
        y_range=limits,
        rules=[rule("reference", x=step)],
    )
    unit = "" if right else " bits"
    return drawn, f"{task}, {shown} after step {step}: {', '.join(said)}{unit}."


@explorable(
    "ssd-recall-state",
    title=SIZES,
    step=Integer(0, STEPS, STEPS, step=EVERY, label="step"),
)
def ssd_recall_state(step: int) -> tuple[go.Figure, str]:
    """Show the fraction of keys that are answered right against the state size N, one mark a seed."""
    at, sizes = step // EVERY, sorted(STATES["mqar"])
    traces, said = [], []
    for mixer in MIXERS:
        rows = np.array([seeds_of("accuracy", "mqar", mixer, n)[:, at] for n in sizes])
        middle = np.median(rows, axis=1)
        traces.append(curve(sizes, middle, ROLE[mixer], NAMES[mixer], line=_line(mixer)))
        traces.append(
            points(
                np.repeat(sizes, len(SEEDS)),
                rows.ravel(),
                ROLE[mixer],
                f"{NAMES[mixer]}, one seed",
                marker=_mark(mixer),
                showlegend=False,
            )
        )
        said.append(f"{NAMES[mixer]} " + ", ".join(f"{value:.3f}" for value in middle))
    drawn = chart(
        traces,
        title=SIZES,
        x="state size N of a head",
        y="fraction of right answers, held out",
        x_type="log",
        x_range=(7, 37),
        y_range=(-0.02, 1.02),
    )
    drawn.update_xaxes(tickmode="array", tickvals=sizes, ticktext=[str(n) for n in sizes])
    return drawn, (
        f"Right answers after step {step} at N = {', '.join(map(str, sizes))}, medians of three "
        f"seeds: {'; '.join(said)}."
    )


def ends_table() -> list[dict[str, Any]]:
    """Return a table of the end of training: median, least and greatest of the seeds, one row a mixer.

    Held-out losses in bits an asked symbol, `right` the fraction of held-out answers that are right.
    """
    rows = []
    for task, (name, state) in TASKS.items():
        for mixer in MIXERS:
            loss = seeds_of("held_out", name, mixer, state)[:, -1]
            rows.append(
                {
                    "task": task,
                    "mixer": mixer,
                    "bits": float(np.median(loss)),
                    "least": float(loss.min()),
                    "greatest": float(loss.max()),
                    "right": float(np.median(seeds_of("accuracy", name, mixer, state)[:, -1])),
                }
            )
    return rows


def sizes_table() -> list[dict[str, Any]]:
    """Return a table of the networks' numbers of parameters: one row a task, one column a mixer."""
    return [
        {"parameters": task}
        | {mixer: study.runs_of(name, mixer, state, stored())[0]["parameters"] for mixer in MIXERS}
        for task, (name, state) in TASKS.items()
    ]
