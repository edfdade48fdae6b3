"""Claims on how far the law moves: telescoping, and what goes away on the masked path."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from softbook.claims import Claim, Hypothesis, register
from softbook.diffusion.model.path import states
from softbook.domino.claims.common import (
    MASKS,
    NOISE,
    PAIR,
    POWER,
    ROUNDED,
    TIMED,
    moved,
    tables,
    times,
)
from softbook.domino.model.deviation import exact_deviation, step_deviation
from softbook.domino.model.exact import exact_states, exact_terminal_law
from softbook.domino.model.table import Table
from softbook.domino.theory.bounds import tv_bound
from softbook.knobs import Choice, Integer, Linear

EITHER = {**PAIR, "noise": NOISE, "timed": TIMED, "power": POWER}
MASKED = {
    **PAIR,
    "timed": TIMED,
    "power": POWER,
    "extra": Integer(0, 3, default=0, label="steps more of the reference"),
}
SAME = Hypothesis(
    "policy and reference open sites with the same coins",
    lambda extra, **_: extra == 0,
    violation={"extra": 3, "far": 0.0, "steps": 1},
)


def pair(
    tokens: int,
    sites: int,
    steps: int,
    seed: int,
    sharp: float,
    far: float,
    *,
    noise: str = MASKS,
    timed: bool = False,
    power: float = 1.0,
    extra: int = 0,
) -> tuple[Table, Table]:
    """Return policy and reference; with `extra` steps of the reference no table knows the time."""
    both = tables(
        tokens,
        sites,
        steps,
        seed,
        sharp=sharp,
        far=far,
        noise=noise,
        timed=timed and extra == 0,
        power=power,
    )
    for one in both:
        one.requires_grad_(False)
    return both


def law_moved(steps: int, power: float = 1.0, extra: int = 0, **settings: Any) -> float:
    """Return TV(p_θ, p_ref) of what the two write."""
    policy, reference = pair(steps=steps, power=power, extra=extra, **settings)
    return moved(
        exact_terminal_law(policy, steps, grid=times(steps, power)),
        exact_terminal_law(reference, steps + extra, grid=times(steps + extra, power)),
    )


def by_steps(form: str, steps: int, power: float = 1.0, **settings: Any) -> float:
    """Return the sum of E_θ D between whole steps."""
    policy, reference = pair(steps=steps, power=power, **settings)
    return float(
        step_deviation(policy, reference, steps, form=form, grid=times(steps, power)).clamp_min(0)
    )


def by_sites(form: str, steps: int, power: float = 1.0, **settings: Any) -> float:
    """Return the penalty's mean R."""
    policy, reference = pair(steps=steps, power=power, **settings)
    found = exact_deviation(policy, reference, steps, form=form, grid=times(steps, power))
    # A divergence of equal laws may come out as a rounding below 0.
    return float(found.clamp_min(0))


register(
    Claim(
        id="dom-telescope",
        title="The law moves by what the steps move along the policy's runs",
        statement=(
            r"Two samplers with the same start, kernels $\pi_\theta,\pi_{\rm ref}$ and $K$ steps write the laws $p_\theta,p_{\rm ref}$. Then $$\mathrm{TV}(p_\theta,p_{\rm ref})\le\sum_{k<K}\mathbb E_\theta\,\mathrm{TV}\bigl(\pi_{\rm ref}(\cdot\mid x_k),\pi_\theta(\cdot\mid x_k)\bigr),$$ "
            r"with states $x_k$ of the policy's own runs alone."
        ),
        evidence="proved",
        source="own",
        knobs=EITHER,
        predicted=lambda **settings: by_steps("tv", **settings),
        measured=law_moved,
        tolerance=ROUNDED,
    )
)

register(
    Claim(
        id="dom-telescope-kl",
        title="In cross-entropy, with the number of steps",
        statement=(
            r"In the same setting $$\mathrm{TV}(p_\theta,p_{\rm ref})\le\sqrt{\tfrac K2\sum_{k<K}\mathbb E_\theta\,\mathrm{KL}\bigl(\pi_{\rm ref}(\cdot\mid x_k)\,\Vert\,\pi_\theta(\cdot\mid x_k)\bigr)}.$$"
        ),
        evidence="proved",
        source="own",
        knobs=EITHER,
        predicted=lambda steps, **settings: tv_bound(
            by_steps("cross_entropy", steps=steps, **settings), form="steps", steps=steps
        ),
        measured=law_moved,
        tolerance=ROUNDED,
        depends=["dom-telescope"],
    )
)

POLICY_FIRST, REFERENCE_FIRST = "KL(policy, reference)", "KL(reference, policy)"
DIRECTION = {POLICY_FIRST: "kl", REFERENCE_FIRST: "cross_entropy"}


def absorbed(steps: int, ours: float, theirs: float) -> float:
    """Return TV after some steps of two chains with one absorbing state, reached with these chances.

    >>> round(absorbed(9, 0.22, 0.02), 3)
    0.727
    """
    return abs((1 - theirs) ** steps - (1 - ours) ** steps)


def absorbed_divergence(steps: int, ours: float, theirs: float, direction: str) -> float:
    """Return the sum over steps of P_θ(not yet absorbed) times the divergence of one step."""
    p, q = (ours, theirs) if direction == POLICY_FIRST else (theirs, ours)
    each = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    return max(each, 0.0) * sum((1 - ours) ** k for k in range(steps))


register(
    Claim(
        id="dom-path-kl",
        title="The divergence of the runs needs no number of steps",
        statement=(
            r"In the same setting $$\mathrm{TV}(p_\theta,p_{\rm ref})\le\sqrt{\tfrac12\sum_{k<K}\mathbb E_\theta\,\mathrm{KL}\bigl(\pi_\theta(\cdot\mid x_k)\,\Vert\,\pi_{\rm ref}(\cdot\mid x_k)\bigr)}:$$ the sum is the divergence between the laws of whole runs. "
            r"In the other direction, $\mathrm{KL}(\pi_{\rm ref}\Vert\pi_\theta)$, this is false: $K$ cannot simply be left out."
        ),
        evidence="proved",
        source="own",
        knobs={
            "steps": Integer(1, 40, default=9, label="steps K"),
            "ours": Linear(
                0.01, 0.99, default=0.22, label="the policy's chance to be absorbed", points=99
            ),
            "theirs": Linear(
                0.01, 0.99, default=0.02, label="the reference's chance to be absorbed", points=99
            ),
            "direction": Choice(list(DIRECTION), label="direction"),
        },
        predicted=lambda steps, ours, theirs, direction: tv_bound(
            absorbed_divergence(steps, ours, theirs, direction), form="kl"
        ),
        measured=lambda steps, ours, theirs, direction: absorbed(steps, ours, theirs),
        tolerance=ROUNDED,
        depends=["dom-telescope"],
        hypotheses=[
            Hypothesis(
                "the policy stands first in the divergence",
                lambda direction, **_: direction == POLICY_FIRST,
                violation={"direction": REFERENCE_FIRST},
            )
        ],
    )
)


def masks_opened(steps: int, power: float, **settings: Any) -> float:
    """Return Σ w_k E_θ[hidden sites in x_k], from the exact laws of the states."""
    policy, _ = pair(steps=steps, power=power, **settings)
    grid = times(steps, power)
    laws = exact_states(policy, steps, grid=grid)[:-1].detach().numpy()
    hidden = (states(policy.letters, policy.sites) == policy.tokens).sum(1)
    coins = np.diff(grid) / (1 - grid[:-1])
    return float(coins @ (laws @ hidden))


register(
    Claim(
        id="dom-masks-opened",
        title="Every site opens once",
        statement=r"On the masked path, for every policy and every grid, $\sum_{k<K}w_k\,\mathbb E_\theta[\#\text{ hidden sites of }x_k]=d$.",
        evidence="proved",
        source="own",
        knobs={**PAIR, "timed": TIMED, "power": POWER},
        predicted=lambda sites, **_: float(sites),
        measured=masks_opened,
        relation="==",
        tolerance=ROUNDED,
    )
)

register(
    Claim(
        id="dom-regulariser",
        title="The penalty bounds the law, whatever the number of steps",
        statement=(
            r"On the masked path, with the same coins for both, $$\mathrm{TV}(p_\theta,p_{\rm ref})\le\sum_{k<K}w_k\,\mathbb E_\theta\sum_{i\text{ hidden}}\mathrm{TV}\bigl(p_{\rm ref}^i(\cdot\mid x_k),p_\theta^i(\cdot\mid x_k)\bigr).$$ "
            r"The right side is at most $d$, and is estimated without bias from the policy's own runs."
        ),
        evidence="proved",
        source="own",
        knobs=MASKED,
        predicted=lambda **settings: tv_bound(by_sites("tv", **settings)),
        measured=law_moved,
        tolerance=ROUNDED,
        hypotheses=[SAME],
        depends=["dom-telescope"],
    )
)

register(
    Claim(
        id="dom-cross-entropy",
        title="Cross-entropy at the policy's own states bounds total variation",
        statement=(
            r"On the masked path and with the same coins, $\mathrm{TV}(p_\theta,p_{\rm ref})\le\sqrt{\frac d2R}$ with $$\begin{aligned}R=\sum_{k<K}w_k\,\mathbb E_\theta\sum_{i\text{ hidden}}&\mathrm{KL}\bigl(p_{\rm ref}^i(\cdot\mid x_k)\\&\Vert\,p_\theta^i(\cdot\mid x_k)\bigr).\end{aligned}$$ "
            r"Neither the vocabulary, nor the number of steps, nor an exponential of rates enters. $R$ is a cross-entropy less the reference's entropy."
        ),
        evidence="proved",
        source="own",
        knobs=MASKED,
        predicted=lambda sites, **settings: tv_bound(
            by_sites("cross_entropy", sites=sites, **settings), form="cross_entropy", sites=sites
        ),
        measured=law_moved,
        tolerance=ROUNDED,
        hypotheses=[SAME],
        depends=["dom-regulariser", "dom-masks-opened"],
    )
)

register(
    Claim(
        id="dom-reverse",
        title="The other direction needs no number of sites either",
        statement=(
            r"On the masked path and with the same coins, $\mathrm{TV}(p_\theta,p_{\rm ref})\le\sqrt{R'/2}$ with $$\begin{aligned}R'=\sum_{k<K}w_k\,\mathbb E_\theta\sum_{i\text{ hidden}}&\mathrm{KL}\bigl(p_\theta^i(\cdot\mid x_k)\\&\Vert\,p_{\rm ref}^i(\cdot\mid x_k)\bigr).\end{aligned}$$"
        ),
        evidence="proved",
        source="own",
        knobs=MASKED,
        predicted=lambda **settings: tv_bound(by_sites("kl", **settings), form="kl"),
        measured=law_moved,
        tolerance=ROUNDED,
        hypotheses=[SAME],
        depends=["dom-path-kl"],
    )
)
