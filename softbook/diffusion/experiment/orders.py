"""The order in 1/K of a sampler's error, extrapolated, with an interval over many laws."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from softbook.diffusion.experiment.statistics import of_repeats
from softbook.diffusion.theory.checks import count

__all__ = ["order"]


def order(
    error: Callable[[Any, int], float], laws: Iterable[Any], steps: int
) -> tuple[float, float, float]:
    """Return the order that the errors tend to, and an interval of 95 %.

    Parameters
    ----------
    error
        (law, K) -> what the sampler in K steps costs, above 0.
    laws
        At least two, drawn independently.
    steps
        K, a multiple of 8.

    From K/2 to K an error falls like K to the power -o_K. Where o_K = o + c/K + ..., the extrapolated
    order is 2 o_K - o_{K/2} (Richardson). Its mean over the laws has Student's interval; to that the mean's
    change from K/2 to K is added, since what the extrapolation leaves is no scatter.

    Raises a ValueError or TypeError for other steps or fewer laws. Cost: 4 errors a law.

    >>> [round(end, 6) for end in order(lambda law, k: law / k**2, [1.0, 2.0, 3.0], 64)]
    [2.0, 2.0, 2.0]
    """
    steps = count("steps", steps, 8)
    if steps % 8:
        raise ValueError(f"steps: {steps} is given, but a multiple of 8 is needed")
    ladder = [steps // 8, steps // 4, steps // 2, steps]
    logs = np.log2([[error(law, k) for k in ladder] for law in laws])
    falls = -np.diff(logs, axis=1)
    before, last = (2 * falls[:, 1:] - falls[:, :-1]).T
    value, low, high = of_repeats(last)
    drift = abs(float(np.mean(last) - np.mean(before)))
    return value, low - drift, high + drift
