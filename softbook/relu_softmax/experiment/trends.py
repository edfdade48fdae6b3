"""Power laws: the slope of a measured trend on log-log axes, with an interval from the seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["Slope", "loglog_slope"]


@dataclass(frozen=True)
class Slope:
    """A fitted exponent with its bootstrap interval of the given `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def contains(self, exponent: float) -> bool:
        """Return whether `exponent` lies in the interval.

        >>> Slope(-0.9, -1.1, -0.7).contains(-1)
        True
        """
        return self.low <= exponent <= self.high


def loglog_slope(
    x: Float[np.ndarray, " settings"],
    y: Float[np.ndarray, "seeds settings"],
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Slope:
    """Fit log y = constant + slope * log x by least squares on the seeds' mean of log y.

    The interval is the percentile bootstrap over seeds: whole rows are drawn again with repetition, since
    a seed's figures at different settings share their data. It covers the scatter between seeds; it does
    not cover that the trend may not be a power law. With one seed it has no width.

    `x`, `y` > 0 and finite, at least two different x; otherwise a ValueError.
    Cost: O(resamples * seeds * settings).

    >>> import numpy as np
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> slope = loglog_slope(x, np.stack([3 / x, 5 / x]))
    >>> round(slope.value, 12), round(slope.low, 12), round(slope.high, 12)
    (-1.0, -1.0, -1.0)
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if y.ndim != 2 or x.shape != y.shape[1:] or y.shape[0] < 1:
        raise ValueError(
            f"y: shape {y.shape} is given, but (seeds, {x.size}) with at least one seed is needed"
        )
    if np.unique(x).size < 2:
        raise ValueError("x: at least two different values are needed for a slope")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x > 0).all() and (y > 0).all()):
        raise ValueError(
            "x, y: all values must be finite and > 0, since their logarithms are fitted"
        )
    if not 0 < level < 1:
        raise ValueError(f"level: {level} is given, but a number between 0 and 1 is needed")
    lever = np.log(x) - np.log(x).mean()
    slopes = np.log(y) @ lever / (lever @ lever)  # the fit is linear in log y: one slope a seed
    rng = np.random.default_rng(seed)
    drawn = slopes[rng.integers(len(slopes), size=(resamples, len(slopes)))].mean(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Slope(float(slopes.mean()), float(low), float(high), level)
