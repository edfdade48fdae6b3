"""How far a policy's steps are from a reference's, at the policy's own states."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.checks import one_of
from softbook.domino.model.rollout import Model, Rollout, logits_of

__all__ = ["FORMS", "tv_regulariser"]

FORMS = ("tv", "cross_entropy", "kl", "generalised_kl")


def tv_regulariser(
    model: Model,
    reference: Model,
    rollout: Rollout,
    *,
    step: int | None = None,
    form: str = "tv",
) -> Float[Tensor, " n"]:
    """Return the deviation of a step, or of all steps (None), from the reference for each trajectory.

    Masked prior: w_k times the sum over the masked sites of TV(ref, p) ("tv"), KL(ref || p)
    ("cross_entropy": less the reference's entropy, which has no gradient; also "generalised_kl", as both
    have the same exit rate) or KL(p || ref) ("kl"). Over the model's own rollouts the mean R of all steps
    bounds the terminal total variation: by R, sqrt(d R/2) and sqrt(R/2). Uniform prior: the same of each
    site's kernel (1 - w) stay + w p; "generalised_kl" is w times that of the letters it may move to.

    Parameters
    ----------
    model, reference
        (tokens `[n, sites]`, t) to logits `[n, sites, tokens]`; the reference is not differentiated.
    rollout
        Trajectories, as a rule the model's own.
    step
        k in 0..K-1, or None.
    form
        "tv", "cross_entropy", "kl" or "generalised_kl".

    Returns
    -------
    [n] floats, at least 0; infinite where a divergence is; NaN only where a model's logits are.

    Raises a ValueError for another form or step and for logits of a wrong shape.
    Cost: a call of each model for each step; their graphs are all kept.
    Source: Su et al. 2026 for the penalties; the bounds are proved in the chapter.

    >>> from softbook.domino.model.rollout import rollout
    >>> even = lambda tokens, t: torch.zeros(*tokens.shape, 2)
    >>> drawn = rollout(even, 1, sites=3, tokens=2, steps=2, seed=0)
    >>> tv_regulariser(even, lambda tokens, t: torch.tensor([0.0, -torch.inf]).expand(*tokens.shape, 2),
    ...                drawn, step=0).item()
    0.75
    """
    one_of("form", form, FORMS)
    chosen = range(rollout.steps) if step is None else [rollout.step(step)]
    return torch.stack([_one(model, reference, rollout, k, form) for k in chosen]).sum(0)


def _one(model: Model, reference: Model, rollout: Rollout, step: int, form: str) -> Tensor:
    state, time, coin = rollout.state(step), rollout.time(step), rollout.coin(step)
    sites = rollout.masked(step)
    # What a model says of sites that no step changes may be anything, infinities included.
    ours = logits_of(model, state, time, rollout.tokens).masked_fill(~sites[..., None], 0.0)
    with torch.no_grad():
        theirs = logits_of(reference, state, time, rollout.tokens)
        theirs = theirs.masked_fill(~sites[..., None], 0.0).log_softmax(-1)
    ours = ours.log_softmax(-1)
    if form == "tv":
        return coin * (ours.exp() - theirs.exp()).abs().sum((-1, -2)) / 2
    if rollout.opened is None and form == "generalised_kl":
        p, q = ours.exp(), theirs.exp()
        each = _relative(theirs, ours) - q + p
        moves = torch.ones_like(each).scatter(-1, state[..., None], 0.0).bool()
        return coin * each.where(moves, 0.0).sum((-1, -2))
    if rollout.opened is None and coin < 1:
        ours, theirs = (_kernel(law, state, coin) for law in (ours, theirs))
        coin = 1.0
    first, second = (ours, theirs) if form == "kl" else (theirs, ours)
    return coin * _relative(first, second).sum((-1, -2))


def _kernel(law: Tensor, state: Tensor, coin: float) -> Tensor:
    """Return log((1 - w) stay + w p) of each letter."""
    stays = torch.zeros_like(law).scatter(-1, state[..., None], 1.0).bool()
    drawn = law + math.log(coin)
    return torch.logaddexp(drawn, law.new_tensor(math.log1p(-coin))).where(stays, drawn)


def _relative(first: Tensor, second: Tensor) -> Tensor:
    """Return p log(p/q) from logarithms: 0 where p is 0, infinite where only q is."""
    p = first.exp()
    never = p == 0
    # Both logarithms are filled before the difference: infinity less infinity is NaN in the gradient too.
    return p * (first.masked_fill(never, 0.0) - second.masked_fill(never, 0.0))
