"""Guidance: the gradient of a differentiable reward shifts the logits of every step."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from softbook.checks import count
from softbook.domino.model.baselines.walk import Model, all_masked, draw, opened, temperature, times

__all__ = ["Smooth", "checked", "guided"]

Smooth = Callable[[Tensor], Tensor]
"""A reward of probabilities `[n, sites, tokens]`, one-hot where a letter is known, to `[n]`."""


def checked(reward: Smooth, shown: Float[Tensor, "n sites tokens"]) -> Float[Tensor, " n"]:
    """Return the rewards of probabilities that require gradients, or say why they cannot guide.

    >>> shown = torch.ones(1, 2, 2, requires_grad=True)
    >>> checked(lambda p: p.argmax(-1).sum(-1), shown)
    Traceback (most recent call last):
    ...
    ValueError: reward: it has no gradient in the probabilities, but a differentiable one is needed
    """
    found = reward(shown)
    if not isinstance(found, Tensor) or not found.requires_grad:
        raise ValueError(
            "reward: it has no gradient in the probabilities, but a differentiable one is needed"
        )
    if found.shape != shown.shape[:1]:
        raise ValueError(
            f"reward: shape {tuple(found.shape)} is returned for {len(shown)} sequences, "
            f"but ({len(shown)},) is needed"
        )
    if not bool(found.isfinite().all()):
        raise ValueError("reward: some are not finite, but finite numbers are needed")
    return found


def guided(
    model: Model,
    reward: Smooth,
    samples: int,
    *,
    beta: float,
    sites: int,
    tokens: int,
    steps: int,
    seed: int,
) -> Int64[Tensor, "samples sites"]:
    """Sample on the masked path with p^i(s) ∝ p_model^i(s)·exp(g_is/β), g the gradient of the reward.

    The gradient is taken at the model's own guess: one-hot at open sites, its probabilities at masked
    ones. To first order g_is is what the letter s at site i adds. For a model of independent sites and a
    reward that is a sum over sites the law is the tilted one, p·e^{r/β}, exactly; else it is not.

    Parameters
    ----------
    model, sites, tokens, steps, seed
        As for `rollout` on the masked path and the uniform grid.
    reward
        Differentiable, probabilities `[n, sites, tokens]` to `[n]`.
    samples
        At least 1.
    beta
        β > 0; a smaller one guides harder.

    Cost: for each step one pass through the model and one through the reward and back.

    Source: the first-order guidance of Nisonoff et al. 2024, at the denoiser's guess.

    >>> flat = lambda tokens, t: torch.zeros(*tokens.shape, 2)
    >>> guided(flat, lambda p: p[..., 1].sum(1), 2, beta=0.01, sites=3, tokens=2, steps=2, seed=0)
    tensor([[1, 1, 1],
            [1, 1, 1]])
    """
    many, length = count("samples", samples), count("sites", sites)
    tilt, mask = temperature(beta), count("tokens", tokens, 2)
    source = torch.Generator().manual_seed(count("seed", seed, 0))
    state = all_masked(model, many, length, mask)
    for t, coin in times(count("steps", steps)):
        with torch.no_grad():
            logits = model(state, t)
        masked = state == mask
        known = F.one_hot(state.masked_fill(masked, 0), mask).to(logits.dtype)
        shown = torch.where(masked[..., None], logits.softmax(-1), known).requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(checked(reward, shown).sum(), shown)
        letters = draw(logits.double() + slope.double() / tilt, source)
        state = torch.where(opened(state, coin, mask, source), letters, state)
    return state
