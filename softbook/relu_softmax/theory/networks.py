"""Translation of whole networks: error of H heads beside H hidden units, for one layer and for many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from softbook.relu_softmax.theory.gap import relu_bound


def translation_interval(weights: ArrayLike, beta: float) -> tuple[float, float]:
    """Return [−(κ/β)Σa⁻, (κ/β)Σa⁺], which contains f − f_β for one hidden layer (T2).

    Parameters
    ----------
    weights
        a, shape (hidden,): the output weights.
    beta
        Sharpness β > 0 of every head.

    >>> from softbook.relu_softmax.theory import KAPPA
    >>> translation_interval([2.0, -1.0], KAPPA)
    (-1.0, 2.0)
    """
    a = np.asarray(weights, dtype=np.float64)
    bound = relu_bound(beta)
    return -bound * float(np.maximum(-a, 0).sum()), bound * float(np.maximum(a, 0).sum())


def depth_bound(norms: Sequence[float], beta: float) -> float:
    """Return the error behind the last layer: e_l = ‖W_l‖ e_{l−1} + κ/β, and ‖W_last‖ e at the end (T3).

    Parameters
    ----------
    norms
        ‖W‖_{∞→∞} (largest absolute row sum) of each linear layer; the last one is the affine read-out.
    beta
        Sharpness β > 0.

    >>> from softbook.relu_softmax.theory import KAPPA
    >>> depth_bound([5.0, 3.0, 2.0], KAPPA)
    8.0
    """
    error = 0.0
    for norm in norms[:-1]:
        error = norm * error + relu_bound(beta)
    return norms[-1] * error
