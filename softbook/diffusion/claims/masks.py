"""Claims on masks: wrong conditionals, parallel steps, and where they are tight."""

from __future__ import annotations

import numpy as np

from softbook.claims import Claim, Hypothesis, register
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
from softbook.diffusion.model.along import group_bound, masked_bound
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.path import posterior
from softbook.diffusion.model.samplers import continuous_law, masked_sampler_law
from softbook.diffusion.model.tables import copy_law
from softbook.diffusion.theory import parallel_unmasking_bound
from softbook.knobs import Choice, Integer, Linear

SHARP = Choice([0.03, 0.3, 3.0], 0.3, label="sharpness of the model")
PATH = Choice(["data", "sampler"], label="path Z")


register(
    Claim(
        id="diff-masked",
        title="Masks: the errors of the conditionals add up",
        statement=(
            r"A model fills masks one at a time, each masked site at rate $1/(1-t)$ and from conditionals $\hat p^i(\cdot\mid x)$, both $X$ (exact) and $Y$ (model) starting from masks. For $Z=X$ and for $Z=Y$: "
            r"$$\begin{aligned}\mathrm{TV}(Y_1,X_1)&\le\sum_{i=1}^d\int_0^1\mathbb E\bigl[\mathrm{TV}(p^i,\hat p^i)(Z_t)\,\big|\,i\text{ masked at }t\bigr]dt"
            r"\\&=\mathbb E\sum_{\text{fillings of }Z}\mathrm{TV}(p^i,\hat p^i)(\text{context just before}).\end{aligned}$$ "
            "In contexts that the data never show, $p^i$ may be any law."
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "sites": SITES, "seed": SEED, "sharp": SHARP, "path": PATH},
        predicted=lambda tokens, sites, seed, sharp, path: masked_bound(
            law_of(tokens, sites, seed), model_of(tokens, sites, seed, sharp), path=path
        ),
        measured=lambda tokens, sites, seed, sharp, **_: total_variation(
            continuous_law(
                law_of(tokens, sites, seed), conditionals=model_of(tokens, sites, seed, sharp)
            ),
            law_of(tokens, sites, seed),
        ),
        tolerance=ROUNDED,
        depends=["diff-path"],
    )
)


def together(
    tokens: int, sites: int, seed: int, sharp: float, steps: int, power: float, shared: bool = False
) -> float:
    """Return TV(parallel, one at a time) with one model; `shared`: all sites open in the same step."""
    law, model = law_of(tokens, sites, seed), model_of(tokens, sites, seed, sharp)
    # With one coin for all sites everything is written at once, in whatever step.
    grid = grid_of_power(1 if shared else steps, power)
    parallel = masked_sampler_law(law, len(grid) - 1, grid=grid, conditionals=model)
    return total_variation(parallel, continuous_law(law, conditionals=model))


def moving(steps: int, power: float) -> float:
    """Return TV(parallel, one at a time) for one site whose conditional at time t is (1-t, t).

    One at a time it is filled at a uniform time, and shows either token half of the time.

    >>> moving(1, 1.0), moving(4, 1.0)
    (0.5, 0.125)
    """
    half = np.array([0.5, 0.5])

    def model(tokens: np.ndarray, time: float) -> np.ndarray:
        return np.broadcast_to([1 - time, time], (*tokens.shape, 2))

    grid = grid_of_power(steps, power)
    return total_variation(masked_sampler_law(half, steps, grid=grid, conditionals=model), half)


register(
    Claim(
        id="diff-parallel",
        title="Parallel unmasking is a birthday problem",
        statement=(
            r"The conditionals $\hat p^i(\cdot\mid x)$, exact or a model's, do not depend on time. Then "
            r"$$\begin{aligned}\mathrm{TV}(\text{parallel in }K\text{ steps},\ \text{one at a time})&\le1-d!\,e_d(h_1,\dots,h_K)\\&\le\binom d2\sum_kh_k^2,\end{aligned}$$ "
            r"the probability that two of $d$ independent uniform times share a step ($e_d$ is the elementary symmetric polynomial). On the uniform grid this is "
            r"$1-\frac{K!}{(K-d)!\,K^d}\le\frac{d(d-1)}{2K}$. Neither $S$ nor the model enters."
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": TOKENS,
            "sites": SITES,
            "seed": SEED,
            "sharp": SHARP,
            "steps": STEPS,
            "power": UNEVEN,
        },
        predicted=lambda sites, steps, power, **_: parallel_unmasking_bound(
            sites, steps, form="birthday", grid=grid_of_power(steps, power)
        ),
        measured=lambda steps, power, constant=True, **settings: (
            together(steps=steps, power=power, **settings) if constant else moving(steps, power)
        ),
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "sites have independent coins",
                lambda shared=False, **_: not shared,
                violation={"shared": True, "sites": 2, "steps": 12, "seed": 0, "sharp": 0.03},
            ),
            Hypothesis(
                "conditionals do not depend on time",
                lambda constant=True, **_: constant,
                violation={"constant": False, "sites": 1, "steps": 1},
            ),
        ],
    )
)

register(
    Claim(
        id="diff-group",
        title="What sharing a step costs these data",
        statement=(
            r"With exact conditionals, $$\begin{aligned}\mathrm{TV}(\text{parallel},\text{data})&\le\mathbb E\sum_{|G|\ge2}\mathbb E\,\mathrm{TV}\Bigl(p(x_G\mid\text{context}),\prod_{i\in G}p(x_i\mid\text{context})\Bigr)"
            r"\\&\le d-\sum_k\bigl(1-(1-h_k)^d\bigr)\le\binom d2\sum_kh_k^2,\end{aligned}$$ over the groups $G$ of sites that share a step, the context being the data's values at sites of earlier steps."
        ),
        evidence="proved",
        source="own",
        knobs={"tokens": TOKENS, "sites": SITES, "seed": SEED, "steps": STEPS, "power": UNEVEN},
        predicted=lambda tokens, sites, seed, steps, power, **_: group_bound(
            law_of(tokens, sites, seed), steps, grid=grid_of_power(steps, power)
        ),
        measured=lambda tokens, sites, seed, steps, power, exact=True: total_variation(
            masked_sampler_law(
                law_of(tokens, sites, seed),
                steps,
                grid=grid_of_power(steps, power),
                conditionals=None if exact else model_of(tokens, sites, seed, 0.03),
            ),
            law_of(tokens, sites, seed),
        ),
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "conditionals are exact",
                lambda exact=True, **_: exact,
                violation={"exact": False},
            )
        ],
    )
)

register(
    Claim(
        id="diff-copy",
        title="Two copies of a token meet the bound",
        statement=(
            r"For the law of one uniform token shown at two sites, $$\mathrm{TV}(\text{parallel},\text{data})=\Bigl(1-\frac1S\Bigr)\sum_kh_k^2,$$ "
            r"on the uniform grid $(1-\frac1S)\frac1K$. So the constant of $\binom d2\sum_kh_k^2$ cannot be improved for $d=2$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(2, 12, default=4, label="tokens S"),
            "steps": STEPS,
            "power": UNEVEN,
        },
        predicted=lambda tokens, steps, power: (
            (1 - 1 / tokens) * float((np.diff(grid_of_power(steps, power)) ** 2).sum())
        ),
        measured=lambda tokens, steps, power: total_variation(
            masked_sampler_law(copy_law(tokens, 2), steps, grid=grid_of_power(steps, power)),
            copy_law(tokens, 2),
        ),
        relation="==",
        tolerance=ROUNDED,
    )
)


def mixed(tokens: int, sites: int, seed: int, epsilon: float) -> float:
    """Return TV(sampler, data) with (1 - epsilon) p + epsilon uniform in the place of p."""
    law = law_of(tokens, sites, seed)
    model = lambda states, time: (1 - epsilon) * posterior(law, states, time) + epsilon / tokens  # noqa: E731
    return total_variation(continuous_law(law, conditionals=model), law)


register(
    Claim(
        id="diff-perturbed",
        title="A little noise in the posterior costs a little",
        statement=(
            r"If $\hat p^i=(1-\varepsilon)\,p^i+\varepsilon\,\mathrm{Unif}[S]$ at every context, then $\mathrm{TV}(\text{one at a time},\text{data})\le d\,\varepsilon\,(1-\frac1S)$, "
            "whatever the data."
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": TOKENS,
            "sites": SITES,
            "seed": SEED,
            "epsilon": Linear(0.0, 1.0, default=0.05, label="share ε", points=21),
        },
        predicted=lambda tokens, sites, seed, epsilon: sites * epsilon * (1 - 1 / tokens),
        measured=mixed,
        tolerance=ROUNDED,
        depends=["diff-masked"],
    )
)
