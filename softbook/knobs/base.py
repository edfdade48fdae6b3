"""What all knobs share, and the checks that they use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from softbook.numbers import number

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from ipywidgets import DOMWidget


@dataclass(frozen=True)
class Knob:
    """What all knobs share. Use one of `Linear`, `Log`, `Integer`, `Choice`, `Switch`.

    A knob maps the unit interval onto its domain (`from_unit`), which is all that a random draw
    and an optimiser need; `grid` is the finite set of values that a static page can show.

    Attributes
    ----------
    name
        The keyword under which its value is passed; `bind` fills it.
    label
        What a reader sees beside the control: words and the letter of the formula.

    >>> from softbook.knobs import Choice
    >>> knob = Choice(["on", "off"], label="mask")
    >>> knob.from_unit(0.0), knob.from_unit(1.0), knob.named("mask").name
    ('on', 'off', 'mask')
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
        """Map `unit` in [0, 1] onto the domain; 0 and 1 are its ends. A ValueError says if it is outside."""
        values = self.grid()
        return values[min(int(share_of(unit) * len(values)), len(values) - 1)]

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw a value at random, uniformly on the knob's own scale."""
        return self.from_unit(float(rng.random()))

    def text(self, value: Any) -> str:
        """Write `value` for a reader, with its unit."""
        shown = number(value, 6) if isinstance(value, float) else str(value)
        return f"{shown} {self.unit}".strip()

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
        element = escape(element)
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

    def refuse(self, value: Any) -> ValueError:
        """Return the error that says what is allowed instead of `value`."""
        return ValueError(
            f"{self.name or 'knob'}: {value!r} is given, but {self.describe()} is needed"
        )


def number_of(knob: Knob, value: Any) -> float:
    """Return `value` as a float (an integer too great for one as an infinity); a TypeError if it is no number.

    >>> number_of(Knob(name="beta"), 2)
    2.0
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        given = type(value).__name__
        raise TypeError(f"{knob.name or 'knob'}: {given} is given, but a number is needed")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def share_of(unit: float) -> float:
    """Return `unit`; a ValueError unless it lies in [0, 1].

    >>> share_of(0.5)
    0.5
    """
    if not 0 <= unit <= 1:
        raise ValueError(f"unit: {unit!r} is given, but a number from 0 to 1 is needed")
    return unit


def bind(knobs: Mapping[str, Knob]) -> dict[str, Knob]:
    """Give each knob the name under which it is passed; a TypeError names what is no knob.

    >>> from softbook.knobs import Linear
    >>> bind({"beta": Linear(0, 1)})["beta"].name
    'beta'
    """
    for name, knob in knobs.items():
        if not isinstance(knob, Knob):
            raise TypeError(
                f"{name}: {type(knob).__name__} is given, but a knob (Linear, Log, ...) is needed"
            )
    return {name: knob.named(name) for name, knob in knobs.items()}
