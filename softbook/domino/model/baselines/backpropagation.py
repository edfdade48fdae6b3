"""Fine-tuning by the reward's own gradient, sent back through the letters that the sampler draws."""

from __future__ import annotations

import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from softbook.checks import count
from softbook.domino.model.baselines.guidance import Smooth, checked
from softbook.domino.model.baselines.walk import Model, all_masked, opened, times
from softbook.domino.model.finetune import Finetuned, evaluating, frozen
from softbook.domino.model.recipe import finite, positive
from softbook.domino.model.seeds import seed_of

__all__ = ["backpropagate"]


def backpropagate(
    model: nn.Module,
    reward: Smooth,
    *,
    sites: int,
    tokens: int,
    steps: int = 16,
    iterations: int = 200,
    batch: int = 64,
    truncate: int | None = None,
    warmth: float = 1.0,
    strength: float = 0.0,
    reference: Model | None = None,
    rate: float = 1e-3,
    seed: int = 0,
    progress: bool = True,
) -> Finetuned:
    """Train a masked model with the gradient of a differentiable reward of what it draws.

    A letter is drawn by the Gumbel trick; forward it is one-hot, backward it is the softmax of the noisy
    logits over `warmth`. The gradient reaches the logits of the step that drew the letter, not through
    what the model reads: a model of tokens has no gradient there. It is therefore biased, unlike a
    policy gradient, and keeps the graphs of `truncate` steps in memory at once.

    Parameters
    ----------
    model, sites, tokens, steps, iterations, batch, rate, seed, reference, progress
        As for `finetune`, on the masked path.
    reward
        Differentiable, probabilities `[n, sites, tokens]` (here one-hot) to `[n]`.
    truncate
        Only the last so many steps' letters carry a gradient (None: all).
    warmth
        Temperature of the Gumbel softmax, above 0.
    strength
        Of the path KL, Σ w Σ_masked KL(model ‖ reference), over the steps that carry gradients.

    Returns
    -------
    The model, trained in place, with a history of `reward` and `regulariser` (NaN at strength 0).

    Source: after Wang et al. 2024 (DRAKES), whose network also passes the gradient through its input.

    >>> from softbook.domino.model.table import Table
    >>> table = Table(torch.zeros(9, 2, 2, dtype=torch.float64))
    >>> tuned = backpropagate(
    ...     table, lambda p: p[..., 1].sum(1), sites=2, tokens=2, steps=2, rate=0.1,
    ...     iterations=40, progress=False,
    ... )
    >>> bool(tuned.history["reward"][-1] > 1.5)
    True
    """
    length, mask, many = count("sites", sites), count("tokens", tokens, 2), count("batch", batch)
    schedule = times(count("steps", steps))
    start = 0 if truncate is None else max(0, len(schedule) - count("truncate", truncate))
    heat, force = positive("warmth", warmth), finite("strength", strength)
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: {type(model).__name__} is given, but a torch.nn.Module is needed")
    fixed = frozen(model if reference is None else reference)
    optimiser = torch.optim.Adam(model.parameters(), lr=positive("rate", rate))
    seen: dict[str, list[float]] = {"reward": [], "regulariser": []}
    goal = count("iterations", iterations)
    if progress:
        tqdm.write(
            f"back-propagation: {goal:,} iterations of {len(schedule)} passes of {many} sequences"
            f" forward and {len(schedule) - start} back, all in memory at once",
            file=sys.stderr,
        )
    with evaluating(model):
        for iteration in tqdm(range(goal), unit="iteration", disable=not progress):
            source = torch.Generator().manual_seed(seed_of(seed, iteration))
            state = all_masked(model, many, length, mask)
            shown, apart = _drawn(
                model, fixed if force else None, state, schedule, start, heat, mask, source
            )
            gain = checked(reward, shown)
            loss = -gain.mean() + (force * apart.mean() if force else 0.0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            seen["reward"].append(gain.mean().item())
            seen["regulariser"].append(apart.mean().item() if force else float("nan"))
    return Finetuned(model, {name: np.array(one) for name, one in seen.items()}, "iterations")


def _drawn(
    model: nn.Module,
    reference: Model | None,
    state: Tensor,
    schedule: list[tuple[float, float]],
    start: int,
    heat: float,
    mask: int,
    source: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return one-hot sequences with their gradients `[n, sites, tokens]`, and their path KL `[n]`."""
    shown, apart = torch.zeros((), device=state.device), torch.zeros((), device=state.device)
    for step, (t, coin) in enumerate(schedule):
        with torch.set_grad_enabled(step >= start):
            logits = model(state, t)
            noise = torch.rand(logits.shape, generator=source, dtype=torch.float64)
            noisy = logits - (-noise.log()).log().to(logits.device, logits.dtype)
            soft, letters = (noisy / heat).softmax(-1), noisy.argmax(-1)
            hard = F.one_hot(letters, mask).to(logits.dtype) + soft - soft.detach()
            now = opened(state, coin, mask, source)
            shown = torch.where(now[..., None], hard, shown)
            if reference is not None and step >= start:
                ours, theirs = logits.log_softmax(-1), reference(state, t).log_softmax(-1)
                gap = (ours.exp() * (ours - theirs)).sum(-1)
                apart = apart + coin * gap.where(state == mask, 0.0).sum(-1)
            state = torch.where(now, letters, state)
    return shown, apart
