"""Explorables on compiled networks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import chart, curve, note, number, points
from softbook.relu_softmax.experiment.depth import depth_study
from softbook.reporting import text

BETAS = 10.0 ** np.arange(0, 8.5, 0.5)
WIDTH = 16
TITLE = "A certificate for one input is tighter than one for all"


class Profile(NamedTuple):
    """Largest error and both certificates of one network, each of shape [betas], and its largest output."""

    error: np.ndarray
    certificate: np.ndarray
    everywhere: np.ndarray
    output: float


@lru_cache(maxsize=32)
def profile(depth: int, seed: int) -> Profile:
    """Compile one He-initialised network of width 16 on R⁴ at each β; 256 inputs in [−1, 1]⁴."""
    studies = [
        depth_study((depth,), WIDTH, float(beta), (seed,), inputs=256, features=4) for beta in BETAS
    ]
    rows = [[s.error.item(), s.certificate.item(), s.global_certificate.item()] for s in studies]
    error, certificate, everywhere = np.array(rows).T
    return Profile(error, certificate, everywhere, studies[0].output.item())


@explorable(
    "compiled-error",
    title=TITLE,
    depth=Integer(1, 8, 4, label="depth L"),
    seed=Choice([0, 1, 2], label="seed"),
)
def compiled_error(depth: int, seed: int) -> tuple[go.Figure, str]:
    """Show error, per-input certificate and global certificate against β."""
    shown = profile(depth, seed)
    everywhere = curve(BETAS, shown.everywhere, "bound", "global certificate")
    everywhere["line"]["dash"] = "longdash"
    figure = chart(
        [
            everywhere,
            curve(BETAS, shown.certificate, "bound", "per-input certificate, largest"),
            points(BETAS, shown.error, "measured", "largest error on 256 inputs"),
        ],
        title=TITLE,
        x="sharpness β",
        y="difference of outputs",
        x_type="log",
        y_type="log",
        x_range=(0.8, 1.3e8),
        y_range=(1e-11, 1e5),
        notes=[note(4.1, np.log10(shown.everywhere[8]) + 0.6, "for all inputs", "bound")],
    )
    at = int(np.argmin(np.abs(BETAS - 1e4)))
    return figure, (
        f"Depth {depth}, β = 10⁴: largest error {number(shown.error[at], 2)}, per-input certificate "
        f"{number(shown.certificate[at], 2)}, global certificate {number(shown.everywhere[at], 2)}."
    )


def certificate_looseness() -> list[dict[str, float]]:
    """Return a table at β = 10⁴, by depth: the largest output, error and certificates of three networks."""
    at = int(np.argmin(np.abs(BETAS - 1e4)))
    rows = []
    for depth in (1, 2, 4, 8):
        profiles = [profile(depth, seed) for seed in (0, 1, 2)]
        error = max(float(one.error[at]) for one in profiles)
        everywhere = max(float(one.everywhere[at]) for one in profiles)
        # Two digits, as the other columns have, but written out.
        ratio = int(float(text(everywhere / error, digits=2, error=1e-4)))
        rows.append(
            {
                "depth": depth,
                "output": max(one.output for one in profiles),
                "error": error,
                "per input": max(float(one.certificate[at]) for one in profiles),
                "global": everywhere,
                "global / error": ratio,
            }
        )
    return rows
