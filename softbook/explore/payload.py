"""From an explorable to the data of a static page: only what changes, in 16 bits, compressed.

A figure is split into *arrays* (numeric, in its traces) and *leaves* (all other JSON values). An
array becomes a channel: its values over exactly those knobs on which it depends, as 16-bit steps
between its least and greatest value, linear or (on a logarithmic axis) logarithmic. A leaf that
changes is stored once for each distinct value. Everything else is stored once.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import math
import sys
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from softbook.plotting import palette

if TYPE_CHECKING:
    from softbook.explore.explorable import Explorable

Path = tuple[str | int, ...]
STEPS = 65534
GAP = 65535
EXACT_UP_TO = 32


def _decode(value: Any) -> np.ndarray | None:
    """Return the numeric array that a JSON value of a trace stands for, or None."""
    if isinstance(value, Mapping) and "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=np.dtype(value["dtype"]))
        shape = [int(n) for n in str(value.get("shape", array.size)).split(",")]
        return array.reshape(shape).astype(np.float64)
    if isinstance(value, (list, tuple)):
        try:
            array = np.asarray(value)
        except ValueError:
            return None
        if array.dtype == object and any(v is None for v in value):
            return np.array([np.nan if v is None else v for v in value], dtype=np.float64)
        if array.dtype.kind not in "iuf" or not array.size:
            return None
        value = array
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb" and value.ndim in (1, 2):
        return value.astype(np.float64)
    return None


def walk(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, array or JSON leaf) for all of a figure's JSON."""
    if path[:1] == ("data",) and (array := _decode(node)) is not None:
        yield path, array
    elif isinstance(node, Mapping) and node:
        for key in node:
            yield from walk(node[key], (*path, str(key)))
    elif isinstance(node, (list, tuple)) and any(isinstance(entry, Mapping) for entry in node):
        for index, entry in enumerate(node):
            yield from walk(entry, (*path, index))
    else:
        yield path, node.tolist() if isinstance(node, (np.ndarray, np.generic)) else node


def figure_parts(figure: Any) -> dict[Path, Any]:
    """Return a plotly figure (or its JSON) as a flat dictionary from path to array or leaf."""
    tree = figure if isinstance(figure, Mapping) else figure.to_plotly_json()
    kept = {key: tree.get(key) or ([] if key == "data" else {}) for key in ("data", "layout")}
    kept["layout"] = {k: v for k, v in dict(kept["layout"]).items() if k != "template"}
    return dict(walk(kept))


def _depends(stack: np.ndarray, knobs: int) -> tuple[np.ndarray, list[int]]:
    """Drop the knobs along which nothing changes; return the rest and their places."""
    axes = []
    for axis in range(knobs):
        first = np.take(stack, [0], axis=axis)
        same = np.array_equal(
            stack, np.broadcast_to(first, stack.shape), equal_nan=stack.dtype.kind == "f"
        )
        if same:
            stack = first
        else:
            axes.append(axis)
    return stack.reshape([stack.shape[a] for a in axes] + list(stack.shape[knobs:])), axes


def _words(values: np.ndarray, logarithmic: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """Quantise to 16 bits; return the words and how to read them, with the greatest error."""
    shown = np.isfinite(values) & ((values > 0) if logarithmic else True)
    clean = np.where(shown, values, 1.0 if logarithmic else 0.0)
    inner = np.log(clean) if logarithmic else clean
    low = float(inner[shown].min()) if shown.any() else 0.0
    high = float(inner[shown].max()) if shown.any() else 0.0
    step = float(high - low) / STEPS
    scaled = np.zeros_like(inner) if step == 0 else (inner - low) / step
    words = np.where(shown, np.rint(np.clip(scaled, 0, STEPS)), GAP).astype(np.uint16)
    # Half a step, and the rounding of the reader's own arithmetic at the greatest magnitude.
    error = step / 2 + 4 * sys.float_info.epsilon * max(abs(low), abs(high))
    if logarithmic:
        low, high, error = math.exp(low), math.exp(high), math.expm1(error) + 1e-14
    coding = "log" if logarithmic else "linear"
    return words, {"coding": coding, "low": low, "high": high, "error": float(error)}


def _is_logarithmic(path: Path, leaves: Mapping[Path, Any]) -> bool:
    """Tell whether an array is the x or y of a trace that stands on a logarithmic axis."""
    if len(path) != 3 or path[2] not in ("x", "y"):
        return False
    axis = str(leaves.get(("data", path[1], f"{path[2]}axis"), path[2]))
    return leaves.get(("layout", f"{path[2]}axis{axis[1:]}", "type")) == "log"


def _channel(
    path: Path, stack: np.ndarray, knobs: int, logarithmic: bool
) -> tuple[dict, np.ndarray]:
    values, axes = _depends(stack, knobs)
    shape = list(stack.shape[knobs:])
    if not axes and values.size <= EXACT_UP_TO:
        words = np.frombuffer(values.astype("<f8").tobytes(), dtype="<u2")
        finite = values[np.isfinite(values)]
        limits = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        code = {"coding": "float", "low": limits[0], "high": limits[1], "error": 0.0}
    else:
        words, code = _words(values, logarithmic)
        words = np.diff(words.ravel(), prepend=np.uint16(0)).astype(np.uint16)
    return {"path": list(path), "shape": shape, "axes": axes} | code, words.ravel()


def _table(stack: list[str], sizes: list[int]) -> dict[str, Any]:
    """Store JSON texts over the grid: distinct values, and which one each setting shows."""
    values = list(dict.fromkeys(stack))
    places = {value: k for k, value in enumerate(values)}
    index = np.array([places[text] for text in stack], dtype=np.int64).reshape(sizes)
    index, axes = _depends(index, len(sizes))
    return {
        "axes": axes,
        "values": [json.loads(v) for v in values],
        "index": index.ravel().tolist(),
    }


def _differences(first: dict[Path, Any], other: dict[Path, Any]) -> str:
    """Say in which way two frames cannot share one structure, or return an empty string."""
    for path in first.keys() ^ other.keys():
        return f"{'.'.join(map(str, path))} stands in some settings only"
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
        parts.append(figure_parts(frame.figure))
        summaries.append(frame.summary)
        if problem := _differences(parts[0], parts[-1]):
            raise ValueError(f"{entry.id}: a page cannot follow {settings}: {problem}")
    return parts, summaries


def _plain(leaves: Mapping[Path, Any]) -> dict[str, Any]:
    """Rebuild nested JSON from paths; lists come back where the paths hold integers."""
    root: dict[Any, Any] = {"data": {}, "layout": {}}
    for path, value in leaves.items():
        node = root
        for key in path[:-1]:
            node = node.setdefault(key, {})
        if path:
            node[path[-1]] = value

    def lists(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if node and all(isinstance(key, int) for key in node):
            return [lists(node[key]) for key in sorted(node)]
        return {key: lists(value) for key, value in node.items()}

    tree = lists(root)
    return {"data": tree["data"] or [], "layout": tree["layout"] or {}}


def _assemble(
    parts: list[dict[Path, Any]], summaries: list[str], sizes: list[int], at: int
) -> dict:
    """Turn frames over the grid into channels, tables and the one compressed block of words."""
    first = parts[at]
    leaves = {path: value for path, value in first.items() if not isinstance(value, np.ndarray)}
    channels, blocks, texts, offset = [], [], [], 0
    for path, value in first.items():
        if isinstance(value, np.ndarray):
            stack = np.stack([frame[path] for frame in parts]).reshape(sizes + list(value.shape))
            channel, words = _channel(path, stack, len(sizes), _is_logarithmic(path, leaves))
            channels.append(channel | {"offset": offset, "count": len(words)})
            blocks.append(words)
            offset += len(words)
        else:
            stack_of_texts = [json.dumps(frame[path]) for frame in parts]
            if len(set(stack_of_texts)) > 1:
                texts.append({"path": list(path)} | _table(stack_of_texts, sizes))
    words = np.concatenate(blocks) if blocks else np.zeros(0, np.uint16)
    planes = (words & 0xFF).astype(np.uint8).tobytes() + (words >> 8).astype(np.uint8).tobytes()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    blob = base64.b64encode(packer.compress(planes) + packer.flush()).decode()
    figure = _plain(leaves)
    axes = [v for k, v in figure["layout"].items() if k[:5] in ("xaxis", "yaxis")]
    return {
        "figure": figure,
        "channels": channels,
        "texts": texts,
        "summaries": _table([json.dumps(text) for text in summaries], sizes),
        "blob": blob,
        "fixed_axes": bool(axes) and all("range" in axis for axis in axes),
        "traces": [trace.get("type", "scatter") for trace in figure["data"]],
        "height": int(figure["layout"].get("height", 420)),
        "palette": palette(),
    }


def encode(entry: Explorable) -> dict[str, Any]:
    """Return the payload of an explorable: JSON that holds every setting of its grid.

    Raises
    ------
    ValueError
        If the grid or the bytes exceed the budget, or if the figure's structure changes with a knob
        in a way that the page cannot follow (other traces, other lengths).
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
        }
        for name, knob in entry.knobs.items()
    ]
    head = {"version": 1, "id": entry.id, "title": entry.title, "summary": summaries[at]}
    payload = head | {"knobs": knobs} | _assemble(parts, summaries, sizes, at)
    if (size := gzipped(payload)) > entry.budget.gzipped:
        raise ValueError(
            f"{entry.id}: its data take {size} bytes after gzip, but the budget is "
            f"{entry.budget.gzipped}; give the knobs or the curves fewer points"
        )
    return payload


def from_figure(figure: Any, title: str = "", summary: str = "") -> dict[str, Any]:
    """Return the payload of a plain plotly figure (or its JSON): the same form, without knobs."""
    parts = figure_parts(figure)
    heading = parts.get(("layout", "title", "text")) or title or "Figure"
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
    """Return the bytes of a payload as a server sends it."""
    return len(gzip.compress(json.dumps(payload).encode(), 9, mtime=0))


def combinations(payload: Mapping[str, Any]) -> Iterator[tuple[int, ...]]:
    """Yield the grid indices of a payload, the last knob turning fastest."""
    yield from itertools.product(*(range(len(knob["values"])) for knob in payload["knobs"]))
