r"""Attention logits on a new sequence, from one step of training with many tokens: margins and the predictor.

For $N\to\infty$ the entries of `population_weights` tend to multiples of $c=\mathbb E[1/T]/(N-n)$. On a sequence of
$\ell_1$ fillers, $t,o$, $\ell_2$ fillers and $t$, with $T=\ell_1+\ell_2+3$, $a_\ell=q_\ell/(2\ell+3)$, $A=\sum_\ell a_\ell$ and $a:=a_\ell$ for
$2\ell+3=T$ (0 if there is none), $n$ times the logit of position $j$ is, in units of $\eta_V\eta_{KQ}c$,

$$\begin{aligned}&na\bigl(1_{j=\ell+2}+1^\kappa_{j=\ell+3}-\tfrac\kappa T\bigr)
+\sum_ka_k\bigl(1_{j=k+2}+1^\kappa_{j=k+3}-\tfrac\kappa{2k+3}1_{j\le2k+3}\bigr)\\
&+1_{j=\ell_1+2}\Bigl(a(1-\tfrac\kappa T)+\sum_ka_k(1-\tfrac\kappa{2k+3})\Bigr)-1_{z_j=t}\,2\kappa\Bigl(\tfrac aT+\sum_k\tfrac{a_k}{2k+3}\Bigr).\end{aligned}$$

$\kappa=2$ where the values read the previous token too (then $1^\kappa=1$), else $\kappa=1$ and $1^\kappa=0$. The leading order
drops what is divided by a length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from softbook.checks import count, number
from softbook.induction.theory.families import family_pairs
from softbook.induction.theory.lengths import law_of

__all__ = ["margin", "population_logits", "predicted_accuracy"]

Law = Sequence[float] | np.ndarray


class _Logits:
    """The logits of one law on lengths, with what does not depend on the sequence kept."""

    def __init__(
        self,
        masses: Law,
        lengths: Sequence[int] | np.ndarray,
        triggers: float,
        previous: bool,
        background: bool,
        reach: int,
    ) -> None:
        weights, places = law_of(masses, lengths)
        self.triggers = number("triggers", triggers, 1.0)
        self.kappa, self.previous = 2 if previous else 1, previous
        self.lost = float(self.kappa) if background else 0.0
        ends = 2 * places + 3
        each = weights / ends
        self.total = float(each.sum())
        self.each = dict(zip(ends.tolist(), each.tolist(), strict=True))
        long = max(reach, int(ends.max()))
        static = (np.arange(1, long + 1)[:, None] <= ends) @ (-self.lost * each / ends)
        np.add.at(static, places + 1, each)
        if previous:
            np.add.at(static, places + 2, each)
        self.static = static
        self.shrunk = float((each / ends).sum()) * self.lost

    def at(self, first: int, second: int, triggers_too: bool = True) -> np.ndarray:
        """Return n times the logits at the positions 1..T."""
        end = first + second + 3
        here = self.each.get(end, 0.0)
        found = self.static[:end] - self.triggers * here * self.lost / end
        if here:
            middle = (end - 3) // 2
            found[middle + 1 : middle + (3 if self.previous else 2)] += self.triggers * here
        found[first + 1] += here * (1 - self.lost / end) + self.total - self.shrunk
        if triggers_too:
            found[[first, end - 1]] -= 2 * (here * self.lost / end + self.shrunk)
        return found


def population_logits(
    masses: Law,
    lengths: Sequence[int] | np.ndarray,
    triggers: float,
    first: int,
    second: int,
    *,
    previous: bool = True,
    background: bool = True,
) -> Float64[np.ndarray, " positions"]:
    """Return n times the attention logits on a sequence, for N → ∞ and in units of c and both rates.

    Parameters
    ----------
    masses, lengths, triggers
        The law q on lengths >= 1 of the training, and n. Where triggers are not equally likely, everything here holds for
        the trigger w with 1/π_w in the place of n: so any number of at least 1 is allowed.
    first, second
        ℓ1, ℓ2 >= 0: fillers before and between the triggers.
    previous
        Whether the values read the previous token too (κ = 2) or not (κ = 1).
    background
        False drops what is divided by a length: the leading order.

    Returns
    -------
    One number for each position 1..T = ℓ1 + ℓ2 + 3; the output stands at ℓ1 + 2. Cost: O(T + |lengths|).

    Source: own (chapter 4, "What a new sequence sees").

    >>> population_logits([1.0], [2], 1, 1, 3, background=False).round(4).tolist()
    [0.0, 0.0, 0.2857, 0.2857, 0.2857, 0.0, 0.0]
    """
    one, two = count("first", first, 0), count("second", second, 0)
    return _Logits(masses, lengths, triggers, previous, background, one + two + 3).at(one, two)


def margin(
    masses: Law,
    lengths: Sequence[int] | np.ndarray,
    triggers: float,
    *,
    first: int | None = None,
    second: int | None = None,
    previous: bool = True,
    background: bool = True,
    reach: int | None = None,
) -> float:
    """Return by how much the output's place leads every other, in units of A: negative where attention fails.

    With `first` and `second` (ℓ1, ℓ2) for that sequence; with neither for the worst of all ℓ1 ≠ ℓ2 in
    1..`reach` (default: twice the greatest length with mass). The other arguments are those of
    `population_logits`. Cost: O(reach³) for the worst.

    >>> margin([0.5, 0.5], [8, 9], 1) < 0 < margin([0.5, 0.5], [8, 12], 1)
    True
    """
    if (first is None) != (second is None):
        raise ValueError("first, second: one is given, but both or neither are needed")
    weights, places = law_of(masses, lengths)
    if first is not None and second is not None:
        pairs = [(count("first", first, 0), count("second", second, 0))]
    else:
        most = 2 * int(places[weights > 0].max()) if reach is None else count("reach", reach, 2)
        pairs = [(i, j) for i in range(1, most + 1) for j in range(1, most + 1) if i != j]
    logits = _Logits(
        masses, lengths, triggers, previous, background, max(i + j for i, j in pairs) + 3
    )
    worst = np.inf
    for i, j in pairs:
        found = logits.at(i, j)
        right, found[i + 1] = found[i + 1], -np.inf
        worst = min(worst, right - found.max())
    return float(worst) / logits.total


def predicted_accuracy(
    masses: Law,
    lengths: Sequence[int] | np.ndarray,
    triggers: float,
    *,
    family: str = "conflict",
    previous: bool = True,
) -> float:
    """Return the share of a family on which the population's attention points at the output.

    Nothing is fitted: the arg-max of the logits for N → ∞, without the rows of the triggers, is ℓ1 + 2 or ℓ1 + 3
    (where the previous token is the output). A heuristic and no theorem: at ℓ1 + 3 the values of two tokens tie,
    and a soft arg-max mixes. Arguments as for `population_logits` and `family_pairs`.

    >>> predicted_accuracy([1.0], [5], 4), round(predicted_accuracy([0.05] * 20, range(1, 21), 2), 9)
    (0.25, 1.0)
    """
    one, two, chance = family_pairs(masses, lengths, family)
    logits = _Logits(masses, lengths, triggers, previous, True, int((one + two).max()) + 3)
    hits = [
        int(np.argmax(logits.at(int(i), int(j), triggers_too=False))) - i in (1, 2)
        for i, j in zip(one, two, strict=True)
    ]
    return min(1.0, float(chance @ np.array(hits, dtype=np.float64)))
