"""What a path starts from: masks, uniform noise, or any noise; its letters and their law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from jaxtyping import Float

from softbook.diffusion.model.tables import check_table
from softbook.diffusion.theory.checks import PRIORS, number, one_of

__all__ = ["Prior", "check_noise", "kind_of", "letters", "start_law"]

Prior = str | Sequence[float] | np.ndarray
"""\"masked\", \"uniform\", or the probabilities of S tokens, and perhaps of letter S: any noise."""


def letters(
    tokens: int, prior: Prior, prior_size: float | None
) -> tuple[int, Float[np.ndarray, "A"]]:
    """Return how many letters a site of the path has, and the prior's law of them.

    >>> letters(2, "masked", None)[1].tolist(), letters(2, "uniform", 8)[1].tolist()
    ([0.0, 0.0, 1.0], [0.125, 0.125, 0.75])
    >>> letters(2, [0.2, 0.3, 0.5], None)[0]
    3
    """
    if not isinstance(prior, str):
        if prior_size is not None:
            raise ValueError(
                f"prior_size: {prior_size} is given, but a prior of probabilities has one"
            )
        law = check_noise("prior", prior, tokens)
        return len(law), law
    if one_of("prior", prior, PRIORS) == "masked":
        if prior_size is not None:
            raise ValueError(f"prior_size: {prior_size} is given, but a masked prior has no size")
        return tokens + 1, np.eye(tokens + 1)[tokens]
    size = number("prior_size", tokens if prior_size is None else prior_size, low=tokens)
    if size == math.inf:
        return tokens + 1, np.eye(tokens + 1)[tokens]
    law = np.full(tokens, 1 / size)
    return (tokens, law) if size == tokens else (tokens + 1, np.append(law, (size - tokens) / size))


def check_noise(name: str, noise: Any, tokens: int) -> Float[np.ndarray, "A"]:
    """Return noise as probabilities of S tokens, or of these and letter S; raise unless it is that.

    >>> check_noise("noise", [0.5, 0.5], 2).tolist()
    [0.5, 0.5]
    """
    law = check_table(noise, name)
    if law.ndim != 1 or len(law) not in (tokens, tokens + 1):
        raise ValueError(
            f"{name}: shape {law.shape} is given, but ({tokens},) or ({tokens + 1},) is needed"
        )
    return law


def kind_of(prior: Prior) -> str:
    """Return the name of a prior: "noise" where its probabilities are given.

    >>> kind_of("masked"), kind_of([0.5, 0.5])
    ('masked', 'noise')
    """
    return prior if isinstance(prior, str) else "noise"


def start_law(sites: int, prior: Float[np.ndarray, "A"]) -> Float[np.ndarray, "..."]:
    """Return the law of noise: every site is drawn from the prior.

    >>> start_law(2, np.array([0.5, 0.5])).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    return reduce(np.multiply.outer, [prior] * sites)
