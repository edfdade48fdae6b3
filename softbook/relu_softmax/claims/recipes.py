"""Claims on the recipe: functions of one variable, squares, products, reciprocals (T6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.knobs import Choice, Integer, Linear, Log
from softbook.relu_softmax.claims.common import U, head_rounding, scalar
from softbook.relu_softmax.model import (
    multiply,
    piecewise_linear,
    reciprocal,
    square,
)
from softbook.relu_softmax.theory import (
    multiply_bound,
    piecewise_linear_bound,
    reciprocal_interval,
    square_interval,
)

BETA = Log(1, 1e6, default=100, label="sharpness β")
PIECES = Integer(1, 64, default=8, label="pieces K")


class Target(NamedTuple):
    """A function on an interval with the constants that the recipe needs."""

    function: Callable[[Tensor], Tensor]
    low: float
    high: float
    variation: float
    curvature: float
    convex: bool


TARGETS = {
    "exp": Target(torch.exp, -1.0, 1.0, math.e - 1 / math.e, math.e, True),
    "sin": Target(torch.sin, 0.0, 2 * math.pi, 4.0, 1.0, False),
    "log": Target(torch.log, 0.5, 2.0, 1.5, 4.0, True),
    "tanh": Target(torch.tanh, -2.0, 2.0, 2 * math.tanh(2) ** 2, 4 / (3 * math.sqrt(3)), False),
}


def _recipe_error(target: str, pieces: int, beta: float, outside: float = 0.0) -> float:
    chosen = TARGETS[target]
    knots = torch.linspace(chosen.low, chosen.high, pieces + 1, dtype=torch.float64)
    x = torch.linspace(chosen.low, chosen.high + outside, 257, dtype=torch.float64)
    soft = piecewise_linear(chosen.function, knots, beta)
    return float((soft(x) - chosen.function(x)).abs().max())


def _recipe_promise(target: str, pieces: int, beta: float, **_: float) -> float:
    chosen = TARGETS[target]
    chord = chosen.curvature * ((chosen.high - chosen.low) / pieces) ** 2 / 8
    return piecewise_linear_bound(beta, chord, chosen.variation, convex=chosen.convex)


register(
    Claim(
        id="recipe-univariate",
        title="The recipe for one variable",
        statement=(
            r"Let $f$ be absolutely continuous on $[A,B]$ with $f'$ of total variation $V<\infty$, and $f_K$ its "
            r"interpolant at $K+1$ knots. Then $K-1$ two-key heads and a skip connection compute $f_{K,\beta}$ with "
            r"$\|f-f_{K,\beta}\|_\infty\le\|f-f_K\|_\infty+\kappa V/\beta$. If $f$ is convex or concave, the larger of "
            "the two terms is enough."
        ),
        evidence="proved",
        source="own",
        knobs={
            "target": Choice(list(TARGETS), label="function"),
            "pieces": PIECES,
            "beta": BETA,
        },
        predicted=_recipe_promise,
        measured=_recipe_error,
        tolerance=Tolerance(
            "rounding of K heads with weights that sum to V, and of f itself",
            lambda target, pieces, beta, **_: (
                (pieces + 8) * 16 * U * 8 + TARGETS[target].variation * head_rounding(8.0, beta)
            ),
        ),
        hypotheses=[
            Hypothesis(
                "the input lies in $[A,B]$",
                lambda outside=0.0, **_: outside <= 0,
                violation={"outside": 2.0},
            )
        ],
        depends=["network-translation"],
    )
)


def _square_rounding(pieces: int, beta: float, **_: float) -> float:
    return 4 * head_rounding(2.0, beta) + 16 * (pieces + 4) * U


_SQUARE_REASON = (
    "rounding of K−1 heads whose weights sum to less than 4, and of their sum (16(K+4)u)"
)

register(
    Claim(
        id="recipe-square",
        title="Squares",
        statement=(
            r"On $[-1,1]$ with $K$ equal pieces, $f_{K,\beta}(x)-x^2\in[-4\kappa/\beta,\;1/K^2]$, so that $K-1$ heads have "
            r"an error of at most $\max(1/K^2,\,4\kappa/\beta)$."
        ),
        evidence="proved",
        source="own",
        knobs={"pieces": PIECES, "beta": BETA, "x": Linear(-1, 1, default=0.3, label="input x")},
        predicted=lambda pieces, beta, x: square_interval(beta, pieces),
        measured=lambda pieces, beta, x: float(square(scalar(x), beta, pieces)) - x * x,
        relation="in",
        tolerance=Tolerance(_SQUARE_REASON, _square_rounding),
        hypotheses=[
            Hypothesis(r"$|x|\le1$", lambda pieces, beta, x: abs(x) <= 1, violation={"x": 1.5})
        ],
        depends=["recipe-univariate"],
    )
)

register(
    Claim(
        id="recipe-product",
        title="Products",
        statement=(
            r"For $|x|,|y|\le1$, $f_{K,\beta}\bigl(\tfrac{x+y}2\bigr)-f_{K,\beta}\bigl(\tfrac{x-y}2\bigr)$ is within "
            r"$1/K^2+4\kappa/\beta$ of $xy$: $2(K-1)$ heads and a linear skip. For error $\varepsilon$: "
            r"$K=\sqrt{2/\varepsilon}$, $\beta=8\kappa/\varepsilon$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "pieces": PIECES,
            "beta": BETA,
            "x": Linear(-1, 1, default=0.3, label="factor x"),
            "y": Linear(-1, 1, default=0.6, label="factor y"),
        },
        predicted=lambda pieces, beta, x, y: multiply_bound(beta, pieces),
        measured=lambda pieces, beta, x, y: abs(
            float(multiply(scalar(x), scalar(y), beta, pieces)) - x * y
        ),
        tolerance=Tolerance(
            "twice that of a square", lambda **settings: 2 * _square_rounding(**settings)
        ),
        hypotheses=[
            Hypothesis(
                r"$|x|,|y|\le1$",
                lambda pieces, beta, x, y: max(abs(x), abs(y)) <= 1,
                violation={"x": 2.0, "y": 1.5},
            )
        ],
        depends=["recipe-square"],
    )
)


def _reciprocal_input(low: float, place: float) -> float:
    return low + (1 - low) * place


register(
    Claim(
        id="recipe-reciprocal",
        title="Reciprocals",
        statement=(
            r"On $[a,b]$, $0<a<b$, with knots equally spaced in $x^{-1/2}$,"
            "\n\n"
            r"$$\begin{aligned}&-\frac\kappa\beta\bigl(a^{-2}-b^{-2}\bigr)\\&\le\;f_{K,\beta}(x)-\frac1x\\"
            r"&\le\;\Bigl(\frac{a^{-1/2}-b^{-1/2}}K\Bigr)^2.\end{aligned}$$"
            "\n\n"
            "The chord error is the same on every piece."
        ),
        evidence="proved",
        source="own",
        knobs={
            "low": Log(0.01, 0.9, default=0.1, label="lower end a (b = 1)"),
            "place": Linear(0, 1, default=0.1, label="input, as a share of [a, b]"),
            "pieces": PIECES,
            "beta": Log(1, 1e8, default=1000, label="sharpness β"),
        },
        predicted=lambda low, place, pieces, beta: reciprocal_interval(low, 1.0, beta, pieces),
        measured=lambda low, place, pieces, beta: (
            float(reciprocal(scalar(_reciprocal_input(low, place)), low, 1.0, beta, pieces))
            - 1 / _reciprocal_input(low, place)
        ),
        relation="in",
        tolerance=Tolerance(
            "rounding of K−1 heads with weights that sum to V = a⁻²−1, and of knots and values (64(K+8)u/a²)",
            lambda low, place, pieces, beta: (
                64 * (pieces + 8) * U / low**2 + low**-2 * head_rounding(1.0, beta)
            ),
        ),
        hypotheses=[
            Hypothesis(
                r"$x\in[a,b]$",
                lambda low, place, pieces, beta: 0 <= place <= 1,
                violation={"place": 2.0, "beta": 1e6},
            )
        ],
        depends=["recipe-univariate"],
    )
)
