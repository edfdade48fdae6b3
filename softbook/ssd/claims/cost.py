"""The claim on cost: multiply-adds, counted while the three forms run."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.knobs import Choice, Integer
from softbook.ssd.claims.common import SEED
from softbook.ssd.figures.cost import CHANNELS, CHUNK, STATES, multiply_adds

Array = np.ndarray
FORMS = ("chunked", "loop", "quadratic")


class Counter:
    """Multiplies matrices and states, and counts its multiply-adds.

    >>> counter = Counter()
    >>> counter.product(np.ones((2, 3)), np.ones((3, 4))).shape, counter.count
    ((2, 4), 24)
    """

    def __init__(self) -> None:
        self.count = 0

    def product(self, a: Array, b: Array) -> Array:
        """Return a b for a [m, n] and b [n, p]: mnp multiply-adds."""
        self.count += a.shape[0] * a.shape[1] * b.shape[1]
        return np.asarray(a @ b)

    def decay(self, factor: float, state: Array) -> Array:
        """Return a state times a decay: a multiplication an entry."""
        self.count += state.size
        return factor * state


def weights(a: Array) -> Array:
    """Return 1SS(a) [T, T] for decays of 0 or 1: 1 where no zero lies between, 0 elsewhere.

    >>> weights(np.array([1.0, 1.0, 0.0])).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    stretch = np.cumsum(a == 0)
    return np.tril(stretch[:, None] == stretch).astype(float)


def loop(counter: Counter, q: Array, k: Array, v: Array, a: Array) -> Array:
    """Run the recurrence token by token.

    >>> one = np.ones((2, 1))
    >>> loop(Counter(), one, one, one, np.ones(2)).tolist()
    [[1.0], [2.0]]
    """
    state, rows = np.zeros((q.shape[1], v.shape[1])), []
    for t in range(len(q)):
        state = counter.decay(a[t], state)
        state = state + counter.product(k[t][:, None], v[t : t + 1])
        rows.append(counter.product(q[t : t + 1], state)[0])
    return np.array(rows)


def quadratic(counter: Counter, q: Array, k: Array, v: Array, a: Array) -> Array:
    """Run masked attention, each query over the keys that it sees.

    >>> one = np.ones((2, 1))
    >>> quadratic(Counter(), one, one, one, np.ones(2)).tolist()
    [[1.0], [2.0]]
    """
    mask, rows = weights(a), []
    for t in range(len(q)):
        seen = slice(0, t + 1)
        scores = counter.product(q[t : t + 1], k[seen].T)
        rows.append(counter.product(mask[t, seen] * scores, v[seen])[0])
    return np.array(rows)


def chunked(counter: Counter, q: Array, k: Array, v: Array, a: Array) -> Array:
    """Run masked attention in chunks of 64 tokens, with a state between them.

    >>> one = np.ones((2, 1))
    >>> chunked(Counter(), one, one, one, np.ones(2)).tolist()
    [[1.0], [2.0]]
    """
    state, rows = np.zeros((q.shape[1], v.shape[1])), []
    for start in range(0, len(q), CHUNK):
        part = slice(start, start + CHUNK)
        mask = weights(a[part])
        before, after = np.cumprod(a[part]), mask[-1]
        inside = quadratic(counter, q[part], k[part], v[part], a[part])
        rows.append(inside + counter.product(q[part] * before[:, None], state))
        entering = counter.product((k[part] * after[:, None]).T, v[part])
        state = counter.decay(before[-1], state) + entering
    return np.concatenate(rows)


RUNNERS: dict[str, Callable[..., Array]] = {
    "chunked": chunked,
    "loop": loop,
    "quadratic": quadratic,
}


@lru_cache(maxsize=256)
def counted(form: str, tokens: int, seed: int, whole: bool = False) -> float:
    """Return the multiply-adds of one run of a form, NaN if its outputs are not exactly right.

    Entries are −1, 0 or 1 and decays 0 or 1, so that float64 makes no rounding error. `whole`
    multiplies the pairs above the diagonal too, as an implementation without tiles does.

    >>> counted("loop", 2, seed=0)
    24576.0
    """
    rng = np.random.default_rng(seed)
    q, k = rng.integers(-1, 2, (2, tokens, STATES)).astype(float)
    v = rng.integers(-1, 2, (tokens, CHANNELS)).astype(float)
    a = (rng.random(tokens) < 0.9).astype(float)
    counter = Counter()
    right = (weights(a) * (q @ k.T)) @ v
    if whole:
        found = counter.product(weights(a) * counter.product(q, k.T), v)
    else:
        found = RUNNERS[form](counter, q, k, v, a)
    return float(counter.count) if np.array_equal(found, right) else math.nan


register(
    Claim(
        id="ssd-cost",
        title="What the three forms cost",
        statement=(
            "One head of $N$ states and $P$ channels over $T$ tokens takes, in multiply-adds, $3TNP$ as a recurrence, "
            r"$\tfrac{T(T+1)}2(N+P)$ as masked attention, and in chunks of $C$, with $T=mC+r$ and $0\le r<C$,"
            "\n\n"
            r"$$\begin{aligned}&\Bigl(m\tfrac{C(C+1)}2+\tfrac{r(r+1)}2\Bigr)(N+P)\\&+2TNP+\lceil T/C\rceil NP.\end{aligned}$$"
            "\n\n"
            r"This is at most $T\bigl(\tfrac{C+1}2(N+P)+2NP\bigr)+\lceil T/C\rceil NP$: "
            "linear in $T$. Making the decays, and weighting queries, keys and scores by them, is not counted. "
            "(Counted while they run, at $N=P=C=64$; their outputs agree exactly.)"
        ),
        evidence="exact",
        source="own",
        knobs={
            "tokens": Integer(1, 150, default=100, label="tokens T"),
            "form": Choice(FORMS, label="form"),
            "seed": SEED,
        },
        predicted=lambda form, tokens, **_: multiply_adds(form, tokens),
        measured=counted,
        relation="==",
        tolerance=Tolerance("none: both sides are integers"),
        hypotheses=[
            Hypothesis(
                "pairs above the diagonal are left out",
                lambda whole=False, **_: not whole,
                violation={"form": "quadratic", "whole": True},
            )
        ],
        depends=["ssd-scalar"],
    )
)
