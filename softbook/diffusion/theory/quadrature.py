"""Integrals over time of what depends on rates: Gauss panels that are halved until two rules agree."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from softbook.diffusion.theory.chains import Rates, rates_at

# Gauss's rule is compared with one of Lobatto that is exact for polynomials of degree 23. It asks at both ends
# and in the middle: so it sees a jump there, where two rules of Gauss would agree on a wrong number.
NODES, LOBATTO = 16, 13
# Ends are asked a little inside, since at an end itself the next piece begins.
INSIDE = 1e-13
# Panels that functions of time begin with, whose kinks nobody names.
PANELS = 8
# A panel's length in units of 1/(largest rate): sixteen nodes integrate e^{±8} to rounding.
REACH = 4.0
# How far the two rules may be apart, as a share of the whole; below `NOISE` of the rates all is rounding.
AGREE, NOISE = 1e-9, 1e-14
# Where halving ends: a panel's share of the time, and how many there may be.
SHORTEST, MOST = 2.0**-40, 4096


class Rule(NamedTuple):
    """Increasing times, and two rules on the same panels of time.

    Attributes
    ----------
    times
        The nodes of both rules, [m].
    weights, rough
        Of Gauss's rule of 16 nodes a panel, and of Lobatto's of 13; 0 at the nodes of the other.
    """

    times: Float[np.ndarray, "m"]
    weights: Float[np.ndarray, "m"]
    rough: Float[np.ndarray, "m"]

    def integral(self, values: Float[np.ndarray, "m"]) -> tuple[float, float]:
        """Return the integral of what has these values, and the sum of the rules' differences in the panels.

        >>> rule = quadrature([[(1.0, np.eye(1))]], 0.0, 1.0)
        >>> rule.integral(np.full(len(rule.times), np.inf))
        (inf, 0.0)
        """
        parts = []
        for weights in (self.weights, self.rough):
            # A node of the other rule does not count, whatever it has.
            terms = np.multiply(weights, values, out=np.zeros(len(values)), where=weights > 0)
            parts.append(terms.reshape(-1, NODES + LOBATTO).sum(1))
        fine, rough = parts
        apart = np.abs(np.subtract(fine, rough, out=np.zeros(len(fine)), where=fine != rough))
        return float(fine.sum()), float(apart.sum())


def quadrature(
    chains: Sequence[Rates],
    begin: float,
    end: float,
    integrands: Sequence[Callable[[float], Any]] = (),
) -> Rule:
    """Return a rule on [begin, end] whose panels no piece's end cuts.

    Panels are at most 4/(largest rate) long. Where a chain is a function of time, there are at least
    8, halved until both rules agree to 1e-9 on its rates and on each entry of the `integrands`,
    functions of time (an infinite entry counts as 0). What lasts less than a hundredth of the time may
    go unseen: give pieces.

    Raises a ValueError that names the time where 40 halvings, or 4096 panels, are not enough.

    >>> rule = quadrature([[(0.5, np.eye(1)), (1.0, np.eye(1))]], 0.0, 1.0)
    >>> len(rule.times), float(rule.weights.sum().round(12))
    (58, 1.0)
    """
    cuts, most = {begin, end}, 0.0
    moving = [rates for rates in chains if callable(rates)]
    for rates in chains:
        if not callable(rates):
            cuts |= {until for until, _ in rates if begin < until < end}
            most = max(most, *(float(np.abs(np.diagonal(matrix)).max()) for _, matrix in rates))
    if moving:
        cuts |= set(np.linspace(begin, end, PANELS + 1)[1:-1])
    ends: list[float] = [begin]
    for a, b in itertools.pairwise(sorted(cuts)):
        parts = max(1, int(np.ceil((b - a) * most / REACH)))
        ends += list(a + (b - a) * np.arange(1, parts + 1) / parts)
    panels = list(itertools.pairwise(ends))
    if moving:
        panels = _halved(panels, moving, integrands)
    times, weights = (np.concatenate(part) for part in zip(*map(_nodes, panels), strict=True))
    return Rule(times, weights[:, 0], weights[:, 1])


@cache
def _rules() -> tuple[np.ndarray, np.ndarray]:
    """Return increasing places [29] in (0, 1) and the weights [29, 2] of both rules.

    >>> float((_rules()[1].T @ _rules()[0] ** 23 * 24).round(9).sum())
    2.0
    """
    x, w = np.polynomial.legendre.leggauss(NODES)
    last = np.polynomial.Legendre.basis(LOBATTO - 1)
    y = np.array([-1.0, *np.sort(last.deriv().roots().real), 1.0])
    weights = np.zeros((NODES + LOBATTO, 2))
    weights[:NODES, 0] = w
    weights[NODES:, 1] = 2 / (LOBATTO * (LOBATTO - 1) * last(y) ** 2)
    places = (1 + np.concatenate((x, y))) / 2
    order = np.argsort(places)
    return np.clip(places[order], INSIDE, 1 - INSIDE), weights[order] / 2


def _nodes(panel: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return increasing times [29] in a panel and the weights [29, 2] of both rules."""
    (a, b), (places, weights) = panel, _rules()
    return a + (b - a) * places, (b - a) * weights


def _halved(
    panels: list[tuple[float, float]],
    moving: Sequence[Callable[[float], Any]],
    integrands: Sequence[Callable[[float], Any]],
) -> list[tuple[float, float]]:
    """Halve panels until both rules agree on all that is asked of them."""
    span = panels[-1][1] - panels[0][0]
    known: dict[tuple[float, float], tuple[np.ndarray, float]] = {}
    while True:
        for panel in panels:
            if panel not in known:
                known[panel] = _asked(panel, moving, integrands)
        # [panels, rule, entries]
        sums = np.array([known[panel][0] for panel in panels])
        rates = sum(known[panel][1] * (panel[1] - panel[0]) for panel in panels)
        allowed = np.maximum(AGREE * np.abs(sums[:, 0].sum(0)), NOISE * rates)
        apart = (np.abs(sums[:, 0] - sums[:, 1]) > allowed).any(1)
        apart |= [(b - a) * known[a, b][1] > REACH for a, b in panels]
        if not apart.any():
            return panels
        halves = []
        for (a, b), split in zip(panels, apart, strict=True):
            if split and (b - a < SHORTEST * span or len(panels) > MOST):
                raise ValueError(
                    f"rates: near time {(a + b) / 2:.12g} they are too large, or change too often, to be "
                    "integrated; an earlier end, or pieces, are needed"
                )
            halves += [(a, (a + b) / 2), ((a + b) / 2, b)] if split else [(a, b)]
        panels = halves


def _asked(
    panel: tuple[float, float],
    moving: Sequence[Callable[[float], Any]],
    integrands: Sequence[Callable[[float], Any]],
) -> tuple[np.ndarray, float]:
    """Return the integrals [rule, entries] of rates and integrands over a panel, and the largest rate."""
    times, weights = _nodes(panel)
    values, most = [], 0.0
    for time in times:
        rates = [rates_at(chain, time) for chain in moving]
        most = max(most, *(float(np.abs(matrix).max()) for matrix in rates))
        entries = [*rates, *(np.asarray(function(time)) for function in integrands)]
        values.append(np.concatenate([entry.ravel() for entry in entries]))
    finite = np.where(np.isfinite(values), values, 0.0)
    return weights.T @ finite, most
