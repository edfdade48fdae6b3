"""The explorable on cost: time, memory and multiply-adds of four forms of one map, and softmax, against T."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, points
from softbook.provenance import read_result

DATA = Path(__file__).parents[1] / "data" / "cost.json"


class Form(NamedTuple):
    """How a form is called and drawn: all are measured, so that dash and marker tell them apart."""

    role: str
    name: str
    dash: str
    marker: str


FORMS = {
    "chunked": Form("measured", "chunked", "solid", "circle"),
    "sdpa": Form("reference", "softmax (SDPA)", "solid", "square"),
    "quadratic": Form("reference", "T × T", "longdash", "square-open"),
    "loop": Form("measured", "loop", "longdash", "triangle-down"),
    "compiled": Form("measured", "compiled chunks", "dashdot", "circle-open"),
}
TIME, MEMORY, WORK = "time", "peak memory", "multiply-adds"
TITLE = "The loop and the chunks grow about like T, the matrix faster"
PASSES = {"forward": "forward", "forward and backward": "both"}
UNITS = {TIME: "seconds", MEMORY: "bytes", WORK: "multiply-adds a head"}
# The sizes a head for which operations are counted; the committed measurement has the same.
STATES, CHANNELS, CHUNK = 64, 64, 64
LENGTHS = tuple(2**k for k in range(6, 21))


def multiply_adds(form: str, tokens: int) -> int:
    """Return the multiply-adds of one head's forward pass over `tokens` >= 0 with N = P = 64.

    loop: 3TNP (decay the state, add k vᵀ, read it). T × T, and softmax, which takes the same products:
    scores and outputs of the T(T+1)/2 pairs, N + P each. chunked, 64 tokens a chunk: the pairs within
    chunks, N + P each, 2TNP into and out of the states, and NP a chunk to decay them. Exponentials
    are not counted. A ValueError names the forms.

    >>> multiply_adds("loop", 1), multiply_adds("quadratic", 2)
    (12288, 384)
    """
    pair, state = STATES + CHANNELS, STATES * CHANNELS
    if form == "loop":
        return 3 * tokens * state
    if form in ("quadratic", "sdpa"):
        return _pairs(tokens) * pair
    if form in ("chunked", "compiled"):
        whole, rest = divmod(tokens, CHUNK)
        inside = whole * _pairs(CHUNK) + _pairs(rest)
        return inside * pair + 2 * tokens * state + (whole + (rest > 0)) * state
    raise ValueError(f"form: {form!r} is given, but one of {', '.join(FORMS)} is needed")


def _pairs(tokens: int) -> int:
    return tokens * (tokens + 1) // 2


@lru_cache(maxsize=4)
def measured(path: Path = DATA) -> dict[str, Any]:
    """Read the committed measurement; raises what `read_result` raises."""
    return read_result(path)


def series(
    result: dict[str, Any], form: str, kind: str, quantity: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return lengths T and seconds or bytes of one form and pass, in order of T.

    What was not measured is left out, so both arrays may be empty.
    """
    field = "seconds" if quantity == TIME else "peak_bytes"
    rows = [
        (row["T"], row[field])
        for row in result["rows"]
        if row["form"] == form and row["pass"] == kind and row.get(field)
    ]
    table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def slope(x: np.ndarray, y: np.ndarray, quantity: str = TIME) -> float:
    """Return the exponent of the power law through some points; NaN if there are fewer than 2.

    Through the last three; of the peak memory, which differs between runs of one form by factors of
    up to five, through all.

    >>> x = np.array([1.0, 2.0, 4.0, 8.0])
    >>> round(slope(x, np.array([9.0, 4.0, 16.0, 64.0])), 3), round(slope(x, x**1.5, MEMORY), 3)
    (2.0, 1.5)
    """
    if len(x) < 2:
        return float("nan")
    first = 0 if quantity == MEMORY else -3
    fit = np.polynomial.Polynomial.fit(np.log(x[first:]), np.log(y[first:]), 1)
    return float(fit.convert().coef[1])


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    return np.pad(values, (0, length - len(values)), constant_values=np.nan)


def _limits(values: list[np.ndarray]) -> tuple[float, float]:
    """Return whole powers of ten around all values."""
    every = np.concatenate([v[np.isfinite(v)] for v in values])
    if not every.size:
        return 1.0, 10.0
    exponents = np.log10([every.min(), every.max()])
    return 10.0 ** np.floor(exponents[0]), 10.0 ** np.ceil(exponents[1] + 1e-9)


def cost_figure(result: dict[str, Any], quantity: str, kind: str) -> tuple[go.Figure, str]:
    """Return the curves of all forms in one quantity, and a sentence with their last exponents.

    `result` is a measurement as in `data/cost.json`; `quantity` one of "time", "peak memory" and
    "multiply-adds", `kind` "forward" or "both". O(rows).
    """
    most = max(len(LENGTHS), len({row["T"] for row in result["rows"]}))
    if quantity == WORK:
        lines = {
            form: (
                np.array(LENGTHS, float),
                np.array([multiply_adds(form, t) for t in LENGTHS], float),
            )
            for form in FORMS
        }
    else:
        lines = {form: series(result, form, kind, quantity) for form in FORMS}
    # Of the same count, one line is drawn: the other would lie on it.
    hidden = ("sdpa", "compiled") if quantity == WORK else ()
    traces, said = [], []
    for form, (role, name, dash, symbol) in FORMS.items():
        x, y = lines[form]
        shown = np.full(most, np.nan) if form in hidden else _padded(y, most)
        x = _padded(x, most)
        dots = np.full(most, np.nan) if quantity == WORK else shown
        line, marks = curve(x, shown, role, name), points(x, dots, role, name)
        line["line"]["dash"], marks["marker"]["symbol"] = dash, symbol
        traces += [line, marks | {"showlegend": False, "hoverinfo": "skip"}]
        if len(y) and form not in hidden:
            said.append(f"{name} {slope(*lines[form], quantity):.2f}")
    figure = chart(
        traces,
        title=TITLE,
        x="tokens T",
        y=UNITS[quantity],
        x_type="log",
        y_type="log",
        x_range=(LENGTHS[0] / 1.5, LENGTHS[-1] * 1.5),
        y_range=_limits([y for _, y in lines.values()]),
        height=460,
    )
    return figure, _words(result, quantity, kind, said)


def _words(result: dict[str, Any], quantity: str, kind: str, said: list[str]) -> str:
    if quantity == WORK:
        longest = LENGTHS[-1]
        forms = ("chunked", "loop", "quadratic")
        chunks, loop, pairs = (multiply_adds(form, longest) for form in forms)
        return (
            f"Multiply-adds of one head, forward, by formula (softmax counts as T × T does). At T = {longest:,} the "
            f"chunks take {chunks / loop:.2f} times the loop's, in large products instead of {longest:,} steps; "
            f"T × T takes {pairs / chunks:,.0f} times the chunks'."
        )
    if not said:
        return f"The {quantity} of this pass was not measured. No GPU has measured it yet."
    words = "forward" if kind == "forward" else "forward and backward"
    device = result.get("machine", {}).get("device", "cpu")
    where = "No GPU has measured it yet" if device == "cpu" else f"Measured on {device}"
    over = "all" if quantity == MEMORY else "the last three"
    return (
        f"{quantity.capitalize()}, {words}; exponents of T over {over} lengths: {', '.join(said)}. "
        f"{where}."
    )


@explorable(
    "ssd-cost",
    title=TITLE,
    tolerance=1e-6,
    quantity=Choice([TIME, MEMORY, WORK], label="quantity"),
    kind=Choice(list(PASSES), label="pass"),
)
def ssd_cost(quantity: str, kind: str) -> tuple[go.Figure, str]:
    """Show what loop, T × T, chunks and softmax cost against T: measured, and counted."""
    return cost_figure(measured(), quantity, PASSES[kind])


def times_table() -> list[dict[str, Any]]:
    """Return a table of the forward pass in milliseconds: one row a form, a dash where it was not run."""
    rows = []
    for form in ("loop", "quadratic", "sdpa", "compiled", "chunked"):
        lengths, seconds = series(measured(), form, "forward", TIME)
        # Stored with three digits: what has as many before the point is whole.
        found = {
            tokens: 1e3 * one if one < 0.1 else round(1e3 * one)
            for tokens, one in zip(lengths, seconds, strict=True)
        }
        columns = {
            f"T = {tokens}": found.get(tokens, "–") for tokens in (256, 1024, 4096, 16384, 65536)
        }
        rows.append({"forward, ms": FORMS[form].name} | columns)
    return rows


def slopes_table() -> list[dict[str, Any]]:
    """Return a table of the forward pass's exponents: of time over the last three lengths, of memory over all."""
    rows = []
    for form in ("loop", "chunked", "quadratic", "sdpa"):
        time = series(measured(), form, "forward", TIME)
        memory = series(measured(), form, "forward", MEMORY)
        rows.append(
            {
                "form": FORMS[form].name,
                "from T": int(time[0][-3]),
                "to": int(time[0][-1]),
                "time": slope(*time),
                "memory": slope(*memory, MEMORY),
            }
        )
    return rows
