"""What a page may ask: a frame of a registered figure, or that a sweep starts or stops.

Everything is checked here, before any of it reaches a computation: the id is one of the book's, each
value lies in its knob's range. A number is sent as it is, a switch as true or false, a choice as the
place of its option (JSON does not tell 2.0 from 2).

>>> from softbook.explore import explorables
>>> parse('{"figure": "two-keys", "ask": 1, "settings": {"beta": 2.5}}', explorables(), ())
Ask(figure='two-keys', ask=1, sent={'beta': 2.5})
>>> parse('{"sweep": "areas", "do": "stop"}', {}, ["areas"])
Order(sweep='areas', do='stop')
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from softbook.explore import Explorable
from softbook.knobs import Knob

__all__ = ["LARGEST", "Ask", "Order", "parse", "settings_of"]

LARGEST = 16_384
"""The most bytes of one message."""


@dataclass(frozen=True)
class Ask:
    """A page wants the frame of `figure` at the settings that it sent; `ask` is its own number for it."""

    figure: str
    ask: int
    sent: dict[str, Any]


@dataclass(frozen=True)
class Order:
    """A page wants the sweep to `do` something: "start" or "stop"."""

    sweep: str
    do: str


def parse(
    text: str | bytes, figures: Mapping[str, Explorable], sweeps: Collection[str]
) -> Ask | Order:
    """Return what a message asks for.

    Raises a ValueError or TypeError with a sentence for the reader if it is no JSON object of one of the
    two forms, names what the book does not have, or holds a value outside of its knob's range.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("message: this is no JSON") from error
    if not isinstance(message, dict):
        raise TypeError(f"message: {type(message).__name__} is given, but an object is needed")
    if "sweep" in message:
        return _order(message, sweeps)
    figure, ask = message.get("figure"), message.get("ask")
    if not isinstance(figure, str) or figure not in figures:
        raise ValueError(f"figure: {figure!r} is none of the book's {len(figures)} figures")
    if not isinstance(ask, int):
        raise TypeError(f"ask: {ask!r} is given, but an integer is needed")
    sent: dict[str, Any] = message.get("settings", {})
    settings_of(figures[figure], sent)
    return Ask(figure, ask, sent)


def _order(message: Mapping[str, Any], sweeps: Collection[str]) -> Order:
    sweep, do = message["sweep"], message.get("do")
    if not isinstance(sweep, str) or sweep not in sweeps:
        raise ValueError(f"sweep: {sweep!r} is given; there are {', '.join(sweeps) or 'none'}")
    if do not in ("start", "stop"):
        raise ValueError(f"do: {do!r} is given, but 'start' or 'stop' is needed")
    return Order(sweep, do)


def settings_of(entry: Explorable, sent: Any) -> dict[str, Any]:
    """Return all settings of a figure from what was sent, each checked by its knob.

    Raises a ValueError or TypeError that names the knob by its label.
    """
    if not isinstance(sent, dict):
        raise TypeError(f"settings: {type(sent).__name__} is given, but an object is needed")
    read = {
        name: _read(entry.knobs[name], value) if name in entry.knobs else value
        for name, value in sent.items()
    }
    return entry.validate(**read)


def _read(knob: Knob, value: Any) -> Any:
    """Return the value that was sent for a knob; what is wrong is said under the label that a page shows."""
    if value is None:
        # An empty field, or one whose text is no number.
        raise TypeError(f"{knob.title}: {knob.describe()} is needed")
    if knob.kind == "choice":
        options = knob.grid()
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(options):
            raise ValueError(
                f"{knob.title}: {value!r} is given, but a place from 0 to {len(options) - 1} is needed"
            )
        return options[value]
    return knob.named(knob.title).validate(value)
