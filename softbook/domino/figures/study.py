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
from softbook.plotting import ROLES, band, chart, curve, points, rule, side_by_side

LOOKS = 11
# Letters have no role: these colours are none's, and are seen on either ground.
LETTERS = {"A": "#85898f", "C": "#b0803f", "G": "#3d8087", "T": "#8468ab"}
MEASURED = {
    "truth": ("true activity", (-1.5, 2.2)),
    "hamming": ("share of sites that differ", (0.0, 0.85)),
    "gc": ("share of G and C", (0.0, 1.07)),
    "likelihood": ("likelihood under the start (nats)", (-115.0, -86.0)),
}
SHOWN = {
    "true activity": "truth",
    "sites that differ": "hamming",
    "share of G and C": "gc",
    "likelihood": "likelihood",
}
TRAINING = "Both judges promise more than is true"
COLLAPSE = "Without a price the judge ruins the weak sampler alone"
LIKELIHOOD = "Weak sampler, no price: likelihood rises while truth and variety fall"
LOGOS = "Tuned without a price, the weak sampler narrows to G and C"
START = {"color": ROLES["reference"].light, "symbol": "square", "size": 12}
END = {"color": ROLES["measured"].light, "symbol": "circle-open", "size": 12, "line": {"width": 2}}


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


def _spread(
    times: np.ndarray, found: np.ndarray, role: str, name: str, dash: str | None = None
) -> list[dict[str, Any]]:
    """Return least, greatest and mean of the seeds; the band is left out of the legend."""
    edges = band(times, found.min(0), found.max(0), role, name)
    thin = [edge | {"showlegend": False, "line": edge["line"] | {"width": 0.5}} for edge in edges]
    mean = curve(times, found.mean(0), role, name)
    return [*thin, mean if dash is None else mean | {"line": mean["line"] | {"dash": dash}}]


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
    lines = {
        "reward": ("measured", "judge", None),
        "held_out": ("measured", "second judge", "dashdot"),
        "truth": ("reference", "true activity", None),
    }
    at = [rule("reference", x=float(times[look]))]
    left = chart(
        [
            line
            for name, look_of in lines.items()
            for line in _spread(times, values[name], *look_of)
        ],
        title="activity",
        x="iterations",
        y="activity",
        x_range=(0, 250),
        y_range=(-1.5, 2.2),
        rules=at,
    )
    right = chart(
        _spread(times, values["hamming"], "measured", "sites that differ", "longdash")
        + _spread(times, values["gc"], "reference", "G or C", "longdash"),
        title="shares",
        x="iterations",
        y="",
        x_range=(0, 250),
        y_range=(0, 1.07),
        rules=at,
    )
    means = {name: float(found[:, look].mean()) for name, found in values.items()}
    return side_by_side(left, right, title=TRAINING, share=0.55), (
        f"{reference.capitalize()} reference, λ = {strength:g}, after {times[look]:.0f} of {times[-1]:.0f} iterations, mean of three seeds: judge {means['reward']:.2f}, "
        f"second judge {means['held_out']:.2f}, true activity {means['truth']:.2f}. Two samples differ in {100 * means['hamming']:.0f} % of the sites; "
        f"{100 * means['gc']:.0f} % of the letters are G or C."
    )


def _seeds(reference: str, strength: float, measure: str, named: bool) -> go.Figure:
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
        y=label if named else "",
        x_range=(0, times[-1]),
        y_range=limits,
    )


@explorable(
    "dom-collapse",
    title=COLLAPSE,
    strength=strength_knob(),
    measure=Choice(list(SHOWN), label="measured"),
)
def dom_collapse(strength: float, measure: str) -> tuple[go.Figure, str]:
    """Show one measure along the runs from both references, a line a seed."""
    asked = SHOWN[measure]
    both = [_seeds(name, strength, asked, name == "weak") for name in ("weak", "strong")]
    both[1].layout.yaxis.showticklabels = False
    told = []
    for name in ("weak", "strong"):
        found = along(name, strength, asked)
        ends = ", ".join(f"{one:.2f}" for one in found[:, -1])
        told.append(
            f"the {name} sampler goes from {found[0, 0]:.2f} to {ends} in {iterations(name)[-1]:.0f} iterations"
        )
    return side_by_side(*both, title=COLLAPSE), (
        f"λ = {strength:g}, {MEASURED[asked][0]}, three seeds each: {'; '.join(told)}."
    )


@explorable(
    "dom-likelihood",
    title=LIKELIHOOD,
    strength=strength_knob(),
    reference=reference_knob(),
)
def dom_likelihood(strength: float, reference: str) -> tuple[go.Figure, str]:
    """Show how samples move in likelihood and true activity, and in likelihood and variety: the mean of three runs."""
    seen = along(reference, strength, "likelihood")
    panels = []
    for name, heading in (("truth", "true activity"), ("hamming", "sites that differ")):
        other = along(reference, strength, name)
        first = {"showlegend": name == "truth"}
        x, y = seen.mean(0), other.mean(0)
        lines = [
            curve(x, y, "measured", "mean of three runs", mode="lines+markers") | first,
            points(x[:1], y[:1], "reference", "the start") | first | {"marker": START},
            points(seen[:, -1], other[:, -1], "measured", "the three ends")
            | first
            | {"marker": END},
        ]
        panels.append(
            chart(
                lines,
                title=heading,
                x="likelihood (nats)",
                y=heading if name == "truth" else "",
                x_range=MEASURED["likelihood"][1],
                y_range=MEASURED[name][1],
            )
        )
    likely, true, apart = (
        along(reference, strength, name).mean(0) for name in ("likelihood", "truth", "hamming")
    )
    most = int(likely.argmax())
    return side_by_side(*panels, title=LIKELIHOOD), (
        f"{reference.capitalize()} reference, λ = {strength:g}, mean of three runs: at the start {likely[0]:.1f} nats under the reference and a true activity of {true[0]:.2f}; "
        f"where likelihood is greatest, after {iterations(reference)[most]:.0f} iterations, {likely[most]:.1f} nats and {true[most]:.2f}, and two samples differ in {100 * apart[most]:.0f} % of the sites; "
        f"at the end {likely[-1]:.1f} nats and {true[-1]:.2f}."
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
            "marker": {"color": colour},
        }
        for number, (letter, colour) in enumerate(LETTERS.items())
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
