"""Claims on the width that attention needs: new columns, minimal completions and the dual."""

from __future__ import annotations

import math

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.knobs import Choice, Integer, Linear
from softbook.ssd.claims.common import (
    EXACT,
    SEED,
    Exact,
    count_new,
    decays,
    differing,
    finest,
    rank,
    whole,
)
from softbook.ssd.claims.heads import mask
from softbook.ssd.model import attention_dual, minimal_completion
from softbook.ssd.theory import new_columns, semiseparable_order

KINDS = ("zeros and ones", "masked attention", "diagonal SSM")
KIND = Choice(KINDS, label="matrix")
TOKENS = Integer(1, 8, default=5, label="tokens T")
WIDTH = Integer(1, 3, default=2, label="width N")
SHARE = Linear(0, 1, default=0.3, label="share of ones")
# Other ways to fill in the entries above the diagonal, tried beside the constructed one.
OTHERS = 4


def drawn(kind: str, tokens: int, width: int, share: float, seed: int) -> Exact:
    """Return a lower-triangular matrix [T, T] of one kind, exact.

    Zeros and ones: each entry is 1 with probability `share`. Masked attention of this width, or a
    diagonal SSM with so many states: small integers, and decays of which one in six is zero.

    >>> drawn("masked attention", 3, 1, 0.0, seed=0).shape
    (3, 3)
    """
    rng = np.random.default_rng(seed)
    if kind == "zeros and ones":
        return np.tril(rng.random((tokens, tokens)) < share).astype(int).astype(object)
    q, k = whole(rng, tokens, width), whole(rng, tokens, width)
    if kind == "masked attention":
        return mask(decays(rng, tokens)) * (q @ k.T)
    return sum(
        (
            mask(a_n) * np.outer(q_n, k_n)
            for q_n, k_n, a_n in zip(q.T, k.T, decays(rng, tokens, width).T, strict=True)
        ),
        start=np.zeros((tokens, tokens), dtype=object),
    )


def _completion_ranks(
    kind: str, tokens: int, width: int, share: float, seed: int, upper: bool = False
) -> tuple[float, float]:
    """Return the least rank of all completions tried and the rank of the constructed one.

    NaN where the constructed one does not agree with the matrix; `upper`: its entries above the
    diagonal are not free but zero.
    """
    matrix = drawn(kind, tokens, width, share, seed)
    full = np.asarray(minimal_completion(matrix))
    if full.shape != matrix.shape or differing(np.tril(full), matrix):
        return math.nan, math.nan
    if upper:
        return rank(matrix), rank(matrix)
    rng = np.random.default_rng(seed + 1)
    others = [rank(matrix)]
    for trial in range(OTHERS):
        change = np.triu(whole(rng, tokens, tokens, size=1), 1)
        others.append(rank((full if trial % 2 else matrix) + change))
    ranks = [rank(full), len(new_columns(matrix))]
    return min(*others, *ranks), max(ranks)


def _count(kind: str, tokens: int, width: int, share: float, seed: int, **_: object) -> int:
    return count_new(drawn(kind, tokens, width, share, seed))


register(
    Claim(
        id="ssd-completion",
        title="New columns count the least rank",
        statement=(
            r"Column $t$ of a lower-triangular $M$ is *new* if $M_{t:T,t}$ is not in the span of the columns before it, in the same "
            r"rows $t,\dots,T$. Fill in the entries above the diagonal as you like; the least rank of the full matrix is"
            "\n\n"
            r"$$\begin{aligned}\#&\mathrm{new}(M)=\\&\sum_t\bigl(\mathrm{rank}\,M_{t:T,1:t}-\mathrm{rank}\,M_{t:T,1:t-1}\bigr)\end{aligned}$$"
            "\n\n"
            "(the last rank is 0 for $t=1$). Over every field; zero rows, columns and diagonal entries are allowed."
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "width": WIDTH, "share": SHARE, "kind": KIND, "seed": SEED},
        predicted=_count,
        measured=_completion_ranks,
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "the entries above the diagonal are free",
                lambda upper=False, **_: not upper,
                violation={"kind": "masked attention", "width": 1, "upper": True},
            )
        ],
    )
)


def is_dual(matrix: Exact, width: int) -> float:
    """Return 1 if a right dual of at most this width is found, 0 if none is, NaN if it is wrong.

    >>> is_dual(np.eye(2, dtype=int).astype(object), 1)
    1.0
    """
    dual = attention_dual(matrix, width)
    if dual is None:
        return 0.0
    q, k, a = (np.asarray(entry, dtype=object) for entry in (dual.q, dual.k, dual.a))
    right = dual.width <= width and not differing(mask(a) * (q @ k.T), matrix)
    return 1.0 if right and q.shape[1] == dual.width else math.nan


def _has_dual(
    kind: str, tokens: int, width: int, share: float, seed: int, fine: bool = False
) -> float:
    matrix = drawn(kind, tokens, width, share, seed)
    if fine:
        return float(len(new_columns(matrix)) <= width)
    return is_dual(matrix, width)


def _expects_dual(
    kind: str, tokens: int, width: int, share: float, seed: int, **_: object
) -> float:
    if kind == "masked attention":
        return 1.0
    matrix = drawn(kind, tokens, width, share, seed)
    return float(all(count_new(matrix, *block) <= width for block in finest(matrix)))


register(
    Claim(
        id="ssd-dual",
        title="Which matrices are masked attention of width N",
        statement=(
            r"Cut $1,\dots,T$ before $t$ wherever $M_{t:T,1:t-1}=0$: the finest blocks of the lower-triangular $M$. Then"
            "\n\n"
            r"$$M=\mathrm{1SS}(a)\circ(QK^\top)$$"
            "\n\n"
            r"with $Q,K\in\mathbb R^{T\times N}$ if and only if each finest block has at most $N$ new columns, "
            r"and with a mask without zeros ($a_2\cdots a_T\ne0$) if and only if $M$ itself has at most $N$. The least width of a dual is the "
            "largest number of new columns in a block. Nothing is assumed about the order of $M$ or its zeros. "
            "(Hu et al. have such a condition; this form of it and its proof are the book's.)"
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "width": WIDTH, "share": SHARE, "kind": KIND, "seed": SEED},
        predicted=_expects_dual,
        measured=_has_dual,
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "the mask may be zero between blocks",
                lambda fine=False, **_: not fine,
                violation={"kind": "masked attention", "width": 1, "fine": True},
            )
        ],
        depends=["ssd-completion"],
    )
)


def order_and_width(matrix: Exact) -> tuple[float, float]:
    """Return the order of a matrix and the least width of its dual, NaN if they cannot be right.

    >>> order_and_width(np.eye(3, dtype=int).astype(object))
    (1.0, 1.0)
    """
    dual = attention_dual(matrix, len(matrix))
    if dual is None or is_dual(matrix, dual.width) != 1.0:
        return math.nan, math.nan
    if dual.width and attention_dual(matrix, dual.width - 1) is not None:
        return math.nan, math.nan
    order = semiseparable_order(matrix)
    # Masked attention of width W has order W at most: anything else is an error of one of the two.
    return (math.nan, math.nan) if order > dual.width else (float(order), float(dual.width))
