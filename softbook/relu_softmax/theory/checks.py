"""The sentences for settings that no theorem of this package allows."""

from __future__ import annotations

import math
from numbers import Real

from softbook.checks import count

__all__ = ["count", "interval", "number", "positive", "reachable"]


def number(name: str, value: float) -> float:
    """Return `value` as a float; raise a TypeError unless it is a real number.

    >>> number("self_score", -2)
    -2.0
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: {type(value).__name__} is given, but a number is needed")
    return float(value)


def positive(name: str, value: float) -> float:
    """Return `value` as a float; raise unless it is finite and positive.

    >>> positive("beta", 2)
    2.0
    """
    number(name, value)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: {value!r} is given, but a finite number above 0 is needed")
    return float(value)


def reachable(error: float) -> float:
    """Return `error` as a float; raise unless it is at least 1e-300, so that costs are finite.

    >>> reachable(1e-3)
    0.001
    """
    if positive("error", error) < 1e-300:
        raise ValueError(f"error: {error!r} is given, but at least 1e-300 is needed")
    return float(error)


def interval(low: float, high: float) -> tuple[float, float]:
    """Return (low, high); raise unless both are finite and low < high.

    >>> interval(0, 1)
    (0.0, 1.0)
    """
    number("low", low), number("high", high)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"low, high: {low!r} and {high!r} are given, but finite low < high is needed"
        )
    if not math.isfinite(high - low):
        raise ValueError(
            f"low, high: {low!r} and {high!r} are given, but high - low must be finite"
        )
    return float(low), float(high)
