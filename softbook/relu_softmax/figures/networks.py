"""Explorables on compiled networks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from torch import nn

from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import chart, curve, points
from softbook.relu_softmax.claims.networks import random_network
from softbook.relu_softmax.model import compile_network

BETAS = 10.0 ** np.arange(0, 8.5, 0.5)
WIDTH = 16


class Profile(NamedTuple):
    """Largest error and both certificates of one network, each of shape [betas]."""

    error: np.ndarray
    certificate: np.ndarray
    everywhere: np.ndarray


@lru_cache(maxsize=32)
def profile(depth: int, seed: int) -> Profile:
    """Compile one He-initialised network of width 16 on R⁴ at each β; 256 inputs in [−1, 1]⁴."""
    network: nn.Sequential = random_network(depth, WIDTH, seed)
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(256, 4, generator=generator, dtype=torch.float64) - 1
    rows = []
    with torch.no_grad():
        exact = network(x)
        for beta in BETAS:
            compiled = compile_network(network, float(beta))
            error = (compiled(x) - exact).abs().max()
            certificate = compiled.certificate(x).max()
            everywhere = compiled.global_certificate(-1.0, 1.0).max()
            rows.append([float(error), float(certificate), float(everywhere)])
    return Profile(*np.array(rows).T)


@explorable(
    "compiled-error",
    title="What happens, what is certified here, what is certified everywhere",
    depth=Integer(1, 8, 4, label="depth L"),
    seed=Choice([0, 1, 2], label="seed"),
)
def compiled_error(depth: int, seed: int) -> tuple[go.Figure, str]:
    """Show error, per-input certificate and global certificate against β."""
    shown = profile(depth, seed)
    figure = chart(
        [
            curve(BETAS, shown.everywhere, "bound", "global certificate"),
            curve(BETAS, shown.certificate, "prediction", "per-input certificate, largest"),
            points(BETAS, shown.error, "measured", "largest error on 256 inputs"),
        ],
        title="What happens, what is certified here, what is certified everywhere",
        x="sharpness β",
        y="difference between the two networks",
        x_type="log",
        y_type="log",
        x_range=(0.8, 1.3e8),
        y_range=(1e-11, 1e5),
    )
    at = int(np.argmin(np.abs(BETAS - 1e4)))
    return figure, (
        f"Depth {depth}, β = 10⁴: largest error {shown.error[at]:.2g}, per-input certificate "
        f"{shown.certificate[at]:.2g}, global certificate {shown.everywhere[at]:.2g}."
    )


def certificate_looseness() -> list[dict[str, float]]:
    """Return a table at β = 10⁴: the largest error and certificates over three seeds, by depth."""
    at = int(np.argmin(np.abs(BETAS - 1e4)))
    rows = []
    for depth in (1, 2, 4, 8):
        profiles = [profile(depth, seed) for seed in (0, 1, 2)]
        error, here, everywhere = (
            max(float(column[at]) for column in columns) for columns in zip(*profiles, strict=True)
        )
        ratio = everywhere / error
        rows.append(
            {
                "depth": depth,
                "error": error,
                "per input": here,
                "global": everywhere,
                "global / error": ratio,
            }
        )
    return rows
