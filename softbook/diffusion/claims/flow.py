"""Claims on discrete flow matching: from the velocity's error, and from samples, to the sampler's."""

from __future__ import annotations

import itertools
import math

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.diffusion.claims.common import ROUNDED, SEED, end_law, law_of, start_of
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.samplers import continuous_law
from softbook.diffusion.model.tabular import tabular_conditionals
from softbook.diffusion.theory import generator, tabular_bound, velocity_bound
from softbook.knobs import Choice, Integer

MEAN, PRODUCT = "mean of the norms", "risk"


def velocities(tokens: int, sites: int, seed: int):
    """Return two constant velocities [M^d, d, M] on [0, 1], near one another; rates, each summing to zero.

    >>> velocities(2, 1, 0)[0][0][1].sum(-1).round(12).tolist()
    [[0.0], [0.0]]
    """
    rng, states = np.random.default_rng(seed), tokens**sites
    now = np.stack(np.unravel_index(np.arange(states), (tokens,) * sites), 1)
    here = now[:, :, None] == np.arange(tokens)
    made = []
    base = rng.exponential(size=(states, sites, tokens))
    for _ in range(2):
        rate = np.where(here, 0.0, base * np.exp(0.5 * rng.normal(size=base.shape)))
        made.append([(1.0, np.where(here, -rate.sum(-1, keepdims=True), rate))])
    return made


def moved(tokens: int, sites: int, seed: int, **_: object) -> float:
    """Return the total variation at the end."""
    start = start_of(tokens**sites, seed)
    laws = [
        end_law([(1.0, generator(one[0][1]))], start) for one in velocities(tokens, sites, seed)
    ]
    return float(np.abs(laws[0] - laws[1]).sum() / 2)


def chain_bound(tokens: int, sites: int, seed: int, form: str, current: bool = True) -> float:
    """Return the first or the second bound of the chain; not `current`: that token's entry is left out.

    Then `tokens` is 2, whose two entries are off by as much: the norms and the risk are halved.

    >>> chain_bound(2, 1, 0, MEAN, current=False) == chain_bound(2, 1, 0, MEAN) / 2
    True
    """
    first, second = velocities(tokens, sites, seed)
    found = velocity_bound(first, second, start_of(tokens**sites, seed))
    if form == MEAN:
        return found.mean if current else found.mean / 2
    return found.product if current else found.product / math.sqrt(2)


register(
    Claim(
        id="diff-flow",
        title="The risk of the velocity bounds the error",
        statement=(
            r"Let velocities $u^i_t(\cdot\mid x)$ and $\hat u^i_t(\cdot\mid x)$ with $M$ entries each, that of the current token included, be rates that sum to zero, both integrable on $[t_0,T]$, "
            r"with one law at $t_0$; let $p_t$ be the path of $u$. Then "
            r"$$\begin{aligned}\mathrm{TV}(\hat p_T,p_T)&\le\frac12\int_{t_0}^T\mathbb E_{p_t}\sum_i\lVert u^i_t-\hat u^i_t\rVert_1dt\\&\le\frac12\sqrt{dM(T-t_0)}\,\Bigl(\int_{t_0}^T\mathbb E_{p_t}\sum_i\lVert u^i_t-\hat u^i_t\rVert_2^2\,dt\Bigr)^{1/2}.\end{aligned}$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(2, 3, default=3, label="tokens M"),
            "sites": Integer(1, 2, default=2, label="sites d"),
            "seed": SEED,
            "form": Choice([MEAN, PRODUCT], label="bound"),
        },
        predicted=chain_bound,
        measured=moved,
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "the current token's entry is counted",
                lambda current=True, **_: current,
                violation={
                    "current": False,
                    "form": PRODUCT,
                    "tokens": 2,
                    "sites": 1,
                    "seed": 2428,
                },
            )
        ],
        depends=["diff-adjoint"],
    )
)


def counted(tokens: int, sites: int, samples: int, seed: int) -> float:
    """Return E TV(sampler, data) of counting, exact: over all multisets of `samples` rows."""
    law = law_of(tokens, sites, seed)
    rows = np.argwhere(law > 0)
    chances = law[law > 0]
    total = 0.0
    for picks in itertools.combinations_with_replacement(range(len(rows)), samples):
        times = np.bincount(picks, minlength=len(rows))
        ways = math.factorial(samples) / math.prod(math.factorial(int(t)) for t in times)
        learned = continuous_law(law, conditionals=tabular_conditionals(rows[list(picks)], tokens))
        total += ways * float(np.prod(chances**times)) * total_variation(learned, law)
    return total


register(
    Claim(
        id="diff-tabular",
        title="From samples to a sampler",
        statement=(
            r"Count the conditionals in $n$ independent samples (contexts that were not seen get any law) and fill masks one at a time. The mean over samples is "
            r"$$\mathbb E\,\mathrm{TV}(\text{sampler},\text{data})\le\Bigl(\sqrt{\tfrac{M-1}2}+\tfrac1{\sqrt{2e}}\Bigr)\frac1{\sqrt n}\sum_{r=0}^{d-1}M^{r/2}.$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(2, 3, default=2, label="tokens M"),
            "sites": Integer(1, 2, default=2, label="sites d"),
            "samples": Integer(1, 3, default=3, label="samples n"),
            "seed": SEED,
        },
        predicted=lambda tokens, sites, samples, **_: tabular_bound(tokens, sites, samples),
        measured=counted,
        tolerance=ROUNDED,
        depends=["diff-masked"],
    )
)
