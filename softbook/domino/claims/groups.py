"""Claims on baselines: what the mean of a group, and its standard deviation, make of the gradient."""

from __future__ import annotations

from itertools import product

import torch

from softbook.claims import Claim, Hypothesis, register
from softbook.domino.claims.common import MASKS, ROUNDED, SEED, along, reward_of, rng_of, tables
from softbook.domino.model.exact import exact_gradient, exact_return, trajectories
from softbook.domino.model.gradient import advantages, step_log_prob
from softbook.domino.theory.bounds import group_scale
from softbook.knobs import Choice, Integer

GROUP = {
    "tokens": Integer(2, 3, default=2, label="letters S"),
    "steps": Integer(1, 2, default=2, label="steps K"),
    "size": Integer(2, 4, default=3, label="group G"),
    "seed": SEED,
}
SHARED, OTHERS = "mean of the group", "mean of the others"
BASELINE = Choice([OTHERS, SHARED], label="baseline")
METHODS = {OTHERS: "reinforce", SHARED: "ppo"}


def levels_of(tokens: int, seed: int, levels: int) -> torch.Tensor:
    """Return a reward on one site with so many values, 0 and 1 among them.

    >>> sorted(set(levels_of(3, 0, 2).tolist()))
    [0.0, 1.0]
    """
    order = torch.from_numpy(rng_of(seed, 4).permutation(tokens))
    return (order % levels).to(torch.float64) / (levels - 1)


def mean_of_groups(
    tokens: int, steps: int, size: int, seed: int, method: str, levels: int | None = None
) -> float:
    """Return the mean slope of an estimator over all groups of trajectories of one site."""
    policy, _ = tables(tokens, 1, steps, seed, noise=MASKS)
    every = trajectories(tokens, 1, steps)
    weights = every.probabilities(policy).detach()
    values = reward_of(tokens, 1, seed) if levels is None else levels_of(tokens, seed, levels)
    rewards = values[every.rollout.final[:, 0]]
    groups = torch.tensor(list(product(range(len(weights)), repeat=size)))
    which = torch.arange(len(groups)).repeat_interleave(size)
    gains = advantages(rewards[groups].flatten(), method, which)
    # What one trajectory's score is multiplied by, in the mean over the groups that it stands in.
    chances = weights[groups].prod(-1).repeat_interleave(size)
    factor = torch.zeros_like(weights).index_add(0, groups.flatten(), chances * gains / size)
    scores = torch.stack([step_log_prob(policy, every.rollout, k) for k in range(steps)]).sum(0)
    loss = (factor * scores)[weights > 0].sum()
    return along(torch.autograd.grad(loss, policy.logits)[0], seed)


def slope(tokens: int, steps: int, seed: int, levels: int | None = None) -> float:
    """Return the exact slope of J in the same direction."""
    policy, _ = tables(tokens, 1, steps, seed, noise=MASKS)
    values = reward_of(tokens, 1, seed) if levels is None else levels_of(tokens, seed, levels)
    return along(exact_gradient(policy.logits, values, steps), seed)


def scaled_slope(tokens: int, steps: int, size: int, seed: int, levels: int) -> float:
    """Return c_G(J) times the exact slope."""
    policy, _ = tables(tokens, 1, steps, seed, noise=MASKS)
    share = exact_return(policy, levels_of(tokens, seed, levels), steps).item()
    return group_scale(min(max(share, 0.0), 1.0), size) * slope(tokens, steps, seed, levels)


register(
    Claim(
        id="dom-baseline",
        title="The mean of the others costs nothing, the mean of the group a factor",
        statement=(
            r"Draw $G\ge2$ trajectories independently. With the mean reward of the *other* $G-1$ as baseline, $\frac1G\sum_g(r_g-\bar r_{-g})\nabla\log\pi_\theta(\text{trajectory }g)$ has the mean $\nabla J$. With the mean of all $G$, its own reward included, "
            r"it has the mean $\frac{G-1}G\nabla J$."
        ),
        evidence="proved",
        source="own",
        knobs={**GROUP, "baseline": BASELINE},
        predicted=lambda tokens, steps, size, seed, baseline: (
            (1.0 if baseline == OTHERS else (size - 1) / size) * slope(tokens, steps, seed)
        ),
        measured=lambda tokens, steps, size, seed, baseline: mean_of_groups(
            tokens, steps, size, seed, METHODS[baseline]
        ),
        relation="==",
        tolerance=ROUNDED,
        depends=["dom-gradient"],
    )
)

register(
    Claim(
        id="dom-grpo-baseline",
        title="Standardised groups keep the direction for a yes-or-no reward",
        statement=(
            r"Let $r\in\{0,1\}$ and $q=P_\theta(r=1)$, so that $J=q$. With the advantages $(r_g-\bar r)/\mathrm{sd}$ of a group of $G$ (0 where all are equal) the estimator's mean is $c_G(q)\,\nabla J$, "
            r"$$c_G(q)=\mathbb E\sqrt{\tfrac{G-j}j}+\mathbb E\sqrt{\tfrac{j'}{G-j'}},$$ $j-1$ and $j'$ binomial with $G-1$ draws and chance $q$. As $G\to\infty$, $c_G(q)\to1/\sqrt{q(1-q)}$. For rewards with more values the mean is in general no multiple of $\nabla J$."
        ),
        evidence="proved",
        source="own, for the estimator of GRPO",
        knobs={
            **GROUP,
            "tokens": Integer(2, 3, default=3, label="letters S"),
            "levels": Integer(2, 3, default=2, label="values of the reward"),
        },
        predicted=scaled_slope,
        measured=lambda tokens, steps, size, seed, levels: mean_of_groups(
            tokens, steps, size, seed, "grpo", levels
        ),
        relation="==",
        tolerance=ROUNDED,
        depends=["dom-baseline"],
        hypotheses=[
            Hypothesis(
                "the reward has two values, 0 and 1",
                lambda levels, **_: levels == 2,
                violation={"levels": 3, "tokens": 3},
            )
        ],
    )
)
