"""The ledger's picture: which claim's proof uses which, as one inline SVG with links.

Claims stand under the name of their chapter, in columns; each stands one column right of the last
claim that it uses. Colours come from the page's style, so that the picture follows the theme.

>>> columns({"a": [], "b": ["a"], "c": ["a", "b"]})
[['a'], ['b'], ['c']]
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Node", "columns", "draw"]

# Five columns fit the column of text on a screen of 1280 px.
WIDTH, HEIGHT, GAP_X, GAP_Y, EDGE = 117, 64, 22, 14, 5
LETTERS, LINES, LEADING, HEADING = 16, 4, 14, 42


@dataclass(frozen=True)
class Node:
    """One claim of the picture: title, kind of evidence, address, the ids that it uses, its chapter."""

    title: str
    evidence: str
    address: str
    depends: Sequence[str]
    group: str = ""


def columns(depends: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the ids in columns, such that every id stands right of those that it uses.

    Within a column an id stands at the mean height of what it uses, so that edges stay short.

    Raises
    ------
    ValueError
        If ids use each other in a circle.
    """
    column: dict[str, int] = {}
    pending = dict(depends)
    while pending:
        ready = [id for id, uses in pending.items() if all(other in column for other in uses)]
        if not ready:
            raise ValueError(f"depends: {', '.join(pending)} use each other in a circle")
        for id in ready:
            column[id] = 1 + max((column[other] for other in pending.pop(id)), default=-1)
    placed: list[list[str]] = [[] for _ in range(1 + max(column.values(), default=-1))]
    for id in depends:
        placed[column[id]].append(id)
    height: dict[str, float] = {}
    for ids in placed:
        ids.sort(key=lambda id: _mean([height[other] for other in depends[id]]))
        height |= {id: float(row) for row, id in enumerate(ids)}
    return placed


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _plain(title: str) -> str:
    """Drop LaTeX's signs from a title: an SVG text shows none."""
    return re.sub(r"\$|\\(?=[A-Za-z])|[{}`*]", "", title)


def _box(id: str, nodes: Mapping[str, Node], x: int, y: int) -> str:
    node = nodes[id]
    lines = textwrap.wrap(_plain(node.title), LETTERS, max_lines=LINES, placeholder="…")
    first = y + HEIGHT / 2 + 4 - LEADING * (len(lines) - 1) / 2
    spans = "".join(
        f'<tspan x="{x + 6}" y="{first + LEADING * k:g}">{escape(line)}</tspan>'
        for k, line in enumerate(lines)
    )
    uses = ", ".join(_plain(nodes[other].title) for other in node.depends)
    said = f"{_plain(node.title)} ({node.evidence})" + (f"; uses {uses}" if uses else "")
    return (
        f'<a href="{escape(node.address)}" aria-label="{escape(said)}" '
        f'class="softbook-{node.evidence}"><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
        f'rx="5"/><text>{spans}</text></a>'
    )


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    """Draw an arrow; one that passes whole columns runs between their rows, across no box."""
    x0, y0 = start[0] + WIDTH, start[1] + HEIGHT // 2
    x1, y1 = end[0] - 7, end[1] + HEIGHT // 2
    turns = [(x0, y0), (x1, y1)]
    if x1 - x0 > GAP_X:
        lane = end[1] - GAP_Y // 2
        turns[1:1] = [(x0 + GAP_X, lane), (end[0] - GAP_X, lane)]
    path = f"M{x0},{y0}"
    for (left, above), (right, below) in itertools.pairwise(turns):
        middle = (left + right) // 2
        path += f" C{middle},{above} {middle},{below} {right},{below}"
    tip = f'<path class="tip" d="M{x1 + 6},{y1} l-7,-4 v8 z"/>'
    return f'<path class="edge" d="{path}"/>{tip}'


def _places(
    nodes: Mapping[str, Node], shown: Mapping[str, Sequence[str]]
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Return where each claim stands, and at which height each group begins."""
    place: dict[str, tuple[int, int]] = {}
    starts: dict[str, int] = {}
    y, placed = EDGE, columns(shown)
    for group in dict.fromkeys(nodes[id].group for id in shown):
        starts[group] = y
        y += HEADING * bool(group)
        own = [[id for id in ids if nodes[id].group == group] for ids in placed]
        for k, ids in enumerate(own):
            x = EDGE + k * (WIDTH + GAP_X)
            place |= {id: (x, y + row * (HEIGHT + GAP_Y)) for row, id in enumerate(ids)}
        y += max(map(len, own)) * (HEIGHT + GAP_Y) + GAP_Y
    return place, starts


def draw(nodes: Mapping[str, Node]) -> str:
    """Return the SVG of all claims that use another or are used; an empty string if none is.

    Parameters
    ----------
    nodes
        Claim id to `Node`, in the order of their groups; every id in `depends` must be a key.
    """
    used = {other for node in nodes.values() for other in node.depends}
    shown = {id: node.depends for id, node in nodes.items() if node.depends or id in used}
    if not shown:
        return ""
    place, starts = _places(nodes, shown)
    width = max(x for x, _ in place.values()) + WIDTH + EDGE
    height = max(y for _, y in place.values()) + HEIGHT + EDGE
    edges = [_edge(place[other], place[id]) for id, uses in shown.items() for other in uses]
    names = [
        f'<text class="softbook-group" x="{EDGE}" y="{y + 20}">{escape(name)}</text>'
        for name, y in starts.items()
        if name
    ]
    boxes = [_box(id, nodes, *place[id]) for id in shown]
    return (
        f'<div class="softbook-scroll" role="region" tabindex="0" '
        f'aria-label="Which claim uses which">\n<svg class="softbook-graph" '
        f'xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(edges + names + boxes)}</svg>\n</div>'
    )
