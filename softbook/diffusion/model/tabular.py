"""The simplest learner: conditionals counted in rows, given the revealed context."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from softbook.diffusion.model.rows import as_rows

Conditionals = Callable[[Int[np.ndarray, "n d"], float], Float[np.ndarray, "n d S"]]
"""A function (tokens, time) -> probabilities of each site's token."""


def tabular_conditionals(rows: Int[np.ndarray, "samples d"], tokens: int) -> Conditionals:
    """Return conditionals that count: p̂^i(a|context) = share of the rows that agree with the context.

    Parameters
    ----------
    rows
        Samples of the data, integers from 0 to `tokens` − 1.
    tokens
        S; token S is the mask.

    A context that no row agrees with gets the uniform law. They do not depend on time. A call costs
    O(n samples d). Source: own, theorem "From samples to a sampler" (`tabular_bound`).

    >>> learned = tabular_conditionals(np.array([[0, 0], [0, 1], [1, 1]]), 2)
    >>> learned(np.array([[0, 2], [2, 2]]), 0.0)[:, 1].round(3).tolist()
    [[0.5, 0.5], [0.333, 0.667]]
    """
    held = as_rows(np.asarray(rows, dtype=np.int64), tokens)
    return lambda contexts, time: held.posterior(contexts, time)
