"""Claims on the width that attention needs: new columns, minimal completions and the dual."""

from __future__ import annotations

import math

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.knobs import Choice, Integer, Linear, Switch
from softbook.ssd.claims.common import (
    EXACT,
    SEED,
    Exact,
    count_new,
    decays,
    differing,
    finest,
    not_zero,
    rank,
    whole,
)
from softbook.ssd.claims.heads import mask
from softbook.ssd.model import attention_dual, kernel_matrix, minimal_completion
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
            r"$$\#\mathrm{new}(M)=\sum_t\bigl(\mathrm{rank}\,M_{t:T,1:t}-\mathrm{rank}\,M_{t:T,1:t-1}\bigr)$$"
            "\n\n"
            "(the last rank is 0 for $t=1$). Over every field; zero rows, columns and diagonal entries are allowed."
        ),
        evidence="proved",
        source="own",
        knobs={"kind": KIND, "tokens": TOKENS, "width": WIDTH, "share": SHARE, "seed": SEED},
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
            r"$$M=\mathrm{1SS}(a)\circ(QK^\top)\ \text{with}\ Q,K\in\mathbb R^{T\times N}"
            r"\iff\text{each finest block has at most }N\text{ new columns},$$"
            "\n\n"
            r"and with a mask without zeros ($a_2\cdots a_T\ne0$) if and only if $M$ itself has at most $N$. The least width of a dual is the "
            "largest number of new columns in a block. Nothing is assumed about the order of $M$ or its zeros."
        ),
        evidence="proved",
        source="own",
        knobs={"kind": KIND, "tokens": TOKENS, "width": WIDTH, "share": SHARE, "seed": SEED},
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


def alternating(tokens: int, ones: bool, seed: int, cut: bool = False) -> Exact:
    """Return the matrix of two states of which one dies at odd tokens and the other at even ones.

    `cut` also lets the one that lives at token 3 die there.

    >>> alternating(4, ones=True, seed=0)[3].astype(int).tolist()
    [0, 0, 1, 2]
    """
    rng = np.random.default_rng(seed)
    q, k, size = (
        np.ones((tokens, 2), dtype=int).astype(object) if ones else not_zero(rng, tokens, 2)
        for _ in range(3)
    )
    a = size * (np.add.outer(np.arange(tokens), np.arange(2)) % 2)
    if cut:
        a[2] = 0
    return np.asarray(kernel_matrix(q, k, a))


register(
    Claim(
        id="ssd-separation",
        title="Two states that no attention of width two equals",
        statement=(
            r"Let $T\ge4$. A diagonal state-space model has $N=2$ states, queries and keys without zeros, and decays that are zero in state 1 "
            "at the odd tokens, in state 2 at the even ones, and nowhere else. Its matrix has order 2, but its least dual has width $T-1$. "
            "With four tokens and ones everywhere it is"
            "\n\n"
            r"$$M=\begin{pmatrix}2&0&0&0\\1&2&0&0\\0&1&2&0\\0&0&1&2\end{pmatrix},$$"
            "\n\n"
            "with the new columns 1, 2 and 3. (The four tokens are an example of Hu et al.; the family and the proof are the book's.)"
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(4, 9, default=4, label="tokens T"),
            "ones": Switch(True, label="ones everywhere"),
            "seed": SEED,
        },
        predicted=lambda tokens, **_: (2, tokens - 1),
        measured=lambda **settings: order_and_width(alternating(**settings)),
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "where one state dies the other lives",
                lambda cut=False, **_: not cut,
                violation={"cut": True},
            )
        ],
        depends=["ssd-dual"],
    )
)


def cornered(tokens: int, ones: bool, seed: int, corner: bool = True) -> Exact:
    """Return diag(d) + c E_{T,1} with numbers that are not zero; `corner` False makes c zero.

    >>> cornered(3, ones=True, seed=0).tolist()
    [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    """
    rng = np.random.default_rng(seed)
    entries = np.ones(tokens + 1, dtype=int).astype(object) if ones else not_zero(rng, tokens + 1)
    matrix = np.diag(entries[:tokens])
    if corner:
        matrix[-1, 0] = entries[tokens]
    return matrix


register(
    Claim(
        id="ssd-identity-corner",
        title="One entry far away makes attention wide",
        statement=(
            r"For $T\ge3$ and numbers $d_1,\dots,d_T,c$ that are not zero, $\mathrm{diag}(d)+c\,E_{T,1}$ has order 2, but cannot be cut and "
            "has $T-1$ new columns: its least dual has width $T-1$. (With ones it is $I_T+E_{T,1}$, an example of Hu et al.; the proof is the book's.)"
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(3, 10, default=6, label="tokens T"),
            "ones": Switch(True, label="ones everywhere"),
            "seed": SEED,
        },
        # Sorted, so that the two sides can be compared for two tokens as well, where the claim fails.
        predicted=lambda tokens, **_: (min(2, tokens - 1), max(2, tokens - 1)),
        measured=lambda **settings: order_and_width(cornered(**settings)),
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                r"$T\ge3$", lambda tokens, **_: tokens >= 3, violation={"tokens": 2, "ones": True}
            ),
            Hypothesis(
                "the corner is not zero",
                lambda corner=True, **_: corner,
                violation={"corner": False},
            ),
        ],
        depends=["ssd-dual"],
    )
)
