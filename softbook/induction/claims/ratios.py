"""Claims on laws on lengths: the two forms of the ratio, how small it can be, and what that costs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.induction.claims.common import FORM, LAW, ROUNDED, SEED, law
from softbook.induction.theory import cheapest_masses, least_cost, length_cost, max_sum_ratio
from softbook.knobs import Integer, Linear


def spread_law(shortest: int, span: int, sharp: float, stride: float, seed: int):
    """Return a law on `span` lengths from `shortest` on, whose distances grow with `stride`.

    >>> spread_law(2, 3, 0.0, 1.0, 0)[1].tolist()
    [2, 3, 4]
    """
    masses, _ = law(shortest, span, sharp, seed)
    return masses, shortest + np.round(np.arange(span) * stride).astype(np.int64)


def forms_ratio(**shape: Any) -> float:
    """Return R_T/R."""
    masses, lengths = spread_law(**shape)
    return max_sum_ratio(masses, lengths, form="finite") / max_sum_ratio(masses, lengths)


def forms_interval(shortest: int, **_: float) -> tuple[float, float]:
    """Return the factor 1 + 3/(2ℓ0) below and above 1.

    >>> forms_interval(3)
    (0.6666666666666666, 1.5)
    """
    factor = 1 + 3 / (2 * shortest)
    return 1 / factor, factor


register(
    Claim(
        id="ind-ratios",
        title="Two forms of the ratio",
        statement=(
            r"The paper's $R=\max_\ell\frac{q_\ell}\ell\big/\sum_\ell\frac{q_\ell}\ell$ and $R_T$, with $2\ell+3$ in the place of $\ell$, are within a factor: if no length is below $\ell_0\ge1$, "
            r"$$\Bigl(1+\tfrac3{2\ell_0}\Bigr)^{-1}<\frac{R_T}R<1+\tfrac3{2\ell_0},$$ so always $\frac25R<R_T<\frac52R$. Statements up to constants carry over from one to the other; thresholds and orderings do not."
        ),
        evidence="proved",
        source="own",
        knobs={
            "stride": Linear(1.0, 10000.0, default=3.0, label="distance of lengths", points=21),
            "shortest": Integer(1, 20, default=2, label="shortest length"),
            "span": Integer(1, 6, default=4, label="lengths"),
            "sharp": Linear(0.0, 12.0, default=2.0, label="unevenness", points=25),
            "seed": SEED,
        },
        predicted=forms_interval,
        measured=forms_ratio,
        relation="in",
        tolerance=ROUNDED,
    )
)

register(
    Claim(
        id="ind-floor",
        title="How small the ratio can be",
        statement=(
            r"Either ratio is at least $1$ over the number of lengths with mass, with equality exactly for $q_\ell\propto\ell$ on them ($R$), or $q_\ell\propto2\ell+3$ ($R_T$). So a ratio of $\frac1n$ takes $n$ lengths at least."
        ),
        evidence="proved",
        source="own",
        knobs={"form": FORM, **LAW},
        predicted=lambda form, **shape: max_sum_ratio(*law(form=form, **shape), form=form),
        measured=lambda form, **shape: 1 / int((law(form=form, **shape)[0] > 0).sum()),
        tolerance=ROUNDED,
    )
)

SOLVED = Tolerance(
    "the solver meets each constraint to 10^-7; the multipliers, the cost and g(n) of the proof, sum to less than 2000: 2·10^-4",
    lambda **_: 2e-4,
)


def solved_cost(triggers: int, room: int, form: str, asked: int | None = None) -> float:
    """Return the least cost of a law on 1..n + `room` whose ratio is at most 1/n, by linear programming.

    >>> round(solved_cost(4, 3, "paper"), 6)
    10.0
    """
    longest = triggers + room
    masses = cheapest_masses(triggers if asked is None else asked, longest, form=form)
    return length_cost(masses, range(1, longest + 1))


def register_linear(id: str, title: str, form: str, statement: str) -> None:
    """Register the claim on the cheapest law for one form of the ratio."""
    register(
        Claim(
            id=id,
            title=title,
            statement=statement,
            evidence="proved",
            source="own",
            knobs={
                "triggers": Integer(1, 12, default=4, label="triggers n"),
                "room": Integer(0, 12, default=4, label="lengths beyond n"),
            },
            predicted=lambda triggers, room, **_: least_cost(triggers, form=form),
            measured=lambda **settings: solved_cost(form=form, **settings),
            relation="==",
            tolerance=SOLVED,
            hypotheses=[
                Hypothesis(
                    r"the ratio is at most $\frac1n$",
                    lambda asked=None, **_: asked is None,
                    violation={"asked": 3},
                )
            ],
            depends=["ind-floor"],
        )
    )


register_linear(
    "ind-linear",
    "The cheapest data are linear in the length",
    "paper",
    r"Among laws on $1,2,\dots,U$ ($n\le U\le\infty$) with $R\le\frac1n$ the cost $\sum_\ell q_\ell\ell^2$ is least for $q_\ell\propto\ell$ on $1..n$, and for no other: it is then $\frac{n(n+1)}2$.",
)
register_linear(
    "ind-linear-finite",
    "The cheapest data, with the ratio of one step",
    "finite",
    r"Among laws on $1,2,\dots,U$ ($n\le U\le\infty$) with $R_T\le\frac1n$ the cost $\sum_\ell q_\ell\ell^2$ is least for $q_\ell\propto2\ell+3$ on $1..n$, and for no other: it is then $\frac{(n+1)(n^2+3n+1)}{2(n+4)}$.",
)


def unit_of(shortest: int, form: str) -> float:
    """Return x: ℓ0, or ℓ0 + 3/2 for the finite form.

    >>> unit_of(2, "finite")
    3.5
    """
    return shortest + (1.5 if form == "finite" else 0.0)


def window_inverse(shortest: int, many: int, form: str) -> float:
    """Return 1 over the ratio of the uniform law on `many` lengths from `shortest` on.

    >>> window_inverse(1, 2, "paper")
    1.5
    """
    return 1 / max_sum_ratio(
        np.full(many, 1 / many), np.arange(shortest, shortest + many), form=form
    )


def window_interval(shortest: int, many: int, form: str) -> tuple[float, float]:
    """Return x log(1 + K/x) and 1 + x log(1 + (K−1)/x)."""
    x = unit_of(shortest, form)
    return x * math.log1p(many / x), 1 + x * math.log1p((many - 1) / x)


START = Integer(1, 12, default=1, label="shortest length ℓ0")
register(
    Claim(
        id="ind-window",
        title="Uniform windows",
        statement=(
            r"For the uniform law on the $K$ lengths from $\ell_0$ on, with $x=\ell_0$ for $R$ and $x=\ell_0+\frac32$ for $R_T$, $$\begin{aligned}x\log\bigl(1+\tfrac Kx\bigr)&\le\tfrac1R\\&\le1+x\log\bigl(1+\tfrac{K-1}x\bigr).\end{aligned}$$ "
            r"From $\ell_0=1$ the ratio falls like $1/\log K$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "many": Integer(1, 400, default=8, label="lengths K"),
            "shortest": START,
            "form": FORM,
        },
        predicted=window_interval,
        measured=window_inverse,
        relation="in",
        tolerance=ROUNDED,
    )
)


def least_window(triggers: int, shortest: int, form: str) -> int:
    """Return the least K with ratio at most 1/n, by counting.

    >>> least_window(2, 1, "paper"), least_window(2, 2, "paper")
    (4, 3)
    """
    x = unit_of(shortest, form)
    most = math.ceil(x * math.expm1(triggers / x)) + 1
    sums = np.cumsum(x / (x + np.arange(most)))
    # Where the sum of fractions is n exactly, rounding decides nothing.
    return int(np.argmax(sums >= triggers - 1e-12)) + 1


register(
    Claim(
        id="ind-window-count",
        title="How wide a window must be",
        statement=(
            r"The least $K$ for which the uniform law on $K$ lengths from $\ell_0$ on has a ratio of at most $\frac1n$ satisfies, with $x$ as before, $$\begin{aligned}1+x\,(e^{(n-1)/x}-1)&\le K\\&\le\bigl\lceil x\,(e^{n/x}-1)\bigr\rceil.\end{aligned}$$ "
            r"With the paper's form: from $\ell_0=1$ at least $e^{n-1}$ lengths are needed, exponentially many; from $\ell_0=n$ on $\lceil(e-1)n\rceil$ are enough, at a cost of about $\frac{e^3-1}{3(e-1)}n^2\approx3.7\,n^2$ against $\frac12n(n+1)$ of the linear law."
        ),
        evidence="proved",
        source="own",
        knobs={
            "triggers": Integer(1, 8, default=4, label="triggers n"),
            "shortest": START,
            "form": FORM,
        },
        predicted=lambda triggers, shortest, form: (
            1 + unit_of(shortest, form) * math.expm1((triggers - 1) / unit_of(shortest, form)),
            math.ceil(unit_of(shortest, form) * math.expm1(triggers / unit_of(shortest, form))),
        ),
        measured=least_window,
        relation="in",
        tolerance=ROUNDED,
        depends=["ind-window"],
    )
)
