"""Fine-tuning of a masked (or uniform) model by policy gradients towards a black-box reward.

A run can be killed at any moment: with `checkpoint` it goes on to the numbers of an uninterrupted run.
What an iteration draws follows from the seed and its own number, so no state of a generator is kept.
"""

from __future__ import annotations

import copy
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from tqdm import tqdm

from softbook.checks import count
from softbook.domino.model.checkpoints import digest_of
from softbook.domino.model.history import CONSTANT, History, Limits
from softbook.domino.model.recipe import recipe_of
from softbook.domino.model.rollout import Model
from softbook.domino.model.update import Tuning

__all__ = ["Finetuned", "evaluating", "finetune", "frozen"]

Callback = Callable[[int, nn.Module, dict[str, float]], object]
"""Told of each iteration: its number, the model, its part of the history; returns True to stop."""


@dataclass(frozen=True)
class Finetuned:
    """A model after its fine-tuning.

    Attributes
    ----------
    model
        The very model that was given, with its new weights.
    history
        Arrays with an entry for each iteration. Of the batch before its updates: `reward`, `deviation` and
        `best`, the mean, standard deviation and maximum of the rewards; `regulariser`, the path sum of the
        regulariser for a whole sequence, estimated from the steps of the first update (NaN without one);
        `gradient`, the norm of the first update's gradient. Over all updates: `ratio`, the greatest ratio
        of likelihoods; `clipped`, the share of ratios outside 1 ± clip (1 and 0 with one update).
    stopped
        "iterations" (all done), "patience", "callback" or "constant rewards".
    """

    model: nn.Module
    history: dict[str, Float64[np.ndarray, " iterations"]]
    stopped: str


def finetune(
    model: nn.Module,
    reward: Callable[[Tensor], Tensor],
    *,
    sites: int,
    tokens: int,
    steps: int = 16,
    iterations: int = 200,
    batch: int = 64,
    method: str = "ppo",
    regulariser: str = "tv",
    strength: float = 0.0,
    reference: Model | None = None,
    groups: int | None = None,
    clip: float = 0.2,
    epochs: int | None = None,
    steps_per_update: int = 6,
    rate: float = 1e-3,
    seed: int = 0,
    prior: str = "masked",
    callback: Callback | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 10,
    patience: int | None = None,
    progress: bool = True,
) -> Finetuned:
    """Train a model's sampler, as a policy, towards greater rewards of what it draws.

    Each iteration draws a batch, asks for its rewards, and updates the weights with Adam `epochs` times,
    each time from `steps_per_update` random steps: of (steps/L) Σ −A·log π (reinforce) or the clipped
    ratios (ppo, grpo), plus `strength` times the regulariser, a sum over all sites. The memory it needs is that of
    one step, whatever `steps` is.

    Parameters
    ----------
    model
        (tokens int64 `[n, sites]`, t in [0, 1]) to logits `[n, sites, tokens]`; its weights that require
        gradients are trained in place, in evaluation mode (a likelihood must not depend on dropout).
    reward
        Tokens `[n, sites]` to `[n]` finite numbers; a black box, asked once an iteration.
    sites, tokens, steps=16, prior="masked"
        As for `rollout`; the grid is uniform.
    iterations, batch=64, rate=0.001, seed=0
        Iterations; sequences in each; Adam's rate; the seed of everything that is drawn.
    method="ppo", groups=None, clip=0.2
        "ppo", "grpo" or "reinforce"; the number of equal groups, in the batch's order (None: one);
        ratios are clipped to 1 ± clip (infinite: not at all).
    epochs=None, steps_per_update=6
        Updates a rollout (None: 2, and 1 for reinforce, which allows no more); steps in each.
    regulariser="tv", strength=0.0
        "tv", "cross_entropy", "kl" or "generalised_kl" towards `reference`; see `tv_regulariser`.
    reference
        None: a frozen copy of the model as it is given.
    callback
        Called as `callback(iteration, model, row)` after each one, `row` holding its part of the history;
        where it returns True the run stops.
    checkpoint, every
        A safetensors file, written every so many iterations, at the end, and when an iteration fails. If it
        is there, the run goes on from it: give the same model, as it was at the beginning (or a
        reference), and the same settings. `iterations` may grow.
    patience
        Stop when the mean reward has had no new maximum for so many iterations.
    progress
        Whether the cost is told beforehand and a bar shows how far it is.

    Raises
    ------
    ValueError, TypeError
        A sentence for what is not allowed, for rewards that are not finite or of a wrong shape, and for a
        checkpoint of other settings. The checkpoint of the last whole iteration is kept.

    Source: Su et al. 2026 (DoMinO) for the sampler as a decision process; Schulman et al. 2017 for the
    clipped ratios; Shao et al. 2024 for the groups. The recipe is this book's.

    >>> from softbook.domino.model.table import Table
    >>> table = Table(torch.zeros(9, 2, 2, dtype=torch.float64))
    >>> tuned = finetune(
    ...     table, lambda tokens: tokens.sum(1), sites=2, tokens=2, steps=2, rate=0.1,
    ...     iterations=20, progress=False,
    ... )
    >>> tuned.stopped, bool(tuned.history["reward"][-1] > 1.5)
    ('iterations', True)
    """
    settings = recipe_of(
        sites=sites,
        tokens=tokens,
        steps=steps,
        batch=batch,
        method=method,
        regulariser=regulariser,
        strength=strength,
        groups=groups,
        clip=clip,
        epochs=epochs,
        steps_per_update=steps_per_update,
        rate=rate,
        seed=seed,
        prior=prior,
    )
    limits = Limits(
        count("iterations", iterations),
        count("every", every),
        None if patience is None else count("patience", patience),
    )
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: {type(model).__name__} is given, but a torch.nn.Module is needed")
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ValueError("model: none of its weights requires a gradient, but some must")
    start = model if reference is None else reference
    run = Tuning(model, frozen(start), settings)
    kept = settings.kept() | {"reference": digest_of(start)}
    history = History(run, None if checkpoint is None else Path(checkpoint), kept)
    with evaluating(model):
        stopped = _train(run, reward, history, limits, callback, progress)
    return Finetuned(model, history.arrays(), stopped)


def _train(
    run: Tuning,
    reward: Callable[[Tensor], Tensor],
    history: History,
    limits: Limits,
    callback: Callback | None,
    progress: bool,
) -> str:
    """Iterate until the end, and say why it is the end."""
    first, total = history.done, limits.iterations
    if progress:
        cost = run.recipe.cost(max(0, total - first))
        tqdm.write(f"fine-tuning: {cost}; done before: {first}", file=sys.stderr)
    with tqdm(total=total, initial=first, unit="iteration", disable=not progress) as bar:
        while (stopped := history.stop(limits)) is None:
            try:
                row = run.iterate(reward, history.done)
            except BaseException:
                if not run.dirty:
                    history.save()
                raise
            history.add(row)
            bar.update()
            bar.set_postfix(reward=f"{row['reward']:.3g}")
            if callback is not None and callback(history.done - 1, run.model, dict(row)) is True:
                stopped = "callback"
                break
            if history.done % limits.every == 0:
                history.save()
    history.save()
    if stopped == "constant rewards":
        warnings.warn(
            f"reward: in each of the last {CONSTANT} iterations all {run.recipe.batch} rewards were"
            f" equal (the last: {history.rows['reward'][-1]:g}), so there is nothing to learn from;"
            f" stopped after {history.done} iterations",
            stacklevel=3,
        )
    return stopped


def frozen(reference: Model) -> Model:
    """Return the reference without gradients: a module as a copy that later training does not touch."""
    if isinstance(reference, nn.Module):
        reference = copy.deepcopy(reference).requires_grad_(False).eval()
    return torch.no_grad()(lambda tokens, t: reference(tokens, t))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its parts back where it was."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
