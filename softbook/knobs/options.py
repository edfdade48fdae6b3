"""Knobs for named values: a choice, a switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from softbook.knobs.base import Knob

if TYPE_CHECKING:
    from ipywidgets import DOMWidget


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
        raise self.refuse(value)

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
        element = escape(element)
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
        element = escape(element)
        checked = " checked" * self.default
        return (
            f'<input type="checkbox" id="{element}" data-knob="{escape(self.name)}"{checked}>'
            f'<label for="{element}">{escape(self.title)}</label>'
        )
