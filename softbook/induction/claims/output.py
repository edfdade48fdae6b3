"""Claims on what the two steps' weights read: the attention that is enough, and the steps that reach it."""

from __future__ import annotations

from typing import Any

import numpy as np

from softbook.claims import Claim, Hypothesis, register
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
from softbook.induction.theory import margin, population_logits, population_weights
from softbook.knobs import Integer, Linear


def output_lead(
    first: int,
    second: int,
    ordinary: int,
    triggers: int,
    previous: bool,
    share: float,
    seed: int,
    place: int = 2,
) -> float:
    """Return 1 − (lead of the output over the next token)/c, with `share` of the attention on ℓ1 + `place`.

    >>> output_lead(2, 3, 8, 1, True, 1.0, 0) <= 0
    True
    """
    rng = np.random.default_rng(seed)
    end, vocabulary = first + second + 3, ordinary + triggers
    found = population_weights(
        [0.5, 0.5], [1, 4], vocabulary, triggers, previous=previous, longest=max(end, 11)
    )
    tokens = rng.integers(triggers, vocabulary, end)
    if seed % 2:
        # The hardest fillers: all of them are the same wrong token.
        tokens[:] = triggers
        tokens[first + 1] = vocabulary - 1
    tokens[[first, end - 1]] = rng.integers(triggers)
    attention = rng.dirichlet(np.full(end, 0.3))
    attention[first + place - 1] = 0.0
    attention *= (1 - share) / attention.sum()
    attention[first + place - 1] = share
    mean = np.zeros(found.value.shape[1])
    mean[:end] = attention
    np.add.at(mean, found.longest + tokens, attention)
    np.add.at(mean, found.longest + vocabulary + tokens[:-1], attention[1:])
    scores = found.value @ mean
    right, scores[tokens[first + 1]] = scores[tokens[first + 1]], -np.inf
    return float(1 - (right - scores.max()) / found.scale)


register(
    Claim(
        id="ind-output",
        title="What the attention must reach",
        statement=(
            r"After the first step, let $\pi$ be the attention on place $\ell_1+2$, and any attention on the others. Then, whatever the ordinary fillers, the output $o$ leads every other token by at least $\eta_Vc\,\bigl(\pi-\kappa(1-\pi)\bigr)$. "
            r"So the answer is right when $\pi>\frac\kappa{\kappa+1}$: two thirds where the values read the previous token, else one half."
        ),
        evidence="proved",
        source="own",
        knobs={
            "share": Linear(0.0, 1.0, default=0.7, label="attention on the output π", points=41),
            **SEQUENCE,
            "ordinary": Integer(2, 20, default=8, label="tokens that are not triggers"),
            "triggers": TRIGGERS,
            "previous": PREVIOUS,
            "seed": SEED,
        },
        predicted=lambda share, previous, **_: (3 if previous else 2) * (1 - share),
        measured=output_lead,
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                r"$\pi$ is the attention on $\ell_1+2$, not on the next place, which reads the output only as a previous token",
                lambda place=2, **_: place == 2,
                violation={"place": 3, "share": 1.0, "seed": 1},
            )
        ],
        depends=["ind-value"],
    )
)


def missed(
    first: int, second: int, triggers: int, previous: bool, length: float, **shape: Any
) -> float:
    """Return what softmax(length · logits/A) leaves to the places other than ℓ1 + 2."""
    logits = population_logits(*law(**shape), triggers, first, second, previous=previous)
    logits *= length / mean_share(**shape)
    odds = np.exp(logits - logits.max())
    return float(1 - odds[first + 1] / odds.sum())


def missed_bound(
    first: int, second: int, triggers: int, previous: bool, length: float, **shape: Any
) -> float:
    """Return (T−1) e^(−θμ) with the margin μ of the sequence."""
    lead = margin(*law(**shape), triggers, first=first, second=second, previous=previous)
    return float((first + second + 2) * np.exp(-length * lead))


register(
    Claim(
        id="ind-steps",
        title="How long the steps must be",
        statement=(
            r"Let $\lambda(\ell_1+2)\ge\lambda(j)+\mu A$ for all $j\ne\ell_1+2$. Then softmax attention with logits $\theta\lambda/A$ leaves at most $(T-1)e^{-\theta\mu}$ to the other places. In the limit of many tokens "
            r"$\theta=\eta_V\eta_{KQ}A^2/(mn)$: with $\mu>0$ every answer on such a sequence is right once $$\eta_V\eta_{KQ}\ge\frac{nm}{\mu A^2}\log\bigl((\kappa+1)T\bigr).$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "length": Linear(0.0, 20.0, default=5.0, label="length of the steps θ", points=41),
            **SEQUENCE,
            "triggers": TRIGGERS,
            "previous": PREVIOUS,
            **LAW,
        },
        predicted=missed_bound,
        measured=missed,
        tolerance=ROUNDED,
        depends=["ind-limit", "ind-output"],
    )
)
