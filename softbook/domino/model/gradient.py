"""Exact likelihoods of the sampler's steps, and the policy gradients that are made of them."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from softbook.checks import number, one_of
from softbook.domino.model.rollout import Model, Rollout, logits_of

__all__ = [
    "METHODS",
    "advantages",
    "log_ratio",
    "policy_gradient",
    "step_log_prob",
    "surrogate",
]

METHODS = ("reinforce", "ppo", "grpo")


def step_log_prob(model: Model, rollout: Rollout, step: int) -> Float[Tensor, " n"]:
    """Return the part of log π(x_{k+1} | x_k) that depends on the model, for each trajectory.

    Masked prior: the sum of log p^i(x^i | x_k) over the sites that open in step k; the coins do not depend
    on the model. Uniform prior: log p^i(x'^i | x_k) for a site that moves to x', and
    log((1 - w) + w p^i(x^i | x_k)) for one that stays; where a site stays, its coin is not seen.

    Parameters
    ----------
    model
        (tokens `[n, sites]`, t) to logits `[n, sites, tokens]`; differentiated where it requires gradients.
    rollout
        Trajectories; any policy may have drawn them.
    step
        k in 0..K-1.

    Returns
    -------
    [n] floats, at most 0; -inf where the model cannot take the step; NaN where its logits are NaN.

    Raises a ValueError for a step that is not there and for logits of a wrong shape.
    Cost: one call of the model. Source: softmax of the logits, as the sampler draws.

    >>> from softbook.domino.model.rollout import rollout
    >>> def even(tokens, t):
    ...     return torch.zeros(*tokens.shape, 2, dtype=torch.float64)
    >>> drawn = rollout(even, 1, sites=3, tokens=2, steps=1, seed=0)
    >>> round(step_log_prob(even, drawn, 0).exp().item(), 12)
    0.125
    """
    state, after = rollout.state(rollout.step(step)), rollout.state(step + 1)
    logits = logits_of(model, state, rollout.time(step), rollout.tokens)
    if rollout.opened is not None:
        # What the model says of other sites may be anything, infinities included.
        sites = rollout.opened == step
        logits = logits.masked_fill(~sites[..., None], 0.0)
        chosen = logits.log_softmax(-1).gather(-1, rollout.final[..., None])[..., 0]
        return chosen.where(sites, torch.zeros_like(chosen)).sum(-1)
    chosen, coin = logits.log_softmax(-1).gather(-1, after[..., None])[..., 0], rollout.coin(step)
    if coin == 1:
        return chosen.sum(-1)
    stay = torch.logaddexp(chosen + math.log(coin), chosen.new_tensor(math.log1p(-coin)))
    return chosen.where(after != state, stay).sum(-1)


def log_ratio(
    model: Model, old: Model, rollout: Rollout, step: int | None = None
) -> Float[Tensor, " n"]:
    """Return log π/π_old of each trajectory's step, or of all its steps (None); `old` has no gradients.

    Values: -inf where the model cannot take a step that `old` took; NaN where neither could. Raises what
    `step_log_prob` raises. Cost: two calls of a model for each step, whose graphs are all kept.
    Source: Su et al. 2026; Schulman et al. 2017 for the ratio.

    >>> from softbook.domino.model.rollout import rollout
    >>> def even(tokens, t):
    ...     return torch.zeros(*tokens.shape, 2, dtype=torch.float64)
    >>> log_ratio(even, even, rollout(even, 2, sites=3, tokens=2, steps=4, seed=0)).tolist()
    [0.0, 0.0]
    """

    def one(step: int) -> Tensor:
        with torch.no_grad():
            before = step_log_prob(old, rollout, step)
        return step_log_prob(model, rollout, step) - before

    return torch.stack([one(k) for k in (range(rollout.steps) if step is None else [step])]).sum(0)


def advantages(
    rewards: Shaped[Tensor, " n"], method: str, groups: Int64[Tensor, " n"] | None = None
) -> Float[Tensor, " n"]:
    """Return rewards less a baseline of their group: what a trajectory is worth above its neighbours.

    "reinforce": less the mean of the group's others, which leaves the gradient unbiased. "ppo": less the
    mean of the group, own reward included: (m - 1)/m of the former in a group of m. "grpo": this over the
    group's standard deviation (by m), 0 in a group of equal rewards; neither unbiased nor of their scale.

    Parameters
    ----------
    rewards
        [n] numbers, n at least 1; NaN or infinite ones spoil their group.
    method
        "reinforce", "ppo" or "grpo".
    groups
        [n] integers, equal within a group; None: one group. "reinforce" needs two or more in each.

    Returns
    -------
    [n] floats without gradients.

    Raises a ValueError for another method, shapes that differ, and a group of one for "reinforce".
    Cost: O(n log n). Source: Kool et al. 2019 (others' mean); Shao et al. 2024 (groups).

    >>> rewards = torch.tensor([0.0, 2.0, 4.0])
    >>> [advantages(rewards, method).tolist() for method in ("reinforce", "ppo")]
    [[-3.0, 0.0, 3.0], [-2.0, 0.0, 2.0]]
    """
    one_of("method", method, METHODS)
    rewards = rewards.detach() if rewards.is_floating_point() else rewards.double()
    if rewards.ndim != 1 or not len(rewards):
        raise ValueError(
            f"rewards: {list(rewards.shape)} is given, but one number for each of the trajectories is needed"
        )
    if groups is None:
        groups = torch.zeros_like(rewards, dtype=torch.int64)
    if groups.shape != rewards.shape:
        raise ValueError(
            f"groups: {list(groups.shape)} is given, but {list(rewards.shape)} is needed, as rewards"
        )
    _, of, sizes = groups.unique(return_inverse=True, return_counts=True)

    def mean(values: Tensor) -> Tensor:
        return (values.new_zeros(len(sizes)).index_add(0, of, values) / sizes)[of]

    # Of equal rewards the mean may be off by a rounding; their advantage is 0.
    ends = [
        rewards.new_zeros(len(sizes)).scatter_reduce(0, of, rewards, way, include_self=False)[of]
        for way in ("amin", "amax")
    ]
    equal = ends[0] == ends[1]
    above = (rewards - mean(rewards)).masked_fill(equal & rewards.isfinite(), 0.0)
    if method == "reinforce":
        if int(sizes.min()) < 2:
            raise ValueError(
                "groups: a group of one is given, but the mean of the others needs at least 2"
            )
        # In the rewards' own precision: a quotient of integers is a float32.
        return above * (sizes / (sizes - 1).to(above.dtype))[of]
    if method == "ppo":
        return above
    return (above / mean(above**2).sqrt()).masked_fill(equal & rewards.isfinite(), 0.0)


def surrogate(
    model: Model,
    rollout: Rollout,
    advantages: Float[Tensor, " n"],
    step: int,
    *,
    method: str,
    old_log_prob: Float[Tensor, " n"] | None = None,
    clip: float = 0.2,
) -> Float[Tensor, ""]:
    """Return one step's part of the loss, to be minimised; its gradient is that of -J, in the mean.

    "reinforce": -mean(A log π). "ppo", "grpo": -mean(min(ρA, clip(ρ, 1 - clip, 1 + clip)A)) with the ratio
    ρ = π/π_old of the step; where the minimum is clipped the gradient is exactly 0, however large ρ.

    Parameters
    ----------
    model, rollout, step
        As for `step_log_prob`.
    advantages
        [n] floats, constants.
    method
        "reinforce", "ppo" or "grpo"; the last two differ in their advantages only.
    old_log_prob
        [n], `step_log_prob` under the policy that drew; None: the model itself (ρ = 1, with a gradient).
        Not for "reinforce".
    clip
        At least 0; infinity: never.

    Raises a ValueError for what is not allowed. Cost: one call of the model.
    Source: Williams 1992; Schulman et al. 2017.

    >>> from softbook.domino.model.rollout import rollout
    >>> even = lambda tokens, t: torch.zeros(*tokens.shape, 2)
    >>> drawn = rollout(even, 2, sites=3, tokens=2, steps=1, seed=0)
    >>> surrogate(even, drawn, torch.tensor([1.0, 3.0]), 0, method="ppo").item()
    -2.0
    """
    clip = number("clip", clip, 0)
    log = step_log_prob(model, rollout, step)
    if tuple(advantages.shape) != tuple(log.shape):
        raise ValueError(
            f"advantages: {list(advantages.shape)} is given, but {list(log.shape)} is needed"
        )
    if one_of("method", method, METHODS) == "reinforce":
        if old_log_prob is not None:
            raise ValueError("old_log_prob: it is given, but reinforce has no ratio")
        return -(advantages * log).mean()
    log = log - (log if old_log_prob is None else old_log_prob).detach()
    low, high = math.log1p(-clip) if clip < 1 else -math.inf, math.log1p(clip)
    clipped = ((advantages > 0) & (log > high)) | ((advantages < 0) & (log < low))
    # Where nothing is learned the ratio may overflow, and 0 times infinity is no gradient.
    idle = clipped | (advantages == 0)
    edge = torch.where(clipped, (1 + clip * advantages.sign()) * advantages, 0.0)
    return -torch.where(idle, edge, log.masked_fill(idle, 0.0).exp() * advantages).mean()


def policy_gradient(
    model: nn.Module,
    rollout: Rollout,
    rewards: Shaped[Tensor, " n"],
    *,
    method: str = "reinforce",
    old: Model | None = None,
    groups: Int64[Tensor, " n"] | None = None,
    clip: float = 0.2,
) -> dict[str, Tensor]:
    """Return an estimate of the gradient of E r(x_K), by parameter name: the way up.

    The gradient is that of the sampler with K steps, not of its limit. Unbiased for "reinforce" at the
    policy that drew the rollout, (m - 1)/m of it for "ppo" in groups of m; see `advantages`.

    Parameters
    ----------
    model
        A module; parameters that require no gradient are left out.
    rollout, rewards
        Trajectories and their n rewards.
    method, groups, clip
        See `advantages` and `surrogate`.
    old
        The policy that drew, for "ppo" and "grpo"; None: the model itself.

    Returns
    -------
    dict of tensors as the parameters; zeros where nothing depends on one.

    Raises a ValueError or a TypeError for what is not allowed.
    Cost: K calls and K backward passes (2K calls with `old`); the graph of one step at a time is kept.
    Source: Su et al. 2026, from the theorem of the policy gradient.

    >>> from softbook.domino.model.rollout import rollout
    >>> class OneSite(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.logits = nn.Parameter(torch.zeros(2))
    ...     def forward(self, tokens, t):
    ...         return self.logits.expand(*tokens.shape, 2)
    >>> model = OneSite()
    >>> drawn = rollout(model, 4096, sites=1, tokens=2, steps=1, seed=0)
    >>> up = policy_gradient(model, drawn, drawn.final[:, 0])["logits"]
    >>> up.sub(torch.tensor([-0.25, 0.25])).abs().max().item() < 0.01
    True
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: {type(model).__name__} is given, but a torch.nn.Module is needed")
    if len(rewards) != len(rollout.final):
        raise ValueError(
            f"rewards: {len(rewards)} are given, but {len(rollout.final)} are needed, one a trajectory"
        )
    if old is not None and method == "reinforce":
        raise ValueError("old: it is given, but reinforce has no ratio")
    gains = advantages(rewards, method, groups)
    weights = {name: one for name, one in model.named_parameters() if one.requires_grad}
    total = {name: torch.zeros_like(one) for name, one in weights.items()}
    for step in range(rollout.steps):
        before = None
        if old is not None:
            with torch.no_grad():
                before = step_log_prob(old, rollout, step)
        loss = surrogate(model, rollout, gains, step, method=method, old_log_prob=before, clip=clip)
        found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        for name, slope in zip(weights, found, strict=True):
            if slope is not None:
                total[name] -= slope
    return total
