"""A wrong posterior of known size: what really happens, and what three bounds say of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from softbook.diffusion.model.tables import check_table
from softbook.diffusion.theory.checks import number

__all__ = ["Perturbation", "posterior_perturbation"]


@dataclass(frozen=True)
class Perturbation:
    """The masked sampler with perturbed conditionals, one site at a time.

    `measured` is TV(sampler, data). `adjoint` is the mean over random orders of the sum of
    TV(p^i, p-hat^i) along the data's path; `kl` the same sum of KL divergences, which bounds that of the
    laws, and `pinsker` sqrt(kl / 2). `entrywise` is d N max|p - p-hat| / 2 over all contexts and
    all N tokens.
    """

    measured: float
    adjoint: float
    kl: float
    pinsker: float
    entrywise: float


def posterior_perturbation(
    data: Any, epsilon: float, tokens: float, *, drop: float = 0.0
) -> Perturbation:
    """Perturb the exact conditionals of masks and compare what happens with what is promised.

    Parameters
    ----------
    data
        A law on ``[S]^d``.
    epsilon
        In [0, 1]: the model is (1 - epsilon) p + epsilon times the uniform law on the vocabulary.
    tokens
        N >= S, the size of the vocabulary; data uses S of them. The others are alike, so that
        nothing grows with N: 10^9 costs what S costs.
    drop
        In [0, 1): before that, tokens with p < drop lose their probability, and the rest is
        rescaled (a context in which all would be dropped keeps its law). Then p has mass
        where the model has none, unless epsilon puts some there, and KL is infinite.

    O(2^d S^d). Source: own, theorem "Masks".

    >>> found = posterior_perturbation([[0.5, 0.0], [0.0, 0.5]], 0.1, 1000)
    >>> found.measured <= found.adjoint <= 0.2
    True
    """
    table = check_table(data)
    epsilon, drop = number("epsilon", epsilon, 0.0, 1.0), number("drop", drop, 0.0, 1.0)
    size = number("tokens", tokens, low=len(table))
    sites = table.ndim
    reached = _empty_product(table)
    gap = divergence = worst = 0.0
    for shown in _subsets(sites):
        marginal = table.sum(axis=_others(shown, sites), keepdims=True)
        if len(shown) == sites:
            measured = float(np.maximum(table - reached[shown], 0.0).sum())
            continue
        # The next of d - r masked sites, after one of C(d, r) sets of shown ones.
        weight = 1 / (math.comb(sites, len(shown)) * (sites - len(shown)))
        for site in (i for i in range(sites) if i not in shown):
            after = tuple(sorted((*shown, site)))
            joint = table.sum(axis=_others(after, sites), keepdims=True)
            exact = _given(joint, marginal, site)
            model = _dropped(exact, drop, site) * (1 - epsilon) + epsilon / size
            mass = np.broadcast_to(marginal, model.sum(axis=site, keepdims=True).shape)
            gap += weight * _mean(mass, np.maximum(exact - model, 0.0).sum(site, keepdims=True))
            divergence += weight * _mean(mass, _kl(exact, model, site))
            worst = max(worst, _largest(exact, model, mass, epsilon, size, len(table)))
            part = reached[shown] * model / (sites - len(shown))
            reached[after] = reached.get(after, 0.0) + part
    divergence = max(divergence, 0.0)  # Rounding may leave a little less than nothing.
    return Perturbation(
        measured, gap, divergence, math.sqrt(divergence / 2), sites * size * worst / 2
    )


def _empty_product(table: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    return {(): np.ones((1,) * table.ndim)}


def _subsets(sites: int) -> Iterator[tuple[int, ...]]:
    """Yield sets of sites, small ones first."""
    for size in range(sites + 1):
        yield from combinations(range(sites), size)


def _others(shown: tuple[int, ...], sites: int) -> tuple[int, ...]:
    return tuple(i for i in range(sites) if i not in shown)


def _given(joint: np.ndarray, marginal: np.ndarray, site: int) -> Float[np.ndarray, "..."]:
    """Return p(site | shown), uniform where the context has no mass."""
    flat = np.full_like(joint, 1 / joint.shape[site])
    return np.divide(joint, marginal, out=flat, where=marginal > 0)


def _dropped(exact: np.ndarray, drop: float, site: int) -> np.ndarray:
    kept = np.where(exact >= drop, exact, 0.0)
    total = kept.sum(site, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1.0), exact)


def _mean(mass: np.ndarray, values: np.ndarray) -> float:
    # A context without mass is never met, though its values may be infinite.
    return float((mass * np.where(mass > 0, values, 0.0)).sum())


def _kl(exact: np.ndarray, model: np.ndarray, site: int) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(exact > 0, exact * (np.log(exact) - np.log(model)), 0.0)
    return terms.sum(site, keepdims=True)


def _largest(
    exact: np.ndarray, model: np.ndarray, mass: np.ndarray, epsilon: float, size: float, tokens: int
) -> float:
    """Return the largest |p - p-hat| in contexts with mass, tokens without data included."""
    known = float(np.where(mass > 0, np.abs(exact - model), 0.0).max())
    return max(known, epsilon / size if size > tokens else 0.0)
