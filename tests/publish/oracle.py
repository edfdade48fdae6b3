"""A second hand's reading of the payload format, derived from its description alone.

It shares no line with `softbook.explore.payload`: plain Python integers and `struct`, one value at
a time. The browser draws what this encoder writes, and this decoder reads what the library writes;
where the three disagree, one of them is wrong.
"""

from __future__ import annotations

import base64
import itertools
import math
import struct
import zlib
from typing import Any

GAP = 65535
TOP = 65534


def _word(value: float, low: float, high: float, coding: str) -> int:
    if math.isnan(value):
        return GAP
    if coding == "log":
        value, low, high = math.log(value), math.log(low), math.log(high)
    return 0 if high == low else round((value - low) / (high - low) * TOP)


def _number(word: int, low: float, high: float, coding: str) -> float:
    if word == GAP:
        return math.nan
    if coding == "log":
        return math.exp(math.log(low) + (math.log(high) - math.log(low)) * word / TOP)
    return low + (high - low) * word / TOP


def encode_channel(path: list, shape: list[int], axes: list[int], values: list[float], coding: str):
    """Return (channel without offset, its words as stored): `values` over settings, then shape."""
    finite = [v for v in values if not math.isnan(v)]
    low, high = min(finite), max(finite)
    if coding == "float":
        words = [w for v in values for w in struct.unpack("<4H", struct.pack("<d", v))]
        stored = words
    else:
        words = [_word(v, low, high, coding) for v in values]
        stored = [words[0]] + [(b - a) % 65536 for a, b in itertools.pairwise(words)]
    channel = {
        "path": path,
        "shape": shape,
        "axes": axes,
        "coding": coding,
        "low": low,
        "high": high,
        "count": len(words),
        "error": 0.0 if coding == "float" else (high - low) / TOP,
    }
    return channel, stored


def encode_blob(stored: list[int]) -> str:
    planes = bytes(word % 256 for word in stored) + bytes(word // 256 for word in stored)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(planes) + packer.flush()).decode()


def decode_words(payload: dict[str, Any]) -> list[int]:
    planes = zlib.decompress(base64.b64decode(payload["blob"]), wbits=-15)
    half = len(planes) // 2
    words = [planes[k] + 256 * planes[half + k] for k in range(half)]
    for channel in payload["channels"]:
        if channel["coding"] != "float":
            start = channel["offset"]
            for k in range(start + 1, start + channel["count"]):
                words[k] = (words[k] + words[k - 1]) % 65536
    return words


def decode(payload: dict[str, Any], which: int, setting: tuple[int, ...]) -> list[float]:
    """Return a channel's values at a setting (one index a knob), flat in C order over its shape."""
    channel = payload["channels"][which]
    words = decode_words(payload)
    size = math.prod(channel["shape"])
    flat = 0
    for axis in channel["axes"]:
        flat = flat * len(payload["knobs"][axis]["values"]) + setting[axis]
    if channel["coding"] == "float":
        start = channel["offset"] + 4 * size * flat
        return [
            struct.unpack("<d", struct.pack("<4H", *words[start + 4 * k : start + 4 * k + 4]))[0]
            for k in range(size)
        ]
    start = channel["offset"] + size * flat
    return [
        _number(word, channel["low"], channel["high"], channel["coding"])
        for word in words[start : start + size]
    ]


def handmade() -> tuple[dict[str, Any], dict[tuple[int, ...], dict[str, list[float]]]]:
    """Return a payload written by hand, and what each setting must draw.

    Two knobs (three and two values); y depends on both, on a logarithmic axis with a gap; a second
    curve depends on the second knob only; the x axis is exact.
    """
    sizes, xs = (3, 2), [0.1, 0.2, 1 / 3, 0.7]
    truth: dict[tuple[int, ...], dict[str, list[float]]] = {}
    first, second = [], []
    for a, b in itertools.product(range(3), range(2)):
        ys = [10.0 ** (a - b) * (k + 1) for k in range(4)]
        ys[2] = math.nan if a == 1 else ys[2]
        first += ys
        truth[a, b] = {"first": ys}
    for b in range(2):
        row = [-1.0 + 3 * b + 0.25 * k for k in range(4)]
        second += row
        for a in range(3):
            truth[a, b]["second"] = row
    parts = [
        encode_channel(["data", 0, "x"], [4], [], xs, "float"),
        encode_channel(["data", 0, "y"], [4], [0, 1], first, "log"),
        encode_channel(["data", 1, "x"], [4], [], xs, "float"),
        encode_channel(["data", 1, "y"], [4], [1], second, "linear"),
    ]
    channels, stored = [], []
    for channel, words in parts:
        channels.append(channel | {"offset": len(stored)})
        stored += words
    knobs = [
        {"name": "a", "label": "knob a", "unit": "", "kind": "integer", "values": [1, 2, 3]}
        | {"texts": ["1", "2", "3"], "index": 1},
        {"name": "b", "label": "knob b", "unit": "", "kind": "switch", "values": [False, True]}
        | {"texts": ["off", "on"], "index": 0},
    ]
    trace = {"type": "scatter", "mode": "lines"}
    layout = {
        "xaxis": {"range": [0, 1], "title": {"text": "x"}},
        "yaxis": {"range": [-3, 3], "type": "log"},
        "annotations": [{"x": 0.5, "y": 0, "text": "a = 2", "showarrow": False}],
    }
    payload = {
        "version": 1,
        "id": "handmade",
        "title": "Made by hand",
        "summary": "At 2, off.",
        "knobs": knobs,
        "figure": {
            "data": [trace | {"name": "first"}, trace | {"name": "second"}],
            "layout": layout,
        },
        "channels": channels,
        "texts": [
            {
                "path": ["layout", "annotations", 0, "text"],
                "axes": [0],
                "values": ["a = 2", "a = 1", "a = 3"],
                "index": [1, 0, 2],
            }
        ],
        "summaries": {
            "axes": [0, 1],
            "values": [f"At {a}, {b}." for a in (1, 2, 3) for b in ("off", "on")],
            "index": list(range(math.prod(sizes))),
        },
        "blob": encode_blob(stored),
        "fixed_axes": True,
        "traces": ["scatter", "scatter"],
        "height": 300,
        "palette": {},
    }
    return payload, truth
