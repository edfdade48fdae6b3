"""Explorables on the theorem itself: which 0/1 matrices have a dual of no more width than their order."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import curve, points, side_by_side
from softbook.ssd.figures.panels import matrix_chart, matrix_map
from softbook.ssd.model import attention_dual
from softbook.ssd.theory import diagonal_blocks, new_columns, semiseparable_order

RANDOM_TOKENS = 8
DRAWS = 24
LIMITS = (-2.0, 2.0)


def rows_of(length: int) -> tuple[str, ...]:
    """Return all rows of `length` zeros and ones as texts.

    >>> rows_of(1), len(rows_of(4))
    (('0', '1'), 16)
    """
    return tuple(" ".join(f"{number:0{length}b}") for number in range(2**length))


def matrix_of(*rows: str) -> np.ndarray:
    """Return the lower-triangular matrix whose rows are given up to the diagonal, as exact integers.

    >>> matrix_of("1", "0 1").tolist()
    [[1, 0], [0, 1]]
    """
    matrix = np.zeros((len(rows), len(rows)), dtype=object)
    for number, row in enumerate(rows):
        matrix[number, : number + 1] = [int(entry) for entry in row.split()]
    return matrix


def random_matrix(seed: int, density: float, tokens: int = RANDOM_TOKENS) -> np.ndarray:
    """Return a lower-triangular 0/1 matrix [tokens, tokens]; each entry is 1 with probability `density`.

    The same seed keeps its ones as `density` grows.

    >>> int(random_matrix(0, 1.0, 3).sum())
    6
    """
    uniform = np.random.default_rng(seed).random((tokens, tokens))
    return np.tril(uniform < density).astype(int).astype(object)


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) if numbers else "none"


@lru_cache(maxsize=4096)
def _dual_figure(rows: tuple[tuple[int, ...], ...], title: str) -> tuple[go.Figure, str]:
    matrix = np.array(rows, dtype=object)
    tokens = len(matrix)
    order = semiseparable_order(matrix)
    new = [column + 1 for column in new_columns(matrix)]
    blocks = [(block[0] + 1, block[-1] + 1) for block in diagonal_blocks(matrix)]
    dual = attention_dual(matrix, tokens)
    if dual is None:
        raise RuntimeError("attention_dual: width T always has a dual, but none is returned")
    found = dual.width <= order
    scores = np.asarray(dual.q @ dual.k.T, dtype=float)
    if not dual.width:
        scores = np.zeros((tokens, tokens))
    lower = np.where(np.tri(tokens, dtype=bool), matrix.astype(float), np.nan)
    numbers = {"texttemplate": "%{z:.3~g}"}
    marks = np.full(tokens, np.nan)
    marks[[column - 1 for column in new]] = 0.5 - 0.07 * tokens
    edges = np.concatenate(
        [_square(*block) for block in blocks] + [np.full((6, 2), np.nan)] * tokens
    )
    edges = edges[: 6 * tokens]
    stairs = _stairs(tokens)
    verdict = "found" if found else "refused"
    left = matrix_chart(
        [
            matrix_map(lower, tokens, "entry", limits=LIMITS, bar=False) | numbers,
            # The one role that is seen on the cells of both themes.
            curve(edges[:, 0], edges[:, 1], "bound", "finest blocks"),
            points(np.arange(1, tokens + 1), marks, "measured", "new column", marker=_mark()),
        ],
        "M",
        tokens,
    )
    right = matrix_chart(
        [
            matrix_map(scores, tokens, "entry", limits=LIMITS, bar=False) | numbers,
            curve(stairs[:, 0], stairs[:, 1], "measured", "above it, QKᵀ is masked"),
        ],
        f"QKᵀ of width {dual.width}",
        tokens,
        y="",
    )
    for panel in (left, right):
        panel.layout.yaxis.range = (tokens + 0.5, 0.5 - 0.14 * tokens)
    spans = ", ".join(f"{a}–{b}" if a < b else f"{a}" for a, b in blocks)
    words = (
        f"Blocks {spans}; new columns {_listed(new)}; order N = {order}; the least width of a dual is {dual.width}. "
        f"A dual of width N is {verdict}."
    )
    return side_by_side(left, right, title=title), words


def _mark() -> dict[str, object]:
    return {"color": "#0b5cad", "symbol": "triangle-down", "size": 12}


def _square(first: int, last: int) -> np.ndarray:
    """Return the outline of a block, with a gap behind it."""
    a, b = first - 0.5, last + 0.5
    return np.array([[a, a], [b, a], [b, b], [a, b], [a, a], [np.nan, np.nan]])


def _stairs(tokens: int) -> np.ndarray:
    """Return the line between the diagonal and what lies above it."""
    corners = [(t + 0.5, t + 0.5) for t in range(tokens + 1)]
    steps = [[(x, y), (x_next, y)] for (x, y), (x_next, _) in pairwise(corners)]
    return np.array([point for step in steps for point in step] + [corners[-1]])


def dual_figure(matrix: np.ndarray, title: str) -> tuple[go.Figure, str]:
    """Show a 0/1 matrix with its blocks and new columns beside QKᵀ of its least dual, with a verdict.

    `matrix` is lower triangular, T × T, of integers; O(T⁴) operations on Fractions.

    >>> dual_figure(matrix_of("1", "0 1"), "Two tokens")[1][:34]
    'Blocks 1, 2; new columns 1, 2; ord'
    """
    return _dual_figure(tuple(map(tuple, matrix.tolist())), title)


@explorable(
    "ssd-dual",
    title="Write a matrix of zeros and ones: is it masked attention?",
    fourth=Choice(rows_of(4), "0 0 0 1", label="row 4"),
    third=Choice(rows_of(3), "0 0 1", label="row 3"),
    second=Choice(rows_of(2), "0 1", label="row 2"),
    first=Choice(rows_of(1), "1", label="row 1"),
)
def ssd_dual(fourth: str, third: str, second: str, first: str) -> tuple[go.Figure, str]:
    """Show one of the 1024 lower-triangular 0/1 matrices of four tokens, and its dual or refusal."""
    title = "Write a matrix of zeros and ones: is it masked attention?"
    return dual_figure(matrix_of(first, second, third, fourth), title)


@lru_cache(maxsize=8)
def duals_found(density: float) -> int:
    """Return how many of the draws with this share of ones have a dual no wider than their order."""
    matrices = (random_matrix(seed, density) for seed in range(1, DRAWS + 1))
    return sum(attention_dual(matrix) is not None for matrix in matrices)


@explorable(
    "ssd-dual-random",
    title="Draw eight tokens: is the dual found or refused?",
    seed=Integer(1, DRAWS, 1, label="draw"),
    density=Choice([0.1, 0.2, 0.3, 0.5, 0.7], 0.2, label="share of ones"),
)
def ssd_dual_random(seed: int, density: float) -> tuple[go.Figure, str]:
    """Show a random lower-triangular 0/1 matrix of eight tokens, and its dual or refusal."""
    title = "Draw eight tokens: is the dual found or refused?"
    figure, words = dual_figure(random_matrix(seed, density), title)
    return figure, (
        f"{words} With this share of ones, {duals_found(density)} of the {DRAWS} draws have one."
    )
