"""What the claims of this chapter share: seeded chains, laws and models, and the tolerance of their sums."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm

from softbook.claims import Tolerance
from softbook.diffusion.model.path import Conditionals
from softbook.diffusion.model.tables import random_law
from softbook.knobs import Integer, Linear

SEED = Integer(0, 9999, default=0, label="seed")
TOKENS = Integer(2, 3, default=3, label="tokens S")
SITES = Integer(1, 3, default=3, label="sites d")
STEPS = Integer(1, 12, default=4, label="steps K")
UNEVEN = Linear(0.3, 3.0, default=1.0, label="exponent of the grid", points=28)
ROUNDED = Tolerance(
    "sums of at most 10^5 products of probabilities, each good to a few units of 2^-53: 10^-10",
    lambda **_: 1e-10,
)


def grid_of_power(steps: int, power: float) -> Float[np.ndarray, "steps_1"]:
    """Return the times (k/K)^power.

    >>> grid_of_power(2, 2.0).tolist()
    [0.0, 0.25, 1.0]
    """
    return np.linspace(0, 1, steps + 1) ** power


def law_of(tokens: int, sites: int, seed: int) -> Float[np.ndarray, "..."]:
    """Return a law: heavy-tailed, and for every third seed with half of its entries zero.

    >>> law_of(2, 2, 0).shape
    (2, 2)
    """
    table = random_law(tokens, sites, seed)
    if seed % 3 == 2:
        # The largest entry stays.
        table = np.where(table >= np.median(table), table, 0.0)
    return table / table.sum()


def model_of(tokens: int, sites: int, seed: int, sharp: float = 1.0) -> Conditionals:
    """Return random conditionals that do not depend on time; the smaller `sharp`, the more extreme.

    >>> round(float(model_of(2, 1, 0)(np.array([[2]]), 0.0).sum()), 12)
    1.0
    """
    rng = np.random.default_rng(seed + 10**6)
    table = rng.dirichlet(np.full(tokens, sharp), size=((tokens + 1) ** sites, sites))
    # Where all of a row underflows the draw is NaN: then one token has it all.
    table = np.where(np.isfinite(table), table, np.eye(tokens)[0])
    shape = (tokens + 1,) * sites
    return lambda states, time: table[np.ravel_multi_index(states.T, shape)]


PIECES, SCALE = 2, 2.0


def chain(
    states: int, seed: int, barred: bool = True
) -> list[tuple[float, Float[np.ndarray, "n n"]]]:
    """Return random rates on [0, 1], constant on halves; with `barred` a third of the jumps cannot happen.

    >>> [round(until, 2) for until, _ in chain(3, 0)]
    [0.5, 1.0]
    """
    rng = np.random.default_rng(seed)
    parts = []
    for piece in range(PIECES):
        matrix = SCALE * rng.exponential(size=(states, states))
        if barred:
            matrix *= rng.random((states, states)) > 1 / 3
        np.fill_diagonal(matrix, 0.0)
        np.fill_diagonal(matrix, -matrix.sum(1))
        parts.append(((piece + 1) / PIECES, matrix))
    return parts


def end_law(parts: list[tuple[float, np.ndarray]], start: np.ndarray) -> Float[np.ndarray, " n"]:
    """Return the law at the end of a chain of `chain`, by matrix exponentials.

    >>> end_law([(1.0, np.zeros((2, 2)))], np.array([0.5, 0.5])).tolist()
    [0.5, 0.5]
    """
    last = 0.0
    for until, matrix in parts:
        start, last = start @ expm((until - last) * matrix), until
    return start


def start_of(states: int, seed: int) -> Float[np.ndarray, " n"]:
    """Return a random law on `states` states.

    >>> round(float(start_of(3, 0).sum()), 12)
    1.0
    """
    return np.random.default_rng(seed).dirichlet(np.ones(states))
