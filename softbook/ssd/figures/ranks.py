"""The explorable on block ranks: softmax against a state-space model, along the cut."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import chart, curve, note, points, rule
from softbook.ssd.model import kernel_matrix
from softbook.ssd.theory import block_ranks, softmax_order

MOST = 16
# Scores s_ij = i·j·log(9/8), so that every weight is a rational number.
BASE = Fraction(9, 8)
EXACTLY = "exactly"
COUNTED = {EXACTLY: None, "above 10⁻¹²": 1e-12, "above 10⁻⁶": 1e-6, "above 10⁻³": 1e-3}


def softmax_matrix(tokens: int) -> np.ndarray:
    """Return causal softmax of the scores i·j·log(9/8) as Fractions [T, T]; each row sums to 1.

    >>> [str(entry) for entry in softmax_matrix(2)[1]]
    ['64/145', '81/145']
    """
    matrix = np.full((tokens, tokens), Fraction(0), dtype=object)
    for query in range(1, tokens + 1):
        weights = [BASE ** (query * key) for key in range(1, query + 1)]
        matrix[query - 1, :query] = [weight / sum(weights) for weight in weights]
    return matrix


@lru_cache(maxsize=64)
def softmax_ranks(tokens: int, counted: str) -> tuple[int, ...]:
    """Return the ranks of softmax's blocks, one a cut, counted as `COUNTED` says."""
    tolerance = COUNTED[counted]
    if tolerance is None:
        return block_ranks(softmax_matrix(tokens))
    return block_ranks(softmax_matrix(tokens).astype(float), tolerance=tolerance)


@lru_cache(maxsize=64)
def ssm_ranks(tokens: int, states: int) -> tuple[int, ...]:
    """Return the exact ranks of the blocks of an SSM with small whole numbers and decay 1/2."""
    rng = np.random.default_rng(11)
    q, k = rng.integers(1, 10, (2, MOST, 8)).astype(object)[:, :tokens, :states]
    return block_ranks(kernel_matrix(q, k, np.full(tokens, Fraction(1, 2), dtype=object)))


def _padded(values: tuple[int, ...]) -> np.ndarray:
    return np.pad(np.array(values, float), (0, MOST - len(values)), constant_values=np.nan)


@explorable(
    "ssd-ranks",
    title="Softmax needs half as many states as tokens",
    tokens=Integer(2, MOST, 12, label="tokens T"),
    states=Choice([1, 2, 4], 2, label="states N of the SSM"),
    counted=Choice(list(COUNTED), label="singular values counted"),
)
def ssd_ranks(tokens: int, states: int, counted: str) -> tuple[go.Figure, str]:
    """Show the rank of each block M[t..T, 1..t] for softmax and for an SSM."""
    softmax, ssm = softmax_ranks(tokens, counted), ssm_ranks(tokens, states)
    cuts = np.arange(1, MOST + 1)
    promised = softmax_order(tokens)
    figure = chart(
        [
            curve(cuts, _padded(softmax), "measured", "softmax"),
            points(
                cuts, _padded(softmax), "measured", "softmax", showlegend=False, hoverinfo="skip"
            ),
            curve(cuts, _padded(ssm), "reference", f"SSM with N = {states}"),
            points(cuts, _padded(ssm), "reference", "SSM", showlegend=False, hoverinfo="skip"),
        ],
        title="Softmax needs half as many states as tokens",
        x="cut t",
        y="rank of M[t…T, 1…t]",
        x_range=(0.5, MOST + 0.5),
        y_range=(0, 9),
        rules=[rule("prediction", y=promised)],
        notes=[note(0.7, promised + 0.35, "⌊(T+1)/2⌋", "prediction")],
    )
    order = max(softmax)
    if counted == EXACTLY:
        said = f"Counted exactly, softmax's ranks reach {order}: an SSM that equals it needs {promised} states"
    else:
        said = (
            f"Of softmax's singular values at most {order} a block lie {counted} of the block's largest, though "
            f"the exact rank reaches {promised}: close is cheaper than equal"
        )
    return figure, (
        f"T = {tokens}, ⌊(T+1)/2⌋ = {promised} (dotted). {said}. The SSM with N = {states} stays at {max(ssm)}."
    )
