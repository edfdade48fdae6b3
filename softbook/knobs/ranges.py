"""Knobs for numbers: linear, logarithmic, whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from softbook.knobs.base import Knob, number_of, share_of
from softbook.numbers import number


@dataclass(frozen=True)
class _Range(Knob):
    low: float
    high: float
    default: float | None = None
    unit: str = field(default="", kw_only=True)
    points: int = field(default=41, kw_only=True)

    def __post_init__(self) -> None:
        low, high = number_of(self, self.low), number_of(self, self.high)
        if not (low < high and math.isfinite(high - low)):
            raise ValueError(
                f"low, high: {self.low!r} and {self.high!r} are given, but finite low < high is needed"
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if not isinstance(self.points, int) or self.points < 2:
            raise ValueError(f"points: {self.points} is given, but an integer >= 2 is needed")
        default = self.low if self.default is None else self.default
        object.__setattr__(self, "default", self.validate(default))

    def validate(self, value: Any) -> float:
        """Return `value` as a float within [low, high]; raise otherwise (NaN is refused)."""
        number = number_of(self, value)
        if not self.low <= number <= self.high:
            raise self.refuse(value)
        return number

    def describe(self) -> str:
        """Say in words what is allowed."""
        return f"a number from {self.low:g} to {self.high:g}" + (
            f" {self.unit}" if self.unit else ""
        )

    def grid(self) -> tuple[float, ...]:
        """Return `points` values, evenly spaced on the knob's scale, both ends and the default among them.

        A value that differs from the default by rounding alone gives way to it; O(points).
        """
        inner = [self.from_unit(k / (self.points - 1)) for k in range(1, self.points - 1)]
        default = float(self.default)  # type: ignore[arg-type]
        kept = [value for value in inner if not self._close(value, default)]
        return tuple(sorted({self.low, *kept, self.high, default}))

    def from_unit(self, unit: float) -> float:
        """Map `unit` in [0, 1] onto [low, high], evenly on the knob's scale; 0 and 1 are exact."""
        if share_of(unit) in (0, 1):
            return self.high if unit else self.low
        return min(max(self._between(unit), self.low), self.high)

    def _between(self, unit: float) -> float:
        raise NotImplementedError

    def _close(self, value: float, other: float) -> bool:
        raise NotImplementedError

    @cached_property
    def _digits(self) -> int:
        """The least number of digits, four at least, that tells all values of the grid apart."""
        grid = self.grid()
        return next(d for d in range(4, 18) if len({f"{v:.{d}g}" for v in grid}) == len(grid))

    def text(self, value: Any) -> str:
        """Write `value` with its unit, in four significant digits or as many as tell the grid apart."""
        return f"{number(float(value), self._digits)} {self.unit}".strip()


@dataclass(frozen=True)
class Linear(_Range):
    """A number between `low` and `high`, evenly spaced.

    >>> Linear(0, 1, default=0.25, points=3).grid()
    (0.0, 0.25, 0.5, 1.0)
    >>> Linear(-1, 1, label="offset t", unit="nats").text(0.5)
    '0.5 nats'
    """

    kind = "linear"

    def _between(self, unit: float) -> float:
        return self.low + (self.high - self.low) * unit

    def _close(self, value: float, other: float) -> bool:
        return abs(value - other) <= 1e-9 * (self.high - self.low)


@dataclass(frozen=True)
class Log(_Range):
    """A positive number between `low` and `high`, evenly spaced in its logarithm.

    >>> Log(1, 10_000, default=10, points=5).grid()
    (1.0, 10.0, 100.0, 1000.0, 10000.0)
    """

    kind = "log"

    def __post_init__(self) -> None:
        if not number_of(self, self.low) > 0:
            raise ValueError(f"low: {self.low!r} is given, but a logarithmic knob needs low > 0")
        super().__post_init__()

    def _between(self, unit: float) -> float:
        # Powers of the ends, since their quotient can overflow. Rounding to twelve digits keeps
        # 1, 10, 100 ... as a reader writes them.
        return float(f"{self.low ** (1 - unit) * self.high**unit:.12g}")

    def _close(self, value: float, other: float) -> bool:
        return math.isclose(value, other, rel_tol=1e-9)


@dataclass(frozen=True)
class Integer(Knob):
    """A whole number from `low` to at most `high` in steps of `step`.

    >>> Integer(2, 8, default=4, step=2).grid()
    (2, 4, 6, 8)
    """

    low: int
    high: int
    default: int | None = None
    step: int = field(default=1, kw_only=True)
    unit: str = field(default="", kw_only=True)
    kind = "integer"

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            if isinstance(value := getattr(self, name), bool) or not isinstance(value, int):
                raise TypeError(f"{name}: {value!r} is given, but an integer is needed")
        if self.low > self.high or self.step < 1:
            raise ValueError(
                f"low, high, step: {self.low}, {self.high}, {self.step} are given, "
                "but low <= high and step >= 1 are needed"
            )
        object.__setattr__(
            self, "default", self.validate(self.low if self.default is None else self.default)
        )

    def validate(self, value: Any) -> int:
        """Return `value` as an int on the knob's ladder; raise otherwise."""
        number = number_of(self, value)
        if not math.isfinite(number) or number != round(number):
            raise self.refuse(value)
        # `value`, not its float: integers beyond 2**53 would be rounded.
        whole = int(value)
        if not self.low <= whole <= self.high or (whole - self.low) % self.step:
            raise self.refuse(value)
        return whole

    def describe(self) -> str:
        """Say in words what is allowed."""
        return f"an integer from {self.low} to {self.high} in steps of {self.step}"

    def grid(self) -> tuple[int, ...]:
        """Return all allowed values."""
        return tuple(range(self.low, self.high + 1, self.step))

    def from_unit(self, unit: float) -> int:
        """Map `unit` in [0, 1] onto the ladder, each rung with the same share; O(1)."""
        rungs = (self.high - self.low) // self.step + 1
        return self.low + self.step * min(int(share_of(unit) * rungs), rungs - 1)

    def text(self, value: Any) -> str:
        """Write `value` with its unit."""
        return f"{value:,} {self.unit}".replace("-", "−", 1 if value < 0 else 0).strip()
