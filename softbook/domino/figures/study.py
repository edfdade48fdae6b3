"""The explorables of the DNA experiment: what is measured along the runs, and what the letters become."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float64

from softbook.domino.experiment.metrics import information
from softbook.domino.experiment.study import SEEDS, STRENGTHS, curves
from softbook.explore import explorable
from softbook.knobs import Choice, Integer, Knob
from softbook.plotting import band, chart, curve, rule, side_by_side
from softbook.plotting.roles import role_named

LOOKS = 11
LETTERS = dict(zip("ACGT", ("measured", "prediction", "bound", "violated"), strict=True))
MEASURED = {
    "truth": ("known activity", (-1.5, 2.0)),
    "hamming": ("sites in which two differ", (0.0, 0.85)),
    "gc": ("share of G and C", (0.0, 1.0)),
    "likelihood": ("nats under the start", (-115.0, -85.0)),
}
TRAINING = "Judge, second judge, truth"
COLLAPSE = "One judge, two references"
LIKELIHOOD = "What likelihood sees, and what is true"
LOGOS = "The letters at each place, while the sampler is tuned"


def reference_knob(first: str = "weak") -> Choice:
    """Return the knob of the model that a run begins with."""
    return Choice(["weak", "strong"], first, label="trained reference")


def strength_knob(first: float = 0.0) -> Knob:
    """Return the knob of the penalty's price."""
    return Choice(list(STRENGTHS), first, label="price λ")


@lru_cache(maxsize=32)
def along(reference: str, strength: float, name: str) -> Float64[np.ndarray, "seeds looks"]:
    """Return one measure along the three runs."""
    return np.array([curves(reference, strength, seed)[name] for seed in SEEDS], dtype=np.float64)


@lru_cache(maxsize=2)
def iterations(reference: str) -> Float64[np.ndarray, " looks"]:
    """Return after how many iterations was looked."""
    return np.array(curves(reference, 0.0, 0)["iteration"], dtype=np.float64)


def _spread(times: np.ndarray, found: np.ndarray, role: str, name: str) -> list[dict[str, Any]]:
    """Return least, greatest and mean of the seeds; the band is left out of the legend."""
    edges = band(times, found.min(0), found.max(0), role, name)
    thin = [edge | {"showlegend": False, "line": edge["line"] | {"width": 0.5}} for edge in edges]
    return [*thin, curve(times, found.mean(0), role, name)]


@explorable(
    "dom-training",
    title=TRAINING,
    look=Integer(0, LOOKS - 1, default=LOOKS - 1, label="tenths of the run"),
    reference=reference_knob("strong"),
    strength=strength_knob(0.1),
)
def dom_training(look: int, reference: str, strength: float) -> tuple[go.Figure, str]:
    """Show the reward, the held-out judge and the truth along the runs, and how varied samples are."""
    times = iterations(reference)
    values = {name: along(reference, strength, name) for name in (*MEASURED, "reward", "held_out")}
    roles = {"reward": "bound", "held_out": "prediction", "truth": "measured"}
    names = {"reward": "judge", "held_out": "second judge", "truth": "truth"}
    at = [rule("violated", x=float(times[look]))]
    left = chart(
        [
            line
            for name, role in roles.items()
            for line in _spread(times, values[name], role, names[name])
        ],
        title="activity",
        x="iterations",
        y="activity",
        x_range=(0, 250),
        y_range=(-1.5, 2),
        rules=at,
    )
    right = chart(
        _spread(times, values["hamming"], "measured", "differ")
        + _spread(times, values["gc"], "reference", "G or C"),
        title="letters",
        x="iterations",
        y="share",
        x_range=(0, 250),
        y_range=(0, 1),
        rules=at,
    )
    means = {name: float(found[:, look].mean()) for name, found in values.items()}
    return side_by_side(left, right, title=TRAINING, share=0.55), (
        f"{reference.capitalize()} reference, λ = {strength:g}, after {times[look]:.0f} iterations, mean of three seeds: judge {means['reward']:.2f}, "
        f"second judge {means['held_out']:.2f}, truth {means['truth']:.2f}. Two samples differ in {100 * means['hamming']:.0f} % of the sites; "
        f"{100 * means['gc']:.0f} % of the letters are G or C."
    )


def _seeds(reference: str, strength: float, measure: str) -> go.Figure:
    times, found = iterations(reference), along(reference, strength, measure)
    label, limits = MEASURED[measure]
    lines = [
        curve(times, row, "measured", f"seed {seed}") | {"showlegend": False}
        for seed, row in zip(SEEDS, found, strict=True)
    ]
    return chart(
        lines,
        title=reference,
        x="iterations",
        y=label,
        x_range=(0, 250),
        y_range=limits,
    )


@explorable(
    "dom-collapse",
    title=COLLAPSE,
    strength=strength_knob(),
    measure=Choice(list(MEASURED), label="measured"),
)
def dom_collapse(strength: float, measure: str) -> tuple[go.Figure, str]:
    """Show one measure along the runs from both references, a line a seed."""
    both = [_seeds(name, strength, measure) for name in ("weak", "strong")]
    label = MEASURED[measure][0]
    told = []
    for name in ("weak", "strong"):
        first, last = along(name, strength, measure)[0, 0], along(name, strength, measure)[:, -1]
        told.append(f"{name}: from {first:.2f} to {', '.join(f'{one:.2f}' for one in last)}")
    return side_by_side(*both, title=COLLAPSE), (
        f"λ = {strength:g}, {label}, three seeds each. " + "; ".join(told) + "."
    )


@explorable(
    "dom-likelihood",
    title=LIKELIHOOD,
    strength=strength_knob(),
    reference=reference_knob(),
)
def dom_likelihood(strength: float, reference: str) -> tuple[go.Figure, str]:
    """Show how the samples of three runs move in likelihood and truth, and in likelihood and variety."""
    seen = along(reference, strength, "likelihood")
    panels = []
    for name, heading in (("truth", "truth"), ("hamming", "share that differs")):
        other = along(reference, strength, name)
        lines = [
            curve(x, y, "measured", "along a run", mode="lines+markers")
            | {"showlegend": name == "truth" and not number}
            for number, (x, y) in enumerate(zip(seen, other, strict=True))
        ]
        lines.append(
            curve(seen[:1, 0], other[:1, 0], "violated", "the start", mode="markers")
            | {"showlegend": name == "truth"}
        )
        limits = MEASURED[name][1]
        panels.append(
            chart(
                lines,
                title=heading,
                x="nats under the start",
                y=heading,
                x_range=MEASURED["likelihood"][1],
                y_range=limits,
            )
        )
    truth, least = along(reference, strength, "truth"), along(reference, strength, "hamming")
    most = np.unravel_index(seen.argmax(), seen.shape)
    return side_by_side(*panels, title=LIKELIHOOD), (
        f"{reference.capitalize()} reference, λ = {strength:g}: at the start {seen[0, 0]:.1f} nats and a truth of {truth[0, 0]:.2f}; "
        f"where likelihood is greatest, {seen[most]:.1f} nats, truth {truth[most]:.2f}, and two samples differ in {100 * least[most]:.0f} % of the sites; "
        f"at the end {seen[:, -1].mean():.1f} nats and {truth[:, -1].mean():.2f} in the mean."
    )


@explorable(
    "dom-logos",
    title=LOGOS,
    part=Integer(0, 5, default=1, label="fifths of the run"),
    reference=reference_knob(),
    strength=strength_knob(),
)
def dom_logos(part: int, reference: str, strength: float) -> tuple[go.Figure, str]:
    """Show the information and the letters at each of 80 places, in 128 samples of one run."""
    one = curves(reference, strength, 0)
    done = sorted(one["counts"], key=int)[part]
    tall = np.array(one["counts"][done], dtype=np.float64)
    shares = tall / tall.sum(1, keepdims=True)
    bits = _bits(shares)
    bars = [
        {
            "type": "bar",
            "name": letter,
            "x": np.arange(1, len(shares) + 1),
            "y": shares[:, number] * bits,
            "marker": {"color": role_named(role).light},
        }
        for number, (letter, role) in enumerate(LETTERS.items())
    ]
    figure = chart(
        bars, title=LOGOS, x="place", y="bits", x_range=(0.5, len(shares) + 0.5), y_range=(0, 2)
    )
    figure.layout.update(barmode="stack", bargap=0)
    return figure, (
        f"{reference.capitalize()} reference, λ = {strength:g}, after {done} iterations: {bits.mean():.2f} bits a place in the mean; "
        f"of two samples {100 * one['hamming'][one['iteration'].index(int(done))]:.0f} % of the sites differ."
    )


def _bits(shares: Float64[np.ndarray, "d 4"]) -> Float64[np.ndarray, " d"]:
    return information(torch.from_numpy(shares)).numpy()
