"""The path from noise to data: its laws, its posteriors and its rates, exact in float64.

At flow time t each site shows its token with probability t, else a draw of the prior. States of the
path are d letters: the S tokens, and one more, number S, where the prior has it: the mask, or all
tokens that the data never use, lumped into one. No posterior tells these apart, so lumping is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from softbook.diffusion.model.priors import Prior, kind_of, letters
from softbook.diffusion.model.tables import check_table, like
from softbook.diffusion.theory.checks import count, increasing, number

__all__ = [
    "Conditionals",
    "asked",
    "grid_of",
    "letters",
    "path_law",
    "posterior",
    "posteriors",
    "rates",
    "states",
    "timeless",
]

Conditionals = Callable[[np.ndarray, float], np.ndarray]
"""(tokens ``[n, d]``, time) -> probabilities ``[n, d, S]``."""
MOST_STATES = 20_000
# At which a model is asked again that may not depend on time: neither an end nor a simple fraction.
LATER = 0.618
# How far apart its answers may be, and how far from one a model's probabilities may sum.
SLACK = 1e-6


def states(letter_count: int, sites: int) -> Int64[np.ndarray, "n d"]:
    """Return all states of the path in C order; raise where there are more than 20,000.

    >>> states(2, 2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if letter_count**sites > MOST_STATES:
        raise ValueError(
            f"data: {letter_count} letters at {sites} sites make {letter_count**sites:,} states,"
            f" but exact laws are for at most {MOST_STATES:,}"
        )
    return np.indices((letter_count,) * sites).reshape(sites, -1).T


def _shown(tokens: int, time: float, prior: Float[np.ndarray, "A"]) -> Float[np.ndarray, "A S"]:
    """Return the probability of each letter at time t, given the token that it becomes."""
    return time * np.eye(len(prior), tokens) + (1 - time) * prior[:, None]


def _along(matrix: np.ndarray, table: np.ndarray, axis: int) -> np.ndarray:
    return np.moveaxis(np.tensordot(matrix, table, (1, axis)), 0, axis)


def path_law(
    data: Any, time: float, *, prior: Prior = "masked", prior_size: float | None = None
) -> Any:
    """Return the law of the path at flow time `time` in [0, 1], of shape (letters,) * d.

    `prior` is "masked", "uniform" (on `prior_size` tokens, default S), or any noise: the probabilities
    of the S tokens, and perhaps of letter S, which no datum shows. With `prior_size` above S the
    tokens without data are lumped into letter S. O(d S letters^d).

    >>> path_law([0.5, 0.5], 0.5).tolist()
    [0.25, 0.25, 0.5]
    >>> path_law([0.5, 0.5], 0.5, prior=[0.2, 0.8]).tolist()
    [0.35, 0.65]
    """
    table = check_table(data)
    shown = _shown(
        len(table), number("time", time, 0.0, 1.0), letters(len(table), prior, prior_size)[1]
    )
    for axis in range(table.ndim):
        table = _along(shown, table, axis)
    return like(table, data)


def posteriors(
    table: np.ndarray, time: float, prior: Float[np.ndarray, "A"]
) -> Float[np.ndarray, "n d S"]:
    """Return p^i_t(a | x) for every state x in C order, sites i and tokens a.

    In states of probability zero tokens stay as they are, and other letters get the uniform law.
    O(d S letters^d) operations and numbers.

    >>> posteriors(np.array([0.2, 0.8]), 0.5, np.array([0.0, 0.0, 1.0]))[2].tolist()
    [[0.2, 0.8]]
    """
    tokens, sites = len(table), table.ndim
    shown, found = _shown(tokens, time, prior), []
    for site in range(sites):
        joint = table
        for other in range(sites):
            if other != site:
                joint = _along(shown, joint, other)
        # [.., letter of the site, .., token of the site]
        joint = np.expand_dims(np.moveaxis(joint, site, -1), site)
        shape = [1] * (sites + 1)
        shape[site], shape[-1] = shown.shape
        joint = joint * shown.reshape(shape)
        total = joint.sum(-1, keepdims=True)
        law = np.divide(joint, total, out=np.full_like(joint, np.nan), where=total > 0)
        found.append(law.reshape(-1, tokens))
    held = np.vstack([np.eye(tokens), np.full((len(prior) - tokens, tokens), 1 / tokens)])
    every = states(len(prior), sites)
    exact = np.stack(found, 1)
    return np.where(np.isnan(exact), held[every], exact)


def posterior(
    data: Any,
    tokens: Int64[np.ndarray, "n d"],
    time: float,
    *,
    prior: Prior = "masked",
    prior_size: float | None = None,
) -> Float[np.ndarray, "n d S"]:
    """Return p^i_t(. | x): the law of the token that each site becomes, given the state x.

    `tokens` holds letters 0, ..., S - 1, and S for a mask or a token without data. With masks the time
    does not matter. In states of probability zero masked sites get the uniform law. `prior` and
    `prior_size` as for `path_law`. O(letters^d S d).

    >>> posterior([[0.5, 0.0], [0.0, 0.5]], np.array([[0, 2]]), 0.3).tolist()
    [[[1.0, 0.0], [1.0, 0.0]]]
    """
    table = check_table(data)
    letter_count, law = letters(len(table), prior, prior_size)
    time = number("time", time, 0.0, 1.0)
    place = _places(tokens, letter_count, table.ndim)
    every = states(letter_count, table.ndim)
    return asked(None, table, every, time, kind_of(prior), law)[place]


def _places(tokens: Any, letter_count: int, sites: int) -> Int64[np.ndarray, " n"]:
    given = np.asarray(tokens)
    if given.ndim != 2 or given.shape[1] != sites:
        raise ValueError(f"tokens: shape {given.shape} is given, but [n, {sites}] is needed")
    if given.dtype.kind not in "iu":
        raise TypeError(f"tokens: {given.dtype} is given, but integers are needed")
    if given.size and not (given.min() >= 0 and given.max() < letter_count):
        raise ValueError(
            f"tokens: {given.min()} to {given.max()} are given, but 0 to {letter_count - 1} are needed"
        )
    return np.ravel_multi_index(given.T, (letter_count,) * sites)


def asked(
    conditionals: Conditionals | None,
    table: np.ndarray,
    every: Int64[np.ndarray, "n d"],
    time: float,
    prior: str,
    law: Float[np.ndarray, "A"],
) -> Float[np.ndarray, "n d S"]:
    """Return the conditionals of all states: a model's, or the exact ones where it is None.

    Raises ValueError where a model's are no probabilities. With masks only those of masked sites
    are used: a shown token stays.

    >>> every = states(3, 1)
    >>> masked = np.array([0.0, 0.0, 1.0])
    >>> asked(lambda x, t: np.full((3, 1, 2), 0.5), np.ones(2) / 2, every, 0.0, "masked", masked)[0]
    array([[1., 0.]])
    """
    tokens = len(table)
    if conditionals is None:
        # The posterior of masks does not depend on time; 1/2 keeps 0 and 1 from being special.
        found = posteriors(table, 0.5 if prior == "masked" else time, law)
    else:
        found = np.array(conditionals(every.copy(), time), dtype=np.float64)
    if found.shape != (*every.shape, tokens):
        raise ValueError(
            f"conditionals: shape {found.shape} is returned, but {(*every.shape, tokens)} is needed"
        )
    if prior == "masked":
        shown = every < tokens
        found[shown] = np.eye(tokens)[every[shown]]
    if not ((found >= 0).all() and np.allclose(found.sum(-1), 1, rtol=0, atol=SLACK)):
        raise ValueError("conditionals: what is returned are no probabilities over the last axis")
    return found


def timeless(
    conditionals: Conditionals | None,
    table: np.ndarray,
    every: Int64[np.ndarray, "n d"],
    law: Float[np.ndarray, "A"],
) -> Float[np.ndarray, "n d S"]:
    """Return a masked model's conditionals of all states; raise where two times have different ones.

    It is asked at 0 and at 0.618; what is equal there may still differ at other times.

    >>> every, masked = states(3, 1), np.array([0.0, 0.0, 1.0])
    >>> timeless(lambda x, t: np.full((3, 1, 2), 0.5), np.ones(2) / 2, every, masked)[2]
    array([[0.5, 0.5]])
    """
    first = asked(conditionals, table, every, 0.0, "masked", law)
    if conditionals is not None:
        later = asked(conditionals, table, every, LATER, "masked", law)
        apart = float(np.abs(first - later).max())
        if apart > SLACK:
            raise ValueError(
                f"conditionals: they change by {apart:.3g} between times 0 and {LATER}, but ones that do "
                "not depend on time are needed to fill masks one at a time"
            )
    return first


def rates(
    data: Any,
    time: float,
    *,
    prior: Prior = "masked",
    prior_size: float | None = None,
    conditionals: Conditionals | None = None,
) -> Float[np.ndarray, "n n"]:
    """Return the generator Q_t of the path, or of a model: row x, column y, rows sum to zero.

    A site is drawn anew from p^i_t(. | x) at rate 1 / (1 - t), t < 1; states stand in C order. With
    `conditionals` their law is drawn from instead. `prior` and `prior_size` as for `path_law`. O(n^2)
    numbers for n = letters^d states.

    >>> rates([0.5, 0.5], 0.0).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, -1.0]]
    """
    table, time = check_table(data), number("time", time, 0.0, 1.0)
    if time == 1:
        raise ValueError("time: 1 is given, but rates are infinite there; a time below 1 is needed")
    letter_count, law = letters(len(table), prior, prior_size)
    every = states(letter_count, table.ndim)
    targets = asked(conditionals, table, every, time, kind_of(prior), law) / (1 - time)
    matrix, rows = np.zeros((len(every),) * 2), np.arange(len(every))
    for site in range(table.ndim):
        for token in range(len(table)):
            after = every.copy()
            after[:, site] = token
            columns = np.ravel_multi_index(after.T, (letter_count,) * table.ndim)
            matrix[rows, columns] += targets[:, site, token]
    # What is drawn again is no jump: the diagonal is what leaves.
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, 0.0 - matrix.sum(1))
    return matrix


def grid_of(schedule: Callable[[float], float], steps: int) -> Float[np.ndarray, "steps_1"]:
    """Return the times kappa(k/K): any schedule of keep probabilities is a grid of flow times.

    >>> grid_of(lambda s: s**2, 2).tolist()
    [0.0, 0.25, 1.0]
    """
    steps = count("steps", steps)
    return increasing("schedule", [float(schedule(k / steps)) for k in range(steps + 1)])
