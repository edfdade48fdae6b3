"""Claims on the sawtooth: squares and products by depth."""

from __future__ import annotations

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.knobs import Integer, Linear, Log
from softbook.relu_softmax.claims.common import U, scalar
from softbook.relu_softmax.model import sawtooth_multiply, sawtooth_square
from softbook.relu_softmax.theory import sawtooth_bound, sawtooth_multiply_bound

LEVELS = Integer(1, 12, default=6, label="levels m")
BETA = Log(10, 1e8, default=1e4, label="sharpness β")


def _rounding(beta: float, **_: float) -> float:
    # A tooth's three heads carry weights 2, 4, 2: 8(9u + 20u/β) + 8u. A level passes errors on with
    # slope 2 and enters the sum with weight 4^{−s}, so that all levels together weigh at most 1.
    return 2 * (8 * (9 * U + 20 * U / beta) + 16 * U)


_REASON = "rounding of a tooth, 8(9u+20u/β)+16u, over levels that together weigh at most two"

register(
    Claim(
        id="sawtooth-square",
        title="Squares by depth",
        statement=(
            r"On $[0,1]$, $m$ layers of three two-key heads and a skip connection compute $x^2$ with an error of at most"
            "\n\n"
            r"$$\begin{aligned}&4^{-(m+1)}+\frac{4\kappa}\beta\sum_{s\le m}\frac{2^s-1}{4^s}\\&\;\le\;4^{-(m+1)}+\frac83\,\frac\kappa\beta .\end{aligned}$$"
            "\n\n"
            "The softening does not grow with depth."
        ),
        evidence="proved",
        source="own",
        knobs={"levels": LEVELS, "beta": BETA, "x": Linear(0, 1, default=0.3, label="input x")},
        predicted=lambda levels, beta, x: sawtooth_bound(beta, levels),
        measured=lambda levels, beta, x: abs(
            float(sawtooth_square(scalar(x), beta, levels)) - x * x
        ),
        tolerance=Tolerance(_REASON, _rounding),
        hypotheses=[
            Hypothesis(r"$x\in[0,1]$", lambda levels, beta, x: 0 <= x <= 1, violation={"x": -0.5})
        ],
        depends=["relu-two-keys"],
    )
)

register(
    Claim(
        id="sawtooth-product",
        title="Products by depth",
        statement=(
            r"For $|x|,|y|\le1$, the difference of two sawtooth squares of $|\tfrac{x+y}2|$ and $|\tfrac{x-y}2|$, each "
            r"absolute value made of two heads, is within $4^{-(m+1)}+2S+4\kappa/\beta$ of $xy$, where $S$ is the square's "
            r"softening $\tfrac{4\kappa}\beta\sum_{s\le m}(2^s-1)/4^s$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "levels": LEVELS,
            "beta": BETA,
            "x": Linear(-1, 1, default=0.3, label="factor x"),
            "y": Linear(-1, 1, default=0.6, label="factor y"),
        },
        predicted=lambda levels, beta, x, y: sawtooth_multiply_bound(beta, levels),
        measured=lambda levels, beta, x, y: abs(
            float(sawtooth_multiply(scalar(x), scalar(y), beta, levels)) - x * y
        ),
        tolerance=Tolerance(
            "twice that of a square, whose input is rounded like two heads",
            lambda beta, **_: 2 * (_rounding(beta) + 2 * 2 * (9 * U + 20 * U / beta)),
        ),
        hypotheses=[
            Hypothesis(
                r"$|x|,|y|\le1$",
                lambda levels, beta, x, y: max(abs(x), abs(y)) <= 1,
                violation={"x": 2.0, "y": 1.5},
            )
        ],
        depends=["sawtooth-square"],
    )
)
