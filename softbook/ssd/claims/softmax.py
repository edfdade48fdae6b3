"""Claims on softmax attention: how many states it takes, and what its full rank does not say."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.knobs import Choice, Integer
from softbook.ssd.claims.common import EXACT, SEED, Exact, rank
from softbook.ssd.claims.widths import order_and_width
from softbook.ssd.theory import block_ranks, new_columns, semiseparable_order, softmax_order

# Of the integers from −6 to 6, so that no entry needs more than some sixty bits.
LARGEST = 6


def causal(weights: Exact) -> Exact:
    """Return weights [T, T] (positive) below and on the diagonal, each row divided by its sum.

    >>> causal(np.ones((2, 2), dtype=int).astype(object))[1].tolist()
    [Fraction(1, 2), Fraction(1, 2)]
    """
    lower = np.tril(weights)
    sums = lower.sum(axis=1)
    return np.array(
        [[Fraction(w) / z for w in row] for row, z in zip(lower, sums, strict=True)], dtype=object
    )


def softmax(
    base: int, tokens: int, seed: int, queries: str = "distinct", keys: str = "distinct"
) -> Exact:
    """Return causal softmax attention [T, T] of scores x_i k_j log(base), x and k integers, exact.

    Queries and keys are pairwise distinct, or "equal".

    >>> softmax(2, 2, seed=0)[0].tolist()
    [Fraction(1, 1), Fraction(0, 1)]
    """
    rng = np.random.default_rng(seed)
    options = np.arange(-LARGEST, LARGEST + 1)
    x, k = (rng.permutation(options)[:tokens] for _ in range(2))
    if queries == "equal":
        x[:] = 1
    if keys == "equal":
        k[:] = 1
    scores = np.outer(x, k).tolist()
    return causal(np.array([[Fraction(base) ** s for s in row] for row in scores], dtype=object))


ORDER, RANKS, NEW, WIDTH = "order", "sum of block ranks", "new columns", "least width of a dual"


def _found(what: str, **settings: object) -> float:
    matrix = softmax(**settings)  # type: ignore[arg-type]
    if what == RANKS:
        return float(sum(block_ranks(matrix)))
    if what == NEW:
        new = new_columns(matrix)
        return float(len(new)) if new == tuple(range(len(new))) else math.nan
    return order_and_width(matrix)[what == WIDTH]


def _promised(what: str, tokens: int, **_: object) -> int:
    if what == RANKS:
        return sum(min(t, tokens - t + 1) for t in range(1, tokens + 1))
    return softmax_order(tokens)


register(
    Claim(
        id="ssd-softmax-order",
        title="Softmax needs half as many states as tokens",
        statement=(
            r"Let causal softmax attention have scores $q_ik_j$, with numbers $q_1,\dots,q_T$ that are pairwise distinct and $k_1,\dots,k_T$ "
            r"that are pairwise distinct, so that its matrix is $M_{ij}=e^{q_ik_j}/Z_i$ for $j\le i$. Then each block $M_{t:T,1:t}$ has full "
            r"rank $\min(t,T-t+1)$. Its semiseparable order is therefore"
            "\n\n"
            r"$$\Bigl\lfloor\frac{T+1}2\Bigr\rfloor,$$"
            "\n\n"
            "the largest that a causal matrix can have: a state-space model that equals it has at least so many states. Its new columns are the first "
            r"$\lfloor(T+1)/2\rfloor$, and its least dual has exactly this width."
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(1, 8, default=8, label="tokens T"),
            "base": Choice([2, 3], label="base of the exponential"),
            "what": Choice([ORDER, RANKS, NEW, WIDTH], label="what is counted"),
            "seed": SEED,
        },
        predicted=_promised,
        measured=_found,
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "the queries are pairwise distinct",
                lambda queries="distinct", **_: queries == "distinct",
                violation={"queries": "equal"},
            ),
            Hypothesis(
                "the keys are pairwise distinct",
                lambda keys="distinct", **_: keys == "distinct",
                violation={"keys": "equal"},
            ),
        ],
        depends=["ssd-dual"],
    )
)


def _order_and_rank(tokens: int, largest: int, seed: int, tilt: int = 0) -> tuple[float, float]:
    """Return order and rank of softmax with key weights 1..largest, the same for all queries.

    `tilt` makes them depend on the query: row i has their (1 + tilt i)-th powers.
    """
    weights = np.random.default_rng(seed).integers(1, largest + 1, tokens).astype(object)
    powers = np.array([weights ** (1 + tilt * i) for i in range(tokens)], dtype=object)
    matrix = causal(powers)
    return float(semiseparable_order(matrix)), float(rank(matrix))


register(
    Claim(
        id="ssd-full-rank",
        title="Full rank proves nothing",
        statement=(
            "The matrix of causal softmax attention has full rank $T$; so has every lower-triangular matrix without zeros on its diagonal. "
            r"If all queries are equal, as in uniform attention $M_{ij}=1/i$ ($j\le i$), its rank is $T$ and its semiseparable order is 1: one state is enough. "
            "What counts is the rank of the blocks below the diagonal."
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(1, 16, default=8, label="tokens T"),
            "largest": Integer(1, 5, default=1, label="largest weight of a key"),
            "seed": SEED,
        },
        predicted=lambda tokens, **_: (1, tokens),
        measured=_order_and_rank,
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "the scores do not depend on the query",
                lambda tilt=0, **_: tilt == 0,
                violation={"largest": 5, "tilt": 1},
            )
        ],
    )
)
