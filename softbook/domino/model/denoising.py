"""Pretraining of a masked denoiser on one's own sequences, and the likelihood that it gives to others."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from tqdm import tqdm

from softbook.checks import count, number
from softbook.domino.model.network import MaskedNet

__all__ = ["likelihood", "pretrain"]

Model = Callable[[Tensor, float], Tensor]


def _nats(model: Model, rows: Tensor, mask: int, hidden: Tensor, source: torch.Generator) -> Tensor:
    """Return each row's cross-entropy a masked site, of `hidden` random sites of each row."""
    ranks = torch.rand(rows.shape, generator=source).argsort(1).argsort(1).to(rows.device)
    closed = ranks < hidden.to(rows.device)[:, None]
    # The model's time is the share of open sites, which is what the path expects at that time.
    logits = model(
        rows.masked_fill(closed, mask), 1 - float(hidden.double().mean()) / rows.shape[1]
    )
    each = F.cross_entropy(logits.mT, rows, reduction="none")
    return (each * closed).sum(1) / closed.sum(1)


def pretrain(
    rows: Int64[Tensor, "n d"],
    tokens: int = 4,
    *,
    steps: int = 800,
    batch: int = 128,
    rate: float = 3e-3,
    seed: int = 0,
    progress: bool = True,
    **network: int,
) -> tuple[MaskedNet, list[float]]:
    """Train a `MaskedNet` on rows of letters 0..S-1 by the masked flow's loss.

    The loss is the evidence bound of −log p a site: the number of masked sites is uniform on 1..d, their
    cross-entropy averaged (the bound's integral over time, done exactly). Adam, rate to 0 along half a
    cosine, gradients of norm at most 1. O(steps·batch·d·weights).

    Returns
    -------
    The network, where the rows are, and each step's loss in nats a site. Same
    arguments, same numbers on one machine with one thread.

    Raises
    ------
    ValueError, TypeError
        If a number is not allowed, or `rows` are not letters in 0..S-1 (at least one row).

    >>> rows = torch.tensor([[0, 1] * 4, [1, 0] * 4]).repeat(8, 1)
    >>> net, losses = pretrain(rows, 2, steps=60, batch=16, channels=16, progress=False)
    >>> losses[-1] < losses[0] / 2
    True
    """
    count("steps", steps), count("batch", batch), count("seed", seed, 0)
    if not number("rate", rate) > 0:
        raise ValueError(f"rate: {rate} is given, but a number above 0 is needed")
    if rows.dim() != 2 or not rows.numel() or not 0 <= int(rows.min()) <= int(rows.max()) < tokens:
        raise ValueError(
            f"rows: shape {tuple(rows.shape)} is given, but [n, d] letters 0 to {tokens - 1}, one row or more,"
            " are needed"
        )
    source = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MaskedNet(tokens, **network).to(rows.device)
    optimiser = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses = []
    for _ in tqdm(range(steps), desc="pretraining", disable=not progress, file=sys.stderr):
        pick = torch.randint(len(rows), (batch,), generator=source).to(rows.device)
        hidden = torch.randint(1, rows.shape[1] + 1, (batch,), generator=source)
        loss = _nats(model, rows[pick], tokens, hidden, source).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return model, losses


@torch.no_grad()
def likelihood(
    model: Model,
    rows: Int64[Tensor, "n d"],
    tokens: int = 4,
    *,
    rounds: int = 8,
    seed: int = 0,
) -> Float[Tensor, " n"]:
    """Return an unbiased estimate of a lower bound of log p(row) under a masked model, in nats.

    The bound is the mean over orders of the log-probability that sites opened one at a time in that order
    show the row. Its `rounds` numbers of masked sites are spread evenly over 1..d. O(rounds) calls.

    >>> uniform = lambda tokens, time: torch.zeros(*tokens.shape, 4)
    >>> [round(one, 3) for one in likelihood(uniform, torch.zeros(2, 80, dtype=torch.int64)).tolist()]
    [-110.904, -110.904]
    """
    count("rounds", rounds), count("seed", seed, 0)
    source, sites = torch.Generator().manual_seed(seed), rows.shape[1]
    start = torch.rand(len(rows), generator=source, dtype=torch.float64)
    total = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    for turn in range(rounds):
        place = (start + turn) / rounds
        hidden = (place * sites).long().clamp(max=sites - 1) + 1
        total += _nats(model, rows, tokens, hidden, source)
    return -total * sites / rounds
