"""What a sampler's law can have moved by, from what is seen along its own runs; explicit constants.

Glossary: d = sites, K = steps, w_k = the chance that a hidden site opens in step k; E_θ is over the runs of
the sampler that is tuned. A bound may exceed 1: then it says nothing.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binom

from softbook.checks import count, number, one_of

__all__ = ["FORMS", "group_scale", "reported_exponent", "tv_bound"]

FORMS = ("tv", "cross_entropy", "kl", "generalised_kl", "steps")


def tv_bound(
    deviation: float, *, form: str = "tv", sites: int | None = None, steps: int | None = None
) -> float:
    """Return a bound on TV(p_θ, p_ref) of what the two samplers write, from a mean deviation R.

    Parameters
    ----------
    deviation
        The mean R ≥ 0, over the tuned sampler's own runs, of `tv_regulariser` in the same form: of a
        sum over all K steps. Infinity passes, and so does NaN.
    form
        "tv": R itself. "cross_entropy" and, on the masked path, "generalised_kl": sqrt(d R/2), for
        R = Σ_k w_k E_θ Σ_{i hidden} KL(p_ref^i || p_θ^i). "kl": sqrt(R/2), for KL(p_θ^i || p_ref^i).
        "steps": sqrt(K R/2), for any kernels and a sum of E_θ KL(π_ref || π_θ) of whole steps.
    sites, steps
        d for "cross_entropy" and "generalised_kl", K for "steps"; else they are not needed.

    Returns
    -------
    float, in units of total variation. Neither the number of tokens nor an exponential of rates enters,
    and the number of steps in "steps" alone.

    Raises a ValueError or TypeError for a negative deviation, another form, or a missing d or K.
    Cost: O(1). Source: own, theorems "The penalty bounds the law" and those after it.

    >>> tv_bound(0.3), tv_bound(0.02, form="cross_entropy", sites=4), tv_bound(0.02, form="kl")
    (0.3, 0.2, 0.1)
    """
    found = number("deviation", deviation, 0.0)
    if one_of("form", form, FORMS) == "tv":
        return found
    if form == "kl":
        return math.sqrt(found / 2)
    name, factor = ("steps", steps) if form == "steps" else ("sites", sites)
    if factor is None:
        raise ValueError(f"{name}: nothing is given, but the form {form!r} needs it")
    return math.sqrt(count(name, factor) * found / 2)


def reported_exponent(steps: int) -> float:
    """Return log10 of e^M with M = max 1/(1 - t_k) = K, on the linear path with K uniform steps.

    Bounds with such a factor are reported of the paper; its exact form is not known to us. At 500 steps
    the factor has 217 digits before the point.

    >>> round(reported_exponent(500), 2)
    217.15
    """
    return count("steps", steps) / math.log(10)


def group_scale(share: float, size: int) -> float:
    """Return c_G(q): what standardising in groups of G makes of the gradient of a yes-or-no reward.

    With rewards 0 and 1, q = P(r = 1), the mean of the "grpo" estimator is c_G(q) times the gradient of q:
    c_G(q) = E sqrt((G - j)/j) + E sqrt(j'/(G - j')), j = 1 + Bin(G - 1, q), j' = Bin(G - 1, q).
    It is positive, so the direction is kept; as G grows it tends to 1/sqrt(q(1 - q)).

    Parameters
    ----------
    share
        q, in [0, 1].
    size
        G, at least 2.

    Raises a ValueError or TypeError for others. Cost: O(G). Source: own, theorem "Groups".

    >>> group_scale(0.5, 2), round(group_scale(0.5, 1000), 2)
    (1.0, 2.0)
    """
    share, size = number("share", share, 0.0, 1.0), count("size", size, 2)
    others = np.arange(size)
    chances = binom.pmf(others, size - 1, share)
    right, wrong = others + 1, others
    return float(chances @ (np.sqrt((size - right) / right) + np.sqrt(wrong / (size - wrong))))
