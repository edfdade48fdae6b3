"""A reward learned from labelled sequences by squared error, and how near it is to the truth."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from tqdm import tqdm

from softbook.checks import count, number
from softbook.domino.model.network import Oracle

__all__ = ["pearson", "train_oracle", "values"]


def train_oracle(
    rows: Int64[Tensor, "n d"],
    targets: Float[Tensor, " n"],
    tokens: int = 4,
    *,
    steps: int = 500,
    batch: int = 128,
    rate: float = 2e-3,
    decay: float = 1e-2,
    seed: int = 0,
    progress: bool = True,
    **network: int,
) -> Oracle:
    """Train an `Oracle` on labelled rows of letters 0..S-1 by squared error; return it in evaluation mode.

    AdamW with weight decay, rate to 0 along half a cosine. O(steps·batch·d·weights). Same arguments, same
    weights on one machine with one thread.

    Raises
    ------
    ValueError, TypeError
        If a number is not allowed, there is no row, or targets are not one finite number a row.

    >>> rows = torch.randint(0, 2, (200, 6), generator=torch.Generator().manual_seed(0))
    >>> share = rows.float().mean(1)
    >>> oracle = train_oracle(rows, share, 2, steps=100, channels=16, progress=False)
    >>> pearson(values(oracle, rows), share) > 0.95
    True
    """
    count("steps", steps), count("batch", batch), count("seed", seed, 0)
    if not number("rate", rate) > 0:
        raise ValueError(f"rate: {rate} is given, but a number above 0 is needed")
    number("decay", decay, 0.0)
    if not len(rows) or targets.shape != rows.shape[:1] or not bool(targets.isfinite().all()):
        raise ValueError(
            f"targets: shape {tuple(targets.shape)} for {len(rows)} rows is given,"
            " but one finite number a row, and a row at least, are needed"
        )
    source = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        oracle = Oracle(tokens, **network).to(rows.device)
    wanted = targets.to(next(oracle.parameters()).dtype)
    optimiser = torch.optim.AdamW(oracle.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in tqdm(range(steps), desc="oracle", disable=not progress, file=sys.stderr):
        pick = torch.randint(len(rows), (batch,), generator=source).to(rows.device)
        loss = (oracle(rows[pick]) - wanted[pick]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return oracle.eval()


@torch.no_grad()
def values(
    oracle: Callable[[Tensor], Tensor], rows: Int64[Tensor, "n d"], batch: int = 512
) -> Float[Tensor, " n"]:
    """Return the value of each row (at least one), `batch` rows at a time.

    >>> values(lambda rows: rows.double().mean(1), torch.tensor([[0, 2], [1, 1], [2, 2]]), 2).tolist()
    [1.0, 1.0, 2.0]
    """
    return torch.cat([oracle(part) for part in rows.split(count("batch", batch))])


def pearson(first: Float[Tensor, " n"], second: Float[Tensor, " n"]) -> float:
    """Return the correlation in [-1, 1]; NaN where one is constant or NaN.

    >>> round(pearson(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0, 6.0])), 12)
    1.0
    """
    both = torch.stack([first.double(), second.double()])
    return float(torch.corrcoef(both)[0, 1])
