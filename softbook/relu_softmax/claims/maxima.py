"""The claim on the maximum of n numbers (T5)."""

from __future__ import annotations

from mpmath import iv

from softbook.claims import Claim, Hypothesis, Tolerance, enclose_supremum, register
from softbook.knobs import Integer, Linear, Log
from softbook.relu_softmax.claims.common import U, uniform
from softbook.relu_softmax.model import (
    maximum,
)
from softbook.relu_softmax.theory import (
    maximum_bound,
)

BETA = Log(1, 1e6, default=100, label="sharpness β")


def _maximum_gap(
    n: int, beta: float, distance: float, jitter: float, seed: int, seen: int = 0
) -> float:
    """Return max − head for one maximum at 0 and the others near −distance/β; `seen` hides entries."""
    x = -(distance + jitter * uniform(seed, n).abs()) / beta
    x[0] = 0.0
    shown = x[1:] if seen else x
    return float(x.max() - maximum(shown, beta))


def _maximum_enclosure() -> tuple[float, float]:
    # T5 rests on (g − ω)e^{−g} ≤ e^{−1−ω}; here for n = 10, as the ratio of the two sides.
    omega = maximum_bound(10, 1.0)
    return enclose_supremum(
        lambda g: (g - iv.mpf(omega)) * iv.exp(1 + iv.mpf(omega) - g), 0.0, 60.0, 1e-6
    )


register(
    Claim(
        id="maximum-of-n",
        title="The maximum of n numbers",
        statement=(
            r"A head with scores $\beta x_i$ and values $x_i$, $i\le n$, obeys"
            "\n\n"
            r"$$\begin{aligned}0\;&\le\;\max_ix_i-\mathrm{out}\\&\le\;\frac{W((n-1)/e)}{\beta}\;\le\;\frac{\log n}{\beta},\end{aligned}$$"
            "\n\n"
            r"with equality on the left only if all entries are equal, and in the middle exactly if one entry is "
            r"the maximum and all others lie $(1+W((n-1)/e))/\beta$ below it."
        ),
        evidence="proved",
        source="own",
        knobs={
            "n": Integer(2, 100, default=10, label="entries n"),
            "beta": BETA,
            "distance": Linear(0, 12, default=2.1, label="distance of the others, in 1/β"),
            "jitter": Linear(0, 4, default=0, label="spread of the others, in 1/β"),
            "seed": Integer(0, 9999, default=0, label="seed"),
        },
        predicted=lambda n, beta, **_: (0.0, maximum_bound(n, beta)),
        measured=_maximum_gap,
        relation="in",
        tolerance=Tolerance(
            "rounding over n keys: each adds at most 31u/β (exponentials good to 20 units in the last "
            "place, max of g·e^{−g}), the sums (n+8)u of the largest entry",
            lambda n, beta, distance, jitter, **_: (
                (31 * n + (n + 8) * (distance + jitter)) * U / beta
            ),
        ),
        hypotheses=[
            Hypothesis(
                "the query sees all entries",
                lambda seen=0, **_: not seen,
                violation={"distance": 12.0, "seen": 1},
            )
        ],
        enclosure=_maximum_enclosure,
    )
)
