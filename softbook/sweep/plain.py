"""Values as plain JSON text: what is hashed, what travels between processes, and what is kept.

JSON knows no NaN and no infinity. They are results like others (a training that diverges), so each is
written as `{"~float": "nan"}` and read back as the float that it was.

>>> text({"loss": float("inf"), "ends": (1, 2)})
'{"ends":[1,2],"loss":{"~float":"inf"}}'
>>> value(text({"loss": float("inf"), "ends": (1, 2)}))
{'ends': [1, 2], 'loss': inf}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["text", "value"]

TAG = "~float"


def text(thing: Any, name: str = "value") -> str:
    """Return the canonical JSON text of `thing`: equal things have equal texts.

    Allowed are None, switches, integers, floats, strings, lists and tuples (both become lists),
    mappings with strings as names (their order is no matter), and arrays and tensors (`tolist`).
    An integer is not the float of the same size. `name` is what error messages call `thing`.

    Raises
    ------
    TypeError
        If anything else is in it.

    Examples
    --------
    >>> text({"b": 1, "a": [True, None, 1.0]})
    '{"a":[true,null,1.0],"b":1}'
    >>> text({"grid": {1: 2}})
    Traceback (most recent call last):
    ...
    TypeError: value['grid']: the name 1 is given, but names in JSON are strings
    """
    return json.dumps(_plain(thing, name), sort_keys=True, separators=(",", ":"), allow_nan=False)


def value(text: str) -> Any:
    """Return what `text` made the text of, with tuples and arrays as lists.

    >>> value('[1.0,{"~float":"-inf"}]')
    [1.0, -inf]
    """
    return json.loads(text, object_hook=_float)


def _plain(thing: Any, name: str) -> Any:
    if isinstance(thing, bool | str | None):
        return str(thing) if isinstance(thing, str) else thing
    if isinstance(thing, int):
        return int(thing)
    if isinstance(thing, float):
        return float(thing) if math.isfinite(thing) else {TAG: repr(float(thing))}
    if isinstance(thing, Mapping):
        _check_names(thing, name)
        return {key: _plain(inner, f"{name}[{key!r}]") for key, inner in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(inner, f"{name}[{place}]") for place, inner in enumerate(thing)]
    if hasattr(thing, "tolist"):
        return _plain(thing.tolist(), name)
    raise TypeError(
        f"{name}: {type(thing).__name__} is given, but only what JSON can hold is possible: numbers, "
        "strings, switches, None, lists and mappings of them"
    )


def _check_names(thing: Mapping[Any, Any], name: str) -> None:
    for key in thing:
        if not isinstance(key, str):
            raise TypeError(f"{name}: the name {key!r} is given, but names in JSON are strings")
        if key == TAG:
            raise TypeError(f"{name}: the name {TAG!r} is given, but it marks NaN and infinities")


def _float(thing: dict[str, Any]) -> Any:
    return float(thing[TAG]) if thing.keys() == {TAG} else thing
