"""Claims on uniform noise and on the vocabulary."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.diffusion.claims.common import (
    ROUNDED,
    SEED,
    SITES,
    STEPS,
    TOKENS,
    UNEVEN,
    end_law,
    grid_of_power,
    law_of,
)
from softbook.diffusion.model.along import frozen_rates_bound
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import path_law, rates
from softbook.diffusion.model.samplers import (
    continuous_law,
    masked_sampler_law,
    noise_sampler_law,
    uniform_sampler_law,
)
from softbook.diffusion.model.tables import random_law, split_tokens
from softbook.diffusion.theory import start_bound, stop_bound, uniform_bound
from softbook.knobs import Choice, Integer, Linear, Log, Switch

TIME = Linear(0.0, 0.95, default=0.5, label="time t", points=20)
PRIOR = Choice(["masked", "uniform"], label="prior")
SIZE = Log(4.0, 1e9, default=64.0, label="size of the prior", points=26)


def _noise(law: np.ndarray) -> np.ndarray:
    return np.full(law.shape, 1 / law.size)


register(
    Claim(
        id="diff-start",
        title="Starting late",
        statement=(
            r"A sampler that starts at $t>0$ from uniform noise in the place of $p_t$ pays "
            r"$\mathrm{TV}(p_t,\mathrm{Unif}[S]^d)\le1-\bigl(1-(1-\tfrac1S)\,t\bigr)^d\le d\,t.$"
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "sites": SITES, "seed": SEED, "time": TIME},
        predicted=lambda tokens, sites, time, **_: start_bound(sites, tokens, time),
        measured=lambda tokens, sites, seed, time: total_variation(
            path_law(law_of(tokens, sites, seed), time, prior="uniform"),
            _noise(law_of(tokens, sites, seed)),
        ),
        tolerance=ROUNDED,
    )
)


def stopped(prior: str, tokens: int, sites: int, seed: int, time: float) -> float:
    """Return what stopping at `time` costs; masks that are left are filled at once."""
    law = law_of(tokens, sites, seed)
    return total_variation(continuous_law(law, prior=prior, stop=time), law)


register(
    Claim(
        id="diff-stop",
        title="Stopping early",
        statement=(
            r"Stopped at $t<1$, with masks the cost is at most $1-t^d\le d(1-t)$, however the masks left are filled; with uniform noise "
            r"$\mathrm{TV}(p_t,p)\le1-\bigl(t+\tfrac{1-t}S\bigr)^d\le d(1-t)$."
        ),
        evidence="proved",
        source="own",
        knobs={"prior": PRIOR, "tokens": TOKENS, "sites": SITES, "seed": SEED, "time": TIME},
        predicted=lambda prior, tokens, sites, time, **_: stop_bound(
            sites, time, tokens if prior == "uniform" else None
        ),
        measured=stopped,
        tolerance=ROUNDED,
    )
)


def exits(prior: str, tokens: int, sites: int, seed: int, time: float) -> float:
    """Return the mean rate at which the path jumps at `time`."""
    law = law_of(tokens, sites, seed)
    matrix = rates(law, time, prior=prior)
    return float(-path_law(law, time, prior=prior).ravel() @ np.diag(matrix))


register(
    Claim(
        id="diff-exit",
        title="The path jumps at one rate all the time",
        statement=(
            r"Along the path the mean exit rate $\mathbb E_{x\sim p_t}|Q_t(x,x)|$ is $d$ with masks and $d\,(1-\tfrac1S)$ with uniform noise, for every $t<1$ and all data: "
            r"the factor $\tfrac1{1-t}$ cancels."
        ),
        evidence="proved",
        source="own",
        knobs={"prior": PRIOR, "tokens": TOKENS, "sites": SITES, "seed": SEED, "time": TIME},
        predicted=lambda prior, tokens, sites, **_: sites * (1 - (prior == "uniform") / tokens),
        measured=exits,
        relation="==",
        tolerance=ROUNDED,
    )
)


def noise_of(tokens: int, seed: int, factor: float, skewed: bool) -> np.ndarray:
    """Return noise on S tokens and one letter more: uniform on `factor` S tokens, or uneven among the S.

    >>> noise_of(2, 0, 2.0, False).tolist()
    [0.25, 0.25, 0.5]
    """
    shares = np.full(tokens, 1 / tokens)
    if skewed:
        shares = np.random.default_rng(seed).dirichlet(np.ones(tokens))
    return np.append(shares / factor, 1 - 1 / factor)


register(
    Claim(
        id="diff-uniform",
        title="Uniform noise: a bound free of the vocabulary",
        statement=(
            r"For every law of the data and every grid, with exact posteriors, and noise that is alike at all sites and gives every token of the data at least the probability $\pi_{\min}$ ($\frac1S$ for uniform noise), "
            r"$$\mathrm{TV}(\text{sampler in }K\text{ steps},\text{data})\le(1-\pi_{\min})\Bigl[\frac{3d^2}2\sum_{k<K}\frac{h_k^2}{1-t_k}+d\,h_K\Bigr].$$ "
            r"On the uniform grid the right side is $$(1-\pi_{\min})\Bigl[\frac{3d^2H_{K-1}}{2K}+\frac dK\Bigr],$$ with $H_n=1+\tfrac12+\dots+\tfrac1n$ and $H_0=0$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": TOKENS,
            "sites": SITES,
            "seed": SEED,
            "steps": Integer(1, 40, default=8, label="steps K"),
            "factor": Log(1.0, 1e6, default=1.0, label="tokens without data, factor", points=13),
            "skewed": Switch(False, label="uneven noise"),
            "power": UNEVEN,
        },
        predicted=lambda tokens, sites, seed, steps, factor, skewed, power: uniform_bound(
            sites,
            1 / noise_of(tokens, seed, factor, skewed)[:tokens].min(),
            steps,
            grid=grid_of_power(steps, power),
        ),
        measured=lambda tokens, sites, seed, steps, factor, skewed, power: total_variation(
            noise_sampler_law(
                law_of(tokens, sites, seed),
                steps,
                noise_of(tokens, seed, factor, skewed),
                grid=grid_of_power(steps, power),
            ),
            law_of(tokens, sites, seed),
        ),
        tolerance=ROUNDED,
        depends=["diff-path", "diff-exit"],
    )
)


def frozen(prior: str, sites: int, seed: int, steps: int, end: float) -> float:
    """Return TV at `end` between the chain whose rates stay those of each step's start, and the path."""
    law = law_of(2, sites, seed)
    cuts = np.linspace(0, end, steps + 1)
    parts = [(b, rates(law, a, prior=prior)) for a, b in pairwise(cuts)]
    found = end_law(parts, path_law(law, 0.0, prior=prior).ravel())
    return float(np.abs(found - path_law(law, end, prior=prior).ravel()).sum() / 2)


register(
    Claim(
        id="diff-frozen",
        title="Frozen rates",
        statement=(
            r"The chain that starts from noise and keeps, during each step, the rates $Q_{t_{k-1}}$ of its start (at whatever state it is by then) has at $T<1$ a law whose distance from $p_T$ is at most "
            r"$$\tfrac12\sum_k\int_{t_{k-1}}^{t_k}\mathbb E_{x\sim p_t}\bigl\lVert Q_t(x,\cdot)-Q_{t_{k-1}}(x,\cdot)\bigr\rVert_1dt.$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "prior": PRIOR,
            "sites": Integer(1, 2, default=2, label="sites d"),
            "seed": SEED,
            "steps": Integer(1, 3, default=2, label="steps K"),
            "end": Linear(0.1, 0.8, default=0.6, label="end T", points=15),
        },
        predicted=lambda prior, sites, seed, steps, end: frozen_rates_bound(
            law_of(2, sites, seed), steps, end=end, prior=prior
        ),
        measured=frozen,
        tolerance=ROUNDED,
        depends=["diff-path"],
    )
)


def split(prior: str, tokens: int, sites: int, seed: int, steps: int, parts: int) -> float:
    """Return the sampler's error on the law whose tokens are `parts` synonyms each."""
    law = split_tokens(law_of(tokens, sites, seed), parts)
    sampler = masked_sampler_law if prior == "masked" else uniform_sampler_law
    return total_variation(sampler(law, steps), law)


register(
    Claim(
        id="diff-synonyms",
        title="Synonyms change nothing",
        statement=(
            r"Split every token into $m$ equally probable synonyms, independently at each site. The error of the sampler in $K$ steps is the same as before, with masks and "
            "with uniform noise."
        ),
        evidence="proved",
        source="own",
        knobs={
            "prior": PRIOR,
            "tokens": Integer(2, 2, default=2, label="tokens S"),
            "sites": Integer(1, 2, default=2, label="sites d"),
            "seed": SEED,
            "steps": STEPS,
            "parts": Integer(2, 4, default=3, label="synonyms m"),
        },
        predicted=lambda parts, **settings: split(parts=1, **settings),
        measured=split,
        relation="==",
        tolerance=ROUNDED,
    )
)


def full(seed: int, sites: int, floor: float) -> np.ndarray:
    """Return a law on two tokens, mixed with the uniform one unless `floor` is 0: then it copies a token.

    >>> full(0, 2, 0.5).shape
    (2, 2)
    """
    if floor == 0:
        return np.eye(2) / 2
    law = random_law(2, sites, seed)
    return (1 - floor) * law + floor / law.size


def limit(sites: int, seed: int, steps: int, size: float, floor: float = 0.5) -> float:
    """Return TV(uniform sampler with a prior of `size` tokens, masked sampler)."""
    law = full(seed, sites, floor)
    return total_variation(uniform_sampler_law(law, steps, size), masked_sampler_law(law, steps))


def limit_bound(sites: int, seed: int, steps: int, size: float, floor: float = 0.5) -> float:
    """Return the promise of `diff-limit`; without full support the least positive probability is taken."""
    law = full(seed, sites, floor)
    least = float(law[law > 0].min())
    later = math.fsum((steps / k) ** sites for k in range(1, steps))
    return (sites * len(law) + sites**2 * later / (steps * least)) / size


register(
    Claim(
        id="diff-limit",
        title="Noise on a large vocabulary is a mask",
        statement=(
            r"Let the data use $A$ tokens and give every sequence of them at least the probability $p_{\min}>0$. On a prior of $S\ge A$ tokens the uniform sampler's law differs from the masked sampler's by at most "
            r"$$\frac1S\Bigl[dA+\frac{d^2}{K\,p_{\min}}\sum_{k=1}^{K-1}\Bigl(\frac Kk\Bigr)^d\Bigr].$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "sites": Integer(1, 3, default=2, label="sites d"),
            "seed": SEED,
            "steps": Integer(1, 8, default=4, label="steps K"),
            "size": SIZE,
        },
        predicted=limit_bound,
        measured=limit,
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "every sequence of used tokens is possible",
                lambda floor=0.5, **_: floor > 0,
                violation={"floor": 0.0, "sites": 2, "steps": 4, "size": 1e9},
            )
        ],
    )
)
