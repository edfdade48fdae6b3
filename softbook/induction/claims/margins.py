"""Claims on new sequences: when the output's place wins, and when the shortcut's does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from softbook.claims import Claim, Hypothesis, register
from softbook.induction.claims.common import (
    LAW,
    PREVIOUS,
    ROUNDED,
    TRIGGERS,
    contributions,
    law,
    strongest,
)
from softbook.induction.theory import margin, max_sum_ratio
from softbook.knobs import Integer, Switch

Shares = Sequence[float] | None


def shortfall(triggers: int, previous: bool, background: bool, **shape: Any) -> float:
    """Return 1 − (worst margin over all ℓ1 ≠ ℓ2)/A: the output's place wins everywhere if it is below 1.

    >>> round(shortfall(1, True, False, shortest=2, span=4), 12)
    0.5
    """
    return 1 - margin(*law(**shape), triggers, previous=previous, background=background)


def allowed(triggers: int, previous: bool, form: str = "finite", **shape: Any) -> float:
    """Return (n+κ−1) times the ratio.

    >>> allowed(1, True, shortest=2, span=4)
    0.5
    """
    return (triggers + previous) * max_sum_ratio(*law(**shape), form=form)


def background_cost(previous: bool, **shape: Any) -> float:
    """Return 2κ E[1/T²]/E[1/T].

    >>> round(background_cost(True, shortest=1), 12)
    0.8
    """
    masses, lengths = law(**shape)
    per = 1 / (2 * lengths + 3)
    return 2 * (1 + previous) * float(masses @ per**2 / (masses @ per))


# Linear in the length on 1..4: R = 1/4, but R_T = .3075.
LINEAR = tuple(length / (2 * length + 3) for length in range(1, 5))
RATIO = Hypothesis(
    "the ratio is $R_T$, not the paper's $R$",
    lambda form="finite", **_: form == "finite",
    violation={"form": "paper", "shares": LINEAR, "triggers": 4},
)
OPEN = {"triggers": TRIGGERS, "previous": PREVIOUS, **LAW}

register(
    Claim(
        id="ind-success",
        title="A small ratio is enough",
        statement=(
            r"The *margin* of a sequence is $\lambda(\ell_1+2)-\max_{j\ne\ell_1+2}\lambda(j)$. At leading order (what is divided by a length is dropped), on **every** sequence with $\ell_1\ne\ell_2$, $$\frac{\text{margin}}A\ge1-(n+\kappa-1)R_T.$$ "
            r"So where the values read the previous token ($\kappa=2$) $R_T<\frac1{n+1}$ makes the output's place the strict arg-max on all of them. (Sharper: $na_\ell+(\kappa-1)\max(a_{\ell-1},a_{\ell+1})<A$ for all $\ell$ and $\kappa\max a<A$.)"
        ),
        evidence="proved",
        source="own",
        knobs=OPEN,
        predicted=allowed,
        measured=lambda form="finite", **settings: shortfall(background=False, **settings),
        tolerance=ROUNDED,
        hypotheses=[RATIO],
        depends=["ind-limit"],
    )
)


def paper_allowed(triggers: int, previous: bool, factor: bool = True, **shape: Any) -> float:
    """Return (n+κ−1)(1 + 3/(2ℓ0)) R, ℓ0 the shortest length with mass; not `factor`: without that factor.

    >>> paper_allowed(1, True, shortest=3)
    3.0
    """
    least = min(contributions(*law(**shape)))
    return allowed(triggers, previous, "paper", **shape) * (1 + 1.5 / least if factor else 1.0)


register(
    Claim(
        id="ind-success-paper",
        title="In the paper's form of the ratio",
        statement=(
            r"At leading order, on every sequence with $\ell_1\ne\ell_2$, if no length is below $\ell_0$, $$\frac{\text{margin}}A\ge1-(n+\kappa-1)\Bigl(1+\frac3{2\ell_0}\Bigr)R.$$ "
            r"So for values that read the previous token $R<\frac2{5(n+1)}$ is enough whatever the lengths, and $R>\frac5{2n}$ is too much where a sequence as in *A large ratio is too much* exists: both of order $\frac1n$, as in the paper's theorem, whose constants are not known to us."
        ),
        evidence="proved",
        source="own",
        knobs=OPEN,
        predicted=paper_allowed,
        measured=lambda factor=True, **settings: shortfall(background=False, **settings),
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                r"the factor $1+\frac3{2\ell_0}$ is counted",
                lambda factor=True, **_: factor,
                violation={"factor": False, "shares": LINEAR, "triggers": 4},
            )
        ],
        depends=["ind-success", "ind-ratios", "ind-failure"],
    )
)

register(
    Claim(
        id="ind-success-finite",
        title="A small ratio and long sequences are enough",
        statement=(
            r"With all terms of $\lambda$, on **every** sequence with $\ell_1\ne\ell_2$, $$\begin{aligned}\frac{\text{margin}}A&\ge1-(n+\kappa-1)R_T-2\kappa\,\beta,\\\beta&=\mathbb E[T^{-2}]/\mathbb E[T^{-1}]\le1/T_{\min}.\end{aligned}$$ "
            r"So $(n+1)R_T+4\beta<1$ is enough where the values read the previous token."
        ),
        evidence="proved",
        source="own",
        knobs=OPEN,
        predicted=lambda triggers, previous, form="finite", counted=True, **shape: (
            allowed(triggers, previous, form, **shape)
            + (background_cost(previous, **shape) if counted else 0.0)
        ),
        measured=lambda form="finite", counted=True, **settings: shortfall(
            background=True, **settings
        ),
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                r"the background $2\kappa\beta$ is counted",
                lambda counted=True, **_: counted,
                violation={
                    "counted": False,
                    "shares": (0.0, 1.0),
                    "triggers": 3,
                    "previous": False,
                },
            )
        ],
        depends=["ind-success"],
    )
)


def conflict_margin(
    first: int, triggers: int, previous: bool, background: bool, **shape: Any
) -> float:
    """Return margin/A on the sequence (ℓ1, 2ℓ*−ℓ1), ℓ* the length that contributes most.

    >>> round(conflict_margin(1, 2, False, False, shortest=4), 12)
    -1.0
    """
    masses, lengths = law(**shape)
    second = 2 * strongest(contributions(masses, lengths)) - first
    return margin(
        masses,
        lengths,
        triggers,
        first=first,
        second=second,
        previous=previous,
        background=background,
    )


def _contributed(shape: dict[str, Any]) -> dict[int, float]:
    """Return contributions of the law among a claim's settings."""
    names = {"shortest", "span", "sharp", "seed", "shares"}
    return contributions(*law(**{name: shape[name] for name in names & shape.keys()}))


def apart(first: int, **settings: Any) -> bool:
    """Tell whether ℓ2 = 2ℓ* − ℓ1 is at least 1 and ℓ1 neither ℓ* nor ℓ* + 1."""
    best = strongest(_contributed(settings))
    return first <= 2 * best - 1 and first not in (best, best + 1)


def unseen(first: int, previous: bool, **settings: Any) -> bool:
    """Tell whether ℓ1 has no mass, nor ℓ1 − 1 where the values read the previous token."""
    each = _contributed(settings)
    return first not in each and not (previous and first - 1 in each)


register(
    Claim(
        id="ind-failure",
        title="A large ratio is too much",
        statement=(
            r"Let $\ell^*$ have the greatest $a_\ell$ and take a sequence with $\ell_1+\ell_2=2\ell^*$. Under the hypotheses below, at leading order and with all terms, $$\frac{\text{margin}}A\le1-n\,R_T.$$ "
            r"So for $R_T>\frac1n$ the shortcut's place $\ell^*+2$ beats the output's. If also $\ell_1\ne\ell^*-1$, it beats $\ell_1+3$ at leading order, the only other place that reads the output. "
            r"Such a sequence exists if $\ell^*\ge3$ and no length from $2\ell^*-2$ on has mass."
        ),
        evidence="proved",
        source="own",
        knobs={
            "triggers": TRIGGERS,
            "previous": PREVIOUS,
            "background": Switch(True, label="with all terms"),
            "first": Integer(1, 17, default=1, label="fillers before, ℓ1"),
            **{**LAW, "shortest": Integer(1, 8, default=4, label="shortest length")},
        },
        predicted=lambda triggers, first, previous, background, form="finite", **shape: (
            1 - triggers * max_sum_ratio(*law(**shape), form=form)
        ),
        measured=lambda form="finite", **settings: conflict_margin(**settings),
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                r"$\ell_1\ne\ell^*$ and $\ell_1\ne\ell^*+1$",
                apart,
                violation={"first": 6, "shares": (0.0, 0.0, 0.0, 0.0, 1.0), "background": False},
            ),
            Hypothesis(
                r"$\ell_1$ has no mass, and $\ell_1-1$ has none if the values read the previous token",
                unseen,
                violation={"first": 1, "shares": (0.45, 0.0, 0.55), "background": False},
            ),
            Hypothesis(
                "the ratio is $R_T$, not the paper's $R$",
                lambda form="finite", **_: form == "finite",
                violation={
                    "form": "paper",
                    "shares": (0.0, 0.0, 0.501, 0.0, 0.0, 0.0, 0.0, 0.499),
                    "background": False,
                },
            ),
        ],
        depends=["ind-limit"],
    )
)


def hole(**settings: Any) -> bool:
    """Tell whether some ℓ1 <= 2ℓ* − 1 other than ℓ* has no mass."""
    each = _contributed(settings)
    best = strongest(each)
    return any(first not in each for first in range(1, 2 * best) if first != best)


def token_margin(triggers: int, previous: bool = False, shares: Shares = None, **shape: Any):
    """Return the worst margin/A at leading order, of values that read tokens only."""
    masses, lengths = law(shares=shares, **shape)
    return margin(masses, lengths, triggers, previous=previous, background=False)


register(
    Claim(
        id="ind-token",
        title="Values that read tokens only: the threshold itself",
        statement=(
            r"Where the values do not read the previous token ($\kappa=1$), at leading order, the worst margin over all $\ell_1\ne\ell_2$ is $(1-n\,R_T)A$ exactly, as soon as some $\ell_1\le2\ell^*-1$ other than $\ell^*$ has no mass "
            r"(else it is at least that). So the output's place wins everywhere if and only if $R_T<\frac1n$. With one trigger that says: not all mass on one length."
        ),
        evidence="proved",
        source="own",
        knobs={"triggers": TRIGGERS, **LAW},
        predicted=lambda triggers, previous=False, **shape: (
            1 - triggers * max_sum_ratio(*law(**shape), form="finite")
        ),
        measured=token_margin,
        relation="==",
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                r"some $\ell_1\le2\ell^*-1$ other than $\ell^*$ has no mass",
                hole,
                violation={"shares": (0.3, 0.4, 0.3)},
            ),
            Hypothesis(
                "the values read tokens only",
                lambda previous=False, **_: not previous,
                violation={"previous": True, "shares": (0.0, 0.0, 0.0, 0.5, 0.5), "triggers": 1},
            ),
        ],
        depends=["ind-success"],
    )
)
