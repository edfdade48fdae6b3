"""Sequential Monte Carlo: particles whose guessed rewards decide which of them go on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from softbook.checks import count, number
from softbook.domino.model.baselines.walk import (
    Model,
    all_masked,
    complete,
    draw,
    opened,
    temperature,
    times,
)
from softbook.domino.model.rewards import rewards_of

__all__ = ["Particles", "smc"]


@dataclass(frozen=True)
class Particles:
    """What a run of particles leaves.

    Attributes
    ----------
    final
        Sequences of equal weight, resampled at the end; some may be copies of one another.
    log_mean
        Estimate of log E_ref e^{r/β}; e to this power is unbiased.
    effective
        The effective number of particles after each step, before any resampling.
    resampled
        How often they were resampled, the end included.
    """

    final: Int64[Tensor, "particles sites"]
    log_mean: float
    effective: Float64[Tensor, " steps"]
    resampled: int


def _systematic(weights: Tensor, source: torch.Generator) -> Tensor:
    """Return which particle each place gets: as many copies of each as its weight asks for, ± 1."""
    many = len(weights)
    start = torch.rand((), generator=source, dtype=torch.float64)
    places = (torch.arange(many, dtype=torch.float64) + start) / many
    sums = weights.cumsum(0)
    return torch.searchsorted(sums / sums[-1], places).clamp(max=many - 1)


@torch.no_grad()
def smc(
    model: Model,
    reward: Callable[[Tensor], Tensor],
    particles: int,
    *,
    beta: float,
    sites: int,
    tokens: int,
    steps: int,
    seed: int,
    threshold: float = 0.5,
    guesses: int = 4,
) -> Particles:
    """Sample from p_ref·e^{r/β} with particles that are steered by guesses of their reward.

    Each particle moves by the model's own step of the masked path. Then its masked sites are filled
    at random from the model, `guesses` times, and ψ = (mean of e^{r/β} over these)^t, t the time reached,
    takes the place of the ψ before: the weight is multiplied by ψ_new/ψ_old. The weights' product is
    e^{r/β} of the final sequence whatever was guessed, so the law is the tilted one in the limit of many
    particles; good guesses only make it need fewer.

    Parameters
    ----------
    model, sites, tokens, steps, seed
        As for `rollout` on the masked path and the uniform grid.
    reward
        Tokens `[n, sites]` to finite rewards `[n]`; asked `steps * guesses` times for all particles.
    particles
        At least 1. One is a draw of the model.
    beta
        β > 0 in the tilted law.
    threshold
        Particles are resampled (systematically) when their effective number falls below this share, in
        [0, 1]; 0 leaves it to the end.
    guesses
        Fillings a particle and step, at least 1.

    Cost: `steps` passes of the particles through the model.

    Source: the twisted sampler of Wu et al. 2023 (TDS) with the model's own moves as proposals and the guess
    of random completions, to the power t, as the twist.

    >>> flat = lambda tokens, t: torch.zeros(*tokens.shape, 2)
    >>> found = smc(flat, lambda x: x.sum(1), 500, beta=0.1, sites=2, tokens=2, steps=2, seed=0)
    >>> bool(found.final.double().mean() > 0.98), found.resampled >= 1
    (True, True)
    """
    many, looks = count("particles", particles), count("guesses", guesses)
    tilt, share = temperature(beta), number("threshold", threshold, 0.0, 1.0)
    length, mask = count("sites", sites), count("tokens", tokens, 2)
    source = torch.Generator().manual_seed(count("seed", seed, 0))
    state = all_masked(model, many, length, mask)
    weight = torch.zeros(many, dtype=torch.float64)
    before = torch.zeros(many, dtype=torch.float64)
    logits, constant, effective, resampled = model(state, 0.0), 0.0, [], 0
    schedule = times(count("steps", steps))
    for step, (_, coin) in enumerate(schedule):
        state = torch.where(opened(state, coin, mask, source), draw(logits, source), state)
        last = step + 1 == len(schedule)
        if not last:
            logits = model(state, schedule[step + 1][0])
        guess = [
            rewards_of(reward, state if last else complete(state, logits, source)).cpu() / tilt
            for _ in range(1 if last else looks)
        ]
        # Early guesses say little: they count to the power of the time that the state has reached.
        trust = 1.0 if last else schedule[step + 1][0]
        now = trust * (torch.stack(guess).logsumexp(0) - math.log(len(guess)))
        weight, before = weight + now - before, now
        shares = weight.softmax(0)
        effective.append(1 / shares.square().sum())
        if last or effective[-1] < share * many:
            constant += (weight.logsumexp(0) - math.log(many)).item()
            kept = _systematic(shares, source)
            weight, before = torch.zeros_like(weight), before[kept]
            state, logits = state[kept.to(state.device)], logits[kept.to(logits.device)]
            resampled += 1
    return Particles(state, constant, torch.stack(effective), resampled)
