"""Claims on single heads: two keys, and a query that sees other tokens (T1, T1')."""

from __future__ import annotations

import torch
from mpmath import iv

from softbook.claims import Claim, Hypothesis, Tolerance, enclose_supremum, register
from softbook.knobs import Integer, Linear, Log, Switch
from softbook.relu_softmax.claims.common import (
    HEAD_REASON,
    U,
    head_rounding,
    scalar,
    uniform,
)
from softbook.relu_softmax.model import relu_head, rounded_relu_head, unmasked_relu_head
from softbook.relu_softmax.theory import KAPPA, relu_bound, unmasked_bound, unmasked_score

BETA = Log(0.01, 1e6, default=10, label="sharpness β")
# Where a key is stored in bfloat16, its input is 8 + z: half a step there is 1/64.
OFFSET = 8.0


def _two_key_gap(beta: float, z: float, bits: int = 64, neighbours: int = 0) -> float:
    """Return relu(z) − head(z), with shorter keys or with neighbours of value 1 seen at score 0."""
    if neighbours:
        tokens = torch.cat([scalar(z).reshape(1), torch.ones(neighbours, dtype=torch.float64)])
        out = unmasked_relu_head(tokens, beta, self_score=0.0)[0]
    elif bits == 16:
        out = rounded_relu_head(scalar(z), beta, offset=OFFSET, precision=torch.bfloat16)
    else:
        out = relu_head(scalar(z), beta)
    return max(z, 0.0) - float(out)


def _peak_enclosure() -> tuple[float, float]:
    # Beyond u = 60 the function is below 60·e^{−60} and decreasing.
    return enclose_supremum(lambda u: u / (1 + iv.exp(u)) / iv.mpf(KAPPA), 0.0, 60.0, 1e-6)


register(
    Claim(
        id="relu-two-keys",
        title="Two keys make a ReLU",
        statement=(
            r"Let one head see a key with score $\beta z$ and value $z$, and a sink with score and value "
            r"$0$. Its output is $z\,\sigma(\beta z)$, and for all real $z$ and all $\beta>0$"
            "\n\n"
            r"$$\begin{aligned}0\;&\le\;\mathrm{relu}(z)-z\,\sigma(\beta z)\\"
            r"&=\;\frac{|z|}{1+e^{\beta|z|}}\;\le\;\frac{\kappa}{\beta}\end{aligned}$$"
            "\n\n"
            r"with $\kappa=W(1/e)=0.27846\ldots$ and equality on the right exactly at $\beta|z|=1+\kappa$, on the left only at $z=0$."
        ),
        evidence="proved",
        source="own",
        knobs={"beta": BETA, "z": Linear(-20, 20, default=0.5, label="pre-activation z")},
        predicted=lambda beta, z, **_: (0.0, relu_bound(beta)),
        measured=_two_key_gap,
        relation="in",
        tolerance=Tolerance(HEAD_REASON, lambda beta, z, **_: head_rounding(z, beta)),
        hypotheses=[
            Hypothesis(
                "scores are exact (not rounded to bfloat16)",
                lambda bits=64, **_: bits == 64,
                violation={"beta": 1e4, "z": 0.012, "bits": 16},
            ),
            Hypothesis(
                "the query sees its own key and the sink alone",
                lambda neighbours=0, **_: neighbours == 0,
                violation={"beta": 1e4, "z": -1e-4, "neighbours": 3},
            ),
        ],
        enclosure=_peak_enclosure,
    )
)

register(
    Claim(
        id="relu-gap-peak",
        title="The constant is met",
        statement=(
            r"At $z=\pm(1+\kappa)/\beta$ the gap of the two-key head equals $\kappa/\beta$: no smaller "
            "constant will do, at any sharpness."
        ),
        evidence="exact",
        source="own",
        knobs={"beta": BETA, "negative": Switch(label="negative side")},
        predicted=lambda beta, negative: KAPPA,
        measured=lambda beta, negative: (
            beta * _two_key_gap(beta, (-1 if negative else 1) * (1 + KAPPA) / beta)
        ),
        relation="==",
        tolerance=Tolerance(
            HEAD_REASON + "; both sides are in the unit 1/β",
            lambda beta, **_: beta * head_rounding((1 + KAPPA) / beta, beta) + 2 * U,
        ),
        depends=["relu-two-keys"],
    )
)


def _unmasked_error(
    beta: float, tokens: int, self_score: float, size: float, seed: int, overshoot: float = 1.0
) -> float:
    z = uniform(seed, tokens, size=size * overshoot)
    return float((unmasked_relu_head(z, beta, self_score) - z.relu()).abs().max())


def _unmasked_rounding(
    beta: float, tokens: int, self_score: float, size: float, **_: float
) -> float:
    # Scores carry λ: u|λ| in each exponent; the sum runs over n + 1 keys.
    relative = (tokens + 10) * U + 2 * abs(self_score) * U
    return relative * size + 20 * (tokens + 1) * U / beta + 80 * U * size


_UNMASKED_REASON = (
    "rounding of one head over n+1 keys: (n+10)u for its sums, 2u|λ| for scores that carry λ, 80u for "
    "exponentials good to 20 units in the last place"
)
TOKENS = Integer(2, 16, default=8, label="tokens n")
SIZE = Log(0.1, 10, default=1, label="size Z")
SEED = Integer(0, 9999, default=0, label="seed")

register(
    Claim(
        id="relu-unmasked",
        title="Without a mask",
        statement=(
            r"Let query $i$ give its own token the score $\lambda$, the sink the score $\lambda-\beta z_i$ and the "
            r"other $n-1$ tokens the score $0$; values are $z_j$, and $0$ for the sink. If $|z_j|\le Z$ for "
            r"all $j$, then for every real $\lambda$ and every $\beta>0$"
            "\n\n"
            r"$$\begin{aligned}&|\mathrm{out}_i-\mathrm{relu}(z_i)|\\&\;\le\;\frac{\kappa}{\beta}+2Z(n-1)\,e^{-\lambda}.\end{aligned}$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "beta": Log(0.01, 1e4, default=10, label="sharpness β"),
            "tokens": TOKENS,
            "self_score": Linear(-2, 40, default=6, label="own score λ"),
            "size": SIZE,
            "seed": SEED,
        },
        predicted=lambda beta, tokens, self_score, size, **_: unmasked_bound(
            beta, tokens, self_score, size
        ),
        measured=_unmasked_error,
        tolerance=Tolerance(_UNMASKED_REASON, _unmasked_rounding),
        hypotheses=[
            Hypothesis(
                r"$|z_j|\le Z$ for all tokens",
                lambda overshoot=1.0, **_: overshoot <= 1.0,
                violation={"self_score": 0.0, "overshoot": 100.0},
            )
        ],
        depends=["relu-two-keys"],
    )
)

register(
    Claim(
        id="relu-unmasked-sharpness",
        title="How large λ must be",
        statement=(
            r"With $\lambda=\log\bigl(2Z(n-1)\beta/\kappa\bigr)$ the error of the head without a mask is at most "
            r"$2\kappa/\beta$: the price of the other tokens is a logarithm in the scores."
        ),
        evidence="proved",
        source="own",
        knobs={
            "beta": Log(0.01, 1e4, default=10, label="sharpness β"),
            "tokens": TOKENS,
            "size": SIZE,
            "seed": SEED,
        },
        predicted=lambda beta, **_: 2 * relu_bound(beta),
        measured=lambda beta, tokens, size, seed: _unmasked_error(
            beta, tokens, unmasked_score(beta, tokens, size), size, seed
        ),
        tolerance=Tolerance(
            _UNMASKED_REASON,
            lambda beta, tokens, size, **_: _unmasked_rounding(
                beta, tokens, unmasked_score(beta, tokens, size), size
            ),
        ),
        depends=["relu-unmasked"],
    )
)
