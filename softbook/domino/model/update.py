"""One iteration of fine-tuning: a rollout, its rewards, and a few updates on random steps of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from softbook.domino.model.gradient import advantages, step_log_prob, surrogate
from softbook.domino.model.recipe import Recipe
from softbook.domino.model.regulariser import tv_regulariser
from softbook.domino.model.rewards import rewards_of
from softbook.domino.model.rollout import Model, Rollout, rollout
from softbook.domino.model.seeds import seed_of

__all__ = ["SEEN", "Tuning"]

SEEN = ("reward", "deviation", "best", "regulariser", "ratio", "clipped", "gradient")
"""What is noted of each iteration; see `Finetuned`."""
ROLLOUT, STEPS = 0, 1


class _Once:
    """A model that answers the same question from memory: likelihood and regulariser ask the same."""

    def __init__(self, model: nn.Module):
        self.model = model
        self.last: tuple[Tensor, float, Tensor] | None = None

    def __call__(self, tokens: Tensor, t: float) -> Tensor:
        if self.last is not None:
            asked, time, logits = self.last
            if time == t and torch.equal(asked, tokens):
                return logits
        logits = self.model(tokens, t)
        if torch.is_grad_enabled():
            self.last = (tokens.clone(), t, logits)
        return logits


class Tuning:
    """A model on its way, with its optimiser and its reference.

    `dirty` is true while an iteration has changed the weights and is not yet done.
    """

    def __init__(self, model: nn.Module, reference: Model, recipe: Recipe):
        self.model, self.reference, self.recipe = model, reference, recipe
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.Adam(weights, lr=recipe.rate)
        self.dirty = False

    def iterate(self, reward: Callable[[Tensor], Tensor], iteration: int) -> dict[str, float]:
        """Do one iteration and return what is `SEEN` of it; the numbers depend on seed and iteration.

        Raises a ValueError if rewards or gradients are not finite, before any weight is changed by them.
        """
        recipe = self.recipe
        with torch.no_grad():
            drawn = rollout(
                self.model,
                recipe.batch,
                sites=recipe.sites,
                tokens=recipe.tokens,
                steps=recipe.steps,
                seed=seed_of(recipe.seed, ROLLOUT, iteration),
                prior=recipe.prior,
            )
        rewards = rewards_of(reward, drawn.final)
        groups = None
        if recipe.groups is not None:
            each = recipe.batch // recipe.groups
            groups = torch.arange(recipe.batch, device=rewards.device) // each
        gains = advantages(rewards, recipe.method, groups)
        source = np.random.default_rng(seed_of(recipe.seed, STEPS, iteration))
        chosen = [
            sorted(source.choice(recipe.steps, recipe.steps_per_update, replace=False).tolist())
            for _ in range(recipe.epochs)
        ]
        old = self._old(drawn, chosen)
        seen = [self._update(drawn, gains, steps, old) for steps in chosen]
        self.dirty = False
        return {
            "reward": rewards.mean().item(),
            # Of equal rewards the mean may be off by a rounding, and the deviation with it.
            "deviation": rewards.std(unbiased=False).item()
            if rewards.unique().numel() > 1
            else 0.0,
            "best": rewards.max().item(),
            "regulariser": seen[0]["regulariser"],
            "ratio": max(one["ratio"] for one in seen),
            "clipped": float(np.mean([one["clipped"] for one in seen])),
            "gradient": seen[0]["gradient"],
        }

    @torch.no_grad()
    def _old(self, drawn: Rollout, chosen: list[list[int]]) -> dict[int, Tensor]:
        """Return the likelihoods of the steps under the policy that drew them."""
        if self.recipe.epochs == 1:
            return {}
        steps = sorted({step for steps in chosen for step in steps})
        return {step: step_log_prob(self.model, drawn, step) for step in steps}

    def _update(
        self, drawn: Rollout, gains: Tensor, steps: list[int], old: dict[int, Tensor]
    ) -> dict[str, float]:
        """Make one update from some steps of a rollout: the graph of one step at a time is kept."""
        recipe, scale = self.recipe, self.recipe.steps / len(steps)
        self.optimiser.zero_grad()
        distance, widest, clipped = 0.0, 1.0, 0.0
        for step in steps:
            model = _Once(self.model)
            loss = surrogate(
                model,
                drawn,
                gains,
                step,
                method=recipe.method,
                old_log_prob=old.get(step),
                clip=recipe.clip,
            )
            if recipe.strength:
                apart = tv_regulariser(
                    model, self.reference, drawn, step=step, form=recipe.regulariser
                ).mean()
                loss = loss + recipe.strength * apart
                if not math.isfinite(apart.item()):
                    raise ValueError(
                        f"regulariser: {recipe.regulariser} is {apart.item()} in step {step}; it is"
                        " infinite where a letter has probability 0 in one model alone (tv never is)"
                    )
                distance += scale * apart.item()
            if step in old:
                with torch.no_grad():
                    ratio = (step_log_prob(model, drawn, step) - old[step]).exp()
                widest = max(widest, ratio.max().item())
                outside = (ratio - 1).abs() > recipe.clip
                clipped += outside.double().mean().item() / len(steps)
            # In a step that opens no site nothing depends on the weights.
            if loss.requires_grad:
                (scale * loss).backward()
        return {
            "regulariser": distance if recipe.strength else float("nan"),
            "ratio": widest,
            "clipped": clipped,
            "gradient": self._step(),
        }

    def _step(self) -> float:
        """Update the weights from their gradients, whose norm is returned."""
        found = {
            name: weight.grad
            for name, weight in self.model.named_parameters()
            if weight.grad is not None
        }
        bad = [name for name, one in found.items() if not bool(one.isfinite().all())]
        if bad:
            raise ValueError(f"model: the gradient of its {bad[0]} is not finite")
        self.dirty = True
        self.optimiser.step()
        norms = [one.norm().to("cpu", torch.float64) for one in found.values()]
        return torch.stack(norms).norm().item() if norms else 0.0
