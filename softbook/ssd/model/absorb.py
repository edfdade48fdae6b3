"""Transitions absorbed into queries and keys: one head of linear attention without a decay."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from softbook.ssd.model.kernel import Transitions, Vectors, arguments, kernel_matrix, zeros

# Least singular value over the largest, for each state, below which a transition counts as singular.
SINGULAR = 2.0**-52
# What the head's matrix may miss, of its largest entry: beyond it half of float64's digits are lost.
LOST = 2.0**-26
TINY = torch.finfo(torch.float64).tiny


def absorb_decays(
    q: Vectors, k: Vectors, a: Transitions
) -> tuple[Shaped[Any, "T N"], Shaped[Any, "T N"]]:
    """Return (q', k') of the same width with kernel_matrix(q, k, a) = tril(q' k'ᵀ).

    With P_j = a_j ⋯ a_2 (P_1 = 1, since a_1 never enters): q'_j = P_jᵀ q_j and k'_i = P_i⁻¹ k_i, so that
    q'_j·k'_i = q_jᵀ a_j ⋯ a_{i+1} k_i.

    Parameters
    ----------
    q, k, a
        As in `kernel_matrix`; every transition after the first is invertible: no decay is zero.

    Returns
    -------
    tuple
        Two arrays [T, N]: Fractions if all inputs are exact, else float64 tensors. Cost: O(TN), dense
        O(TN³), in floats with a check of O(T²N²). Source: own,
        theorem "Decays that are not zero disappear into queries and keys"; the diagonal case after
        arXiv 2510.04944.

    Raises
    ------
    TypeError, ValueError
        As in `kernel_matrix`; if a transition after the first is singular; in floats, if a product
        of decays, a query or a key leaves the range in which float64 keeps its digits, or if dense
        products lose half of them.

    >>> q, k = absorb_decays([[1], [1], [1]], [[1], [1], [1]], [0, 2, 3])
    >>> [str(entry) for entry in q[:, 0]], [str(entry) for entry in k[:, 0]]
    (['1', '2', '6'], ['1', '1/2', '1/6'])
    """
    read, write, steps = arguments(q, k, a)
    if steps.ndim == 3:
        return _absorb_dense(read, write, steps)
    decays = steps[:, None] if steps.ndim == 1 else steps
    for t in range(1, len(decays)):
        if not bool((decays[t] != 0).all()):
            raise ValueError(
                f"a: a decay of 0 is given at token {t}, which no query or key can absorb; "
                "all after the first must differ from 0"
            )
    if isinstance(decays, np.ndarray):
        shares = zeros(*decays.shape) + 1
        for t in range(1, len(decays)):
            shares[t] = shares[t - 1] * decays[t]
        return read * shares, write / shares
    products = torch.cat([torch.ones_like(decays[:1]), decays[1:]]).cumprod(0)
    _kept("the products of decays", products, torch.ones_like(products))
    absorbed = read * products, write / products
    _kept("the absorbed queries", absorbed[0], read)
    _kept("the absorbed keys", absorbed[1], write)
    return absorbed


def _kept(what: str, values: Tensor, source: Tensor) -> None:
    """Raise unless each value is finite and, where its source is not 0, an ordinary number."""
    size = values.abs()
    if not bool(((size >= TINY) | (source == 0)).logical_and(values.isfinite()).all()):
        raise ValueError(
            f"a: {what} leave float64's range of {TINY:.1e} to 1.8e+308; use Fractions, decays closer "
            "to 1 or fewer tokens"
        )


def _absorb_dense(q: Any, k: Any, a: Any) -> tuple[Any, Any]:
    exact = isinstance(a, np.ndarray)
    product = inverse = (zeros(*a.shape[1:]) + np.eye(a.shape[1], dtype=int)) if exact else _eye(a)
    queries, keys = [q[0]], [k[0]]
    for t in range(1, len(a)):
        step = _exact_inverse(a[t]) if exact else _float_inverse(a[t])
        if step is None:
            raise ValueError(
                f"a: a singular transition is given at token {t}, which no query or key can absorb; "
                "all after the first must be invertible"
            )
        product, inverse = a[t] @ product, inverse @ step
        queries.append(product.T @ q[t])
        keys.append(inverse @ k[t])
    if exact:
        return np.stack(queries), np.stack(keys)
    absorbed = torch.stack(queries), torch.stack(keys)
    for what, values in zip(("queries", "keys"), absorbed, strict=True):
        _kept(f"the absorbed {what}", values, torch.zeros_like(values))
    matrix = kernel_matrix(q, k, a)
    gap = ((absorbed[0] @ absorbed[1].T).tril() - matrix).abs().max()
    # Written so that a gap that is NaN, from inf − inf, is refused as well.
    if not bool(gap <= LOST * matrix.abs().max()):
        raise ValueError(
            f"a: the products of transitions are too far from orthogonal for float64: the head is off by "
            f"{float(gap / matrix.abs().max()):.1g} of its largest entry; use Fractions or fewer tokens"
        )
    return absorbed


def _eye(a: Tensor) -> Tensor:
    return torch.eye(a.shape[1], dtype=a.dtype, device=a.device)


def _float_inverse(matrix: Tensor) -> Tensor | None:
    if not len(matrix):
        return matrix
    values = torch.linalg.svdvals(matrix)
    if not bool(values[-1] > SINGULAR * len(matrix) * values[0]):
        return None
    return torch.linalg.inv(matrix)


def _exact_inverse(matrix: np.ndarray) -> np.ndarray | None:
    """Return the inverse of a matrix of Fractions by Gauss and Jordan, None if there is none."""
    size = len(matrix)
    table = np.concatenate([matrix, zeros(size, size) + np.eye(size, dtype=int)], axis=1)
    for column in range(size):
        pivots = [row for row in range(column, size) if table[row, column]]
        if not pivots:
            return None
        table[[column, pivots[0]]] = table[[pivots[0], column]]
        table[column] = table[column] / table[column, column]
        for row in range(size):
            if row != column and table[row, column]:
                table[row] = table[row] - table[row, column] * table[column]
    return table[:, size:]
