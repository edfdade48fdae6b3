"""Claims on the gradient: exact for the sampler that runs, by every method to first order."""

from __future__ import annotations

from typing import Any

import torch

from softbook.claims import Claim, Hypothesis, register
from softbook.domino.claims.common import (
    FAR,
    LISTED,
    MASKS,
    ROUNDED,
    along,
    listed,
    reward_of,
    tables,
    times,
)
from softbook.domino.model.deviation import kernels
from softbook.domino.model.exact import exact_gradient, exact_return
from softbook.domino.model.gradient import log_ratio, step_log_prob, surrogate
from softbook.domino.model.table import Table
from softbook.knobs import Integer, Linear, Switch


def exact_slope(
    tokens: int, sites: int, steps: int, seed: int, noise: str, far: float = 0.0, **_: Any
) -> float:
    """Return the slope of J in a random direction, by pushing the law."""
    policy, _reference = tables(tokens, sites, steps, seed, noise=noise, far=far)
    reward = reward_of(tokens, sites, seed)
    return along(exact_gradient(policy.logits, reward, steps), seed)


def listed_slope(
    tokens: int,
    sites: int,
    steps: int,
    seed: int,
    noise: str,
    leak: int = 0,
    far: float = 0.0,
    method: str = "reinforce",
    start: float = 0.0,
) -> float:
    """Return the same slope from the estimator's own loss, summed over all trajectories of the old policy.

    The policy is `far` from the reference, the old policy `start` of that; `leak` trajectories further on
    stands the one whose reward is taken.
    """
    policy, _ = tables(tokens, sites, steps, seed, noise=noise, far=far)
    old, _ = tables(tokens, sites, steps, seed, noise=noise, far=far if start == 0 else start * far)
    every = listed(tokens, sites, steps, noise)
    with torch.no_grad():
        weights = every.probabilities(old)
    gains = reward_of(tokens, sites, seed)[tuple(every.rollout.final.T)].roll(leak)
    gains = len(weights) * weights * (gains - (weights * gains).sum())
    loss = torch.zeros((), dtype=torch.float64)
    for k in range(steps):
        before = None
        if method != "reinforce":
            before = step_log_prob(old, every.rollout, k).detach()
            # Of what the old policy never does no trajectory is drawn.
            before = before.masked_fill(weights == 0, 0.0)
        loss = loss + surrogate(
            policy, every.rollout, gains, k, method=method, old_log_prob=before, clip=0.2
        )
    return along(-torch.autograd.grad(loss, policy.logits)[0], seed)


register(
    Claim(
        id="dom-gradient",
        title="The policy gradient is exact for the sampler that runs",
        statement=(
            r"Let $\pi_\theta(x'\mid x)$ be the probability of a step, differentiable in $\theta$, and $r$ a bounded reward that does not depend on $\theta$. For the sampler with $K$ steps, $J(\theta)=\mathbb E_\theta\,r(x_K)$: "
            r"$$\nabla J=\mathbb E_\theta\Bigl[\bigl(r(x_K)-b\bigr)\sum_{k<K}\nabla\log\pi_\theta(x_{k+1}\mid x_k)\Bigr]$$ for every constant $b$. It is the gradient of the sampler's own value, not of a limit with infinitely many steps."
        ),
        evidence="proved",
        source="own, the score-function identity",
        knobs={**LISTED, "leak": Integer(0, 1, default=0, label="rewards that are one off")},
        predicted=exact_slope,
        measured=listed_slope,
        relation="==",
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "each trajectory has the reward of its own end",
                lambda leak, **_: leak == 0,
                violation={"leak": 1},
            )
        ],
    )
)


def kernel_ratio(tokens: int, sites: int, steps: int, seed: int, noise: str) -> float:
    """Return log π_θ/π_old of a random step of a random trajectory, from the kernels' entries."""
    policy, old = tables(tokens, sites, steps, seed, noise=noise)
    every, row = listed(tokens, sites, steps, noise), _row(tokens, sites, steps, seed, noise)
    k, grid = seed % steps, torch.from_numpy(times(steps, 1.0))
    here, there = ((every.rollout.state(j)[row] * policy.places).sum() for j in (k, k + 1))
    return float(
        (kernels(policy, k, grid)[here, there] / kernels(old, k, grid)[here, there]).log().detach()
    )


def _row(tokens: int, sites: int, steps: int, seed: int, noise: str) -> int:
    """Return a trajectory that the old policy can take."""
    _, old = tables(tokens, sites, steps, seed, noise=noise)
    weights = listed(tokens, sites, steps, noise).probabilities(old).detach()
    possible = (weights > 0).nonzero()[:, 0]
    return int(possible[seed % len(possible)])


def letters_ratio(tokens: int, sites: int, steps: int, seed: int, noise: str) -> float:
    """Return the sum over the sites that change of log p_θ/p_old of the letter that they show."""
    policy, old = tables(tokens, sites, steps, seed, noise=noise)
    every, row = listed(tokens, sites, steps, noise), _row(tokens, sites, steps, seed, noise)
    k = seed % steps
    if noise == MASKS:
        return float(log_ratio(policy, old, every.rollout.rows([row]), k).detach())
    before, after = every.rollout.state(k)[[row]], every.rollout.state(k + 1)[[row]]
    both = [
        one(before, 0.0).log_softmax(-1).gather(-1, after[..., None])[..., 0]
        for one in (policy, old)
    ]
    return float((both[0] - both[1])[before != after].sum().detach())


register(
    Claim(
        id="dom-ratio",
        title="A step's ratio is that of the letters it shows",
        statement=(
            r"On the masked path, for policies with the same coins, $$\log\frac{\pi_\theta(x_{k+1}\mid x_k)}{\pi_{\rm old}(x_{k+1}\mid x_k)}=\sum_{i\text{ opens in step }k}\log\frac{p_\theta^i(x_{k+1}^i\mid x_k)}{p_{\rm old}^i(x_{k+1}^i\mid x_k)}.$$ "
            r"Over a whole trajectory that is one term for each site."
        ),
        evidence="proved",
        source="own",
        knobs=LISTED,
        predicted=letters_ratio,
        measured=kernel_ratio,
        relation="==",
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "the start is masks: with uniform letters a site that stays has a probability that depends on the policy",
                lambda noise, **_: noise == MASKS,
                violation={"noise": "uniform letters", "seed": 1, "steps": 3},
            )
        ],
    )
)


def weighed_return(
    tokens: int, sites: int, steps: int, seed: int, noise: str, far: float, barred: bool
) -> float:
    """Return E_old[ρ r], ρ the product of all ratios, over all trajectories of the old policy."""
    policy, old = _both(tokens, sites, steps, seed, noise, far, barred)
    every = listed(tokens, sites, steps, noise)
    weights = every.probabilities(old).detach()
    drawn = weights > 0
    rollout = every.rollout.rows(drawn.nonzero()[:, 0])
    ratio = log_ratio(policy, old, rollout).exp().detach()
    rewards = reward_of(tokens, sites, seed)[tuple(rollout.final.T)]
    return float((weights[drawn] * ratio * rewards).sum())


def _both(
    tokens: int, sites: int, steps: int, seed: int, noise: str, far: float, barred: bool
) -> tuple[Table, Table]:
    policy, old = tables(tokens, sites, steps, seed, noise=noise, far=far)
    if barred:
        shut = old.logits.detach().clone()
        shut[..., 0] = -torch.inf
        # A row that showed this letter alone shows the next.
        shut[..., 1] = torch.where(shut[..., 1].isfinite(), shut[..., 1], 0.0)
        old = Table(shut)
    return policy, old


register(
    Claim(
        id="dom-importance",
        title="Ratios weigh old trajectories exactly",
        statement=(
            r"$\mathbb E_{\rm old}\bigl[\prod_{k<K}\rho_k\;r(x_K)\bigr]=J(\theta)$ with $\rho_k=\frac{\pi_\theta}{\pi_{\rm old}}(x_{k+1}\mid x_k)$, for policies as far apart as one likes. Nothing bounds the product: clipping gives up exactness for a variance that is finite in practice."
        ),
        evidence="proved",
        source="own",
        knobs={
            **LISTED,
            "far": FAR,
            "barred": Switch(False, label="the old policy never shows a letter"),
        },
        predicted=lambda tokens, sites, steps, seed, noise, far, barred: exact_return(
            _both(tokens, sites, steps, seed, noise, far, barred)[0],
            reward_of(tokens, sites, seed),
            steps,
        ).item(),
        measured=weighed_return,
        relation="==",
        tolerance=ROUNDED,
        hypotheses=[
            Hypothesis(
                "the old policy can take every step that the new one can",
                lambda barred, **_: not barred,
                violation={"barred": True},
            )
        ],
    )
)

register(
    Claim(
        id="dom-ppo-first-order",
        title="At the old policy PPO is REINFORCE",
        statement=(
            r"At $\theta=\theta_{\rm old}$ every ratio is 1, no term is clipped, and the gradient of $\mathbb E_{\rm old}\sum_k\min\bigl(\rho_kA,\mathrm{clip}(\rho_k,1-\epsilon,1+\epsilon)A\bigr)$ with $A=r(x_K)-J$ is $\nabla J$. Away from it the sum over steps is another function."
        ),
        evidence="proved",
        source="own, for the clip of PPO",
        knobs={
            **LISTED,
            "far": FAR,
            "start": Linear(
                0.0, 0.9, default=0.0, label="old policy, as a part of the way", points=10
            ),
        },
        predicted=exact_slope,
        measured=lambda **settings: listed_slope(method="ppo", **settings),
        relation="==",
        tolerance=ROUNDED,
        depends=["dom-gradient", "dom-ratio"],
        hypotheses=[
            Hypothesis(
                "the policy is the one that drew the trajectories",
                lambda start, far, **_: start == 0 or far == 0,
                violation={"start": 0.5, "far": 1.0},
            )
        ],
    )
)
