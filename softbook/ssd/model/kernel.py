"""State-space models as matrices: the kernel matrix, its sum of heads, and its single head.

Glossary: q = C queries (read-out), k = B keys (read-in), a = A transitions; T tokens, N states.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from softbook.ssd.theory.entries import alike

Vectors = Sequence[Any] | Shaped[np.ndarray, "T N"] | Shaped[Tensor, "T N"]
Diagonals = Vectors
Transitions = (
    Sequence[Any]
    | Shaped[np.ndarray, "T"]
    | Shaped[np.ndarray, "T N"]
    | Shaped[np.ndarray, "T N N"]
    | Shaped[Tensor, "T"]
    | Shaped[Tensor, "T N"]
    | Shaped[Tensor, "T N N"]
)


def arguments(q: Any, k: Any, a: Any) -> tuple[Any, Any, Any]:
    """Return q, k [T, N] and a [T], [T, N] or [T, N, N], all exact or all float64; raise otherwise.

    >>> arguments([[1]], [[2.0]], [1])[0]
    tensor([[1.]], dtype=torch.float64)
    """
    q, k, a = alike(q=q, k=k, a=a)
    if q.ndim != 2 or q.shape[0] == 0:
        raise ValueError(f"q: shape {tuple(q.shape)} is given, but [T, N] with T >= 1 is needed")
    if k.shape != q.shape:
        raise ValueError(
            f"k: shape {tuple(k.shape)} is given, but that of q, {tuple(q.shape)}, is needed"
        )
    tokens, states = q.shape
    allowed = ((tokens,), (tokens, states), (tokens, states, states))
    if tuple(a.shape) not in allowed:
        raise ValueError(
            f"a: shape {tuple(a.shape)} is given, but {allowed[0]} (one decay a token), {allowed[1]} "
            f"(one a state) or {allowed[2]} (dense) is needed"
        )
    return q, k, a


def kernel_matrix(q: Vectors, k: Vectors, a: Transitions) -> Shaped[Any, "T T"]:
    """Return the matrix of a state-space model: entries q_jᵀ a_j ⋯ a_{i+1} k_i for j ≥ i, 0 above.

    Parameters
    ----------
    q, k
        [T, N]: what is read from the state, and what is written to it. T ≥ 1, N ≥ 0.
    a
        Transitions themselves, no logarithms: [T] (one decay for all states), [T, N] (diagonal) or
        [T, N, N] (dense). Zeros and negative numbers are allowed. a[0] never enters.

    Returns
    -------
    ndarray | Tensor
        [T, T]: Fractions if all three are exact (integers and Fractions), else a float64 tensor,
        differentiable. Cost: O(T²N), dense O(T²N²). Source: Dao and Gu (2024), section 3.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is no finite number, or the matrix leaves float64.

    >>> kernel_matrix([[1], [1], [1]], [[1], [1], [1]], [1, 2, 3])[2].tolist()
    [Fraction(6, 1), Fraction(3, 1), Fraction(1, 1)]
    """
    read, write, steps = arguments(q, k, a)
    tokens = len(read)
    exact = isinstance(read, np.ndarray)
    rows = []
    # Row i holds what is left of past key i.
    state = write[:0]
    for j in range(tokens):
        state = state @ steps[j].T if steps.ndim == 3 else state * steps[j]
        parts = [state, write[j : j + 1]]
        state = np.concatenate(parts) if exact else torch.cat(parts)
        rows.append(state @ read[j])
    if exact:
        matrix = zeros(tokens, tokens)
        for j, row in enumerate(rows):
            matrix[j, : j + 1] += row
        return matrix
    result = torch.stack([torch.nn.functional.pad(row, (0, tokens - len(row))) for row in rows])
    if not bool(result.isfinite().all()):
        raise ValueError("q, k, a: their kernel matrix has entries beyond float64")
    return result


def zeros(*shape: int) -> np.ndarray:
    """Return an object array of Fractions 0.

    >>> zeros(1).tolist()
    [Fraction(0, 1)]
    """
    return np.zeros(shape, dtype=int).astype(object) + Fraction(0)


def diagonal_as_heads(
    q: Vectors, k: Vectors, a: Diagonals
) -> tuple[tuple[Shaped[Any, "T 1"], Shaped[Any, "T 1"], Shaped[Any, "T"]], ...]:
    """Return N heads (q_n, k_n, a_n) of width one whose kernel matrices sum to that of (q, k, a).

    Parameters
    ----------
    q, k, a
        [T, N] each, as in `kernel_matrix`; a is diagonal.

    Returns
    -------
    tuple
        N triples of shapes [T, 1], [T, 1] and [T]. Source: arXiv 2510.04944, the diagonal case:
        M = Σ_n 1SS(a_n) ∘ (q_n k_nᵀ).

    Raises
    ------
    TypeError, ValueError
        As in `kernel_matrix`, and if a has no decay for each state.

    >>> heads = diagonal_as_heads([[1, 2], [3, 4]], [[1, 1], [1, 1]], [[1, 1], [5, 7]])
    >>> sum(kernel_matrix(*head) for head in heads)[1, 0], kernel_matrix(*heads[0])[1, 0]
    (Fraction(43, 1), Fraction(15, 1))
    """
    read, write, steps = arguments(q, k, a)
    if steps.shape != read.shape:
        raise ValueError(
            f"a: shape {tuple(steps.shape)} is given, but {tuple(read.shape)} (one decay a state) is "
            "needed"
        )
    return tuple(
        (read[:, n : n + 1], write[:, n : n + 1], steps[:, n]) for n in range(read.shape[1])
    )
