"""Claims on the other ways to bound the same errors: by KL and by the largest entry, for contrast."""

from __future__ import annotations

import numpy as np

from softbook.claims import Claim, register
from softbook.diffusion.claims.chains import PATH, STATES, distance, pair
from softbook.diffusion.claims.common import (
    ROUNDED,
    SEED,
    SITES,
    STEPS,
    TOKENS,
    UNEVEN,
    grid_of_power,
    law_of,
    model_of,
)
from softbook.diffusion.claims.masks import SHARP
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import path_law, posterior, states
from softbook.diffusion.model.samplers import continuous_law, masked_sampler_law
from softbook.diffusion.theory import entrywise_bound, girsanov_bound, total_correlation_bound


def girsanov(states: int, seed: int, path: str) -> float:
    """Return the bound by KL, of chains whose jumps are all possible."""
    first, second, start, other = pair(states, seed, barred=False)
    return girsanov_bound(first, second, start, other_start=other, path=path)


register(
    Claim(
        id="diff-girsanov",
        title="A bound by KL, for contrast",
        statement=(
            r"Let the rates of both chains be bounded, and $D_t(x)=\sum_{y\ne x}D(\hat Q_t(x,y)\Vert Q_t(x,y))$ too. Then $$\mathrm{TV}(Y_T,X_T)\le\Bigl(\tfrac12\,\mathrm{KL}(Y_0\Vert X_0)"
            r"+\tfrac12\int_0^T\mathbb E\,D_t(Y_t)\,dt\Bigr)^{1/2},$$ and likewise with the two chains exchanged."
        ),
        evidence="proved",
        source="own",
        knobs={"states": STATES, "seed": SEED, "path": PATH},
        predicted=girsanov,
        measured=lambda states, seed, path: distance(states, seed, path, barred=False),
        tolerance=ROUNDED,
    )
)

register(
    Claim(
        id="diff-correlation",
        title="What KL says of parallel steps",
        statement=(
            r"With exact conditionals, $$\begin{aligned}\mathrm{KL}(\text{data}\Vert\text{parallel})&\le\log S\,\Bigl[d-\sum_k\bigl(1-(1-h_k)^d\bigr)\Bigr],\\"
            r"\mathrm{TV}(\text{parallel},\text{data})&\le\Bigl(\tfrac12\log S\,\Bigl[d-\sum_k\bigl(1-(1-h_k)^d\bigr)\Bigr]\Bigr)^{1/2}.\end{aligned}$$ "
            r"On the uniform grid the last line is at most $\sqrt{d(d-1)\log S/4K}$: it falls like $K^{-1/2}$, and $S$ enters."
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "sites": SITES, "seed": SEED, "steps": STEPS, "power": UNEVEN},
        predicted=lambda tokens, sites, seed, steps, power: total_correlation_bound(
            sites, tokens, steps, grid=grid_of_power(steps, power)
        ),
        measured=lambda tokens, sites, seed, steps, power: total_variation(
            masked_sampler_law(
                law_of(tokens, sites, seed), steps, grid=grid_of_power(steps, power)
            ),
            law_of(tokens, sites, seed),
        ),
        tolerance=ROUNDED,
        depends=["diff-group"],
    )
)


def largest(tokens: int, sites: int, seed: int, sharp: float) -> float:
    """Return the greatest error of a conditional's entry, at masked sites of the contexts that the data show.

    >>> 0 < largest(2, 2, 0, 0.3) <= 1
    True
    """
    law, every = law_of(tokens, sites, seed), states(tokens + 1, sites)
    gaps = np.abs(posterior(law, every, 0.5) - model_of(tokens, sites, seed, sharp)(every, 0.5))
    met = (every == tokens) & (path_law(law, 0.5).ravel() > 0)[:, None]
    return float(gaps[met].max())


register(
    Claim(
        id="diff-entrywise",
        title="Entry by entry, for contrast",
        statement=(
            r"If $|p^i(a\mid x)-\hat p^i(a\mid x)|\le\delta$ for all tokens $a$, in all contexts $x$ that the data show and at all masked sites $i$, then "
            r"$\mathrm{TV}(\text{one at a time},\text{data})\le\tfrac12\,d\,S\,\delta$."
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "sites": SITES, "seed": SEED, "sharp": SHARP},
        predicted=lambda tokens, sites, seed, sharp: entrywise_bound(
            sites, tokens, largest(tokens, sites, seed, sharp)
        ),
        measured=lambda tokens, sites, seed, sharp: total_variation(
            continuous_law(
                law_of(tokens, sites, seed), conditionals=model_of(tokens, sites, seed, sharp)
            ),
            law_of(tokens, sites, seed),
        ),
        tolerance=ROUNDED,
        depends=["diff-masked"],
    )
)
