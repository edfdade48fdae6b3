"""A masked denoiser: its network, its loss, and one training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from softbook.diffusion.theory.checks import count, number

__all__ = ["Denoiser", "Setting", "nats", "train"]


@dataclass(frozen=True)
class Setting:
    """Steps of Adam, rows a step, width of both hidden layers, rate at the start, seed, logged places.

    Integers of at least 1 (`seed`: 0) and a rate above 0; anything else raises a ValueError or TypeError.

    >>> Setting(steps=10, logs=2).logged
    (0, 5, 10)
    """

    steps: int = 4000
    batch: int = 128
    width: int = 256
    rate: float = 2e-3
    seed: int = 0
    logs: int = 20

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "width", "logs"):
            count(name, getattr(self, name))
        count("seed", self.seed, 0)
        if not number("rate", self.rate) > 0:
            raise ValueError(f"rate: {self.rate} is given, but a number above 0 is needed")

    @property
    def logged(self) -> tuple[int, ...]:
        """The numbers of finished steps at which losses are kept, from 0 to `steps`."""
        return tuple(sorted({round(self.steps * j / self.logs) for j in range(self.logs + 1)}))


class Denoiser(nn.Module):
    """(tokens ``[n, d]`` with S for a mask, t) -> logits ``[n, d, S]``: two hidden layers of ReLUs.

    The time is not looked at: how many sites are masked tells it.
    """

    def __init__(self, sites: int, tokens: int, width: int = 256) -> None:
        super().__init__()
        self.sites, self.tokens = count("sites", sites), count("tokens", tokens)
        self.layers = nn.Sequential(
            nn.Linear(sites * (tokens + 1), width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, sites * tokens),
        )

    def forward(self, tokens: Int64[Tensor, "n d"], time: float = 0.0) -> Float[Tensor, "n d S"]:
        """Return the logits of every site's token; at shown sites they mean nothing."""
        shown = F.one_hot(tokens, self.tokens + 1).flatten(1).to(next(self.parameters()).dtype)
        return self.layers(shown).view(-1, self.sites, self.tokens)


def _masked(rows: Tensor, mask: int, counts: Tensor, generator: torch.Generator) -> Tensor:
    """Return the rows with `counts` random sites of each masked."""
    ranks = torch.rand(rows.shape, generator=generator).argsort(1).argsort(1)
    return rows.where(ranks >= counts[:, None], torch.tensor(mask))


def _loss(model: Denoiser, rows: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
    """Return each row's nats a masked site."""
    noisy = _masked(rows, model.tokens, counts, generator)
    each = F.cross_entropy(model(noisy).mT, rows, reduction="none")
    return (each * (noisy == model.tokens)).sum(1) / counts


@torch.no_grad()
def nats(
    model: Denoiser, rows: Int64[Tensor, "n d"], seed: int = 0, rounds: int | None = None
) -> Float[Tensor, "n"]:
    """Return each row's nats a masked site, the mean over random orders of writing it.

    d times this is −log of the probability that the one-at-a-time sampler writes the row in a given
    order, averaged over orders; by convexity it is at least −log of the row's probability. Estimated
    without bias from `rounds` random sets of masked sites a row, a divisor of d (default d), whose sizes are spread
    evenly over 1, ..., d.

    >>> nats(Denoiser(3, 2, 4), torch.zeros(10, 3, dtype=torch.int64)).shape
    torch.Size([10])
    """
    generator, sites = torch.Generator().manual_seed(seed), rows.shape[1]
    rounds = count("rounds", sites if rounds is None else rounds)
    if sites % rounds:
        raise ValueError(f"rounds: {rounds} is given, but a divisor of {sites} sites is needed")
    start = torch.randint(sites, (len(rows),), generator=generator)
    total = torch.zeros(len(rows))
    for turn in range(rounds):
        total += _loss(model, rows, (start + turn * (sites // rounds)) % sites + 1, generator)
    return total / rounds


def train(
    rows: Int64[Tensor, "n d"],
    tokens: int,
    setting: Setting | None = None,
    *,
    held_out: Int64[Tensor, "m d"] | None = None,
    look: Callable[[int, Denoiser], object] = lambda step, model: None,
    tick: Callable[[], object] = lambda: None,
) -> tuple[Denoiser, dict[str, Any]]:
    """Train a denoiser on `rows`; return it with its curves of nats a masked site.

    The loss is that of `nats`: every number of masked sites is as likely. The rate falls to 0 along half a
    cosine. The curves (`step`, `train` on the first 400 rows, `held_out`) have `setting.logs` even places and
    the start; there `look` is called with the step and the model. `tick` is called after each step. Same
    rows and setting, same curves on one machine.

    >>> rows = torch.tensor([[0, 0], [1, 1]]).repeat(20, 1)
    >>> _, curves = train(rows, 2, Setting(steps=48, batch=20, width=8, logs=4))
    >>> curves["step"][-1], curves["train"][-1] < curves["train"][0]
    (48, True)
    """
    setting = setting or Setting()
    generator = torch.Generator().manual_seed(setting.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setting.seed)
        model = Denoiser(rows.shape[1], tokens, setting.width)
    optimizer = torch.optim.Adam(model.parameters(), setting.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, setting.steps)
    curves: dict[str, Any] = {"step": [], "train": [], "held_out": []}
    rounds = next(r for r in (8, 4, 2, 1) if rows.shape[1] % r == 0)
    for step in range(setting.steps + 1):
        if step in setting.logged:
            curves["step"].append(step)
            curves["train"].append(float(nats(model, rows[:400], rounds=rounds).mean()))
            if held_out is not None:
                curves["held_out"].append(float(nats(model, held_out, rounds=rounds).mean()))
            look(step, model)
        if step == setting.steps:
            break
        pick = torch.randint(len(rows), (setting.batch,), generator=generator)
        counts = torch.randint(1, rows.shape[1] + 1, (setting.batch,), generator=generator)
        loss = _loss(model, rows[pick], counts, generator).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        tick()
    return model, curves
