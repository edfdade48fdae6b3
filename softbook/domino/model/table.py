"""A policy that is a table: logits for every state, so that everything about it can be enumerated."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from softbook.diffusion.theory.checks import grid_of_steps

__all__ = ["Grid", "Table"]

Grid = Sequence[float] | Float64[np.ndarray, " steps_1"]


class Table(nn.Module):
    """A model `(tokens, t) -> logits` with one parameter, `logits`, in float64.

    Parameters
    ----------
    logits
        `[A^d, d, S]`, the same at all times, or `[K, A^d, d, S]`, one table a step. States are in C order
        of (A,)*d, with A = S + 1 where letter S is the mask, or A = S (uniform prior). -inf is allowed.
    grid
        The K + 1 times of the steps, where the table has steps; None: uniform.

    Raises
    ------
    ValueError
        If the shape fits no d and S, or the grid is not of K steps.

    >>> even = Table(torch.zeros(9, 2, 2))
    >>> even(torch.tensor([[2, 0]]), 0.0).shape, even.letters
    (torch.Size([1, 2, 2]), 3)
    """

    def __init__(self, logits: Float[Tensor, "*steps n d S"], grid: Grid | None = None):
        super().__init__()
        found = logits.detach().to(torch.float64).clone()
        if found.ndim not in (3, 4):
            raise ValueError(
                f"logits: shape {tuple(found.shape)} is given, but [states, sites, tokens], with steps "
                "before it or not, is needed"
            )
        rows, self.sites, self.tokens = found.shape[-3:]
        if rows not in (self.tokens**self.sites, (self.tokens + 1) ** self.sites):
            raise ValueError(
                f"logits: {rows} states are given, but {self.tokens} tokens on {self.sites} sites have "
                f"{self.tokens**self.sites}, and {(self.tokens + 1) ** self.sites} with a mask"
            )
        self.letters = self.tokens + (rows != self.tokens**self.sites)
        self.grid = None if found.ndim == 3 else grid_of_steps(len(found), grid)
        if found.ndim == 3 and grid is not None:
            raise ValueError("grid: it is given, but the table has no steps")
        self.logits: Tensor = nn.Parameter(found)
        places = self.letters ** np.arange(self.sites)[::-1]
        self.places: Tensor
        self.register_buffer("places", torch.as_tensor(places.copy()), persistent=False)

    @property
    def prior(self) -> str:
        """ "masked" or "uniform": whether the states know a mask."""
        return "uniform" if self.letters == self.tokens else "masked"

    def at(self, t: float) -> Float[Tensor, "n d S"]:
        """Return the table of the step that begins at `t`, or that `t` lies in."""
        if self.grid is None:
            return self.logits
        # A start that has been rounded down is still the start.
        step = bisect.bisect_right(self.grid.tolist(), t + 1e-12) - 1
        return self.logits[min(max(step, 0), len(self.logits) - 1)]

    def forward(self, tokens: Int64[Tensor, "n d"], t: float) -> Float[Tensor, "n d S"]:
        """Return the logits at the states `tokens`."""
        return self.at(t)[(tokens * self.places).sum(-1)]
