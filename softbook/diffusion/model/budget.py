"""Where the error of a reader's own denoiser goes: start, score, steps and stopping, in total variation.

Glossary: d = sites, K = steps, t_k = k stop/K; p^i the exact conditional, p̂^i the denoiser's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from softbook.diffusion.model.rows import Rows, as_rows, prior_tokens
from softbook.diffusion.theory.bounds import (
    parallel_unmasking_bound,
    stop_bound,
    uniform_bound,
)
from softbook.diffusion.theory.checks import PRIORS, count, grid_of_steps, number, one_of

Denoiser = Callable[[Tensor, float], Tensor | np.ndarray]
"""A function (tokens [n, d], t) -> logits [n, d, S]."""
# Logits that one call of the denoiser may return.
BATCH = 2**22


@dataclass(frozen=True)
class Budget:
    """What each part of sampling may cost in total variation.

    Attributes
    ----------
    initial
        Of the start: 0, since both priors are met exactly at flow time 0.
    score, score_low, score_high
        Of the learned conditionals: estimate, and its interval (empirical Bernstein) at `confidence`.
    discretisation, stopping
        Of moving all sites at a time, and of ending before flow time 1.
    total
        initial + score_high + discretisation + stopping: with the stated confidence TV(sampler, data)
        is at most this. Above 1 it promises nothing.
    """

    initial: float
    score: float
    score_low: float
    score_high: float
    discretisation: float
    stopping: float
    total: float
    confidence: float
    samples: int

    def __str__(self) -> str:
        """Write one line a part."""
        interval = f"{self.score_low:.4g} to {self.score_high:.4g}, {self.confidence:.0%}"
        lines = [
            f"start           {self.initial:.4g}",
            f"score           {self.score:.4g}  ({interval}, {self.samples} samples)",
            f"discretisation  {self.discretisation:.4g}",
            f"stopping        {self.stopping:.4g}",
            f"total           {self.total:.4g}"
            + ("  (promises nothing)" if self.total >= 1 else ""),
        ]
        return "\n".join(lines)


def error_budget(
    denoiser: Denoiser,
    data: Any,
    steps: int,
    *,
    prior: str = "masked",
    prior_size: int | None = None,
    tokens: int | None = None,
    grid: Any | None = None,
    stop: float | None = None,
    samples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Budget:
    """Return the whole error budget of sampling with `denoiser` in `steps` steps.

    Parameters
    ----------
    denoiser
        (tokens int64 [n, d], t) -> logits [n, d, S], a tensor or an array; any callable. Masked tokens
        have the number S (with the uniform prior: tokens that the data never use). It may depend on t. It
        is called at most once a step and block of 2^22 logits.
    data
        A table [S]*d of probabilities, or rows [n, d] of integers: the uniform law on them.
    steps, grid, stop
        K ≥ 1, and K + 1 increasing times from 0, at the last of which, at most 1, the sampler ends; or
        equal steps that end at `stop` in (0, 1] (default 1).
    prior, prior_size, tokens
        "masked", or "uniform" on `prior_size` ≥ S tokens (default S; masks have none); `tokens` is S
        for rows (default: their largest token and one).
    samples, confidence, seed
        Of the estimate: the more samples, the shorter the interval, which has at least the length
        14 R log(4/(1−confidence))/(3 samples), R = d times the last time for the masked prior. The
        seed is at least 0.

    The score is Σ_k h_k Σ_i E[TV(p^i, p̂^i)(x_{t_{k−1}}) | i masked], along the data's own path; for the
    uniform prior Σ_k h_k/(1−t_{k−1}) Σ_i E TV(p^i, p̂^i)(x_{t_{k−1}}). Discretisation is the birthday
    form, for the uniform prior the integral form of `uniform_bound`.

    Source: own, theorems "Parallel unmasking" and "Uniform prior"; the interval is theorem 4 of Maurer
    and Pontil (2009). Raises ValueError or TypeError for arguments other than these.

    >>> copy = np.diag([0.5, 0.5])
    >>> flat = error_budget(lambda x, t: torch.zeros(*x.shape, 2), copy, 8)
    >>> flat.score_low < 7 / 16 < flat.score_high, flat.discretisation
    (True, 0.125)
    """
    law, prior = as_rows(data, tokens), one_of("prior", prior, PRIORS)
    steps, samples = count("steps", steps), count("samples", samples, 2)
    if not 0 < number("confidence", confidence) < 1:
        raise ValueError(f"confidence: {confidence} is given, but a number in (0, 1) is needed")
    size = prior_tokens(law, prior, prior_size)
    times = _times(steps, grid, stop)
    # Whole equal steps have a closed form that loses no digits.
    plain = grid is None and times[-1] == 1
    rng = np.random.default_rng(count("seed", seed, 0))
    if prior == "masked":
        values, most = _masked_values(denoiser, law, times, grid is None, samples, rng)
        discretisation = parallel_unmasking_bound(
            law.sites, steps, form="birthday", grid=None if plain else times
        )
    else:
        values, most = _uniform_values(denoiser, law, times, size, samples, rng)
        discretisation = uniform_bound(law.sites, size, steps, form="integral", grid=times)
    score, slack = _bernstein(values, most, confidence)
    stopping = stop_bound(law.sites, float(times[-1]), size if prior == "uniform" else None)
    high = min(most, score + slack) if score == score else math.nan
    return Budget(
        initial=0.0,
        score=score,
        score_low=max(0.0, score - slack) if score == score else math.nan,
        score_high=high,
        discretisation=discretisation,
        stopping=stopping,
        total=high + discretisation + stopping,
        confidence=confidence,
        samples=samples,
    )


def _times(steps: int, grid: Any | None, stop: float | None) -> Float[np.ndarray, "steps_1"]:
    """Return the grid that is given, or equal steps until `stop`."""
    if grid is not None:
        if stop is not None:
            raise ValueError(f"stop: {stop} is given, but a grid ends where it ends")
        return grid_of_steps(steps, grid, end=None)
    if stop is not None and not 0 < number("stop", stop) <= 1:
        raise ValueError(f"stop: {stop} is given, but a time in (0, 1] is needed")
    return np.linspace(0.0, 1.0 if stop is None else stop, steps + 1)


def _bernstein(values: np.ndarray, most: float, confidence: float) -> tuple[float, float]:
    """Return the mean of iid values in [0, most], and how far the truth may be from it."""
    logarithm, n = math.log(4 / (1 - confidence)), len(values)
    spread = math.sqrt(2 * float(values.var(ddof=1)) * logarithm / n)
    return float(values.mean()), spread + 7 * most * logarithm / (3 * (n - 1))


def _masked_values(
    denoiser: Denoiser,
    law: Rows,
    grid: np.ndarray,
    equal: bool,
    samples: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """Return iid values with the score as their mean, and the most that one can be.

    A step (with a chance like its width), a site that is masked, and the other sites' masks are drawn.
    Given all masks, the site is one of them evenly: its mean is taken instead, which varies less.
    """
    steps, sites, stop = len(grid) - 1, law.sites, float(grid[-1])
    if equal:
        step = rng.integers(steps, size=samples)
    else:
        step = rng.choice(steps, samples, p=np.diff(grid) / stop)
    clean = law.draw(samples, rng)
    masked = rng.random((samples, sites)) >= grid[step, None]
    masked[np.arange(samples), rng.integers(sites, size=samples)] = True
    contexts = np.where(masked, law.tokens, clean)
    gaps = _gaps(denoiser, law, contexts, grid[step], "masked", None)
    return sites * stop * (gaps * masked).sum(1) / masked.sum(1), sites * stop


def _uniform_values(
    denoiser: Denoiser,
    law: Rows,
    grid: np.ndarray,
    size: int,
    samples: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """As `_masked_values`, for a uniform prior on `size` tokens."""
    weights = np.diff(grid) / (1 - grid[:-1])
    step = rng.choice(len(weights), samples, p=weights / weights.sum())
    clean = law.draw(samples, rng)
    kept = rng.random(clean.shape) < grid[step, None]
    noise = np.minimum(rng.integers(size, size=clean.shape), law.tokens)
    contexts = np.where(kept, clean, noise)
    gaps = _gaps(denoiser, law, contexts, grid[step], "uniform", size)
    return weights.sum() * gaps.sum(1), float(weights.sum()) * law.sites


def _gaps(
    denoiser: Denoiser,
    law: Rows,
    contexts: Int[np.ndarray, "m d"],
    times: Float[np.ndarray, "m"],
    prior: str,
    size: int | None,
) -> Float[np.ndarray, "m d"]:
    """Return TV(p^i, p̂^i) of each context and site."""
    found = np.empty(contexts.shape)
    block = max(1, BATCH // (law.sites * law.tokens))
    for time in np.unique(times):
        for chosen in np.array_split(
            np.flatnonzero(times == time), -(-int((times == time).sum()) // block)
        ):
            exact = law.posterior(contexts[chosen], float(time), prior=prior, prior_size=size)
            with torch.no_grad():
                answer = denoiser(torch.from_numpy(contexts[chosen]), float(time))
                logits = torch.as_tensor(answer)
            if tuple(logits.shape) != exact.shape:
                raise ValueError(
                    f"denoiser: logits of shape {tuple(logits.shape)} are given, "
                    f"but {exact.shape} is needed"
                )
            learned = logits.detach().cpu().double().softmax(-1).numpy()
            found[chosen] = np.abs(exact - learned).sum(2) / 2
    return found
