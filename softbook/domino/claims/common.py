"""What the claims of this chapter share: seeded tables, knobs, and the tolerance of their sums."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from softbook.claims import Tolerance
from softbook.domino.model.exact import Trajectories, trajectories
from softbook.domino.model.table import Table
from softbook.knobs import Choice, Integer, Linear, Switch

MASKS, LETTERS = "masks", "uniform letters"
NOISE = Choice([MASKS, LETTERS], label="noise at the start")
SEED = Integer(0, 9999, default=0, label="seed")
TOKENS = Integer(2, 3, default=3, label="letters S")
SITES = Integer(1, 3, default=2, label="sites d")
STEPS = Integer(1, 6, default=3, label="steps K")
SHARP = Choice([0.1, 1.0, 5.0], 1.0, label="evenness of the reference")
FAR = Linear(0.0, 5.0, default=1.0, label="distance of the policy", points=51)
POWER = Linear(0.3, 3.0, default=1.0, label="exponent of the grid", points=28)
TIMED = Switch(False, label="policies that know the time")
PAIR = {"tokens": TOKENS, "sites": SITES, "steps": STEPS, "seed": SEED, "sharp": SHARP, "far": FAR}
# All trajectories are listed: few sites, few steps.
LISTED = {
    "tokens": TOKENS,
    "sites": Integer(1, 2, default=2, label="sites d"),
    "steps": Integer(1, 3, default=2, label="steps K"),
    "seed": SEED,
    "noise": NOISE,
}
ROUNDED = Tolerance(
    "sums of at most 10^5 products of probabilities, each good to a few units of 2^-53: 10^-10",
    lambda **_: 1e-10,
)


def rng_of(seed: int, part: int) -> np.random.Generator:
    """Return the generator of one part of a setting."""
    return np.random.default_rng([seed, part])


def reference_of(
    tokens: int, sites: int, steps: int, seed: int, *, sharp: float, noise: str, timed: bool
) -> Float64[Tensor, "..."]:
    """Return logits of random laws; for every fourth seed a third of the letters is never shown.

    >>> reference_of(2, 1, 3, 0, sharp=1.0, noise=MASKS, timed=True).shape
    torch.Size([3, 3, 1, 2])
    """
    rng = rng_of(seed, 0)
    shape = (((tokens + (noise == MASKS)) ** sites), sites)
    law = rng.dirichlet(np.full(tokens, sharp), size=(steps, *shape) if timed else shape)
    # Where all of a row underflows the draw is NaN: then one letter has it all.
    law = np.where(np.isfinite(law), law, np.eye(tokens)[0])
    if seed % 4 == 3:
        barred = rng.random(law.shape) < 1 / 3
        law = np.where(barred & (law < law.max(-1, keepdims=True)), 0.0, law)
    with np.errstate(divide="ignore"):
        return torch.from_numpy(np.log(law))


def tables(
    tokens: int,
    sites: int,
    steps: int,
    seed: int,
    *,
    sharp: float = 1.0,
    far: float = 1.0,
    noise: str = MASKS,
    timed: bool = False,
    power: float = 1.0,
) -> tuple[Table, Table]:
    """Return a policy and its reference: the policy's logits differ by normal numbers times `far`."""
    grid = times(steps, power) if timed else None
    logits = reference_of(tokens, sites, steps, seed, sharp=sharp, noise=noise, timed=timed)
    push = torch.from_numpy(rng_of(seed, 1).normal(size=tuple(logits.shape)))
    return Table(logits + far * push, grid), Table(logits, grid)


def times(steps: int, power: float) -> Float64[np.ndarray, " steps_1"]:
    """Return the times (k/K)^power.

    >>> times(2, 2.0).tolist()
    [0.0, 0.25, 1.0]
    """
    return np.linspace(0.0, 1.0, steps + 1) ** power


def reward_of(tokens: int, sites: int, seed: int) -> Float64[Tensor, "..."]:
    """Return a reward for each sequence: normal numbers."""
    return torch.from_numpy(rng_of(seed, 2).normal(size=(tokens,) * sites))


def listed(tokens: int, sites: int, steps: int, noise: str) -> Trajectories:
    """Return all trajectories from this noise."""
    return trajectories(tokens, sites, steps, prior="masked" if noise == MASKS else "uniform")


def along(slope: Tensor, seed: int) -> float:
    """Return the slope in a random direction of unit length: one number that every entry enters.

    >>> along(torch.zeros(3, 1, 2), 0)
    0.0
    """
    way = rng_of(seed, 3).normal(size=tuple(slope.shape))
    return float((slope * torch.from_numpy(way)).sum()) / float(np.linalg.norm(way))


def moved(first: Tensor, second: Tensor) -> float:
    """Return the total variation of two laws."""
    return float((first - second).abs().sum() / 2)
