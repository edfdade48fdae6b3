r"""The weights after one step on the values and one on the attention, in the limit of small value steps, exact.

Both matrices start at zero. With $N$ tokens, of which $n$ are triggers and $m=N-n$ are not, lengths
$\ell\sim q$, $T=2\ell+3$ and the population's gradients,

$$W_V(1)=\eta_V\,\mathbb E\bigl[(e_o-\tfrac1N)\bar x^\top\bigr],\qquad
G=\lim_{\eta_V\to0}\frac{W_{KQ}(1)}{\eta_V\eta_{KQ}}=\mathbb E\Bigl[\sum_ig_ix_ix_T^\top\Bigr],$$

where $g_i=(u_i-\bar u)/T$ and $u_i=(e_o-\frac1N)^\top W_V(1)x_i/\eta_V$. Tokens are exchangeable, so that every entry is a
sum over lengths of a few numbers: no sampling, no enumeration of sequences. Features are ordered position,
token, previous token; the first token has no previous one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from softbook.checks import count
from softbook.induction.theory.lengths import law_of

__all__ = ["PopulationWeights", "population_weights"]


@dataclass(frozen=True)
class PopulationWeights:
    """What the population's two steps produce.

    Attributes
    ----------
    attention
        G, key feature by query feature, in units of the product of both steps' rates.
    value
        W_V(1) per unit of its rate.
    scale
        c = E[1/T]/(N − n), the unit in which the entries of the limit N → ∞ are written.
    longest, vocabulary, triggers
        L, N, n: the features are L + 2N.
    """

    attention: Float64[np.ndarray, "features features"]
    value: Float64[np.ndarray, "vocabulary features"]
    scale: float
    longest: int
    vocabulary: int
    triggers: int


@dataclass(frozen=True)
class _Setting:
    """The numbers that the entries are made of."""

    masses: np.ndarray
    lengths: np.ndarray
    vocabulary: int
    triggers: int
    kappa: int
    longest: int

    @property
    def ordinary(self) -> int:
        return self.vocabulary - self.triggers

    def mean(self, values: np.ndarray) -> float:
        """Return the mean of `values` / T over lengths."""
        return float(self.masses @ (values / (2 * self.lengths + 3)))

    @property
    def scale(self) -> float:
        return self.mean(np.ones(len(self.lengths))) / self.ordinary

    @property
    def excess(self) -> float:
        """1/m − 1/N: how much likelier an ordinary output is than a token at random."""
        return 1 / self.ordinary - 1 / self.vocabulary

    @property
    def common(self) -> float:
        """W_V's entry at an ordinary output and another ordinary token."""
        m = self.ordinary
        return self.mean(2 * self.lengths) / m**2 - self.mean(2 * self.lengths + 1) / (
            m * self.vocabulary
        )

    @property
    def places(self) -> np.ndarray:
        """Return E[1{T >= j}/T] for the positions j = 1..L."""
        ends = 2 * self.lengths + 3
        reached = np.arange(1, self.longest + 1)[:, None] <= ends
        return (reached / ends) @ self.masses


def _value(s: _Setting) -> np.ndarray:
    """Return W_V(1) per unit of rate."""
    n, m, longest = s.triggers, s.ordinary, s.longest
    likelier = np.where(np.arange(s.vocabulary) < n, -1 / s.vocabulary, s.excess)[:, None]
    value = np.zeros((s.vocabulary, longest + 2 * s.vocabulary))
    value[:, :longest] = likelier * s.places
    once = m * s.scale / n
    for block in range(s.kappa):
        start = longest + block * s.vocabulary
        # A trigger stands at two places, and before a token at one.
        value[:, start : start + n] = likelier * once * (2 - block)
        ordinary = value[:, start + n : start + s.vocabulary]
        ordinary[:n] = -s.mean(2 * s.lengths + 1) / (m * s.vocabulary)
        ordinary[n:] = s.common + s.scale * np.eye(m)
    return value


def _gains(s: _Setting, length: int) -> np.ndarray:
    """Return E g_i for the positions of a sequence of this length."""
    end, once = 2 * length + 3, s.ordinary * s.scale / s.triggers
    usual = s.common + s.scale / s.ordinary
    tokens = np.full(end, usual)
    tokens[length + 1] = s.common + s.scale
    tokens[[length, end - 1]] = 2 * once * s.excess
    use = s.excess * s.places[:end] + tokens
    if s.kappa == 2:
        before = np.full(end, usual)
        before[0], before[length + 1] = 0.0, once * s.excess
        before[length + 2] = s.common + s.scale
        use = use + before
    return (use - use.mean()) / end


def _same(s: _Setting, length: int, gains: np.ndarray) -> tuple[float, float]:
    """Return E of the sum of g_i where token i, and where the token before i, is the one before the query.

    Two ordinary tokens agree with probability 1/m, and independently of agreeing with the output, unless the
    output is one of the two: then the mean of u moves, and for length 1 the place after the output too.
    """
    m, end = s.ordinary, 2 * length + 3
    tied = s.scale / m * (1 - 1 / m) / end
    token = gains[end - 2] + (-gains[length] - gains[end - 1] - gains[end - 2]) / m
    before = gains[end - 1] + (-gains[0] - gains[length + 1] - gains[end - 1]) / m
    moved = s.kappa * tied / end
    return token - moved, before - moved + (tied if length == 1 else 0.0)


def _add(s: _Setting, total: np.ndarray, mass: float, length: int) -> None:
    """Add what sequences of one length contribute."""
    n, m, longest, end = s.triggers, s.ordinary, s.longest, 2 * length + 3
    gains = _gains(s, length)
    token, before = longest, longest + s.vocabulary
    # The sums of g over the places whose token, or whose previous token, is a trigger or is not.
    sums = {
        token: (gains[length] + gains[end - 1], -gains[length] - gains[end - 1]),
        before: (gains[length + 1], -gains[0] - gains[length + 1]),
    }
    column = np.zeros(len(total))
    column[:end] = gains
    for block, (trigger, ordinary) in sums.items():
        column[block : block + n] = trigger / n
        column[block + n : block + s.vocabulary] = ordinary / m
    total[:, end - 1] += mass * column
    for w in range(n):
        here = column / n
        for block, (trigger, _) in sums.items():
            here[block : block + n] = 0.0
            here[block + w] = trigger / n
        total[:, token + w] += mass * here
    spread = np.repeat(column[:, None] / m, m, axis=1)
    for (block, (_, ordinary)), agree in zip(sums.items(), _same(s, length, gains), strict=True):
        apart = (ordinary - agree) / (m * (m - 1))
        spread[block + n : block + s.vocabulary] = apart + (agree / m - apart) * np.eye(m)
    total[:, before + n : before + s.vocabulary] += mass * spread


def population_weights(
    masses: Sequence[float] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    vocabulary: int,
    triggers: int,
    *,
    previous: bool = True,
    longest: int | None = None,
) -> PopulationWeights:
    r"""Return the population's weights after one step on W_V and one on W_KQ, to first order in the former.

    Parameters
    ----------
    masses, lengths
        The law q on lengths ℓ >= 1.
    vocabulary, triggers
        N and n; at least two tokens are not triggers.
    previous
        Whether the values also read the previous-token block (the paper's model); without it the block is held
        at zero.
    longest
        L, the number of position features: at least the greatest T = 2ℓ + 3 (default: that).

    Returns
    -------
    `PopulationWeights`. Cost: O(|lengths| · (L + 2N) · N).

    Source: own (chapter 4, "One step, exactly"); Kawata et al. 2025, Lemma 7, is its leading part for one length.

    >>> found = population_weights([1.0], [2], vocabulary=8, triggers=1)
    >>> found.attention.shape, found.value.shape
    ((23, 23), (8, 23))
    >>> induction = found.attention[15, 7]  # previous token is the trigger, seen by the trigger
    >>> print(f"{induction / (found.scale / 7):.3f}")  # the limit N -> infinity is 1 - 2/7
    0.610
    """
    weights, places = law_of(masses, lengths)
    n = count("triggers", triggers)
    total = count("vocabulary", vocabulary)
    if total < n + 2:
        raise ValueError(
            f"vocabulary: {vocabulary} is given, but at least {n + 2} is needed with {n} triggers"
        )
    least = int(2 * places.max() + 3)
    room = least if longest is None else count("longest", longest, least)
    setting = _Setting(weights, places, total, n, 2 if previous else 1, room)
    attention = np.zeros((room + 2 * total, room + 2 * total))
    for mass, length in zip(weights, places, strict=True):
        if mass > 0:
            _add(setting, attention, float(mass), int(length))
    return PopulationWeights(attention, _value(setting), setting.scale, room, total, n)
