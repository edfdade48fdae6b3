"""A chain in continuous time and its steps: what freezing the rates costs, and what other rates cost.

For rates that stay bounded. Those of the masked path grow like 1/(1 - t): there the parallel bound of the
number of steps takes their place.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from softbook.checks import count, number, one_of

__all__ = ["KERNELS", "jump_bound", "rates_bound"]

KERNELS = ("joint", "product")


def jump_bound(
    rate: float,
    drift: float,
    span: float,
    steps: int,
    *,
    kernel: str = "joint",
    sites: int | None = None,
) -> float:
    """Return a bound on TV between a chain at time T and K steps with rates frozen in each.

    h T (c Λ² + L/4) with h = T/K; c = 1 for the joint kernel I + hQ, in which one jump happens at most,
    and 2 - 1/d for the product kernel, in which each site jumps with probability hλ^i on its own.

    Parameters
    ----------
    rate
        Λ ≥ 0, the greatest exit rate at any time and state, per unit of time.
    drift
        L ≥ 0: the rates out of a state change by at most L|t - s| in all, the diagonal counted too.
    span
        T ≥ 0, in units of time.
    steps
        K, with hΛ ≤ 1.
    kernel
        "joint" or "product".
    sites
        d, for the product kernel; the joint one does not ask.

    Raises a ValueError or TypeError for others, hΛ > 1 included. Cost: O(1). Source: own, theorems
    "Frozen rates" and "Sites on their own".

    >>> jump_bound(1.0, 0.0, 1.0, 10), jump_bound(1.0, 0.0, 1.0, 10, kernel="product", sites=2)
    (0.1, 0.15000000000000002)
    """
    rate, drift = number("rate", rate, 0.0), number("drift", drift, 0.0)
    span, steps = number("span", span, 0.0), count("steps", steps)
    size = span / steps
    if size * rate > 1 + 1e-12:
        raise ValueError(
            f"steps: {steps} is given, but at least {span * rate:.4g} are needed: hΛ ≤ 1"
        )
    joint = one_of("kernel", kernel, KERNELS) == "joint"
    if joint:
        return size * span * (rate**2 + drift / 4)
    if sites is None:
        raise ValueError("sites: nothing is given, but the product kernel's bound needs it")
    return size * span * ((2 - 1 / count("sites", sites)) * rate**2 + drift / 4)


def rates_bound(
    divergence: Float[np.ndarray, "*states"],
    ours: Float[np.ndarray, "*states"],
    theirs: Float[np.ndarray, "*states"],
) -> Float[np.ndarray, "*states"]:
    """Return sqrt(2/3 (λ_ref + 2λ_θ) D): its mean over our chain, integrated over time, bounds TV.

    Parameters
    ----------
    divergence
        D ≥ 0, the generalised KL of the rates out of a state: Σ u_ref log(u_ref/u_θ) - u_ref + u_θ; infinity
        is allowed.
    ours, theirs
        λ_θ, λ_ref ≥ 0, the exit rates there, per unit of time.

    Returns
    -------
    Array of the same shape, per unit of time; at least half of Σ|u_θ - u_ref|, and Σ|u_θ - u_ref| too.

    Raises a ValueError for negative entries. NaN passes. Source: own, theorem "Other rates".

    >>> rates_bound(np.array([0.06]), np.array([1.0]), np.array([1.0])).round(4).tolist()
    [0.3464]
    """
    for name, values in (("divergence", divergence), ("ours", ours), ("theirs", theirs)):
        if (np.asarray(values) < 0).any():
            raise ValueError(f"{name}: {np.min(values)} is given, but numbers from 0 on are needed")
    return np.sqrt(2 / 3 * (theirs + 2 * ours) * divergence)
