"""How many states exact causal softmax needs."""

from __future__ import annotations

from numbers import Integral


def softmax_order(T: int) -> int:
    """Return ⌊(T+1)/2⌋: the semiseparable order of causal softmax with distinct scores.

    Parameters
    ----------
    T
        Number of tokens, T ≥ 1. Queries and keys are numbers, pairwise distinct.

    Source: own, theorem "Softmax needs half as many states as tokens". It is the largest order that a
    T × T causal matrix can have.

    >>> [softmax_order(T) for T in range(1, 8)]
    [1, 1, 2, 2, 3, 3, 4]
    """
    if isinstance(T, bool) or not isinstance(T, Integral):
        raise TypeError(f"T: {type(T).__name__} is given, but an integer is needed")
    if T < 1:
        raise ValueError(f"T: {T} is given, but at least 1 is needed")
    return (int(T) + 1) // 2
