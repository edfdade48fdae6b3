"""Claims on the soft square and the soft product (T7)."""

from __future__ import annotations

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.knobs import Linear, Log
from softbook.relu_softmax.claims.common import U, head_rounding, scalar
from softbook.relu_softmax.model import (
    soft_multiply,
    soft_square,
)
from softbook.relu_softmax.theory import (
    soft_multiply_bound,
    soft_square_bound,
)


def _soft_rounding(beta: float, z: float) -> float:
    return 4 / beta * (head_rounding(z, beta) + 2 * U * abs(z)) + 8 * U * z * z


register(
    Claim(
        id="soft-square",
        title="A soft square",
        statement=(
            r"Let $S_\beta(z)=\tfrac4\beta\bigl(\mathrm{head}(z)-\tfrac z2\bigr)$. For all real $z$ and $\beta>0$, "
            r"$S_\beta(z)=\tfrac{2z}\beta\tanh\tfrac{\beta z}2$ and $0\le z^2-S_\beta(z)\le\beta^2z^4/12$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "beta": Log(0.01, 10, default=0.3, label="sharpness β"),
            "z": Linear(-3, 3, default=1, label="input z"),
        },
        predicted=lambda beta, z: (0.0, soft_square_bound(beta, z)),
        measured=lambda beta, z: z * z - float(soft_square(scalar(z), beta)),
        relation="in",
        tolerance=Tolerance(
            "rounding of one head, 9u|z|+20u/β, times its output weight 4/β; 8u z² for the squares",
            _soft_rounding,
        ),
    )
)

register(
    Claim(
        id="soft-product",
        title="A soft product",
        statement=(
            r"For $|x|,|y|\le1$, two heads suffice: $\bigl|S_\beta(\tfrac{x+y}2)-S_\beta(\tfrac{x-y}2)-xy\bigr|\le\beta^2/12$, "
            r"with small $\beta$ and output weights $4/\beta$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "beta": Log(0.01, 10, default=0.3, label="sharpness β"),
            "x": Linear(-1, 1, default=1, label="factor x"),
            "y": Linear(-1, 1, default=0.9, label="factor y"),
        },
        predicted=lambda beta, x, y: soft_multiply_bound(beta),
        measured=lambda beta, x, y: abs(float(soft_multiply(scalar(x), scalar(y), beta)) - x * y),
        tolerance=Tolerance(
            "twice that of a soft square at |z| ≤ 1",
            lambda beta, x, y: 2 * _soft_rounding(beta, max(1.0, abs(x), abs(y))),
        ),
        hypotheses=[
            Hypothesis(
                r"$|x|,|y|\le1$",
                lambda beta, x, y: max(abs(x), abs(y)) <= 1,
                violation={"beta": 1.0, "x": 2.0, "y": 2.0},
            )
        ],
        depends=["soft-square"],
    )
)
