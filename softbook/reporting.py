"""Reporting: the one way in which a chapter prints its key numbers.

A printed number is compared as text when the notebooks are checked, on machines whose last bits
differ. So each float is printed with few significant digits, and a float so near to the border
between two roundings that `error` could push it across is refused: the author then prints fewer or
more digits, and the text is the same everywhere.

>>> show(kappa=0.278464542761, largest_gap=0.27846454, tokens=3)
kappa        0.278465
largest_gap  0.278465
tokens       3
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

__all__ = ["show", "table", "text"]

DIGITS = 6
# What float64 sums of some thousand terms, taken in another order, may differ by (relative).
ERROR = 1e-12


def text(value: Any, digits: int = DIGITS, error: float = ERROR) -> str:
    """Return one value as text that a change of at most `error` (relative) cannot alter.

    Parameters
    ----------
    value
        A float, integer, switch, string, or a tensor or array of one element.
    digits
        Significant digits of a float, 1 to 15. Integers are printed whole.
    error
        How far the value may lie off on another machine, relative to its size, in [0, 1).

    Raises
    ------
    ValueError
        If the value lies so near to the border between two roundings that `error` may cross it.

    Examples
    --------
    >>> text(2 / 3, digits=3), text(1.5e-7), text(-0.0), text(12), text(float("nan"))
    ('0.667', '1.50000e-07', '0', '12', 'nan')
    >>> text(0.12345, digits=4)
    Traceback (most recent call last):
    ...
    ValueError: value: 0.12345 lies within 1e-12 of the border between 0.1234 and 0.1235; print it ...
    """
    if not 1 <= digits <= 15:
        raise ValueError(f"digits: {digits} is given, but 1 to 15 are possible")
    if not 0 <= error < 1:
        raise ValueError(f"error: {error} is given, but a relative error in [0, 1) is needed")
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (bool, str, Integral)):
        return str(value)
    number = float(value)
    if not math.isfinite(number) or number == 0:
        return "0" if number == 0 else str(number)
    low, high = _round(number * (1 - error), digits), _round(number * (1 + error), digits)
    if low != high:
        raise ValueError(
            f"value: {number!r} lies within {error:g} of the border between {low} and {high}; "
            "print it with another number of digits, or state a smaller error"
        )
    return low


def _round(number: float, digits: int) -> str:
    return f"{number:#.{digits}g}".rstrip(".")


def show(*, digits: int = DIGITS, error: float = ERROR, **values: Any) -> None:
    """Print named numbers, one a line; see `text` for `digits`, `error` and what is refused.

    >>> show(digits=2, network=0.0471, attention=0.0469, agree=True)
    network    0.047
    attention  0.047
    agree      True
    """
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"{name:{width}}  {text(value, digits, error)}")


def table(rows: Sequence[Mapping[str, Any]], digits: int = DIGITS, error: float = ERROR) -> None:
    """Print rows under their shared names; see `text` for `digits`, `error` and what is refused.

    Raises a ValueError if a row has other names than the first.

    >>> table([{"beta": 10, "gap": 0.0278}, {"beta": 100, "gap": 0.00278}], digits=3)
    beta     gap
      10  0.0278
     100  0.00278
    """
    if not rows:
        return
    names = list(rows[0])
    for place, row in enumerate(rows):
        if list(row) != names:
            raise ValueError(
                f"rows: row {place} has {', '.join(row)}, but the first has {', '.join(names)}"
            )
    cells = [names] + [[text(row[name], digits, error) for name in names] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
