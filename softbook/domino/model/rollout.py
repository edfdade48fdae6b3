"""The sampler of a discrete flow as a Markov decision process: its trajectories, drawn and kept.

State: (t_k, x_k). Action: x_{k+1}. Policy: one step of the sampler. The reward comes at the end, of x_K.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor, nn

from softbook.checks import count, one_of
from softbook.diffusion.theory.checks import PRIORS, grid_of_steps
from softbook.domino.model.baselines.walk import draw, opened

__all__ = ["Model", "Rollout", "logits_of", "rollout"]

Model = Callable[[Tensor, float], Tensor]
"""(tokens `[n, sites]`, flow time) to logits `[n, sites, tokens]`."""


@dataclass(frozen=True)
class Rollout:
    """Trajectories of the sampler; step k = 0..K-1 goes from `grid[k]` to `grid[k + 1]`.

    Attributes
    ----------
    final
        x_K of each trajectory.
    opened
        Masked prior: the step in which each site opens; with `final` it is the whole trajectory, in memory
        that does not grow with K. Else None.
    states
        Uniform prior: x_0, ..., x_K. Else None.
    tokens, sites, steps, prior, grid
        S, d, K, "masked" or "uniform", and the K + 1 times from 0 to 1.
    """

    final: Int64[Tensor, "n sites"]
    opened: Int64[Tensor, "n sites"] | None
    states: Int64[Tensor, "steps_1 n sites"] | None
    tokens: int
    sites: int
    steps: int
    prior: str
    grid: Float64[np.ndarray, " steps_1"]

    def step(self, step: int) -> int:
        """Return `step` as an int; raise unless it is in 0..K-1."""
        if (step := count("step", step, 0)) >= self.steps:
            raise ValueError(f"step: {step} is given, but 0 to {self.steps - 1} are there")
        return step

    def time(self, step: int) -> float:
        """Return t_k, what the model is asked for in step k."""
        return float(self.grid[self.step(step)])

    def coin(self, step: int) -> float:
        """Return w_k = (t_{k+1} - t_k)/(1 - t_k), the chance of a site in step k; 1 in the last."""
        start, end = self.grid[self.step(step)], self.grid[step + 1]
        return float((end - start) / (1 - start))

    def state(self, k: int) -> Int64[Tensor, "n sites"]:
        """Return x_k for k = 0..K; the mask is token number `tokens`."""
        if (k := count("k", k, 0)) > self.steps:
            raise ValueError(f"k: {k} is given, but 0 to {self.steps} are there")
        if self.opened is not None:
            return self.final.masked_fill(self.opened >= k, self.tokens)
        assert self.states is not None
        return self.states[k]

    def masked(self, k: int) -> Bool[Tensor, "n sites"]:
        """Return which sites of x_k a step may change: the masked ones, or all."""
        if self.opened is None:
            return torch.ones_like(self.final, dtype=torch.bool)
        return self.state(k) == self.tokens

    def rows(self, index: Tensor | Sequence[int] | slice) -> Rollout:
        """Return the trajectories that `index` picks, in its order."""
        picked = index if isinstance(index, Tensor | slice) else list(index)
        return replace(
            self,
            final=self.final[picked],
            opened=None if self.opened is None else self.opened[picked],
            states=None if self.states is None else self.states[:, picked],
        )


def logits_of(
    model: Model, tokens: Int64[Tensor, "n sites"], t: float, letters: int
) -> Float[Tensor, "n sites letters"]:
    """Return the model's logits; raise a ValueError unless they are `[n, sites, letters]`.

    >>> logits_of(lambda tokens, t: torch.zeros(1, 2, 4), torch.tensor([[4, 4]]), 0.0, 4).shape
    torch.Size([1, 2, 4])
    """
    logits, wanted = model(tokens, t), (*tokens.shape, letters)
    if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted:
        given = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"model: {given} is returned, but logits {list(wanted)} (samples, sites, tokens) are needed"
        )
    return logits


@torch.no_grad()
def rollout(
    model: Model,
    samples: int,
    *,
    sites: int,
    tokens: int,
    steps: int,
    seed: int,
    prior: str = "masked",
    grid: Sequence[float] | Float64[np.ndarray, " steps_1"] | None = None,
) -> Rollout:
    """Draw trajectories of the sampler, without gradients.

    Masked prior: from masks alone; in step k each masked site opens with chance w_k and is then drawn from
    p^i(.|x_k). Uniform prior: from uniform letters; each site is drawn anew with chance w_k.

    Parameters
    ----------
    model
        (tokens int64 `[n, sites]`, t in [0, 1)) to logits `[n, sites, tokens]`; -inf is allowed. A module's
        trajectories are where its weights are, others on the CPU; the draws are the same on every device.
    samples, sites, tokens, steps
        Trajectories, sites d, letters S (without the mask), steps K; at least 1.
    seed
        At least 0.
    prior
        "masked" or "uniform".
    grid
        K + 1 increasing times from 0 to 1; None: uniform.

    Returns
    -------
    Rollout

    Raises
    ------
    ValueError, TypeError
        A sentence for what is not allowed; also for logits of a wrong shape and for such as give no
        probabilities (NaN, +inf, all -inf) at a site that is drawn.

    Cost: K calls of the model on all trajectories; O(samples x sites) memory beside one call's (uniform: x K).
    Source: Su et al. 2026 (DoMinO) for the decision process.

    >>> drawn = rollout(lambda x, t: torch.zeros(*x.shape, 2), 3, sites=4, tokens=2, steps=2, seed=0)
    >>> drawn.state(0).unique().tolist(), drawn.state(2).equal(drawn.final)
    ([2], True)
    """
    samples, sites, tokens = (
        count("samples", samples),
        count("sites", sites),
        count("tokens", tokens),
    )
    times = grid_of_steps(steps, grid)
    source = torch.Generator().manual_seed(count("seed", seed, 0))
    masked = one_of("prior", prior, PRIORS) == "masked"
    weights = model.parameters() if isinstance(model, nn.Module) else iter(())
    device = next((weight.device for weight in weights), torch.device("cpu"))
    state = (
        torch.full((samples, sites), tokens)
        if masked
        else torch.randint(tokens, (samples, sites), generator=source)
    ).to(device)
    first, states = torch.zeros_like(state), [] if masked else [state]
    drawn = Rollout(state, first, None, tokens, sites, len(times) - 1, prior, times)
    for step in range(drawn.steps):
        logits = logits_of(model, state, drawn.time(step), tokens)
        # On the uniform path every site has a coin: it is asked of a state that is all masks.
        asked = state if masked else torch.full_like(state, tokens)
        chosen = opened(asked, drawn.coin(step), tokens, source)
        # In float64 the maximum is finite unless a logit is NaN or +inf, or all are -inf.
        if not bool(logits.amax(-1)[chosen].isfinite().all()):
            raise ValueError(
                f"model: its logits in step {step} are no probabilities: NaN, infinity, or all -infinity"
            )
        state = torch.where(chosen, draw(logits, source), state)
        first[chosen] = step
        if not masked:
            states.append(state)
    return replace(
        drawn,
        final=state,
        opened=first if masked else None,
        states=None if masked else torch.stack(states),
    )
