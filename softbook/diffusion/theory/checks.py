"""The sentences for settings that no theorem of this package allows."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from jaxtyping import Float

PRIORS = ("masked", "uniform")


def number(name: str, value: float, low: float = -math.inf, high: float = math.inf) -> float:
    """Return `value` as a float; raise unless it is a number in [low, high]. NaN passes.

    >>> number("score_error", 0)
    0.0
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: {type(value).__name__} is given, but a number is needed")
    if value < low or value > high:
        wanted = f"at least {low:g}" if high == math.inf else f"a number in [{low:g}, {high:g}]"
        raise ValueError(f"{name}: {value} is given, but {wanted} is needed")
    return float(value)


def count(name: str, value: int, least: int = 1) -> int:
    """Return `value` as an int; raise unless it is an integer of at least `least`.

    >>> count("sites", 4)
    4
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: {type(value).__name__} is given, but an integer is needed")
    if value < least:
        raise ValueError(f"{name}: {value} is given, but at least {least} is needed")
    return int(value)


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return `value`; raise a ValueError unless it is one of the `allowed` words.

    >>> one_of("prior", "masked", PRIORS)
    'masked'
    """
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is given, but one of {', '.join(allowed)} is needed")
    return value


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
