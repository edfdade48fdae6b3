"""Claims on the duality itself: one map as recurrence and as attention, in one head or in several."""

from __future__ import annotations

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.knobs import Choice, Integer
from softbook.ssd.claims.common import (
    EXACT,
    SEED,
    Exact,
    decays,
    diagonal,
    differing,
    not_zero,
    run,
    whole,
)
from softbook.ssd.model import absorb_decays, diagonal_as_heads, kernel_matrix
from softbook.ssd.theory import new_columns

TOKENS = Integer(1, 8, default=6, label="tokens T")
STATES = Integer(1, 4, default=3, label="states N")


def mask(a: Exact) -> Exact:
    """Return 1SS(a) [T, T] of decays [T]: a_j ... a_{i+1} for j ≥ i, zeros above.

    >>> mask(np.array([5, 2, 3], dtype=object)).tolist()
    [[1, 0, 0], [2, 1, 0], [6, 3, 1]]
    """
    rows = np.zeros((len(a), len(a)), dtype=object)
    for t, a_t in enumerate(a):
        rows[t, :t] = a_t * rows[t - 1, :t]
        rows[t, t] = 1
    return rows


def _scalar_mismatch(tokens: int, states: int, seed: int, second: int = 0) -> int:
    """Count entries in which recurrence, kernel matrix and masked attention differ.

    `second` is added to the decays of the last state alone.
    """
    rng = np.random.default_rng(seed)
    q, k, a = whole(rng, tokens, states), whole(rng, tokens, states), decays(rng, tokens)
    transitions = diagonal(a, states)
    transitions[:, -1, -1] += second
    attention = mask(a) * (q @ k.T)
    return differing(run(q, k, transitions), attention) + differing(
        kernel_matrix(q, k, a), attention
    )


register(
    Claim(
        id="ssd-scalar",
        title="A scalar state-space model is masked attention",
        statement=(
            r"Let $h_t=A_th_{t-1}+k_tv_t^\top$ and $o_t=h_t^\top q_t$ with $A_t=a_tI$. The outputs are $o=Mv$ with"
            "\n\n"
            r"$$M=\mathrm{1SS}(a)\circ(QK^\top)$$"
            "\n\n"
            r"where $\mathrm{1SS}(a)_{ji}=a_j\cdots a_{i+1}$ for $j\ge i$, "
            "and every attention under such a mask is the matrix of this recurrence. Zeros among the $a_t$ are allowed. "
            "(The duality of Dao and Gu; the proof is the book's.)"
        ),
        evidence="proved",
        source="dao2024transformers, the scalar-identity case; proof in this book",
        knobs={"tokens": TOKENS, "states": STATES, "seed": SEED},
        predicted=lambda **_: 0,
        measured=_scalar_mismatch,
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "all states decay alike",
                lambda second=0, **_: second == 0,
                violation={"second": 1},
            )
        ],
    )
)


def _heads_mismatch(tokens: int, states: int, seed: int, dense: bool = False) -> int:
    """Count entries in which recurrence, kernel matrix and the sum of heads differ."""
    rng = np.random.default_rng(seed)
    q, k, a = whole(rng, tokens, states), whole(rng, tokens, states), decays(rng, tokens, states)
    transitions = diagonal(a)
    if dense:
        transitions = transitions + np.tri(states, k=-1, dtype=int).astype(object)
    total = sum(
        (mask(a_n) * (q_n @ k_n.T) for q_n, k_n, a_n in diagonal_as_heads(q, k, a)),
        start=np.zeros((tokens, tokens), dtype=object),
    )
    return differing(run(q, k, transitions), total) + differing(kernel_matrix(q, k, a), total)


register(
    Claim(
        id="ssd-heads",
        title="A diagonal state-space model is a sum of heads",
        statement=(
            r"With $A_t=\mathrm{diag}(a_t^1,\dots,a_t^N)$ the matrix is a sum of $N$ masked attentions of width one, one a state:"
            "\n\n"
            r"$$M=\sum_{n\le N}\mathrm{1SS}(a^n)\circ\bigl(q^n{k^n}^\top\bigr),$$"
            "\n\n"
            r"where $q^n$ and $k^n$ are the $n$-th columns of $Q$ and $K$. (Hu et al. extend the duality to diagonal transitions; the proof is the book's.)"
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "states": STATES, "seed": SEED},
        predicted=lambda **_: 0,
        measured=_heads_mismatch,
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "no state feeds another (the transitions are diagonal)",
                lambda dense=False, **_: not dense,
                violation={"dense": True},
            )
        ],
        depends=["ssd-scalar"],
    )
)


def _invertible(rng: np.random.Generator, tokens: int, states: int) -> Exact:
    """Return transitions [T, N, N], each a unit upper times a lower triangle with diagonal ±1, ±2."""
    upper, lower = (whole(rng, tokens, states, states, size=1) for _ in range(2))
    for t in range(tokens):
        upper[t] = np.triu(upper[t], 1) + np.eye(states, dtype=int)
        lower[t] = np.tril(lower[t], -1) + np.diag(not_zero(rng, states, size=2))
    return np.array([u @ low for u, low in zip(upper, lower, strict=True)], dtype=object)


def _absorbed_mismatch(kind: str, tokens: int, states: int, seed: int, dead: bool = False) -> int:
    """Count wrong entries of the single head; where a decay is zero, the columns that it lacks."""
    rng = np.random.default_rng(seed)
    q, k = whole(rng, tokens, states), whole(rng, tokens, states)
    if dead:
        alternating = np.add.outer(np.arange(4), np.arange(2)) % 2
        ones = np.ones((4, 2), dtype=int).astype(object)
        return len(new_columns(kernel_matrix(ones, ones, alternating.astype(object)))) - 2
    if kind == "dense":
        a = transitions = _invertible(rng, tokens, states)
    else:
        a = decays(rng, *((tokens,) if kind == "scalar" else (tokens, states)), zeros=False)
        transitions = diagonal(a, states)
    queries, keys = absorb_decays(q, k, a)
    head = np.tril(np.asarray(queries) @ np.asarray(keys).T)
    return differing(head, run(q, k, transitions)) + differing(head, kernel_matrix(q, k, a))


register(
    Claim(
        id="ssd-absorb",
        title="Decays that are not zero disappear into queries and keys",
        statement=(
            r"If every transition $A_t$, $2\le t\le T$, is invertible (a diagonal one: no decay is zero), then with $\Phi_t=A_t\cdots A_2$"
            "\n\n"
            r"$$M=\mathrm{tril}(Q'K'^\top)$$"
            "\n\n"
            r"with $q'_j=\Phi_j^\top q_j$ and $k'_i=\Phi_i^{-1}k_i$: "
            "one causal attention head without decays, of the same width $N$. So a state-space model that no attention of its "
            "width equals has a singular transition. (The converse is false: where all decays of a token are zero, so is the mask.)"
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(1, 6, default=5, label="tokens T"),
            "states": Integer(1, 3, default=2, label="states N"),
            "kind": Choice(["diagonal", "scalar", "dense"], label="transitions"),
            "seed": SEED,
        },
        predicted=lambda **_: 0,
        measured=_absorbed_mismatch,
        relation="==",
        tolerance=EXACT,
        hypotheses=[
            Hypothesis(
                "no transition after the first is singular",
                lambda dead=False, **_: not dead,
                violation={"dead": True},
            )
        ],
    )
)
