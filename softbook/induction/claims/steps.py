"""Claims on what two steps of training produce: the weights, their limit, and what they read."""

from __future__ import annotations

from typing import Any

import numpy as np

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.induction.claims.common import (
    LAW,
    PREVIOUS,
    ROUNDED,
    SEED,
    SEQUENCE,
    TRIGGERS,
    law,
    mean_share,
)
from softbook.induction.claims.enumeration import enumerated_steps
from softbook.induction.theory import population_logits, population_weights
from softbook.knobs import Integer

FEW = {
    "longest": Integer(1, 3, default=2, label="longest length"),
    "ordinary": Integer(2, 3, default=3, label="tokens that are not triggers"),
    "triggers": Integer(1, 3, default=2, label="triggers n"),
    "previous": PREVIOUS,
    "seed": SEED,
}
ENUMERATED = Tolerance(
    "means over at most 6561 sequences, in units of c: 10^-10",
    lambda **_: 1e-10,
)


def steps_gap(
    longest: int,
    ordinary: int,
    triggers: int,
    previous: bool,
    seed: int,
    which: str = "attention",
    rate: float = 0.0,
) -> float:
    """Return the greatest difference, in units of c, of an entry from the mean over all sequences.

    >>> steps_gap(1, 2, 1, True, 0) < 1e-10
    True
    """
    rng = np.random.default_rng(seed)
    masses, lengths = rng.dirichlet(np.ones(longest)), np.arange(1, longest + 1)
    # Three lengths of three tokens are many sequences: there only the two outer ones have mass.
    if longest == ordinary == 3:
        masses, lengths = masses[[0, 2]] / masses[[0, 2]].sum(), lengths[[0, 2]]
    setting = (masses, lengths, triggers + ordinary, triggers)
    room = 2 * longest + 3 + seed % 3
    theory = population_weights(*setting, previous=previous, longest=room)
    found = enumerated_steps(*setting, previous=previous, longest=room, rate=rate)
    gap = theory.attention - found[0] if which == "attention" else theory.value - found[1]
    return float(abs(gap).max() / theory.scale)


register(
    Claim(
        id="ind-value",
        title="The first step, exactly",
        statement=(
            r"With $A=\mathbb E\frac1T$, $m=N-n$ and $c=\frac Am$, one step from zero gives $W_V(1)=\eta_VG$. Write $\nu=\frac1m-\frac1N$ for an ordinary output and $\nu=-\frac1N$ for a trigger. $G$ has "
            r"$\nu\,\mathbb E\frac{1_{T\ge j}}T$ at position $j$, $\frac{2A}n\nu$ at a trigger and $\frac An\nu$ at a trigger as previous token. In both blocks the entry of an ordinary output $v$ at an ordinary token $k$ is "
            r"$$c\,1_{v=k}+\frac{1-3A}{m^2}-\frac{1-2A}{Nm},$$ and that of a trigger $v$ is $-\frac{1-2A}{Nm}$. Columns sum to zero: outputs are told apart only by $c\,1_{v=k}$."
        ),
        evidence="proved",
        source="own",
        knobs=FEW,
        predicted=lambda **_: 0.0,
        measured=lambda **settings: steps_gap(which="value", **settings),
        relation="==",
        tolerance=ENUMERATED,
    )
)

register(
    Claim(
        id="ind-weights",
        title="The second step, exactly",
        statement=(
            r"As $\eta_V\to0$, $W_{KQ}(1)/(\eta_V\eta_{KQ})$ tends to the matrix of `population_weights`, at every number of tokens, triggers and lengths. In units of $c$ and with $a_\ell=q_\ell/T_\ell$ its leading entries are: "
            r"at place $j$, asked for by place $T_\ell$, $a_\ell(1_{j=\ell+2}+1_{j=\ell+3})$ ($1_{j=\ell+3}$ where the values read the previous token); at a trigger as previous token, asked for by the same trigger, $\frac1n\sum_\ell a_\ell$. "
            r"Places see the mass of one length; the pattern that a trigger came before sees all lengths, but is learned for one of $n$ triggers."
        ),
        evidence="proved",
        source="own",
        knobs=FEW,
        predicted=lambda **_: 0.0,
        measured=steps_gap,
        relation="==",
        tolerance=ENUMERATED,
        hypotheses=[
            Hypothesis(
                r"first order: $\eta_V\to0$",
                lambda rate=0.0, **_: rate == 0,
                violation={"rate": 1.0},
            )
        ],
        depends=["ind-value"],
    )
)


def exact_logits(
    masses: np.ndarray,
    lengths: np.ndarray,
    ordinary: int,
    triggers: int,
    first: int,
    second: int,
    previous: bool,
    seed: int,
    clean: bool = True,
) -> tuple[np.ndarray, float]:
    """Return n/c times the attention logits of a random sequence at finite N, and A; not `clean`: its first token is the trigger.

    >>> exact_logits(np.array([1.0]), np.array([2]), 8, 1, 1, 3, True, 0)[0].shape
    (7,)
    """
    rng = np.random.default_rng(seed)
    end, vocabulary = first + second + 3, ordinary + triggers
    room = max(2 * int(lengths.max()) + 3, end)
    found = population_weights(
        masses, lengths, vocabulary, triggers, previous=previous, longest=room
    )
    tokens = rng.integers(triggers, vocabulary, end)
    tokens[[first, end - 1]] = rng.integers(triggers)
    if not clean:
        tokens[0] = tokens[-1]
    token, before = room, room + vocabulary
    query = found.attention[:, [end - 1, token + tokens[-1], before + tokens[-2]]].sum(1)
    logits = query[:end] + query[token + tokens]
    logits[1:] += query[before + tokens[:-1]]
    return triggers / found.scale * logits, found.scale * ordinary


def limit_bound(total: float, ordinary: int, triggers: int, previous: bool) -> float:
    """Return the bound of `ind-limit`, in units of A = `total`.

    >>> limit_bound(0.1, 10**6, 1, True) < 1e-4
    True
    """
    n, m, kappa = triggers, ordinary, 2 if previous else 1
    size = n + m
    epsilon = 1 / m + n / size + kappa * (n * (1 - 2 * total) / (m * size * total) + 2 / size)
    return (n + 7) * epsilon + n / m * (11 + 17 * epsilon)


def limit_gap(
    first: int,
    second: int,
    triggers: int,
    previous: bool,
    ordinary: int,
    clean: bool = True,
    **shape: Any,
) -> float:
    """Return the greatest distance of finite logits from their limit, in units of A."""
    masses, lengths = law(**shape)
    logits, total = exact_logits(
        masses, lengths, ordinary, triggers, first, second, previous, int(shape["seed"]), clean
    )
    limit = population_logits(masses, lengths, triggers, first, second, previous=previous)
    return float(abs(logits - limit).max() / total)


register(
    Claim(
        id="ind-limit",
        title="Many tokens, with a rate",
        statement=(
            r"On a sequence of $\ell_1$ ordinary fillers, $t,o$, $\ell_2$ ordinary fillers and $t$, with $T=\ell_1+\ell_2+3$, put $\ell=\frac{\ell_1+\ell_2}2$, $a=a_\ell$ (0 where $\ell$ is no length), $B_j=\sum_{T_k\ge j}a_k/T_k$ and $B=B_1$. "
            r"Let $\kappa=2$ and $1^\kappa=1$ where the values read the previous token, else $\kappa=1$ and $1^\kappa=0$. As $N\to\infty$, $\frac n{\eta_V\eta_{KQ}c}$ times the logit of place $j$ tends to "
            r"$$\begin{aligned}\lambda(j)=\;&na\bigl(1_{j=\ell+2}+1^\kappa_{j=\ell+3}-\tfrac\kappa T\bigr)\\&+a_{j-2}+1^\kappa a_{j-3}-\kappa B_j\\&+1_{j=\ell_1+2}\bigl(a(1-\tfrac\kappa T)+A-\kappa B\bigr)\\&-1_{z_j=t}\,2\kappa\bigl(\tfrac aT+B\bigr).\end{aligned}$$ "
            r"The distance is at most $A\bigl[(n+7)\varepsilon+\frac nm(11+17\varepsilon)\bigr]$ with $\varepsilon=\frac1m+\frac nN+\kappa\bigl(\frac{n(1-2A)}{mNA}+\frac2N\bigr)$."
        ),
        evidence="proved",
        source="own",
        knobs={
            **SEQUENCE,
            "ordinary": Integer(2, 200, default=60, label="tokens that are not triggers"),
            "triggers": TRIGGERS,
            "previous": PREVIOUS,
            **LAW,
        },
        predicted=lambda triggers, previous, ordinary, shortest, span, sharp, seed, **_: (
            limit_bound(
                mean_share(shortest=shortest, span=span, sharp=sharp, seed=seed),
                ordinary,
                triggers,
                previous,
            )
        ),
        measured=limit_gap,
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "the fillers are ordinary tokens",
                lambda clean=True, **_: clean,
                violation={"clean": False, "ordinary": 200, "triggers": 1},
            )
        ],
        depends=["ind-weights"],
    )
)
