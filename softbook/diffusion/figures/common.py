"""What the figures of this chapter share: names, the law that they sample, further bounds, and their line at 1."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from softbook.diffusion.model.tables import random_law
from softbook.plotting import ROLES, curve, note

USED = 4
MASKED, UNIFORM = "masks", "uniform noise"
LABEL = "total variation"
DASHES = {"second": "dot", "third": "longdashdot", "fourth": "longdash"}


@lru_cache(maxsize=16)
def data(sites: int) -> Float[np.ndarray, "..."]:
    """Return the law that the figures sample: heavy-tailed, on four tokens; always the same.

    >>> data(2).shape
    (4, 4)
    """
    return random_law(USED, sites, 0)


def look(which: str) -> dict[str, Any]:
    """Return the line of a further bound: the colour of all bounds, a dash of its own.

    >>> look("second")["dash"]
    'dot'
    """
    return {"color": ROLES["bound"].light, "dash": DASHES[which], "width": 2}


def at_one(x: float, **more: Any) -> dict[str, Any]:
    """Return the note on the line at 1 of a logarithmic axis, above it; x is the logarithm of its place.

    >>> at_one(0)["text"]
    'no promise above 1'
    """
    return note(x, 0, "no promise above 1", "reference", yanchor="bottom", **more)


def another_bound(x: Any, y: Any, name: str, which: str = "second") -> dict[str, Any]:
    """Return a further bound of a figure: the colour of all bounds, a dash of its own.

    An infinite value makes a gap.

    >>> another_bound([1, 2], [math.inf, 1], "KL")["line"]["dash"]
    'dot'
    """
    values = np.asarray(y, dtype=np.float64)
    values = np.where(np.isfinite(values), values, math.nan)
    return curve(x, values, "bound", name, line=look(which))
