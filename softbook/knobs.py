"""Knobs: one parameter that a reader can turn.

A knob is written once. From it come the slider in a notebook, the native control of a rendered
page, the random draw of a test, the axis of a sweep and the search space of an attack.

>>> beta = Log(1, 100, default=10, label="sharpness β", points=3)
>>> beta.grid()
(1.0, 10.0, 100.0)
>>> Integer(1, 8, default=2, label="heads").validate(9)
Traceback (most recent call last):
    ...
ValueError: knob: 9 is given, but an integer from 1 to 8 in steps of 1 is needed
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from ipywidgets import DOMWidget

__all__ = ["Choice", "Integer", "Knob", "Linear", "Log", "Switch", "bind"]


@dataclass(frozen=True)
class Knob:
    """What all knobs share. Use one of `Linear`, `Log`, `Integer`, `Choice`, `Switch`.

    A knob maps the unit interval onto its domain (`from_unit`), which is all that a random draw
    and an optimiser need; `grid` is the finite set of values that a static page can show.
    """

    name: str = field(default="", kw_only=True)
    label: str = field(default="", kw_only=True)

    kind = "knob"
    unit = ""

    @property
    def title(self) -> str:
        """The label, or the name where no label is given."""
        return self.label or self.name or "knob"

    def validate(self, value: Any) -> Any:
        """Return `value` in the knob's own type, or raise a ValueError or TypeError that says why not."""
        raise TypeError("Knob is abstract: use Linear, Log, Integer, Choice or Switch")

    def grid(self) -> tuple[Any, ...]:
        """Return the values that a static page shows; the default is always one of them."""
        raise TypeError("Knob is abstract: use Linear, Log, Integer, Choice or Switch")

    def from_unit(self, unit: float) -> Any:
        """Map `unit` in [0, 1] onto the domain; 0 and 1 are its ends."""
        values = self.grid()
        return values[min(int(unit * len(values)), len(values) - 1)]

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw a value at random, uniformly on the knob's own scale."""
        return self.from_unit(float(rng.random()))

    def text(self, value: Any) -> str:
        """Write `value` for a reader, with its unit."""
        return f"{value} {self.unit}".strip()

    def index(self) -> int:
        """Return the place of the default in the grid."""
        return self.grid().index(self.validate(self.default))  # type: ignore[attr-defined]

    def describe(self) -> str:
        """Say in words what is allowed."""
        return "one of " + ", ".join(map(str, self.grid()))

    def named(self, name: str) -> Knob:
        """Return the same knob under a name."""
        return replace(self, name=name)

    def widget(self) -> DOMWidget:
        """Return the ipywidgets control."""
        import ipywidgets

        options = [(self.text(value), value) for value in self.grid()]
        return ipywidgets.SelectionSlider(
            options=options,
            value=self.grid()[self.index()],
            description=self.title,
            continuous_update=True,
            style={"description_width": "initial"},
        )

    def html(self, element: str) -> str:
        """Return the native control: a labelled range input over the grid, with its value in words.

        Parameters
        ----------
        element
            The `id` of the control; the label and the output refer to it.
        """
        grid, index = self.grid(), self.index()
        text = escape(self.text(grid[index]))
        return (
            f'<label for="{element}">{escape(self.title)}</label>'
            f'<input type="range" id="{element}" data-knob="{escape(self.name)}" min="0" '
            f'max="{len(grid) - 1}" step="1" value="{index}" aria-valuetext="{text}">'
            f'<output for="{element}">{text}</output>'
        )

    def strategy(self) -> SearchStrategy[Any]:
        """Return a hypothesis strategy over the whole domain."""
        from hypothesis import strategies

        return strategies.floats(0, 1).map(self.from_unit)

    def _refuse(self, value: Any) -> ValueError:
        return ValueError(
            f"{self.name or 'knob'}: {value!r} is given, but {self.describe()} is needed"
        )


def _number(knob: Knob, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        given = type(value).__name__
        raise TypeError(f"{knob.name or 'knob'}: {given} is given, but a number is needed")
    return float(value)


@dataclass(frozen=True)
class _Range(Knob):
    low: float
    high: float
    default: float | None = None
    unit: str = field(default="", kw_only=True)
    points: int = field(default=41, kw_only=True)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"low, high: {self.low!r} and {self.high!r} are given, but finite low < high is needed"
            )
        if self.points < 2:
            raise ValueError(f"points: {self.points} is given, but at least 2 is needed")
        default = self.low if self.default is None else self.default
        object.__setattr__(self, "default", self.validate(default))

    def validate(self, value: Any) -> float:
        """Return `value` as a float within [low, high]; raise otherwise (NaN is refused)."""
        number = _number(self, value)
        if not self.low <= number <= self.high:
            raise self._refuse(value)
        return number

    def describe(self) -> str:
        """Say in words what is allowed."""
        return f"a number from {self.low:g} to {self.high:g}" + (
            f" {self.unit}" if self.unit else ""
        )

    def grid(self) -> tuple[float, ...]:
        """Return `points` values, evenly spaced on the knob's scale, and the default among them."""
        values = [self.from_unit(k / (self.points - 1)) for k in range(self.points)]
        default = float(self.default)  # type: ignore[arg-type]
        values = [v for v in values if v == default or not math.isclose(v, default, rel_tol=1e-9)]
        return tuple(sorted({*values, default}))

    def text(self, value: Any) -> str:
        """Write `value` with four significant digits and its unit."""
        return f"{float(value):.4g} {self.unit}".strip()


@dataclass(frozen=True)
class Linear(_Range):
    """A number between `low` and `high`, evenly spaced.

    >>> Linear(0, 1, default=0.25, points=3).grid()
    (0.0, 0.25, 0.5, 1.0)
    >>> Linear(-1, 1, label="offset t", unit="nats").text(0.5)
    '0.5 nats'
    """

    kind = "linear"

    def from_unit(self, unit: float) -> float:
        """Map `unit` in [0, 1] linearly onto [low, high]."""
        return min(max(self.low + (self.high - self.low) * unit, self.low), self.high)


@dataclass(frozen=True)
class Log(_Range):
    """A positive number between `low` and `high`, evenly spaced in its logarithm.

    >>> Log(1, 10_000, default=10, points=5).grid()
    (1.0, 10.0, 100.0, 1000.0, 10000.0)
    """

    kind = "log"

    def __post_init__(self) -> None:
        if not self.low > 0:
            raise ValueError(f"low: {self.low!r} is given, but a logarithmic knob needs low > 0")
        super().__post_init__()

    def from_unit(self, unit: float) -> float:
        """Map `unit` in [0, 1] onto [low, high], evenly in the logarithm."""
        value = self.low * (self.high / self.low) ** unit
        # Rounding to twelve digits keeps 1, 10, 100 ... as a reader writes them.
        return min(max(float(f"{value:.12g}"), self.low), self.high)


@dataclass(frozen=True)
class Integer(Knob):
    """A whole number from `low` to `high` in steps of `step`.

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
        number = _number(self, value)
        if number != round(number) or not self.low <= number <= self.high:
            raise self._refuse(value)
        if (round(number) - self.low) % self.step:
            raise self._refuse(value)
        return round(number)

    def describe(self) -> str:
        """Say in words what is allowed."""
        return f"an integer from {self.low} to {self.high} in steps of {self.step}"

    def grid(self) -> tuple[int, ...]:
        """Return all allowed values."""
        return tuple(range(self.low, self.high + 1, self.step))

    def text(self, value: Any) -> str:
        """Write `value` with its unit."""
        return f"{value:,} {self.unit}".strip()


@dataclass(frozen=True)
class Choice(Knob):
    """One of a few named values; the first is the default unless another is named.

    >>> Choice(["float64", "float32"], label="precision").default
    'float64'
    """

    options: Sequence[Any]
    default: Any = None
    kind = "choice"

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options or len(set(self.options)) < len(self.options):
            raise ValueError(
                f"options: {self.options!r} is given, but distinct values are needed, one at least"
            )
        object.__setattr__(
            self,
            "default",
            self.validate(self.options[0] if self.default is None else self.default),
        )

    def validate(self, value: Any) -> Any:
        """Return the option that equals `value`; raise otherwise."""
        for option in self.options:
            if type(option) is type(value) and option == value:
                return option
        raise self._refuse(value)

    def grid(self) -> tuple[Any, ...]:
        """Return all options."""
        return tuple(self.options)

    def widget(self) -> DOMWidget:
        """Return a drop-down list."""
        import ipywidgets

        options = [(self.text(value), value) for value in self.options]
        return ipywidgets.Dropdown(
            options=options,
            value=self.default,
            description=self.title,
            style={"description_width": "initial"},
        )

    def html(self, element: str) -> str:
        """Return a labelled native list."""
        entries = "".join(
            f'<option value="{k}"{" selected" * (value == self.default)}>{escape(self.text(value))}</option>'
            for k, value in enumerate(self.options)
        )
        return (
            f'<label for="{element}">{escape(self.title)}</label>'
            f'<select id="{element}" data-knob="{escape(self.name)}">{entries}</select>'
        )


@dataclass(frozen=True)
class Switch(Knob):
    """On or off.

    >>> Switch(label="mask the neighbours").grid()
    (False, True)
    """

    default: bool = False
    kind = "switch"

    def validate(self, value: Any) -> bool:
        """Return `value`, which must be a bool."""
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(
                f"{self.name or 'knob'}: {type(value).__name__} is given, but True or False is needed"
            )
        return bool(value)

    def grid(self) -> tuple[bool, ...]:
        """Return (False, True)."""
        return (False, True)

    def text(self, value: Any) -> str:
        """Write 'on' or 'off'."""
        return "on" if value else "off"

    def widget(self) -> DOMWidget:
        """Return a check box."""
        import ipywidgets

        return ipywidgets.Checkbox(value=self.default, description=self.title, indent=False)

    def html(self, element: str) -> str:
        """Return a labelled native check box."""
        checked = " checked" * self.default
        return (
            f'<input type="checkbox" id="{element}" data-knob="{escape(self.name)}"{checked}>'
            f'<label for="{element}">{escape(self.title)}</label>'
        )


def bind(knobs: Mapping[str, Knob]) -> dict[str, Knob]:
    """Give each knob the name under which it is passed.

    >>> bind({"beta": Linear(0, 1)})["beta"].name
    'beta'
    """
    for name, knob in knobs.items():
        if not isinstance(knob, Knob):
            raise TypeError(
                f"{name}: {type(knob).__name__} is given, but a knob (Linear, Log, ...) is needed"
            )
    return {name: knob.named(name) for name, knob in knobs.items()}
