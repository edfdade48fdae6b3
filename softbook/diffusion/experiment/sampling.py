"""Writing rows with a denoiser, in K steps or one site at a time, from the same random numbers.

Glossary: d = sites, S = tokens, K = steps. Each site draws a uniform time, at which it is written, and
a uniform number, by which its token is chosen. In K steps, sites whose times lie in one of K equal
cells are written together, none seeing the others: the masked sampler.
"""

from __future__ import annotations

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from softbook.diffusion.experiment.training import Denoiser
from softbook.diffusion.theory.checks import count

__all__ = ["noise", "sample"]


def noise(
    rows: int, sites: int, seed: int = 0
) -> tuple[Float64[Tensor, "n d"], Float64[Tensor, "n d"]]:
    """Return the random numbers of `rows` runs: times and draws, uniform on [0, 1).

    >>> [tuple(part.shape) for part in noise(5, 3)]
    [(5, 3), (5, 3)]
    """
    generator = torch.Generator().manual_seed(count("seed", seed, 0))
    shape = (count("rows", rows), count("sites", sites))
    times, draws = (torch.rand(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return times, draws


def _turns(times: Float64[Tensor, "n d"], steps: int | None) -> Int64[Tensor, "n d"]:
    """Number the steps of each row that write anything, and return each site's; no `steps`: its rank."""
    if steps is None:
        return times.argsort(1).argsort(1)
    cells, order = (times * steps).long().clamp(max=steps - 1).sort(1)
    starts = torch.zeros_like(cells)
    starts[:, 1:] = cells.diff(dim=1) > 0
    return torch.empty_like(cells).scatter_(1, order, starts.cumsum(1))


@torch.no_grad()
def sample(
    model: Denoiser,
    times: Float64[Tensor, "n d"],
    draws: Float64[Tensor, "n d"],
    steps: int | None = None,
) -> Int64[Tensor, "n d"]:
    """Return one row for each row of random numbers.

    Parameters
    ----------
    model
        A denoiser for d sites; its time is not used.
    times, draws
        From `noise`. The same numbers with other steps give a coupled run: where both see the same
        context they write the same token, and for two tokens they differ no more often than they must.
    steps
        K ≥ 1, or None: one site at a time, in the order of the times.

    Cost: at most d calls of the model, whatever K: steps that write nothing are skipped. Raises a
    ValueError or TypeError for steps other than these, or times that do not fit the model.

    >>> model = Denoiser(3, 2, 4)
    >>> sample(model, *noise(5, 3), steps=2).shape
    torch.Size([5, 3])
    """
    steps = None if steps is None else count("steps", steps)
    if times.shape != draws.shape or times.shape[1] != model.sites:
        raise ValueError(
            f"times, draws: shapes {tuple(times.shape)} and {tuple(draws.shape)} are given, "
            f"but twice [n, {model.sites}] is needed"
        )
    turns = _turns(times, steps)
    rows = torch.full_like(turns, model.tokens)
    for turn in range(int(turns.max()) + 1):
        busy = (turns == turn).any(1)
        edges = model(rows[busy]).double().softmax(-1).cumsum(-1)[..., :-1]
        tokens = (draws[busy, :, None] >= edges).sum(-1)
        rows[busy] = tokens.where(turns[busy] == turn, rows[busy])
    return rows
