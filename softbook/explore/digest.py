"""Digests: a figure's data as a small table that a test compares, so that a changed figure is seen.

The digest of an explorable holds, for its default frame and for both ends of each knob, one row a
numeric array: how many finite values, their least, greatest and mean value, and five of them. Rows
compare within `tolerance` times the array's range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from softbook.explore.parts import figure_parts

if TYPE_CHECKING:
    from softbook.explore.explorable import Explorable

Digest = dict[str, dict[str, list[float]]]


def _row(array: np.ndarray) -> list[float]:
    flat = array.ravel()
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        return [0.0]
    picks = finite[np.linspace(0, finite.size - 1, 5).round().astype(int)]
    numbers = [finite.size, finite.min(), finite.max(), finite.mean(), *picks]
    return [float(f"{float(number):.12g}") for number in numbers]


def _settings(entry: Explorable) -> list[dict[str, Any]]:
    defaults = entry.defaults()
    chosen = [defaults]
    for name, knob in entry.knobs.items():
        grid = knob.grid()
        chosen += [defaults | {name: grid[0]}, defaults | {name: grid[-1]}]
    return chosen


def digest(entry: Explorable) -> Digest:
    """Return the digest: settings (as JSON) to the path of each array to its row of numbers.

    Computes 1 + 2 x knobs frames. A row is: finite values, least, greatest, mean, five of them.

    >>> from softbook.explore import explore
    >>> from softbook.plotting import chart, curve
    >>> def line():
    ...     return chart([curve([0, 1], [0, 2], "measured", "line")], title="A line", x="x", y="y")
    >>> digest(explore(line))["{}"]["data.0.y"]
    [2.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 2.0, 2.0]
    """
    table: Digest = {}
    for settings in _settings(entry):
        parts = figure_parts(entry(**settings).figure)
        table[json.dumps(settings, sort_keys=True)] = {
            ".".join(map(str, path)): _row(value)
            for path, value in parts.items()
            if isinstance(value, np.ndarray)
        }
    return table


def differences(stored: Mapping[str, Any], fresh: Mapping[str, Any], tolerance: float) -> list[str]:
    """Return a sentence for each way in which two digests differ; an empty list if they agree.

    `tolerance` is relative to each array's range, or to its greatest magnitude where that is more.

    >>> row = {"{}": {"data.0.y": [2, 0.0, 1.0, 0.5, 0.0, 0.0, 0.0, 1.0, 1.0]}}
    >>> moved = {"{}": {"data.0.y": [2, 0.0, 1.1, 0.5, 0.0, 0.0, 0.0, 1.0, 1.0]}}
    >>> differences(row, row, 1e-6), len(differences(row, moved, 1e-6))
    ([], 1)
    """
    found = [f"{key}: in one digest only" for key in sorted(stored.keys() ^ fresh.keys())]
    for key in stored.keys() & fresh.keys():
        rows, others = stored[key], fresh[key]
        found += [
            f"{key} {path}: in one digest only" for path in sorted(rows.keys() ^ others.keys())
        ]
        for path in rows.keys() & others.keys():
            old, new = rows[path], others[path]
            if len(old) != len(new) or old[0] != new[0]:
                found.append(
                    f"{key} {path}: {old[0]:g} finite values were stored, {new[0]:g} are drawn"
                )
                continue
            span = max(old[2] - old[1], abs(old[2]), abs(old[1])) if len(old) > 1 else 0.0
            gaps = [abs(a - b) for a, b in zip(old[1:], new[1:], strict=True)]
            # Said this way round, NaN is a difference.
            if not all(gap <= tolerance * span for gap in gaps):
                found.append(f"{key} {path}: moved by {max(gaps):.3g} on a range of {span:.3g}")
    return found
