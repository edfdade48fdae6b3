"""Arrays over a grid as 16-bit words: each along the knobs on which it depends, and no others.

A channel is *linear* (steps between two limits), *log* (steps between their logarithms, for what
stands on a logarithmic axis) or *float* (four words a float64: small data that no knob moves).
Values on an evenly spaced ladder, such as indices, counts and most axes' coordinates, are met by the
steps exactly.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from softbook.explore.parts import Path

STEPS = 65534
GAP = 65535
EXACT_UP_TO = 32
# What a reader's own arithmetic may add, relative to the greatest magnitude.
ROUNDING = 8 * sys.float_info.epsilon


def depends(stack: np.ndarray, knobs: int) -> tuple[np.ndarray, list[int]]:
    """Drop those of the first `knobs` axes along which nothing changes; return the rest and its axes.

    >>> depends(np.array([[1.0, 2.0], [1.0, 2.0]]), 2)
    (array([1., 2.]), [1])
    """
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


def _ladder(values: np.ndarray) -> float:
    """Return the rungs' distance if all finite `values` stand on one ladder of at most 65,535, or 0."""
    low, span = float(values.min()), float(np.ptp(values))
    # A glance at the first values turns most arrays away before all of them are sorted.
    for some in (values[:1000], values):
        distinct = np.unique(some)
        if distinct.size < 2:
            continue
        with np.errstate(over="ignore"):
            rungs = (distinct - low) / np.diff(distinct).min()
        if rungs[-1] > STEPS or np.abs(rungs - np.rint(rungs)).max() > 1e-6:
            return 0.0
    if span == 0 or distinct.size < 2:
        return 0.0
    return span / float(np.rint(rungs[-1]))


def _steps(values: np.ndarray, logarithmic: bool) -> tuple[np.ndarray, float, float, float]:
    """Return words, limits (of the logarithms, if so) and the greatest distance to what they say."""
    low, high = float(values.min()), float(values.max())
    rung = 0.0 if logarithmic else _ladder(values)
    if rung:
        high = low + STEPS * rung
    step = (high - low) / STEPS
    if not np.isfinite(step):
        raise ValueError("its values differ by more than a float can hold")
    if step == 0:
        return np.zeros(values.shape, np.uint16), low, high, high - low
    words = np.rint(np.clip((values - low) / step, 0, STEPS)).astype(np.uint16)
    return words, low, high, float(np.abs(low + step * words - values).max())


def quantise(values: np.ndarray, logarithmic: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """Return 16-bit words, and how to read them with the greatest error (relative if logarithmic).

    What is not finite, and on a logarithmic scale what is not positive, becomes a gap.

    >>> words, how = quantise(np.array([0.0, 0.25, np.nan, 0.5]), logarithmic=False)
    >>> words.tolist(), how["error"] < 1e-14
    ([0, 1, 65535, 2], True)
    """
    shown = np.isfinite(values) & ((values > 0) if logarithmic else True)
    words = np.full(values.shape, GAP, np.uint16)
    how: dict[str, Any] = {"coding": "log" if logarithmic else "linear"}
    if not shown.any():
        end = 1.0 if logarithmic else 0.0
        return words, how | {"low": end, "high": end, "error": 0.0}
    kept = values[shown]
    inner = np.log(kept) if logarithmic else kept
    words[shown], low, high, error = _steps(inner, logarithmic)
    error += ROUNDING * float(np.abs(inner).max())
    if logarithmic:
        low, high, error = float(kept.min()), float(kept.max()), float(np.expm1(error)) + 1e-14
    return words, how | {"low": low, "high": high, "error": error}


def channel(
    path: Path, stack: np.ndarray, knobs: int, logarithmic: bool
) -> tuple[dict[str, Any], np.ndarray]:
    """Return an array over the grid as a channel and its words.

    `stack` has one axis a knob, then the array's own; float64.
    """
    values, axes = depends(stack, knobs)
    head = {"path": list(path), "shape": list(stack.shape[knobs:]), "axes": axes}
    if not axes and values.size <= EXACT_UP_TO:
        words = np.frombuffer(values.astype("<f8").tobytes(), dtype="<u2")
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        return head | {"coding": "float", "low": low, "high": high, "error": 0.0}, words
    words, how = quantise(values, logarithmic)
    return head | how, np.diff(words.ravel(), prepend=np.uint16(0)).astype(np.uint16)


def table(stack: Sequence[str], sizes: Sequence[int]) -> dict[str, Any]:
    """Store JSON texts over the grid: distinct values, and which one each setting shows.

    >>> table(['"a"', '"b"', '"a"', '"b"'], [2, 2])
    {'axes': [1], 'values': ['a', 'b'], 'index': [0, 1]}
    """
    values = list(dict.fromkeys(stack))
    places = {value: k for k, value in enumerate(values)}
    index = np.array([places[text] for text in stack], dtype=np.int64).reshape(sizes)
    index, axes = depends(index, len(sizes))
    return {
        "axes": axes,
        "values": [json.loads(v) for v in values],
        "index": index.ravel().tolist(),
    }


def pack(words: np.ndarray) -> str:
    """Return words as base64 of raw deflate of two planes: all low bytes, then all high bytes."""
    planes = (words & 0xFF).astype(np.uint8).tobytes() + (words >> 8).astype(np.uint8).tobytes()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(planes) + packer.flush()).decode()
