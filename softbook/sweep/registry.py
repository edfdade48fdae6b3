"""The book's own sweeps, by name: what `python -m softbook sweep` lists and runs.

A result package registers them in a room named `sweeps`.

>>> @experiment("areas", title="Areas", grid={"width": [1, 2]}, seeds=[0], cost_seconds=0.1)
... def area(seed, width):
...     return width**2
>>> known = _REGISTRY.pop("areas")
>>> known.runs, known.function is area
(2, True)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from softbook.checks import number
from softbook.rooms import load_rooms
from softbook.sweep.grid import Grid, axes, distinct_seeds

__all__ = ["Experiment", "experiment", "experiments"]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Experiment:
    """A named sweep: its function, grid and seeds, and about how long all of it takes on one core."""

    name: str
    title: str
    function: Callable[..., Any]
    grid: Grid
    seeds: tuple[int, ...]
    cost_seconds: float

    @property
    def runs(self) -> int:
        """The number of settings times that of seeds."""
        return len(axes(self.grid)[0]) * len(self.seeds)


_REGISTRY: dict[str, Experiment] = {}


def experiment(
    name: str, *, title: str, grid: Grid, seeds: Iterable[int], cost_seconds: float
) -> Callable[[Function], Function]:
    """Register the function below as a named sweep, and return it unchanged.

    `name`: lower-case letters, digits and hyphens; `title`: one line for the list; `grid`, `seeds`: as in
    `sweep`; `cost_seconds`: measured time of the whole on one core, > 0.

    Raises a ValueError if the name is not of that form or is taken by another function.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"name: {name!r} is given, but lower-case words with hyphens are needed")
    if not number("cost_seconds", cost_seconds, 0) > 0:
        raise ValueError(f"cost_seconds: {cost_seconds} is given, but a time > 0 is needed")

    def register(function: Function) -> Function:
        known = _REGISTRY.get(name)
        if known is not None and _place(known.function) != _place(function):
            raise ValueError(f"name: {name!r} is taken by {'.'.join(_place(known.function))}")
        axes(grid)
        _REGISTRY[name] = Experiment(
            name, title, function, grid, tuple(distinct_seeds(seeds)), float(cost_seconds)
        )
        return function

    return register


def _place(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


def experiments() -> dict[str, Experiment]:
    """Return all named sweeps of the result packages, in the order of their names.

    >>> list(experiments()) == sorted(experiments())
    True
    """
    load_rooms("sweeps")
    return {name: _REGISTRY[name] for name in sorted(_REGISTRY)}
