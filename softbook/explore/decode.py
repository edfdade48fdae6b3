"""Reading a payload back: what the page shows at one setting, and whether that is what is computed.

>>> from softbook.explore import explore
>>> from softbook.knobs import Linear
>>> from softbook.plotting import chart, curve
>>> def line(slope):
...     return chart([curve([0, 1], [0, slope], "measured", "line")], title="A line", x="x", y="y")
>>> entry = explore(line, slope=Linear(0, 2, default=1, points=3))
>>> payload = entry.payload()
>>> decode(payload, [2])["data", 0, "y"]
array([0., 2.])
>>> assert_payload_matches(payload, entry)
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from softbook.explore.coding import GAP, STEPS
from softbook.explore.parts import Path, figure_parts, walk
from softbook.explore.payload import combinations

if TYPE_CHECKING:
    from softbook.explore.explorable import Explorable


class Decoder:
    """A payload with its words unpacked; `parts` and `summary` read one setting.

    `indices` is one place in the grid a knob, in the payload's order; a ValueError says what does
    not fit.
    """

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = payload
        self.sizes = [len(knob["values"]) for knob in payload["knobs"]]
        planes = zlib.decompress(base64.b64decode(payload["blob"]), wbits=-15)
        low, high = np.frombuffer(planes, np.uint8).reshape(2, -1).astype(np.uint16)
        self.words = low | high << 8
        for channel in payload["channels"]:
            if channel["coding"] != "float":
                run = slice(channel["offset"], channel["offset"] + channel["count"])
                self.words[run] = np.cumsum(self.words[run], dtype=np.uint16)

    def _place(self, axes: Sequence[int], indices: Sequence[int]) -> int:
        flat = 0
        for axis in axes:
            flat = flat * self.sizes[axis] + indices[axis]
        return flat

    def array(self, channel: Mapping[str, Any], indices: Sequence[int]) -> np.ndarray:
        """Return the channel's float64 array at one setting; NaN is a gap."""
        size = math.prod(channel["shape"])
        wide = 4 if channel["coding"] == "float" else 1
        start = channel["offset"] + self._place(channel["axes"], indices) * size * wide
        words = self.words[start : start + size * wide]
        if wide == 4:
            return np.frombuffer(words.astype("<u2").tobytes(), "<f8").reshape(channel["shape"])
        low, high = channel["low"], channel["high"]
        if channel["coding"] == "log":
            inner = math.log(low) + (math.log(high) - math.log(low)) / STEPS * words
            values = np.exp(inner)
        else:
            values = low + (high - low) / STEPS * words
        return np.where(words == GAP, np.nan, values).reshape(channel["shape"])

    def parts(self, indices: Sequence[int]) -> dict[Path, Any]:
        """Return the figure at one setting as path to array or JSON value."""
        if len(indices) != len(self.sizes) or any(
            not 0 <= place < size for place, size in zip(indices, self.sizes, strict=True)
        ):
            raise ValueError(
                f"indices: {tuple(indices)} is given, but one place in each of the grids of "
                f"{self.sizes} values is needed"
            )
        # An empty trace or container is the place of arrays, which come from their channels.
        found = {path: value for path, value in walk(self.payload["figure"]) if value != {}}
        for channel in self.payload["channels"]:
            found[tuple(channel["path"])] = self.array(channel, indices)
        for text in self.payload["texts"]:
            found[tuple(text["path"])] = self._said(text, indices)
        return found

    def summary(self, indices: Sequence[int]) -> str:
        """Return the sentence at one setting."""
        return str(self._said(self.payload["summaries"], indices))

    def _said(self, table: Mapping[str, Any], indices: Sequence[int]) -> Any:
        return table["values"][table["index"][self._place(table["axes"], indices)]]


def decode(payload: Mapping[str, Any], indices: Sequence[int]) -> dict[Path, Any]:
    """Return what a payload shows at one setting: path to array or JSON value.

    Unpacks the whole payload; a `Decoder` does that once for many settings.
    """
    return Decoder(payload).parts(indices)


def _distance(shown: np.ndarray, computed: np.ndarray, channel: Mapping[str, Any]) -> str:
    """Say how an array differs from what was computed by more than its stated error, or ''."""
    hidden = ~np.isfinite(computed) if channel["coding"] != "float" else np.isnan(computed)
    if channel["coding"] == "log":
        hidden |= ~(computed > 0)
    if shown.shape != computed.shape or not np.array_equal(np.isnan(shown), hidden):
        return "its gaps or its shape are others"
    with np.errstate(invalid="ignore"):
        gap = np.where(shown == computed, 0.0, np.abs(shown - computed))
    if channel["coding"] == "log":
        gap = gap / np.where(hidden, 1.0, computed)
    worst = float(gap[~hidden].max(initial=0.0))
    return "" if worst <= channel["error"] else f"moved by {worst:.3g} > {channel['error']:.3g}"


def assert_payload_matches(payload: Mapping[str, Any], entry: Explorable, every: int = 1) -> None:
    """Compute `entry` anew and compare it with a payload: each array, text and sentence.

    Parameters
    ----------
    payload
        From `entry.payload()`, now or earlier.
    entry
        The explorable.
    every
        Compare one setting in so many, from the first.

    Raises
    ------
    AssertionError
        Names the settings and the paths that differ by more than the channels' stated errors.
    """
    for knob in payload["knobs"]:
        if list(entry.knobs[knob["name"]].grid()) != knob["values"]:
            raise AssertionError(f"{entry.id}: the grid of {knob['name']} is another one")
    decoder = Decoder(payload)
    channels = {tuple(channel["path"]): channel for channel in payload["channels"]}
    for indices in list(combinations(payload))[::every]:
        places = zip(payload["knobs"], indices, strict=True)
        settings = {knob["name"]: knob["values"][place] for knob, place in places}
        frame, shown = entry(**settings), decoder.parts(indices)
        computed = {k: v for k, v in figure_parts(frame.figure).items() if not _empty(v)}
        found = [f"{path} stands on one side only" for path in computed.keys() ^ shown.keys()]
        for path in computed.keys() & shown.keys():
            if path in channels:
                problem = _distance(shown[path], computed[path], channels[path])
            else:
                problem = "" if shown[path] == computed[path] else "reads otherwise"
            found += [f"{path}: {problem}"] if problem else []
        if decoder.summary(indices) != frame.summary:
            found.append("the sentence reads otherwise")
        if found:
            raise AssertionError(f"{entry.id} at {settings}: " + "; ".join(sorted(found)))


def _empty(value: Any) -> bool:
    return isinstance(value, dict) and not value
