"""Claims on the best law, and on what the number of steps does to a policy's return."""

from __future__ import annotations

import numpy as np
import torch

from softbook.claims import Claim, register
from softbook.diffusion.model.samplers import continuous_law
from softbook.diffusion.theory import parallel_unmasking_bound
from softbook.domino.claims.common import (
    FAR,
    ROUNDED,
    SEED,
    SHARP,
    SITES,
    STEPS,
    TOKENS,
    reward_of,
    rng_of,
    tables,
)
from softbook.domino.model.exact import exact_return, tilted_law
from softbook.knobs import Linear, Log


def setting(tokens: int, sites: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a law and a reward."""
    law = rng_of(seed, 5).dirichlet(np.ones(tokens**sites)).reshape((tokens,) * sites)
    return torch.from_numpy(law), reward_of(tokens, sites, seed)


def value(tokens: int, sites: int, seed: int, beta: float, part: float) -> float:
    """Return E_p r - β KL(p, p_ref) of a law that is `part` of the way to the tilted one."""
    reference, reward = setting(tokens, sites, seed)
    other = rng_of(seed, 6).dirichlet(np.ones(tokens**sites)).reshape((tokens,) * sites)
    law = part * tilted_law(reference, reward, beta) + (1 - part) * torch.from_numpy(other)
    gaps = torch.where(law > 0, law * (law / reference).log(), 0.0)
    return float((law * reward).sum() - beta * gaps.sum())


def best(tokens: int, sites: int, seed: int, beta: float, part: float) -> float:
    """Return β log E_ref e^{r/β}."""
    reference, reward = setting(tokens, sites, seed)
    return beta * float((reference.log() + reward / beta).flatten().logsumexp(0))


register(
    Claim(
        id="dom-tilted",
        title="The best law is the reference, tilted",
        statement=(
            r"Among all laws $p$ of sequences, $$\begin{aligned}\mathbb E_p\,r-\beta\,&\mathrm{KL}(p\Vert p_{\rm ref})\\&\le\beta\log\mathbb E_{\rm ref}\,e^{r/\beta},\end{aligned}$$ with equality for $p^*\propto p_{\rm ref}\,e^{r/\beta}$ and for no other. "
            r"From masks, the best sampler under the divergence of whole runs writes $p^*$ too: the best of all, not only of those that draw the sites of a step independently."
        ),
        evidence="proved",
        source="own, the Gibbs principle",
        knobs={
            "tokens": TOKENS,
            "sites": SITES,
            "seed": SEED,
            "beta": Log(0.05, 20.0, default=1.0, label="price β", points=21),
            "part": Linear(0.0, 1.0, default=0.5, label="part of the way to p*", points=21),
        },
        predicted=best,
        measured=value,
        tolerance=ROUNDED,
    )
)


def return_moved(tokens: int, sites: int, steps: int, seed: int, sharp: float, far: float) -> float:
    """Return the change of the return between K steps and one site at a time."""
    policy, _ = tables(tokens, sites, steps, seed, sharp=sharp, far=far)
    reward = reward_of(tokens, sites, seed)
    probabilities = policy.logits.detach().softmax(-1).numpy()
    places = policy.places.numpy()
    # The law of one site at a time does not ask the data anything but its shape.
    even = np.full((tokens,) * sites, float(tokens) ** -sites)
    limit = continuous_law(even, conditionals=lambda x, time: probabilities[(x * places).sum(-1)])
    return abs(exact_return(policy, reward, steps).item() - float((limit * reward.numpy()).sum()))


register(
    Claim(
        id="dom-parallel",
        title="What more steps can change in the return",
        statement=(
            r"A policy on the masked path does not know the time. With $K$ equal steps its return is $J_K$, one site at a time $J_\infty$. Then $$|J_K-J_\infty|\le\bigl(\max r-\min r\bigr)\,\frac{d(d-1)}{2K}.$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": TOKENS,
            "sites": SITES,
            "steps": STEPS,
            "seed": SEED,
            "sharp": SHARP,
            "far": FAR,
        },
        predicted=lambda tokens, sites, steps, seed, sharp, far: (
            float(np.ptp(reward_of(tokens, sites, seed).numpy()))
            * parallel_unmasking_bound(sites, steps)
        ),
        measured=return_moved,
        tolerance=ROUNDED,
        depends=["diff-parallel"],
    )
)
