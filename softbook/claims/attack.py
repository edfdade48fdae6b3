"""The attack: an optimiser that searches a claim's domain for the setting nearest to breaking it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import qmc

if TYPE_CHECKING:
    from softbook.claims.claim import Claim, Verdict

# Shares of the budget: a low-discrepancy survey, then local searches from its best places.
SURVEY = 0.5
STARTS = 4


class _Search:
    """Counts evaluations and keeps the worst verdict; a place outside the hypotheses scores least."""

    def __init__(self, claim: Claim, budget: int) -> None:
        self.claim, self.left = claim, budget
        self.worst: Verdict | None = None

    def settings(self, place: np.ndarray) -> dict[str, Any]:
        units = np.clip(place, 0.0, 1.0)
        return {
            name: knob.from_unit(float(u))
            for (name, knob), u in zip(self.claim.knobs.items(), units, strict=True)
        }

    def score(self, place: np.ndarray) -> float:
        """Return minus the ratio: what `minimize` makes small."""
        settings = self.settings(place)
        if self.left <= 0 or not self.claim.admits(settings):
            return math.inf
        self.left -= 1
        verdict = self.claim.check(**settings)
        if self.worst is None or verdict.severity() > self.worst.severity():
            self.worst = verdict
        return -verdict.ratio if math.isfinite(verdict.ratio) else -1e300


def attack(claim: Claim, budget: int, seed: int) -> Verdict:
    """Return the worst verdict found with at most `budget` evaluations of `claim`.

    Half of the budget surveys the domain with a scrambled Sobol sequence; the rest starts
    Nelder-Mead searches at the survey's best places. The same `seed` finds the same verdict.

    Raises
    ------
    ValueError
        If `budget` is below 1.
    RuntimeError
        If no setting that meets the hypotheses is found.
    """
    if budget < 1:
        raise ValueError(f"budget: {budget} is given, but at least 1 is needed")
    search = _Search(claim, budget)
    dimensions = max(len(claim.knobs), 1)
    count = max(int(budget * SURVEY), 1)
    survey = qmc.Sobol(dimensions, seed=seed).random(2 ** math.ceil(math.log2(count)))[:count]
    survey = survey[:, : len(claim.knobs)]
    scores = [search.score(place) for place in survey]
    if claim.knobs:
        for rank, start in enumerate(np.argsort(scores)[:STARTS]):
            share = search.left // (STARTS - rank)
            simplex = _simplex(survey[start])
            options = {"maxfev": share, "initial_simplex": simplex, "xatol": 1e-9, "fatol": 0}
            minimize(search.score, survey[start], method="Nelder-Mead", options=options)
    # Narrow hypotheses can hold nowhere in a small survey; a random draw tries longer.
    return search.worst or claim.check(**next(claim.draw(1, seed)))


def _simplex(start: np.ndarray) -> np.ndarray:
    """Return a simplex of side 0.1 at `start` that points into the unit cube."""
    steps = np.where(start < 0.5, 0.1, -0.1)
    return np.vstack([start, start + np.diag(steps)])
