"""Translation of whole networks: error of H heads beside H hidden units, for one layer and for many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def path_norm_bound(weights: ArrayLike, norms: ArrayLike, beta: float) -> float:
    """Return (κ/β) Σ|a_j|‖w_j‖: the bound where unit j has the sharpness β/‖w_j‖ (T2, path-norm form).

    With one β for units of different norms the bound is (κ/β)‖a‖₁ instead; see
    `translation_interval`.

    Parameters
    ----------
    weights, norms
        a and ‖w‖, shape (hidden,): output weights, and norms > 0 of the input weights.
    beta
        Sharpness β > 0 on units of norm 1.

    >>> from softbook.relu_softmax.theory import KAPPA
    >>> path_norm_bound([2.0, -1.0], [3.0, 1.0], KAPPA)
    7.0
    """
    a, w = np.asarray(weights, dtype=np.float64), np.asarray(norms, dtype=np.float64)
    if a.shape != w.shape:
        raise ValueError(
            f"weights, norms: shapes {a.shape} and {w.shape} are given, but one shape is needed"
        )
    if not (w > 0).all():
        raise ValueError("norms: each must be above 0, since a unit of norm 0 is a constant")
    return relu_bound(beta) * float((np.abs(a) * w).sum())


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
    if not norms or min(norms) < 0:
        raise ValueError(f"norms: {norms!r} are given, but at least one number >= 0 is needed")
    error = 0.0
    for norm in norms[:-1]:
        error = norm * error + relu_bound(beta)
    return norms[-1] * error


def entrywise_depth_bound(weights: Sequence[ArrayLike], beta: float) -> NDArray[np.float64]:
    """Return the bound of each output: e_l = |W_l| e_{l−1} + (κ/β)1, and |W_last| e at the end (T3).

    Never above `depth_bound` of the same matrices.

    Parameters
    ----------
    weights
        W_1, …, W_last, each (out, in); the last one is the affine read-out.
    beta
        Sharpness β > 0.

    >>> from softbook.relu_softmax.theory import KAPPA
    >>> entrywise_depth_bound([[[1.0], [1.0]], [[1.0, -1.0], [0.5, 0.0]]], KAPPA).tolist()
    [2.0, 0.5]
    """
    if not weights:
        raise ValueError("weights: none is given, but at least the read-out is needed")
    absolute = [np.abs(np.asarray(weight, dtype=np.float64)) for weight in weights]
    error = np.zeros(absolute[0].shape[-1])
    for weight in absolute[:-1]:
        error = weight @ error + relu_bound(beta)
    return np.asarray(absolute[-1] @ error)
