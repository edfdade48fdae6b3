"""The sentences for numbers, counts and words that a function does not allow.

>>> count("steps", 0)
Traceback (most recent call last):
...
ValueError: steps: 0 is given, but at least 1 is needed
"""

from __future__ import annotations

import math
from numbers import Integral, Real

__all__ = ["count", "number", "one_of"]


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

    >>> one_of("prior", "masked", ("masked", "uniform"))
    'masked'
    """
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is given, but one of {', '.join(allowed)} is needed")
    return value
