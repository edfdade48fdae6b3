"""How generated sequences compare with real ones: words, motifs, variety, letters at each place.

Tokens are A C G T = 0..3; a function takes int tokens ``[n, length]`` with at least one row.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from softbook.checks import count
from softbook.domino.experiment.motifs import best_hits, motifs
from softbook.domino.model.regression import pearson

__all__ = [
    "gc_share",
    "hamming_diversity",
    "information",
    "kmer_correlation",
    "motif_correlation",
    "motif_shares",
    "position_shares",
    "unique_share",
    "word_shares",
]

LETTERS = 4
HIT = 0.8
"""A motif is counted as present where its best score reaches so large a part of the greatest possible."""


def _rows(tokens: Tensor, longest: int = 1) -> Tensor:
    """Return int64 rows, held to be letters of a sufficient number."""
    if tokens.dim() != 2 or not len(tokens) or tokens.shape[1] < longest:
        raise ValueError(
            f"tokens: shape {tuple(tokens.shape)} is given, but [n, length] with n at least 1 and"
            f" length at least {longest} is needed"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= LETTERS:
        raise ValueError(f"tokens: {low} to {high} are given, but 0 to {LETTERS - 1} are needed")
    return tokens.long()


def word_shares(tokens: Int[Tensor, "n length"], k: int = 3) -> Float[Tensor, " words"]:
    """Return the share of each of the 4^k words of k letters, at all places, float64; AA..A is first.

    A ValueError names tokens that are no letters, or a length below k. O(n·length·k).

    >>> word_shares(torch.tensor([[0, 0, 3]]), 2).nonzero()[:, 0].tolist()
    [0, 3]
    """
    rows = _rows(tokens, count("k", k))
    windows = rows.unfold(1, k, 1)
    powers = LETTERS ** torch.arange(k - 1, -1, -1, device=rows.device)
    found = (windows * powers).sum(-1).flatten().bincount(minlength=LETTERS**k)
    return found.double() / found.sum()


def kmer_correlation(
    tokens: Int[Tensor, "n length"], others: Int[Tensor, "m other"], k: int = 3
) -> float:
    """Return the correlation of the shares of words of k letters in two sets, in [-1, 1].

    NaN where one set has every word equally often.

    >>> rows = torch.tensor([[0, 1, 2, 3, 0]])
    >>> round(kmer_correlation(rows, rows), 12)
    1.0
    """
    return pearson(word_shares(tokens, k), word_shares(others, k))


def motif_shares(tokens: Int[Tensor, "n length"]) -> Float[Tensor, " motifs"]:
    """Return the share of sequences that hold each motif, float64 in [0, 1], in the order of `motifs`.

    A motif is held where its best score is at least `HIT` of the greatest possible one.

    >>> motif_shares(motifs()[0].log_odds().argmax(1).repeat(4)[None])[0]
    tensor(1., dtype=torch.float64)
    """
    rows = _rows(tokens)
    found = [
        best_hits(rows, motif) >= HIT * float(motif.log_odds().amax(1).sum()) for motif in motifs()
    ]
    return torch.stack(found, 1).double().mean(0)


def motif_correlation(tokens: Int[Tensor, "n length"], others: Int[Tensor, "m other"]) -> float:
    """Return the correlation of `motif_shares` of two sets; NaN where one holds all equally often, or none.

    >>> rows = motifs()[0].log_odds().argmax(1).repeat(4)[None]
    >>> round(motif_correlation(rows, rows), 12)
    1.0
    """
    return pearson(motif_shares(tokens), motif_shares(others))


def hamming_diversity(tokens: Int[Tensor, "n length"]) -> float:
    """Return the share of sites in which two different rows differ, in the mean over all pairs.

    In [0, n/(n-1)·3/4]; NaN for a single row. Exact from the letters' numbers at each site, O(n·length).

    >>> hamming_diversity(torch.tensor([[0, 1], [0, 2], [0, 1]]))  # one site of two, in two pairs of three
    0.3333333333333333
    """
    rows = _rows(tokens)
    if len(rows) == 1:
        return float("nan")
    same = (position_shares(rows) ** 2).sum(1).mean()
    return float((1 - same) * len(rows) / (len(rows) - 1))


def unique_share(tokens: Int[Tensor, "n length"]) -> float:
    """Return the number of distinct rows over that of all, in (0, 1].

    >>> unique_share(torch.tensor([[0, 1], [0, 2], [0, 1], [0, 1]]))
    0.5
    """
    rows = _rows(tokens)
    return len(rows.unique(dim=0)) / len(rows)


def gc_share(tokens: Int[Tensor, "n length"]) -> Float[Tensor, " n"]:
    """Return each row's share of the letters G and C, float64 in [0, 1].

    >>> gc_share(torch.tensor([[0, 1, 2, 3]]))
    tensor([0.5000], dtype=torch.float64)
    """
    rows = _rows(tokens)
    return ((rows == 1) | (rows == 2)).double().mean(1)


def position_shares(tokens: Int[Tensor, "n length"]) -> Float[Tensor, "length 4"]:
    """Return the share of each letter at each place, float64; each place's shares sum to one.

    >>> position_shares(torch.tensor([[0, 3], [1, 3]])).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    rows = _rows(tokens)
    return torch.nn.functional.one_hot(rows, LETTERS).double().mean(0)


def information(shares: Float[Tensor, "*places 4"]) -> Float[Tensor, "*places"]:
    """Return 2 bits less the entropy of each place's letters: 0 for even shares, 2 for one letter.

    The height of a column of a sequence logo (Schneider and Stephens 1990), without their correction for
    few sequences.

    >>> information(torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0]])).tolist()
    [0.0, 2.0]
    """
    return 2 + torch.special.xlogy(shares, shares).sum(-1) / torch.log(torch.tensor(2.0))
