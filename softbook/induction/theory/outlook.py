"""Will these data give an induction head? The theory's answer for the distances of a reader's own corpus."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from softbook.checks import count, number
from softbook.induction.theory.logits import margin
from softbook.induction.theory.ratio import max_sum_ratio

__all__ = ["Outlook", "outlook", "repeat_distances"]

SHORTCUT, INDUCTION, UNDECIDED = "shortcut", "induction", "undecided"


def repeat_distances(tokens: Iterable[Hashable]) -> Int64[np.ndarray, " repeats"]:
    """Return ℓ for each repeat: how many tokens stand between what followed last time and the repeat.

    A token at i and again at j > i, not in between, gives ℓ = j − i − 2. Repeats with ℓ < 1 are left out: the task has
    none. Cost: O(tokens).

    >>> repeat_distances("a b c d a x".split()).tolist()
    [2]
    """
    last: dict[Hashable, int] = {}
    found = []
    for place, token in enumerate(tokens):
        if token in last and place - last[token] >= 3:
            found.append(place - last[token] - 2)
        last[token] = place
    return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class Outlook:
    """What one step of training does with such distances, at leading order; `print` it.

    Attributes
    ----------
    lengths, masses
        The law of the distances up to the longest that is looked at, and `beyond`, the share left out.
    triggers
        n, or 1/π for a trigger that makes up the share π of all.
    paper, finite
        The ratios R and R_T.
    margin
        The worst lead of the output's place over any other, on all ℓ1 ≠ ℓ2, in units of A.
    """

    lengths: Int64[np.ndarray, " lengths"]
    masses: Float64[np.ndarray, " lengths"]
    beyond: float
    triggers: float
    paper: float
    finite: float
    margin: float

    @property
    def verdict(self) -> str:
        """Return "induction" if attention finds the output on every ℓ1 ≠ ℓ2, "shortcut" if on some it does not, "undecided" on a tie."""
        if abs(self.margin) < 1e-12:
            return UNDECIDED
        return INDUCTION if self.margin > 0 else SHORTCUT

    def __str__(self) -> str:
        each = self.masses / (2 * self.lengths + 3)
        # The first of those that tie but for rounding.
        most = int(self.lengths[np.argmax(each > each.max() * (1 - 1e-9))])
        low, high = 1 / (self.triggers + 1), 1 / self.triggers
        return (
            f"{len(self.lengths)} distances up to {int(self.lengths.max())} "
            f"({100 * self.beyond:.1f} % lie beyond); strongest: {most}\n"
            f"R_T = {self.finite:.4f} (the paper's R = {self.paper:.4f})\n"
            f"safe below 1/(n+1) = {low:.4f}; thresholds end at 1/n = {high:.4f}\n"
            f"worst margin {self.margin:+.4f}: {self.verdict}"
        )


def outlook(
    distances: Sequence[int] | np.ndarray,
    triggers: float,
    *,
    longest: int = 48,
    previous: bool = True,
) -> Outlook:
    """Say whether one step of training on these distances gives induction or a shortcut.

    Parameters
    ----------
    distances
        One ℓ >= 1 for each repeat of a trigger, for example from `repeat_distances`.
    triggers
        n, the number of equally likely triggers, or 1/π for a trigger that makes up the share π of the repeats.
    longest
        Distances beyond are left out; at least one must be within.
    previous
        Whether the values read the previous token too, as in the paper.

    Returns
    -------
    `Outlook`. It speaks of the task of chapter 4 with this law on lengths, at leading order in 1/N and 1/T, after
    one step on each matrix: not of a trained transformer. Cost: O(longest³).

    Source: own (chapter 4, "Use it").

    >>> outlook([8, 12] * 50, 2).verdict, outlook(np.arange(3, 15), 4).verdict
    ('shortcut', 'induction')
    """
    given = np.asarray(distances)
    most, n = count("longest", longest, 2), number("triggers", triggers, 1.0)
    if given.ndim != 1 or given.dtype.kind not in "iu" or not len(given) or given.min() < 1:
        raise ValueError("distances: a list of integers of at least 1 is needed, and one at least")
    lengths, times = np.unique(given[given <= most], return_counts=True)
    if not len(lengths):
        raise ValueError(
            f"longest: {longest} is given, but the least distance is {int(given.min())}"
        )
    masses = times / times.sum()
    worst = margin(
        masses,
        lengths,
        n,
        previous=previous,
        background=False,
        reach=max(2 * int(lengths.max()), 2),
    )
    return Outlook(
        lengths.astype(np.int64),
        masses,
        1 - float(times.sum()) / len(given),
        n,
        max_sum_ratio(masses, lengths),
        max_sum_ratio(masses, lengths, form="finite"),
        worst,
    )
