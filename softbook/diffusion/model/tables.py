"""Laws on sequences as explicit tables: float64 arrays of shape (S,)*d that sum to one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from softbook.diffusion.theory.checks import count

__all__ = ["check_table", "copy_law", "like", "product_law", "random_law", "split_tokens"]

Table = Float[np.ndarray, "..."]
SLACK = 1e-9
"""How far from one a table may sum; it is not rescaled."""


def check_table(data: Any, name: str = "data") -> Table:
    """Return a law on ``[S]^d`` as a float64 array; raise unless it is one.

    `data` is a numpy array, a tensor or nested lists of shape (S,)*d, d >= 1, without negative
    entries, whose sum is one to 1e-9. NaN is refused: a law has none.

    >>> check_table([[0.5, 0.0], [0.0, 0.5]]).shape
    (2, 2)
    """
    given = data.detach().cpu().numpy() if isinstance(data, Tensor) else np.asarray(data)
    if given.dtype.kind not in "fiu":
        raise TypeError(f"{name}: entries of type {given.dtype} are given, but numbers are needed")
    table = given.astype(np.float64)
    if table.ndim < 1 or len(set(table.shape)) != 1 or not table.size:
        raise ValueError(
            f"{name}: shape {table.shape} is given, but (S,) * d is needed, all sides equal"
        )
    if not (table >= 0).all():
        raise ValueError(f"{name}: {table.min()} is given, but probabilities are at least 0")
    if not abs(table.sum() - 1) <= SLACK:
        raise ValueError(f"{name}: entries sum to {table.sum()}, but a law sums to 1")
    return table


def like(law: Table, data: Any) -> Any:
    """Return `law` as a tensor if `data` is one, else as it is.

    >>> like(np.ones(1), torch.ones(1))
    tensor([1.], dtype=torch.float64)
    """
    return torch.from_numpy(law).to(data.device) if isinstance(data, Tensor) else law


def copy_law(tokens: int, sites: int) -> Table:
    """Return the law of one uniform token, shown at every site.

    `tokens` and `sites` are at least 1. O(S^d).

    >>> copy_law(2, 2).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    tokens, sites = count("tokens", tokens), count("sites", sites)
    law = np.zeros((tokens,) * sites)
    law[(np.arange(tokens),) * sites] = 1 / tokens
    return law


def product_law(marginals: Sequence[Any]) -> Table:
    """Return the law of independent sites with these marginals, each of S probabilities.

    >>> product_law([[0.5, 0.5], [1.0, 0.0]]).tolist()
    [[0.5, 0.0], [0.5, 0.0]]
    """
    if not len(marginals):
        raise ValueError("marginals: none is given, but a site needs one")
    checked = [check_table(marginal, f"marginals[{i}]") for i, marginal in enumerate(marginals)]
    if any(marginal.ndim != 1 or len(marginal) != len(checked[0]) for marginal in checked):
        shapes = ", ".join(str(marginal.shape) for marginal in checked)
        raise ValueError(f"marginals: shapes {shapes} are given, but (S,) is needed at every site")
    return reduce(np.multiply.outer, checked)


def random_law(tokens: int, sites: int, seed: int) -> Table:
    """Return a law of heavy-tailed weights: (-log U)^(10/3), normalised; same seed, same law.

    >>> float(random_law(4, 4, 0).max().round(3))
    0.12
    """
    shape = (count("tokens", tokens),) * count("sites", sites)
    uniform = np.random.default_rng(seed).random(shape)
    # 1 - U is never zero.
    weights = (-np.log1p(-uniform)) ** (10 / 3)
    return weights / weights.sum()


def split_tokens(data: Any, parts: int) -> Any:
    """Return the law in which every token is one of `parts` equally probable synonyms.

    Token a becomes the tokens a * parts, ..., a * parts + parts - 1, independently at each site.

    >>> split_tokens([0.5, 0.5], 2).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    table, parts = check_table(data), count("parts", parts)
    for axis in range(table.ndim):
        table = np.repeat(table, parts, axis) / parts
    return like(table, data)
