"""Synthetic DNA with real motifs: how sequences are drawn, and how active each truly is.

The ten matrices are real (see `motifs`). All else is invented: the background, how many motifs a sequence
gets, their weights, the pairs that work together, the price on an unusual share of G and C. So the truth
is known, and a reward that was learned can be held against it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from softbook.checks import count
from softbook.domino.experiment.motifs import motifs, scores

__all__ = [
    "BACKGROUND",
    "NOISE",
    "PAIRS",
    "PLANTED",
    "WEIGHTS",
    "activity",
    "dna_sequences",
    "labels",
    "occupancies",
]

BACKGROUND = (
    (0.32, 0.18, 0.28, 0.22),
    (0.33, 0.27, 0.08, 0.32),
    (0.27, 0.24, 0.27, 0.22),
    (0.20, 0.22, 0.28, 0.30),
)
"""Invented: the chance of the next letter A C G T after A, after C (few G follow), after G, after T."""
PLANTED = (0.25, 0.35, 0.25, 0.15)
"""Invented: the chance of 0, 1, 2, 3 planted motifs in a sequence."""
WEIGHTS = {
    "HNF4A": 1.2,
    "HNF1A": 1.0,
    "CEBPA": 0.8,
    "FOXA1": 0.7,
    "SP1": 0.6,
    "NRF1": 0.9,
    "JUND": 0.8,
    "REST": -1.0,
    "GFI1": -0.8,
    "CTCF": 0.5,
}
"""Invented: what a motif adds where it is bound; two take away."""
PAIRS = {("HNF4A", "FOXA1"): 0.8, ("CEBPA", "JUND"): 0.8}
"""Invented: what two motifs add where both are bound."""
CUT, GC_PRICE, GC_MIDDLE = 0.65, 8.0, 0.47
"""A motif is bound with chance 1/2 at so large a part of its best score; the price on (GC − middle)²."""
NOISE = 0.3
"""Standard deviation of the noise of a label."""


def dna_sequences(
    count_: int, *, length: int = 80, seed: int = 0, planted: bool = True
) -> Int64[Tensor, "n length"]:
    """Draw `count_` sequences of tokens A C G T = 0..3: a Markov chain with motifs planted in it.

    Motifs are drawn letter by letter from their counts, each at a uniform place; a later one may cover an
    earlier one. `planted=False` leaves the background alone. Same seed, same sequences. O(n·length).

    Raises a ValueError or TypeError with a sentence if a number is not allowed, or the longest motif
    does not fit.

    >>> dna_sequences(2, length=30, seed=0).shape
    torch.Size([2, 30])
    """
    count("count", count_), count("length", length), count("seed", seed, 0)
    longest = max(len(motif.counts) for motif in motifs())
    if planted and length < longest:
        raise ValueError(f"length: {length} is given, but at least {longest} is needed")
    source = torch.Generator().manual_seed(seed)
    rows = _background(count_, length, source)
    if planted:
        _plant(rows, source)
    return rows


def _background(count_: int, length: int, source: torch.Generator) -> Int64[Tensor, "n length"]:
    reach = torch.tensor(BACKGROUND, dtype=torch.float64).cumsum(1)[:, :3]
    rows = torch.empty(count_, length, dtype=torch.int64)
    rows[:, 0] = torch.randint(4, (count_,), generator=source)
    coins = torch.rand(count_, length, generator=source, dtype=torch.float64)
    for place in range(1, length):
        rows[:, place] = (coins[:, place, None] >= reach[rows[:, place - 1]]).sum(1)
    return rows


def _plant(rows: Int64[Tensor, "n length"], source: torch.Generator) -> None:
    known = motifs()
    numbers = torch.multinomial(torch.tensor(PLANTED), len(rows), True, generator=source)
    for row, number in zip(rows, numbers.tolist(), strict=True):
        for _ in range(number):
            counts = known[int(torch.randint(len(known), (), generator=source))].counts
            word = torch.multinomial(counts, 1, generator=source)[:, 0]
            start = int(torch.randint(len(row) - len(word) + 1, (), generator=source))
            row[start : start + len(word)] = word


def occupancies(tokens: Int[Tensor, "n length"]) -> Float[Tensor, "n motifs"]:
    """Return the chance that each motif is bound somewhere, float64 in [0, 1], in the order of `motifs`.

    At one place: the logistic function of (score − cut), scores in nats; places are independent, so the
    chance of none is a product. Errors as in `scores`. O(n·length·width) a motif.

    >>> occupancies(motifs()[0].log_odds().argmax(1).repeat(4)[None])[0, 0] > 0.9
    tensor(True)
    """
    cuts = [CUT * float(motif.log_odds().amax(1).sum()) for motif in motifs()]
    none = [
        torch.nn.functional.softplus(scores(tokens, motif) - cut).sum(1)
        for motif, cut in zip(motifs(), cuts, strict=True)
    ]
    return -torch.expm1(-torch.stack(none, 1))


def activity(tokens: Int[Tensor, "n length"]) -> Float[Tensor, " n"]:
    """Return the true activity: weighted occupancies, pairs, and the price on the share of G and C.

    Float64. Errors as in `scores`.

    >>> activity(torch.zeros(1, 80, dtype=torch.int64)) < -1
    tensor([True])
    """
    names = [motif.name for motif in motifs()]
    bound = dict(zip(names, occupancies(tokens).unbind(1), strict=True))
    share = ((tokens == 1) | (tokens == 2)).double().mean(1)
    total = -GC_PRICE * (share - GC_MIDDLE) ** 2
    for name, weight in WEIGHTS.items():
        total = total + weight * bound[name]
    for (one, other), weight in PAIRS.items():
        total = total + weight * bound[one] * bound[other]
    return total


def labels(tokens: Int[Tensor, "n length"], seed: int) -> Float[Tensor, " n"]:
    """Return the true activity with normal noise of deviation `NOISE`, float64, as a laboratory would.

    >>> rows = dna_sequences(5)
    >>> bool((labels(rows, 0) - activity(rows)).abs().max() < 2)
    True
    """
    source = torch.Generator().manual_seed(count("seed", seed, 0))
    noise = torch.randn(len(tokens), generator=source, dtype=torch.float64)
    return activity(tokens) + NOISE * noise.to(tokens.device)
