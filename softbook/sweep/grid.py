"""The settings of a sweep: a product of values by name, or settings written out one by one.

>>> from softbook.knobs import Integer
>>> axes({"rate": [0.1, 0.2], "lengths": Integer(1, 3)})
([{'rate': 0.1, 'lengths': 1}, {'rate': 0.1, 'lengths': 2}, ..., {'rate': 0.2, 'lengths': 3}], (2, 3))
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from softbook.checks import count
from softbook.knobs import Knob
from softbook.sweep import plain

__all__ = ["Grid", "axes", "check_call", "distinct_seeds"]

Grid = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def axes(grid: Grid) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    """Return the settings of `grid` in order, and the grid's shape.

    Parameters
    ----------
    grid
        Either values by name, where the values are a sequence or a `Knob` (then its grid); the settings
        are their product, the last name turns fastest, and the shape has one number a name. Or a
        sequence of settings, each a mapping by name; the shape is their number.

    Raises
    ------
    TypeError, ValueError
        If there is no setting, if one is given twice, if one names `seed`, or if a value cannot be
        written as JSON.

    Examples
    --------
    >>> axes([{"n": 1}, {"n": 4}])
    ([{'n': 1}, {'n': 4}], (2,))
    >>> axes({"n": [1, 2, 1]})
    Traceback (most recent call last):
    ...
    ValueError: grid: {"n":1} is given twice, but each setting may be there once
    """
    if isinstance(grid, Mapping):
        values = {name: _values(name, given) for name, given in grid.items()}
        chosen = [
            dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())
        ]
        shape = tuple(map(len, values.values()))
    else:
        chosen, shape = [dict(_mapping(settings)) for settings in grid], (len(grid),)
    if not chosen:
        raise ValueError("grid: no setting is given, but at least one is needed")
    seen = set()
    for settings in chosen:
        if "seed" in settings:
            raise ValueError("grid: the name 'seed' is given, but seeds have their own argument")
        text = plain.text(settings, "grid")
        if text in seen:
            raise ValueError(f"grid: {text} is given twice, but each setting may be there once")
        seen.add(text)
    return chosen, shape


def _mapping(settings: Any) -> Mapping[str, Any]:
    if not isinstance(settings, Mapping):
        raise TypeError(
            f"grid: {type(settings).__name__} is given among the settings, but each must be a mapping"
        )
    return settings


def _values(name: str, given: Any) -> list[Any]:
    if isinstance(given, Knob):
        return list(given.grid())
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(
            f"grid: {type(given).__name__} is given for {name!r}, but a sequence of values is needed"
        )
    values = list(given)
    if not values:
        raise ValueError(f"grid: no value is given for {name!r}, but at least one is needed")
    return values


def distinct_seeds(seeds: Iterable[int]) -> list[int]:
    """Return `seeds` as a list; raise unless they are distinct integers >= 0, at least one.

    >>> distinct_seeds(range(3))
    [0, 1, 2]
    """
    found = [count("seeds", seed, 0) for seed in seeds]
    if not found:
        raise ValueError("seeds: none is given, but at least one is needed")
    if len(set(found)) < len(found):
        raise ValueError(f"seeds: {found} is given, but each seed may be there once")
    return found


def check_call(function: Callable[..., Any], chosen: Iterable[Mapping[str, Any]]) -> None:
    """Raise a TypeError if `function` cannot be called with `seed` and the names of a setting.

    >>> check_call(lambda seed, n: n, [{"n": 1}, {"m": 1}])
    Traceback (most recent call last):
    ...
    TypeError: function: <lambda> cannot be called with seed, m: missing a required argument: 'n'
    """
    signature = inspect.signature(function)
    for names in {tuple(settings) for settings in chosen}:
        try:
            signature.bind(seed=0, **dict.fromkeys(names))
        except TypeError as error:
            raise TypeError(
                f"function: {function.__name__} cannot be called with "
                f"{', '.join(('seed', *names))}: {error}"
            ) from None
