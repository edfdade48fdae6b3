"""The law of one jump at one site, given the posterior's logarithm at the token that comes next."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

__all__ = ["log_transition", "needs_logits"]


def log_transition(
    before: Int64[Tensor, " n"],
    after: Int64[Tensor, " n"],
    log_posterior: Float[Tensor, " n"],
    stay: Float[Tensor, " m"],
    jump: Float[Tensor, " m"],
    mask: int,
) -> Float[Tensor, " n"]:
    """Return log K(before -> after), at most 0; -inf where the step cannot happen.

    `log_posterior` is log p(after), -inf outside the vocabulary; `mask` is -1 for the uniform
    prior; `stay` and `jump` hold one number, or one a row. A NaN among the posteriors stays one.
    The chance to end where one was, stay + jump p, is taken from 1 where it is near 1: with p = 1
    it is exactly 1.

    >>> here, half = torch.tensor([0]), torch.tensor([0.5])
    >>> log_transition(here, here, torch.tensor([0.0]), half, half, -1).item()
    0.0
    """
    log_posterior = log_posterior.clamp(max=0)
    moved = jump.log() + log_posterior
    if mask >= 0:
        held = torch.where(after == before, 0.0, -torch.inf).to(moved.dtype)
        opened = torch.where(after == mask, stay.log(), moved)
        made = torch.where(before == mask, opened, held)
    else:
        leaves = jump * -torch.expm1(log_posterior)
        kept = torch.where(stay > 0, (stay + jump * log_posterior.exp()).log(), moved)
        kept = torch.where(leaves < 0.5, torch.log1p(-leaves), kept)
        made = torch.where(after == before, kept, moved)
    return torch.where(log_posterior.isnan(), log_posterior, made)


def needs_logits(
    before: Int64[Tensor, " n"],
    after: Int64[Tensor, " n"],
    jump: Float[Tensor, " m"],
    mask: int,
    tokens: int,
) -> Bool[Tensor, " n"]:
    """Return the rows whose log K(before -> after) depends on the posterior.

    >>> two = torch.tensor([2, 2, 0])
    >>> needs_logits(two, torch.tensor([1, 2, 0]), torch.tensor([0.5]), 2, 2).tolist()
    [True, False, False]
    """
    moves = (jump > 0) & (after < tokens)
    return moves & (before == mask) if mask >= 0 else moves
