"""Explorables that break a hypothesis: a transition that goes to zero, and gates too strong to factor."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from softbook.explore import explorable
from softbook.knobs import Choice, Log
from softbook.plotting import RAISED, chart, curve, note, number, points, rule
from softbook.ssd.model import absorb_decays, attention_dual, kernel_matrix
from softbook.ssd.theory import new_columns

TOKENS, STATES, CUT = 8, 2, 4
EXPONENTS = (0, 1, 2, 3, 4, 5, 6, 8, 12, 20, 30, 36, 40, 45)
ALL, ONE = "both states", "one state of two"
LABELS = {"1": 0} | {f"10{str(-e).translate(RAISED)}": e for e in EXPONENTS[1:]} | {"0": None}
FORMATS = ("float16", "bfloat16", "float32")
# Where a figure shows what is not a number, on axes that cannot hold it.
LOST = 1e2


class Absorbed(NamedTuple):
    """Over `EXPONENTS`: largest |k'|, and the error of the dual stored in a format (NaN: not finite)."""

    keys: np.ndarray
    error: np.ndarray


def whole_numbers() -> tuple[np.ndarray, np.ndarray]:
    """Return queries and keys [8, 2] of small integers, so that what is built from them is exact.

    >>> whole_numbers()[0].shape
    (8, 2)
    """
    rng = np.random.default_rng(5)
    sizes, signs = rng.integers(1, 4, (2, TOKENS, STATES)), rng.choice([-1, 1], (2, TOKENS, STATES))
    q, k = (sizes * signs).astype(object)
    return q, k


def decays(value: Fraction, where: str) -> np.ndarray:
    """Return decays [8, 2] in Fractions: 1, but `value` at token 5 in both states or in the first.

    >>> decays(Fraction(0), "one state of two")[4].tolist()
    [Fraction(0, 1), Fraction(1, 1)]
    """
    a = np.full((TOKENS, STATES), Fraction(1), dtype=object)
    a[CUT, : STATES if where == ALL else 1] = value
    return a


def _exact(exponent: int | None, where: str) -> np.ndarray:
    value = Fraction(0) if exponent is None else Fraction(1, 10**exponent)
    matrix: np.ndarray = kernel_matrix(*whole_numbers(), decays(value, where))
    return matrix


@lru_cache(maxsize=16)
def absorbed(where: str, precision: str) -> Absorbed:
    """Absorb the decays at each exponent in float64, then store queries and keys in `precision`."""
    q, k = (torch.tensor(entry.astype(float)) for entry in whole_numbers())
    rows = []
    for exponent in EXPONENTS:
        a = torch.tensor(decays(Fraction(1, 10**exponent), where).astype(float))
        exact = torch.tensor(_exact(exponent, where).astype(float))
        queries, keys = absorb_decays(q, k, a)
        stored = [entry.to(getattr(torch, precision)).double() for entry in (queries, keys)]
        gap = (stored[0] @ stored[1].T - exact).tril().abs().max() / exact.abs().max()
        rows.append((float(keys.abs().max()), float(gap) if gap.isfinite() else np.nan))
    return Absorbed(*np.array(rows).T)


@lru_cache(maxsize=32)
def widths(exponent: int | None, where: str) -> tuple[int, int]:
    """Return the least width of a dual with a mask of ones, and with a mask of zeros and ones."""
    matrix = _exact(exponent, where)
    dual = attention_dual(matrix, TOKENS)
    return len(new_columns(matrix)), dual.width if dual else TOKENS


def _words(label: str, where: str, precision: str) -> str:
    exponent = LABELS[label]
    ones, masked = widths(exponent, where)
    if exponent is None:
        mask = (
            f"a zero in the mask brings it back to {masked}"
            if masked < ones
            else "a zero in the mask does not help"
        )
        return (
            f"a = 0 in {where}: nothing can be absorbed. With a mask of ones the least width of a dual is "
            f"{ones} instead of {STATES}; {mask}."
        )
    rows = absorbed(where, precision)
    at = EXPONENTS.index(exponent)
    error = rows.error[at]
    off = (
        "holds inf or NaN"
        if np.isnan(error)
        else f"is off by {number(error, 1)} of its largest entry"
    )
    return (
        f"a = {label} in {where}: width {ones} is enough, with keys up to {number(rows.keys[at], 2)}; stored in {precision}, "
        f"the head's matrix {off}."
    )


def _ceiling(precision: str, most: float) -> dict[str, Any]:
    """Return the words above the line at the format's largest number, on the side that is free."""
    side = (-46, "left") if most < 1e20 else (1, "right")
    return note(side[0], np.log10(most) + 2, f"largest {precision}", "bound", xanchor=side[1])


@explorable(
    "ssd-break-zero",
    title="Small decays strain the single head, a zero kills it",
    decay=Choice(list(LABELS), "0", label="decay a at token 5"),
    where=Choice([ALL, ONE], ONE, label="in"),
    precision=Choice(FORMATS, label="queries and keys stored in"),
)
def break_zero(decay: str, where: str, precision: str) -> tuple[go.Figure, str]:
    """Show the absorbed head's largest key, and where it leaves the format, as one decay goes to zero."""
    exponent = LABELS[decay]
    rows = absorbed(where, precision)
    a = 10.0 ** -np.array(EXPONENTS, dtype=float)
    at = None if exponent is None else EXPONENTS.index(exponent)
    lost = np.isnan(rows.error)
    most = torch.finfo(getattr(torch, precision)).max
    big = {"size": 15, "color": "#4a4f57", "symbol": "circle-open", "line": {"width": 3}}
    figure = chart(
        [
            curve(a, rows.keys, "measured", "largest |k′|"),
            points(a, np.where(lost, np.nan, rows.keys), "measured", f"right in {precision}"),
            points(a, np.where(lost, rows.keys, np.nan), "violated", f"inf or NaN in {precision}"),
            points(
                [np.nan if at is None else a[at]],
                [np.nan if at is None else rows.keys[at]],
                "reference",
                "at this a",
                marker=big,
                showlegend=False,
            ),
        ],
        title="Small decays strain the single head, a zero kills it",
        x="decay a at token 5",
        y="largest entry of k′",
        x_type="log",
        y_type="log",
        x_range=(1e-48, 100),
        y_range=(0.1, 1e48),
        rules=[rule("bound", y=most)],
        notes=[
            _ceiling(precision, most),
            note(-46, 1, "a = 0: no such head" if at is None else "", "violated"),
        ],
    )
    figure.layout.xaxis.dtick = figure.layout.yaxis.dtick = 10
    return figure, _words(decay, where, precision)


# The curves are rounding errors of float32, which depend on a machine's order of summation; where
# they end in inf or NaN does not.
ROUNDING = 1.0
CHUNKS = (16, 32, 64, 128, 256)
GATES = np.geomspace(0.01, 100, 61)
LARGEST = math.log(torch.finfo(torch.float32).max)
FORMS = {
    "factored": "factored: exp(c_i)·exp(−c_j)",
    "middle": "factored about the middle",
    "difference": "difference: exp(c_i−c_j)",
}


def chunk_errors(gate: float, chunk: int) -> dict[str, float]:
    """Return each form's largest error in float32, relative to the largest entry (NaN: not finite).

    The chunk has `chunk` tokens, each with the log decay −`gate`, and 16 states. Truth is float64.

    >>> chunk_errors(10.0, 64)["difference"] < 1e-5
    True
    """
    rng = np.random.default_rng(7)
    q, k = torch.from_numpy(rng.standard_normal((2, chunk, 16))).float()
    c = torch.cumsum(torch.full((chunk,), -gate, dtype=torch.float32), 0)
    apart = -gate * (torch.arange(chunk).unsqueeze(-1) - torch.arange(chunk)).clamp(min=0).double()
    truth = (apart.exp() * (q.double() @ k.double().T)).tril()

    def factored(start: Tensor) -> Tensor:
        return (q * (c - start).exp().unsqueeze(-1)) @ (k * (start - c).exp().unsqueeze(-1)).T

    # Above the diagonal c_i − c_j is positive and its exponential may overflow: it is masked before.
    difference = (c.unsqueeze(-1) - c).clamp(max=0).exp() * (q @ k.T)
    forms = {
        "factored": factored(c.new_zeros(())),
        "middle": factored(c[chunk // 2]),
        "difference": difference,
    }
    gaps = {name: (m.tril().double() - truth).abs().max() for name, m in forms.items()}
    size = truth.abs().max()
    return {name: float(gap / size) if gap.isfinite() else np.nan for name, gap in gaps.items()}


@lru_cache(maxsize=8)
def _errors(chunk: int) -> dict[str, np.ndarray]:
    rows = [chunk_errors(float(gate), chunk) for gate in GATES]
    return {name: np.array([row[name] for row in rows]) for name in FORMS}


@explorable(
    "ssd-break-overflow",
    title="Factored exponentials overflow, differences do not",
    tolerance=ROUNDING,
    gate=Log(0.01, 100, default=2, label="gate strength −log a", unit="nats a token", points=41),
    chunk=Choice(CHUNKS, 64, label="tokens in a chunk C"),
)
def break_overflow(gate: float, chunk: int) -> tuple[go.Figure, str]:
    """Show three ways to compute a chunk's decays in float32 against the strength of the gates."""
    errors, here = _errors(chunk), chunk_errors(gate, chunk)
    lost = {name: np.where(np.isnan(errors[name]), LOST, np.nan) for name in FORMS}
    place = LOST if np.isnan(here["factored"]) else here["factored"]
    dashed = {"color": "#9a1272", "dash": "dash", "width": 2}
    figure = chart(
        [
            curve(GATES, errors["factored"], "violated", FORMS["factored"]),
            points(GATES, lost["factored"], "violated", "factored: inf or NaN", showlegend=False),
            curve(GATES, errors["middle"], "violated", FORMS["middle"], line=dashed),
            points(
                GATES,
                4 * lost["middle"],
                "violated",
                "middle: inf or NaN",
                marker={"size": 8, "color": "#9a1272", "symbol": "x-open"},
                showlegend=False,
            ),
            curve(GATES, errors["difference"], "measured", FORMS["difference"]),
            points(
                [gate],
                [place],
                "violated",
                "at this gate",
                marker={"size": 13, "color": "#9a1272"},
                showlegend=False,
            ),
        ],
        title="Factored exponentials overflow, differences do not",
        x="gate strength −log a, nats a token",
        y="largest error / largest entry",
        x_type="log",
        y_type="log",
        x_range=(0.01, 100),
        y_range=(1e-8, 3e3),
        rules=[rule("prediction", x=LARGEST / chunk)],
        notes=[note(-1.95, np.log10(LOST), "inf or NaN:", "violated")],
    )
    said = "inf or NaN" if np.isnan(here["factored"]) else number(here["factored"], 1)
    return figure, (
        f"Over a chunk of {chunk} tokens with −log a = {gate:.3g} the decay falls to exp(−{gate * chunk:.3g}). Factored in "
        f"float32 the error is {said}; from the difference it is {number(here['difference'], 1)}. Factors overflow where "
        f"C·(−log a) exceeds {LARGEST:.1f}: at {LARGEST / chunk:.3g} here (dotted line)."
    )
