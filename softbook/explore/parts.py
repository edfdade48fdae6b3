"""A figure taken apart: numeric arrays of its traces on one side, all other JSON values on the other."""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Path = tuple[str | int, ...]


def _numeric(values: Any) -> bool:
    """Tell whether nested lists hold nothing but numbers and gaps."""
    if isinstance(values, (list, tuple)):
        return all(_numeric(value) for value in values)
    if isinstance(values, bool):
        return False
    return values is None or isinstance(values, (int, float, np.integer, np.floating))


def array_of(value: Any) -> np.ndarray | None:
    """Return the numeric array that a JSON value of a trace stands for (None is a gap), or None.

    Arrays have one or two axes; plotly's own base64 form is understood.

    >>> array_of([1, None, 3]), array_of(["1", None])
    (array([ 1., nan,  3.]), None)
    """
    if isinstance(value, Mapping) and "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=np.dtype(value["dtype"]))
        shape = [int(n) for n in str(value.get("shape", array.size)).split(",")]
        value = array.reshape(shape)
    elif isinstance(value, (list, tuple)):
        if not value or not _numeric(value):
            return None
        try:
            value = np.array(value, dtype=np.float64)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb" and value.ndim in (1, 2):
        return value.astype(np.float64)
    return None


def leaf_of(node: Any) -> Any:
    """Return a value as strict JSON: no tuples, no arrays, null for NaN and infinities.

    Raises a TypeError for what JSON cannot hold; dates become ISO text.

    >>> leaf_of((1.5, float("nan"), np.int64(2)))
    [1.5, None, 2]
    """
    if isinstance(node, np.ndarray) and node.dtype.kind == "M":
        node = np.datetime_as_string(node)
    if isinstance(node, (np.ndarray, np.generic)):
        node = node.tolist()
    if isinstance(node, float):
        return node if math.isfinite(node) else None
    if isinstance(node, (list, tuple)):
        return [leaf_of(entry) for entry in node]
    if isinstance(node, Mapping):
        return {str(key): leaf_of(entry) for key, entry in node.items()}
    if isinstance(node, (datetime.date, datetime.datetime)):
        return node.isoformat()
    if node is None or isinstance(node, (str, int)):
        return node
    raise TypeError(f"a {type(node).__name__} is given, but numbers, text or dates are needed")


def walk(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, array or JSON leaf) for all of a figure's JSON.

    >>> list(walk({"data": [{"y": [1, 2], "name": "a"}]}))
    [(('data', 0, 'y'), array([1., 2.])), (('data', 0, 'name'), 'a')]
    """
    if path[:1] == ("data",) and (array := array_of(node)) is not None:
        yield path, array
    elif isinstance(node, Mapping) and node:
        for key in node:
            yield from walk(node[key], (*path, str(key)))
    elif isinstance(node, (list, tuple)) and any(isinstance(entry, Mapping) for entry in node):
        for index, entry in enumerate(node):
            yield from walk(entry, (*path, index))
    else:
        try:
            yield path, leaf_of(node)
        except TypeError as error:
            raise TypeError(f"{'.'.join(map(str, path))}: {error}") from error


def figure_parts(figure: Any) -> dict[Path, Any]:
    """Return a plotly figure (or its JSON) as a flat dictionary from path to array or leaf.

    The template is left out. Raises a TypeError that names the path of what JSON cannot hold.
    """
    tree = figure if isinstance(figure, Mapping) else figure.to_plotly_json()
    kept = {key: tree.get(key) or ([] if key == "data" else {}) for key in ("data", "layout")}
    kept["layout"] = {k: v for k, v in dict(kept["layout"]).items() if k != "template"}
    return dict(walk(kept))


def rebuilt(parts: Mapping[Path, Any], arrays: bool = True) -> dict[str, Any]:
    """Return nested JSON from parts; with `arrays` false, the arrays' places stay empty.

    >>> rebuilt({("data", 0, "name"): "a", ("data", 1, "y"): np.zeros(2)}, arrays=False)
    {'data': [{'name': 'a'}, {}], 'layout': {}}
    """
    root: dict[Any, Any] = {"data": {}, "layout": {}}
    for path, value in parts.items():
        node = root
        for key in path[:-1]:
            node = node.setdefault(key, {})
        if arrays or not isinstance(value, np.ndarray):
            node[path[-1]] = value

    def lists(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if node and all(isinstance(key, int) for key in node):
            return [lists(node[key]) for key in sorted(node)]
        return {key: lists(value) for key, value in node.items()}

    tree = lists(root)
    return {"data": tree["data"] or [], "layout": tree["layout"] or {}}
