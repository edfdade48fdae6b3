"""Claims on any two Markov chains: the adjoint identity and the bounds along a path."""

from __future__ import annotations

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.diffusion.claims.common import ROUNDED, SEED, chain, end_law, start_of
from softbook.diffusion.theory import adjoint_identity, entropy_bound, path_bound
from softbook.diffusion.theory.pathwise import row_gaps
from softbook.knobs import Choice, Integer, Switch

STATES = Integer(2, 5, default=4, label="states")
PATH = Choice(["other", "rates"], label="path")


def pair(states: int, seed: int, barred: bool = True):
    """Return two chains and their starts, all random; `barred`: some jumps are impossible.

    >>> len(pair(3, 0))
    4
    """
    return (
        chain(states, seed, barred),
        chain(states, seed + 10**6, barred),
        start_of(states, seed),
        start_of(states, seed + 10**6),
    )


def difference(states: int, seed: int, path: str = "other") -> float:
    """Return E f(Y_1) - E f(X_1) for f the first state's indicator, from the two laws."""
    first, second, start, other = pair(states, seed)
    return float(end_law(second, other)[0] - end_law(first, start)[0])


def integral(states: int, seed: int, path: str) -> float:
    """Return the right side of the identity."""
    first, second, start, other = pair(states, seed)
    f = np.eye(states)[0]
    found = adjoint_identity(first, second, start, f, other_start=other, path=path)
    return found.initial + found.integral


register(
    Claim(
        id="diff-adjoint",
        title="The adjoint identity",
        statement=(
            r"$$\begin{aligned}\mathbb Ef(Y_T)-\mathbb Ef(X_T)=\;&\mathbb Eu_0(Y_0)-\mathbb Eu_0(X_0)\\&"
            r"+\int_0^T\mathbb E\bigl[((\hat Q_t-Q_t)\,u_t)(Y_t)\bigr]dt,\end{aligned}$$ "
            r"and likewise along the path of $X$, with $v_t(x)=\mathbb E[f(Y_T)\mid Y_t=x]$ in the place of $u_t$ "
            "and $X$ in that of $Y$ on the right."
        ),
        evidence="proved",
        source="own",
        knobs={"states": STATES, "seed": SEED, "path": PATH},
        predicted=integral,
        measured=difference,
        relation="==",
        tolerance=ROUNDED,
    )
)


def distance(states: int, seed: int, path: str = "other", barred: bool = True) -> float:
    """Return TV(Y_1, X_1)."""
    first, second, start, other = pair(states, seed, barred)
    return float(np.abs(end_law(second, other) - end_law(first, start)).sum() / 2)


def along(states: int, seed: int, path: str) -> float:
    """Return the bound along a path."""
    first, second, start, other = pair(states, seed)
    return path_bound(first, second, start, other_start=other, path=path)


def one_way(seed: int, diagonal: bool = True) -> tuple[float, float]:
    """Return TV and bound for two states of which only the second chain leaves the first.

    >>> tv, bound = one_way(0)
    >>> tv <= bound
    True
    """
    rate = float(np.random.default_rng(seed).uniform(0.01, 0.5))
    stay, go = np.zeros((2, 2)), np.array([[-rate, rate], [0.0, 0.0]])
    law = end_law([(1.0, go)], np.array([1.0, 0.0]))
    gap = row_gaps(stay, go)[0] if diagonal else row_gaps(stay, go, diagonal=False)[0] / 2
    # Along the path of the chain that stays.
    return float(law[1]), float(gap)


register(
    Claim(
        id="diff-path",
        title="A bound along the path",
        statement=(
            r"For $Z=X$ and for $Z=Y$: $$\mathrm{TV}(Y_T,X_T)\le\mathrm{TV}(Y_0,X_0)+\tfrac12\int_0^T\mathbb E\,"
            r"\bigl\lVert\hat Q_t(Z_t,\cdot)-Q_t(Z_t,\cdot)\bigr\rVert_1dt,$$ where the norm is that of the whole row, with its diagonal. "
            r"For any observable, $|\mathbb Ef(Y_T)-\mathbb Ef(X_T)|$ is at most $\mathrm{osc}(f)$ times the right side."
        ),
        evidence="proved",
        source="own",
        knobs={
            "states": STATES,
            "seed": SEED,
            "path": PATH,
            "simple": Switch(False, label="two states, one jump"),
        },
        predicted=lambda states, seed, path, simple, diagonal=True: (
            one_way(seed, diagonal)[1] if simple else along(states, seed, path)
        ),
        measured=lambda states, seed, path, simple, **_: (
            one_way(seed)[0] if simple else distance(states, seed, path)
        ),
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "the diagonal is counted",
                lambda diagonal=True, **_: diagonal,
                violation={"diagonal": False, "simple": True},
            )
        ],
        depends=["diff-adjoint"],
    )
)


def entropy(states: int, seed: int, path: str) -> float:
    """Return the bound by score entropy, of chains whose jumps are all possible."""
    first, second, start, other = pair(states, seed, barred=False)
    return entropy_bound(first, second, start, other_start=other, path=path)


register(
    Claim(
        id="diff-entropy",
        title="Score entropy bounds the error",
        statement=(
            r"Let $D(a\Vert b)=a\log\frac ab-a+b$, let $D$ be its sum over the jumps of a row, with $a$ the rates of one chain and $b$ of the other, "
            r"and $\lambda_a,\lambda_b$ their exit rates. For $Z=X$ and for $Z=Y$: "
            r"$$\begin{aligned}\mathrm{TV}(Y_T,X_T)\le\mathrm{TV}(Y_0,X_0)&+\Bigl(\tfrac23\int_0^T\mathbb E[\lambda_a+2\lambda_b](Z_t)\,dt\Bigr)^{1/2}\\&\times"
            r"\Bigl(\int_0^T\mathbb E\,D(Z_t)\,dt\Bigr)^{1/2}.\end{aligned}$$"
        ),
        evidence="proved",
        source="own",
        knobs={"states": STATES, "seed": SEED, "path": PATH},
        predicted=entropy,
        measured=lambda states, seed, path: distance(states, seed, path, barred=False),
        tolerance=ROUNDED,
        depends=["diff-path"],
    )
)
