"""The explorable of small transformers: accuracy over windows of lengths, for two sizes of positions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from softbook.explore import explorable
from softbook.induction.experiment import transformer
from softbook.induction.experiment.transformer import PLACES, WINDOWS
from softbook.knobs import Choice
from softbook.plotting import band, chart, curve

TITLE = "In three layers the start decides, and then the lengths"


@lru_cache(maxsize=1)
def stored() -> dict[str, Any]:
    """Return the committed result."""
    return transformer.load()


@lru_cache(maxsize=32)
def ends(shortest: int, places: float, measure: str) -> Float64[np.ndarray, "seeds windows"]:
    """Return a measure at the end of the training, in per cent.

    >>> bool(ends(8, 0.1, "within").min() > 90)
    True
    """
    return 100 * transformer.final(shortest, places, measure, stored())


@explorable(
    "ind-transformer",
    title=TITLE,
    shortest=Choice(list(WINDOWS), label="shortest length"),
    places=Choice(PLACES, label="size of positions at the start"),
)
def ind_transformer(shortest: int, places: float) -> tuple[go.Figure, str]:
    """Show right answers and shortcuts on conflicting lengths against the longest length of the training."""
    x = np.array(WINDOWS[shortest], dtype=float)
    right, pseudo, within = (
        ends(shortest, places, name) for name in ("correct", "pseudo", "within")
    )
    edges = band(x, right.min(0), right.max(0), "measured", "range of three seeds")
    figure = chart(
        [
            *(edge | {"line": edge["line"] | {"width": 0}} for edge in edges),
            curve(x, right.mean(0), "measured", "right answers", mode="lines+markers"),
            curve(x, pseudo.mean(0), "violated", "wrong: the shortcut"),
            curve(x, within.mean(0), "reference", "right in distribution"),
        ],
        title=TITLE,
        x="longest length of the training",
        y="% of tests",
        x_range=(2.3, 16.5),
        y_range=(-2, 104),
    )
    first, last = WINDOWS[shortest][0], WINDOWS[shortest][-1]
    return figure, (
        f"Lengths from {shortest} on, positions {places:g} as large as tokens at the start: up to {first} {right[:, 0].mean():.0f} % right "
        f"on conflicting lengths and {pseudo[:, 0].mean():.0f} % shortcuts, up to {last} {right[:, -1].mean():.0f} % and "
        f"{pseudo[:, -1].mean():.0f} %. In distribution at least {within.min():.0f} % are right. Three layers, AdamW, {transformer.STEPS} steps."
    )
