"""Which sharpness c = βh² makes the anchors' ramp best: a number that is measured, not proved."""

from __future__ import annotations

from functools import lru_cache

import torch
from scipy.optimize import minimize_scalar

from softbook.relu_softmax.model import anchor_ramp

ANCHORS = 41


def largest_error(sharpness: float, anchors: int = ANCHORS, points: int = 64) -> float:
    """Return the largest error of the ramp in steps h, on a grid of `points` a step.

    The grid covers one end with two steps beyond it, and the middle: the ramp is symmetric, and
    between them it repeats itself. Cost: O(anchors · points).

    >>> 0.4 < largest_error(50.0) < 0.5
    True
    """
    steps = float(anchors - 1)
    near_end = torch.arange(-2 * points, 6 * points + 1, dtype=torch.float64) / points
    middle = steps // 2 + torch.arange(0, points + 1, dtype=torch.float64) / points
    s = torch.cat([near_end, middle])
    error = anchor_ramp(s, 0.0, steps, anchors, sharpness) - s.clamp(0.0, steps)
    return float(error.abs().max())


@lru_cache(maxsize=1)
def best_sharpness() -> tuple[float, float]:
    """Return (c, error in steps) at the least largest error over c in [1, 6].

    Two errors compete: at the ends it falls with c, between anchors it grows, so that the larger of
    the two has one minimum.

    >>> c, error = best_sharpness()
    >>> round(c, 2), round(error, 3)
    (2.72, 0.062)
    """
    found = minimize_scalar(
        lambda c: largest_error(float(c), points=256), bounds=(1.0, 6.0), method="bounded",
        options={"xatol": 1e-8},
    )  # fmt: skip
    return float(found.x), float(found.fun)
