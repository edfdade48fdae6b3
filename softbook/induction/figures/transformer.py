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
MOST = max(map(len, WINDOWS.values()))


@lru_cache(maxsize=1)
def stored() -> dict[str, Any]:
    """Return the committed result."""
    return transformer.load()


@lru_cache(maxsize=32)
def ends(shortest: int, places: float, measure: str) -> Float64[np.ndarray, "seeds windows"]:
    """Return a measure at the end of the training, in per cent; NaN behind the last window: all rows are equally long.

    >>> ends(8, 1.0, "within")[0].tolist()
    [100.0, 100.0, 100.0, 100.0, nan, nan]
    """
    found = 100 * transformer.final(shortest, places, measure, stored())
    return np.pad(found, ((0, 0), (0, MOST - found.shape[1])), constant_values=np.nan)


@explorable(
    "ind-transformer",
    title=TITLE,
    shortest=Choice(list(WINDOWS), label="shortest length"),
    places=Choice(PLACES, label="size of positions at the start"),
)
def ind_transformer(shortest: int, places: float) -> tuple[go.Figure, str]:
    """Show right answers and shortcuts on conflicting lengths against the longest length of the training."""
    many = len(WINDOWS[shortest])
    x = np.full(MOST, np.nan)
    x[:many] = WINDOWS[shortest]
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
    right, pseudo, within = (part[:, :many] for part in (right, pseudo, within))
    size = "as large as tokens" if places == 1 else f"at {places:g} of the size of tokens"
    return figure, (
        f"Lengths from {shortest} on, positions start {size}. Trained up to {first}: {right[:, 0].mean():.0f} % right "
        f"on conflicting lengths, {pseudo[:, 0].mean():.0f} % shortcuts; up to {last}: {right[:, -1].mean():.0f} % and "
        f"{pseudo[:, -1].mean():.0f} %. In distribution all are right on {within.min():.0f} % at least. Three layers, AdamW, {transformer.STEPS} steps."
    )
