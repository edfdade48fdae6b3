"""From an explorable to the data of a static page: only what changes, in 16 bits, compressed.

A figure is split into *arrays* (numeric, in its traces) and *leaves* (all other JSON values). An
array becomes a channel: its values over exactly those knobs on which it depends, as 16-bit steps
between its least and greatest value, linear or (on a logarithmic axis) logarithmic. A leaf that
changes is stored once for each distinct value. Everything else is stored once. `decode` reads it.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from softbook.explore.coding import channel, pack, table
from softbook.explore.parts import Path, figure_parts, rebuilt
from softbook.plotting import palette

if TYPE_CHECKING:
    from softbook.explore.explorable import Explorable

__all__ = ["combinations", "encode", "figure_parts", "from_figure", "gzipped"]


def _on_log_axis(path: Path, parts: Mapping[Path, Any]) -> bool:
    """Tell whether an array is the x or y of a trace that stands on a logarithmic axis."""
    if len(path) != 3 or path[2] not in ("x", "y"):
        return False
    axis = str(parts.get(("data", path[1], f"{path[2]}axis"), path[2]))
    return parts.get(("layout", f"{path[2]}axis{axis[1:]}", "type")) == "log"


def _is_logarithmic(path: Path, stack: np.ndarray, parts: list[dict[Path, Any]]) -> bool:
    """Choose the coding: where only some settings have a log axis, no value may be lost to it."""
    found = {_on_log_axis(path, frame) for frame in parts}
    return found == {True} or (len(found) == 2 and bool(np.all(stack[np.isfinite(stack)] > 0)))


def _differences(first: dict[Path, Any], other: dict[Path, Any]) -> str:
    """Say in which way two frames cannot share one structure, or return an empty string."""
    if alone := first.keys() ^ other.keys():
        return f"{min('.'.join(map(str, path)) for path in alone)} stands in some settings only"
    for path, value in first.items():
        ours, theirs = isinstance(value, np.ndarray), isinstance(other[path], np.ndarray)
        if ours != theirs:
            return f"{'.'.join(map(str, path))} is numeric in some settings only"
        if ours and value.shape != other[path].shape:
            return (
                f"{'.'.join(map(str, path))} has shape {value.shape} at one setting and "
                f"{other[path].shape} at another; pad with NaN to one length"
            )
    return ""


def _frames(entry: Explorable) -> tuple[list[dict[Path, Any]], list[str]]:
    if entry.size() > entry.budget.settings:
        raise ValueError(
            f"{entry.id}: its grid has {entry.size()} settings, but the budget is "
            f"{entry.budget.settings}; give the knobs fewer points"
        )
    parts, summaries = [], []
    for settings in entry.grid():
        frame = entry(**settings)
        try:
            parts.append(figure_parts(frame.figure))
        except TypeError as error:
            raise TypeError(f"{entry.id}: a page cannot show {error}") from error
        summaries.append(frame.summary)
        if problem := _differences(parts[0], parts[-1]):
            raise ValueError(f"{entry.id}: a page cannot follow {settings}: {problem}")
    return parts, summaries


def _assemble(
    parts: list[dict[Path, Any]], summaries: list[str], sizes: list[int], at: int
) -> dict[str, Any]:
    """Turn frames over the grid into channels, tables and the one compressed block of words."""
    first = parts[at]
    channels, blocks, texts, offset = [], [], [], 0
    for path, value in first.items():
        if isinstance(value, np.ndarray):
            stack = np.stack([frame[path] for frame in parts]).reshape(sizes + list(value.shape))
            logarithmic = _is_logarithmic(path, stack, parts)
            try:
                code, words = channel(path, stack, len(sizes), logarithmic)
            except ValueError as error:
                raise ValueError(f"{'.'.join(map(str, path))}: {error}") from error
            channels.append(code | {"offset": offset, "count": len(words)})
            blocks.append(words)
            offset += len(words)
        else:
            stack_of_texts = [json.dumps(frame[path], allow_nan=False) for frame in parts]
            if len(set(stack_of_texts)) > 1:
                texts.append({"path": list(path)} | table(stack_of_texts, sizes))
    figure = rebuilt(first, arrays=False)
    axes = [v for k, v in figure["layout"].items() if k[:5] in ("xaxis", "yaxis")]
    return {
        "figure": figure,
        "channels": channels,
        "texts": texts,
        "summaries": table([json.dumps(text) for text in summaries], sizes),
        "blob": pack(np.concatenate(blocks) if blocks else np.zeros(0, np.uint16)),
        "fixed_axes": bool(axes) and all("range" in axis for axis in axes),
        "traces": [trace.get("type", "scatter") for trace in figure["data"]],
        "height": int(figure["layout"].get("height") or 420),
        "palette": palette(),
    }


def encode(entry: Explorable) -> dict[str, Any]:
    """Return the payload of an explorable: JSON that holds every setting of its grid.

    Calls the figure function once a setting; O(settings x numbers in a frame) time and memory.

    Raises
    ------
    ValueError
        If the grid or the bytes exceed the budget, or if the figure's structure changes with a knob
        in a way that the page cannot follow (other traces, other lengths).
    TypeError
        If a figure holds what JSON cannot.
    """
    parts, summaries = _frames(entry)
    sizes = [len(knob.grid()) for knob in entry.knobs.values()]
    at = int(np.ravel_multi_index([k.index() for k in entry.knobs.values()], sizes)) if sizes else 0
    knobs = [
        {
            "name": name,
            "label": knob.title,
            "unit": knob.unit,
            "kind": knob.kind,
            "values": list(knob.grid()),
            "texts": [knob.text(value) for value in knob.grid()],
            "index": knob.index(),
            # JSON does not tell 2.0 from 2, and a choice does.
            **({"literals": [repr(v) for v in knob.grid()]} if knob.kind == "choice" else {}),
        }
        for name, knob in entry.knobs.items()
    ]
    head = {
        "version": 1,
        "id": entry.id,
        "title": entry.title,
        "summary": summaries[at],
        # Whether the id alone brings it back, in any interpreter.
        "registered": entry.registered,
    }
    try:
        payload = head | {"knobs": knobs} | _assemble(parts, summaries, sizes, at)
    except ValueError as error:
        raise ValueError(f"{entry.id}: {error}") from error
    if (size := gzipped(payload)) > entry.budget.gzipped:
        raise ValueError(
            f"{entry.id}: its data take {size} bytes after gzip, but the budget is "
            f"{entry.budget.gzipped}; give the knobs or the curves fewer points"
        )
    return payload


def from_figure(figure: Any, title: str = "", summary: str = "") -> dict[str, Any]:
    """Return the payload of a plain plotly figure (or its JSON): the same form, without knobs.

    >>> payload = from_figure({"data": [{"y": [1, 2]}], "layout": {"title": {"text": "Two"}}})
    >>> payload["title"], payload["summary"], payload["knobs"]
    ('Two', 'Two.', [])
    """
    parts = figure_parts(figure)
    heading = parts.get(("layout", "title", "text")) or parts.get(("layout", "title")) or title
    heading = heading or "Figure"
    body = _assemble([parts], [summary or f"{heading}."], [], 0)
    mark = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:10]
    head: dict[str, Any] = {
        "version": 1,
        "id": f"figure-{mark}",
        "title": title or heading,
        "knobs": [],
    }
    return head | {"summary": summary or f"{heading}."} | body


def gzipped(payload: Mapping[str, Any]) -> int:
    """Return the bytes of a payload as a server sends it.

    >>> gzipped({"version": 1}) < 50
    True
    """
    return len(gzip.compress(json.dumps(payload, allow_nan=False).encode(), 9, mtime=0))


def combinations(payload: Mapping[str, Any]) -> Iterator[tuple[int, ...]]:
    """Yield the grid indices of a payload, the last knob turning fastest.

    >>> list(combinations({"knobs": [{"values": [1, 2]}, {"values": ["a"]}]}))
    [(0, 0), (1, 0)]
    """
    yield from itertools.product(*(range(len(knob["values"])) for knob in payload["knobs"]))
