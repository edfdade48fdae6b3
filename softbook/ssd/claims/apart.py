"""Claims on two families of order two that attention of width two does not reach."""

from __future__ import annotations

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.knobs import Integer, Switch
from softbook.ssd.claims.common import EXACT, SEED, Exact, not_zero
from softbook.ssd.claims.widths import order_and_width
from softbook.ssd.model import kernel_matrix


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
            r"Let $T\ge4$. A diagonal state-space model has $N=2$ states, queries and keys without zeros, and decays of which at "
            "each token exactly one is zero: that of state 1 at the odd tokens, that of state 2 at the even ones. Its matrix has order 2, but its least dual has width $T-1$. "
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
                "the other state lives where one dies",
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
            r"For $T\ge3$ and numbers $d_1,\dots,d_T,c$ that are not zero, $\mathrm{diag}(d)+c\,E_{T,1}$ (where $E_{T,1}$ has a single 1, "
            "at row $T$ and column 1) has order 2, but cannot be cut and "
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
