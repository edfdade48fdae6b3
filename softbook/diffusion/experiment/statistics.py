"""How far samples are from images, with intervals: pairs of pixels, nearest images, shares."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.stats import beta, norm, t
from torch import Tensor

from softbook.diffusion.theory.checks import count

__all__ = ["nearest", "of_mean", "of_repeats", "of_share", "pair_error"]

CONFIDENCE = 0.95
BLOCKS = 27
"""Parts that the jackknife leaves out in turn: 297 held-out images are 27 times 11."""


def _squared(sums: Tensor, many: int, others: Tensor, count_of_others: int) -> float:
    """Return the mean over pairs of (p − q)², without bias, from counts of pairs that are both inked."""
    p, q = sums / many, others / count_of_others
    noise = p * (1 - p) / (many - 1) + q * (1 - q) / (count_of_others - 1)
    first, second = torch.triu_indices(len(p), len(p), 1)
    return float(((p - q) ** 2 - noise)[first, second].mean())


def pair_error(
    samples: Int64[Tensor, "n d"], images: Int64[Tensor, "m d"]
) -> tuple[float, float, float]:
    """Return how much the pairwise frequencies differ: √(mean over i<j of (P(x_i x_j) − Q(x_i x_j))²).

    With its 95 % interval. The noise of both samples is subtracted: the square is estimated without bias (a
    Bernoulli mean's variance is p(1−p)/(n−1) for the estimated p), and set to 0 where it comes out negative.
    The interval is that of a jackknife over 27 blocks of both sets together, normal on the scale of the squares.
    Rows hold 0 and 1, at least 54 in each set. Source: own; the square is a maximum mean discrepancy, with kernel (x·y)².

    >>> x = torch.randint(2, (400, 5), generator=torch.Generator().manual_seed(0))
    >>> pair_error(x, 0 * x)[0] > 0.2, pair_error(x[:200], x[200:])[1]
    (True, 0.0)
    """
    if min(len(samples), len(images)) < 2 * BLOCKS:
        raise ValueError(
            f"samples, images: {len(samples)} and {len(images)} rows are given, "
            f"but at least {2 * BLOCKS} of each are needed"
        )
    sums, sizes = [], []
    for rows in (samples.double(), images.double()):
        parts = torch.tensor_split(rows, BLOCKS)
        sums.append(torch.stack([part.T @ part for part in parts]))
        sizes.append([len(part) for part in parts])
    (ours, theirs), (n, m) = (part.sum(0) for part in sums), map(sum, sizes)
    whole = _squared(ours, n, theirs, m)
    left = [
        _squared(ours - sums[0][b], n - sizes[0][b], theirs - sums[1][b], m - sizes[1][b])
        for b in range(BLOCKS)
    ]
    spread = math.sqrt((BLOCKS - 1) * float(np.var(left)))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, BLOCKS - 1)) * spread
    value, low, high = (math.sqrt(max(0.0, whole + side)) for side in (0, -reach, reach))
    return value, low, high


def nearest(samples: Int64[Tensor, "n d"], images: Int64[Tensor, "m d"]) -> Float[Tensor, "n"]:
    """Return how many pixels each sample differs from the nearest of `images` in; O(n m d).

    >>> nearest(torch.tensor([[0, 1]]), torch.tensor([[1, 1], [1, 0]])).tolist()
    [1.0]
    """
    x, y = samples.float(), images.float()
    return (x @ (1 - y).T + (1 - x) @ y.T).amin(1)


def of_mean(values: Float[Tensor, "n"]) -> tuple[float, float, float]:
    """Return the mean of iid values and its normal 95 % interval.

    >>> of_mean(torch.tensor([1.0, 1.0]))
    (1.0, 1.0, 1.0)
    """
    mean, spread = float(values.mean()), float(values.std()) / math.sqrt(len(values))
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * spread
    return mean, mean - reach, mean + reach


def of_repeats(values: Float[np.ndarray, "n"]) -> tuple[float, float, float]:
    """Return the mean of a few iid values and its 95 % interval by Student's t; n ≥ 2.

    >>> [round(end, 3) for end in of_repeats(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484]
    """
    many = count("values", len(values), 2)
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(many)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, many - 1)) * spread
    return mean, mean - reach, mean + reach


def of_share(successes: int, trials: int) -> tuple[float, float, float]:
    """Return a share and its 95 % interval of Clopper and Pearson (1934), which never covers less.

    >>> of_share(0, 10)[:2], round(of_share(0, 10)[2], 3)
    ((0.0, 0.0), 0.308)
    """
    trials, successes = count("trials", trials), count("successes", successes, 0)
    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = (
        float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    )
    return successes / trials, low, high
