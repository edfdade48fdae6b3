r"""The max-sum ratio of a law on lengths, and the cheapest law with a small one.

| symbol | meaning | code |
|---|---|---|
| $q_\ell$ | probability of the length $\ell$ | `masses` |
| $n=N_{\rm trg}$ | triggers | `triggers` |
| $R$ | $\max_\ell\frac{q_\ell}\ell\big/\sum_\ell\frac{q_\ell}\ell$ | `max_sum_ratio(..., form="paper")` |
| $R_T$ | the same with $2\ell+3$, the index of the query, in the place of $\ell$ | `form="finite"` |
| $\sum_\ell q_\ell\ell^2$ | cost of attention for a training sequence | `length_cost` |

The two ratios are different numbers: the paper states its results up to constants with the first, one
step of training produces the second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from scipy.optimize import linprog

from softbook.checks import count, one_of
from softbook.induction.theory.lengths import FORMS, law_of, shares

__all__ = [
    "cheapest_masses",
    "least_cost",
    "length_cost",
    "max_sum_ratio",
    "optimal_masses",
    "uniform_ratio",
]


def max_sum_ratio(
    masses: Sequence[float] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    *,
    form: str = "paper",
) -> float:
    r"""Return the greatest share of one length, $\max_\ell w_\ell/\sum_\ell w_\ell$.

    Parameters
    ----------
    masses, lengths
        The law $q$ on lengths: numbers of at least 0 that sum to 1, and different integers of at least 1.
    form
        "paper": $w_\ell=q_\ell/\ell$, written $R$. "finite": $w_\ell=q_\ell/(2\ell+3)$, written $R_T$: what one
        step of training produces at finite length. $\frac25R<R_T<\frac52R$.

    Returns
    -------
    A number in (0, 1]; 1 exactly if only one length has mass. At least 1/(number of lengths with mass).

    Source: Kawata et al. 2025, definition of the max-sum ratio ("paper"); own ("finite").

    >>> max_sum_ratio([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4])
    0.25
    >>> round(max_sum_ratio([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4], form="finite"), 4)
    0.3075
    """
    each = shares(masses, lengths, form)
    return float(each.max() / each.sum())


def uniform_ratio(shortest: int, lengths: int, *, form: str = "paper") -> float:
    """Return the ratio of the uniform law on `lengths` lengths from `shortest` on.

    >>> uniform_ratio(1, 2) == (1 / 1) / (1 / 1 + 1 / 2)
    True
    """
    first, many = count("shortest", shortest), count("lengths", lengths)
    return max_sum_ratio(np.full(many, 1 / many), np.arange(first, first + many), form=form)


def length_cost(masses: Sequence[float] | np.ndarray, lengths: Sequence[int] | np.ndarray) -> float:
    """Return the mean of ℓ²: what attention costs for a training sequence, up to a factor.

    >>> length_cost([0.5, 0.5], [1, 3])
    5.0
    """
    weights, places = law_of(masses, lengths)
    return float(weights @ places.astype(np.float64) ** 2)


def optimal_masses(triggers: int, *, form: str = "paper") -> Float64[np.ndarray, " lengths"]:
    """Return the cheapest law with ratio 1/`triggers`: linear in the length on 1..`triggers`.

    `form` "paper": proportional to ℓ; "finite": to 2ℓ+3. The masses stand for the lengths 1, 2, ...,
    `triggers`.

    Source: Kawata et al. 2025, Proposition 8 ("paper"); both are proved in chapter 4.

    >>> optimal_masses(4).tolist()
    [0.1, 0.2, 0.3, 0.4]
    """
    lengths = np.arange(1, count("triggers", triggers) + 1, dtype=np.float64)
    weights = lengths if one_of("form", form, FORMS) == "paper" else 2 * lengths + 3
    return weights / weights.sum()


def least_cost(triggers: int, *, form: str = "paper") -> float:
    """Return the cost of `optimal_masses`: n(n+1)/2, or (n+1)(n²+3n+1)/(2(n+4)) for the finite form.

    >>> least_cost(4), length_cost(optimal_masses(4), [1, 2, 3, 4])
    (10.0, 10.0)
    """
    n = count("triggers", triggers)
    if one_of("form", form, FORMS) == "paper":
        return n * (n + 1) / 2
    return (n + 1) * (n * n + 3 * n + 1) / (2 * (n + 4))


def cheapest_masses(
    triggers: int, longest: int, *, form: str = "paper"
) -> Float64[np.ndarray, " longest"]:
    """Return the cheapest law on 1..`longest` with ratio at most 1/`triggers`, by a linear programme.

    It knows nothing of `optimal_masses`, and is its check. `longest` >= `triggers`: else no law has so small
    a ratio, and a ValueError says so. Cost: a programme with `longest` variables and constraints.

    >>> np.round(cheapest_masses(3, 6), 6).tolist()
    [0.166667, 0.333333, 0.5, 0.0, 0.0, 0.0]
    """
    n, most = count("triggers", triggers), count("longest", longest)
    if most < n:
        raise ValueError(
            f"longest: {longest} is given, but at least {n} is needed: a law on fewer lengths than triggers has a greater ratio"
        )
    lengths = np.arange(1, most + 1, dtype=np.float64)
    per = 1 / (lengths if one_of("form", form, FORMS) == "paper" else 2 * lengths + 3)
    found = linprog(
        lengths**2,
        A_ub=np.diag(n * per) - per,
        b_ub=np.zeros(most),
        A_eq=np.ones((1, most)),
        b_eq=[1.0],
        method="highs",
    )
    return np.maximum(found.x, 0.0)
