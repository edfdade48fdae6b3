"""Data given as rows: the exact posterior by keeping the rows that agree with what is revealed.

A table over S^d states is out of reach for 64 sites; the uniform law on n rows is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix
from torch import Tensor

from softbook.diffusion.theory.checks import count, number, one_of

# Contexts times rows that are held at a time: 64 MiB of float64.
HELD = 2**23


@dataclass(frozen=True)
class Rows:
    """A law on [S]^d with few rows of positive probability.

    Attributes
    ----------
    values
        Distinct or repeated rows, [n, d], tokens 0 to S − 1.
    weights
        Their probabilities, [n].
    tokens
        S. Token S stands for the mask, or for all tokens of a uniform prior that the data never use.
    """

    values: Int[np.ndarray, "n d"]
    weights: Float[np.ndarray, "n"]
    tokens: int

    @property
    def sites(self) -> int:
        """d."""
        return int(self.values.shape[1])

    def draw(self, samples: int, rng: np.random.Generator) -> Int[np.ndarray, "samples d"]:
        """Return iid rows, [samples, d]."""
        return self.values[rng.choice(len(self.values), samples, p=self.weights)]

    def posterior(
        self,
        contexts: Int[np.ndarray, "m d"],
        time: float,
        *,
        prior: str = "masked",
        prior_size: int | None = None,
    ) -> Float[np.ndarray, "m d S"]:
        """Return p^i(a | context) for each site: the law of x_1^i given x_t, exactly.

        Masked prior: rows that disagree with a revealed site drop out; where none is left, the uniform
        law on S tokens (`time` does not matter). Uniform prior on `prior_size` ≥ S tokens (default S;
        masks have none): each agreement multiplies a row's weight by 1 + prior_size t/(1−t). O(m n d) time.

        Raises a ValueError if `prior` is neither, `time` is not in [0, 1], 1 excluded for the uniform
        prior, or a token is not in 0..S.

        >>> rows = Rows(np.array([[0, 0], [1, 1]]), np.array([0.5, 0.5]), 2)
        >>> rows.posterior(np.array([[2, 1]]), 0.5).tolist()
        [[[0.0, 1.0], [0.0, 1.0]]]
        """
        one_of("prior", prior, ("masked", "uniform"))
        time = number("time", time, 0, 1)
        if contexts.size and not 0 <= contexts.min() <= contexts.max() <= self.tokens:
            raise ValueError(f"contexts: a token outside of 0 to {self.tokens} is given")
        size = prior_tokens(self, prior, prior_size)
        if prior == "uniform" and time == 1:
            raise ValueError(
                "time: 1 is given, but the uniform prior's posterior needs a time below 1"
            )
        flat = np.arange(self.sites) * self.tokens + self.values
        hot = csr_matrix(
            (np.ones(flat.size), flat.ravel(), np.arange(0, flat.size + 1, self.sites)),
            (len(flat), self.sites * self.tokens),
        )
        parts = []
        for part in np.array_split(contexts, max(1, -(-len(contexts) * len(flat) // HELD))):
            agreed = np.zeros((len(part), len(flat)))
            for i in range(self.sites):
                agreed += part[:, i, None] == self.values[:, i]
            if prior == "masked":
                known = (part < self.tokens).sum(1, keepdims=True)
                weights = np.where(agreed == known, self.weights, 0.0)
            else:
                agreed -= agreed.max(1, keepdims=True)
                weights = self.weights * np.exp(agreed * np.log1p(size * time / (1 - time)))
            parts.append((hot.T @ weights.T).T / np.maximum(weights.sum(1), 1e-300)[:, None])
        found = np.concatenate(parts).reshape(len(contexts), self.sites, self.tokens)
        lost = found.sum(2, keepdims=True) == 0
        return np.where(lost, 1 / self.tokens, found)


def prior_tokens(law: Rows, prior: str, prior_size: int | None) -> int:
    """Return how many tokens uniform noise is on, S where that is None; raise where masks are given a number.

    >>> prior_tokens(as_rows(np.array([[0, 1]])), "uniform", None)
    2
    """
    if prior == "masked" and prior_size is not None:
        raise ValueError(f"prior_size: {prior_size} is given, but a masked prior has no size")
    return count("prior_size", law.tokens if prior_size is None else prior_size, law.tokens)


def as_rows(data: Any, tokens: int | None = None) -> Rows:
    """Return a table [S]*d of probabilities, or rows [n, d] of tokens (integers), as `Rows`.

    Rows count 1/n each; `tokens` is their S (default: the largest token and one). Raises a ValueError
    or TypeError if it is neither.

    >>> as_rows(np.array([[0.5, 0.0], [0.0, 0.5]])).values.tolist()
    [[0, 0], [1, 1]]
    >>> as_rows(np.array([[0, 2], [1, 1]])).tokens
    3
    """
    array = data.detach().cpu().numpy() if isinstance(data, Tensor) else np.asarray(data)
    if array.dtype.kind in "iu":
        if array.ndim != 2 or not array.size:
            raise ValueError(f"data: shape {array.shape} is given, but rows [n, d] are needed")
        size = count("tokens", int(array.max()) + 1 if tokens is None else tokens)
        if array.min() < 0 or array.max() >= size:
            raise ValueError(
                f"data: tokens from {array.min()} to {array.max()} are given, but 0 to {size - 1} are needed"
            )
        return Rows(array.astype(np.int64), np.full(len(array), 1 / len(array)), size)
    if array.dtype.kind != "f":
        raise TypeError(
            f"data: dtype {array.dtype} is given, but a float table or integers are needed"
        )
    if not array.ndim or len(set(array.shape)) != 1:
        raise ValueError(f"data: shape {array.shape} is given, but (S,)*d is needed")
    if not (array.min() >= 0 and abs(array.sum() - 1) <= 1e-9):
        raise ValueError(
            "data: a table that is no law is given, but numbers ≥ 0 with sum 1 are needed"
        )
    if tokens is not None and tokens != array.shape[0]:
        raise ValueError(f"tokens: {tokens} is given, but the table has {array.shape[0]}")
    cells = np.argwhere(array > 0)
    weights = array[tuple(cells.T)].astype(np.float64)
    return Rows(cells, weights / weights.sum(), int(array.shape[0]))
