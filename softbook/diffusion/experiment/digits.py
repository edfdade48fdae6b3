"""Handwritten digits as sequences of tokens: 64 binary pixels, or four quadrants of three shades."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int64
from sklearn.datasets import load_digits
from torch import Tensor

__all__ = ["SITES", "coarse", "pixels"]

SITES, HELD_OUT = 64, 297


@lru_cache(maxsize=1)
def _images() -> np.ndarray:
    images = load_digits().images
    return images[np.random.default_rng(0).permutation(len(images))]


def pixels() -> tuple[Int64[Tensor, "train 64"], Int64[Tensor, "held_out 64"]]:
    """Return 1,500 digits to learn from and 297 held out, in rows of 8x8 pixels, 1 where ink is.

    A pixel counts as ink at half of its largest value, 8 of 16. The order is shuffled, always in
    the same way.

    >>> [tuple(part.shape) for part in pixels()]
    [(1500, 64), (297, 64)]
    """
    rows = torch.from_numpy((_images() >= 8).reshape(-1, SITES).astype(np.int64))
    return rows[:-HELD_OUT], rows[-HELD_OUT:]


def coarse() -> Int64[Tensor, "digits 4"]:
    """Return all 1,797 digits as the shades 0, 1, 2 of their quadrants: four sites, three tokens.

    A quadrant is light, middle or dark by its mean, cut at the thirds of all digits' means, so that
    each site shows each token often.

    >>> tuple(coarse().shape), int(coarse().max())
    ((1797, 4), 2)
    """
    means = _images().reshape(-1, 2, 4, 2, 4).mean((2, 4)).reshape(-1, 4)
    return torch.from_numpy((means[..., None] > np.quantile(means, [1 / 3, 2 / 3])).sum(-1))
