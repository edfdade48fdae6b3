"""Ten count matrices of JASPAR 2024 and how well a sequence fits them.

Tokens are A C G T = 0..3. One strand is read, the one given: the reverse strand is not searched.
The matrices are licensed under CC BY 4.0; the file `data/jaspar.json` carries the attribution.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch
from jaxtyping import Float, Int
from torch import Tensor

PSEUDO_COUNT = 0.8
"""Added to each position before it is normalised, a quarter of it to each letter."""


@dataclass(frozen=True)
class Motif:
    """One matrix: its accession, name, taxon numbers and counts [width, 4] in the order A C G T."""

    accession: str
    name: str
    species: tuple[str, ...]
    counts: Float[Tensor, "width 4"]

    def log_odds(self) -> Float[Tensor, "width 4"]:
        """Natural log of frequency over 1/4, float64 [width, 4], finite by the pseudo-count.

        >>> motifs()[0].log_odds().shape
        torch.Size([9, 4])
        """
        counts = self.counts + PSEUDO_COUNT / 4
        return (4 * counts / counts.sum(1, keepdim=True)).log()


@cache
def motifs() -> tuple[Motif, ...]:
    """The ten matrices in the order of the file (Rauluseviciute et al. 2024), read once.

    >>> [motif.name for motif in motifs()][:3]
    ['HNF4A', 'HNF1A', 'CEBPA']
    """
    content = json.loads((files("softbook.domino") / "data" / "jaspar.json").read_text())
    return tuple(
        Motif(
            entry["accession"],
            entry["name"],
            tuple(entry["species"]),
            torch.tensor(entry["counts"], dtype=torch.float64),
        )
        for entry in content["motifs"]
    )


def scores(tokens: Int[Tensor, "n length"], motif: Motif) -> Float[Tensor, "n places"]:
    """Summed log odds at each of the length - width + 1 places, float64; O(n length width).

    A sequence shorter than the motif, or a token outside 0..3, is a ValueError.

    >>> best = motifs()[0].log_odds().argmax(1)
    >>> bool(scores(best[None], motifs()[0])[0, 0] > 5)
    True
    """
    weights = motif.log_odds().to(tokens.device)
    width, length = len(weights), tokens.shape[1]
    if length < width:
        raise ValueError(f"tokens is {length} letters long, {motif.name} needs at least {width}.")
    if tokens.numel() and not (int(tokens.min()) >= 0 and int(tokens.max()) <= 3):
        raise ValueError(f"tokens holds {tokens.min()} to {tokens.max()}, allowed are 0 to 3.")
    windows = tokens.long().unfold(1, width, 1)
    return weights[torch.arange(width, device=tokens.device), windows].sum(-1)


def best_hits(tokens: Int[Tensor, "n length"], motif: Motif) -> Float[Tensor, " n"]:
    """The highest score along each sequence, float64 [n]; errors as in `scores`.

    >>> best_hits(torch.zeros(2, 20, dtype=torch.int64), motifs()[0]).shape
    torch.Size([2])
    """
    return scores(tokens, motif).amax(1)
