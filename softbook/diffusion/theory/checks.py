"""The sentences for settings that no theorem of this package allows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from softbook.checks import count, one_of
from softbook.checks import number as any_number

__all__ = ["PRIORS", "count", "grid_of_steps", "increasing", "number", "one_of"]

PRIORS = ("masked", "uniform")


def number(name: str, value: float, low: float = -math.inf, high: float = math.inf) -> float:
    """Return `value` as a float; raise unless it is a number in [low, high]. NaN is refused.

    >>> number("tokens", math.nan, low=1)
    Traceback (most recent call last):
    ...
    ValueError: tokens: nan is given, but a number is needed
    """
    if math.isnan(found := any_number(name, value, low, high)):
        raise ValueError(f"{name}: nan is given, but a number is needed")
    return found


def increasing(name: str, value: Any, end: float | None = 1.0) -> Float[np.ndarray, "steps_1"]:
    """Return a grid 0 = t_0 < t_1 < ... as a float64 array; raise unless it is one.

    `end`: what the last time must be; None allows any in (0, 1].

    >>> increasing("grid", [0, 0.5, 1]).tolist()
    [0.0, 0.5, 1.0]
    """
    grid = np.asarray(value, dtype=np.float64)
    fits = grid.ndim == 1 and len(grid) > 1 and grid[0] == 0 and bool((np.diff(grid) > 0).all())
    last = grid[-1] if fits else math.nan
    if not (fits and (last <= 1 if end is None else last == end)):
        stop = "at most 1" if end is None else f"{end:g}"
        raise ValueError(
            f"{name}: {value!r} is given, but increasing times from 0 to {stop} are needed"
        )
    return grid


def grid_of_steps(
    steps: int, grid: Any | None, end: float | None = 1.0
) -> Float[np.ndarray, "steps_1"]:
    """Return `grid` as an array of `steps` + 1 times, or the uniform grid on [0, 1].

    >>> grid_of_steps(2, None).tolist()
    [0.0, 0.5, 1.0]
    """
    steps = count("steps", steps)
    if grid is None:
        return np.linspace(0.0, 1.0, steps + 1)
    times = increasing("grid", grid, end)
    if len(times) != steps + 1:
        raise ValueError(
            f"grid: {len(times)} times are given, but {steps + 1} are needed for {steps} steps"
        )
    return times
