"""What is measured of generated DNA: rewards, the known truth, likeness to data, variety."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from softbook.domino.experiment.grammar import activity, dna_sequences, labels
from softbook.domino.experiment.metrics import (
    gc_share,
    hamming_diversity,
    kmer_correlation,
    motif_correlation,
    unique_share,
)
from softbook.domino.experiment.oracles import load_oracle
from softbook.domino.experiment.pretraining import LENGTH, SEED, load_reference, references
from softbook.domino.model.denoising import likelihood
from softbook.domino.model.regression import values
from softbook.domino.model.rollout import rollout

__all__ = [
    "DIGITS",
    "MEASURES",
    "best_rows",
    "counts",
    "data_rows",
    "measured",
    "samples_of",
]

MEASURES = (
    "reward",
    "held_out",
    "truth",
    "kmers",
    "motifs",
    "likelihood",
    "hamming",
    "unique",
    "gc",
)
"""Means of the reward that is steered by, of the held-out one and of the known truth; correlations of the
counts of 3-mers and of motifs with those of the best training sequences; nats a sequence under the
reference that a run began with (a lower bound); share of sites in which two differ; share of distinct ones; share of the letters G and C."""
DIGITS = 4
BEST_SHARE = 50
"""The best training sequences are one in so many: 2 %."""
ROWS, ROWS_SEED = 1500, 2 * 10**6
"""Sequences of each kind of data that is measured beside the runs, and their seed."""


@cache
def best_rows() -> Int64[Tensor, "n d"]:
    """Return the 2 % of the training sequences whose noisy labels are highest, best first.

    >>> best_rows().shape
    torch.Size([240, 80])
    """
    rows = references()
    return rows[labels(rows, SEED).argsort(descending=True)[: len(rows) // BEST_SHARE]]


def samples_of(
    model: Callable[[Tensor, float], Tensor], samples: int, *, steps: int, seed: int
) -> Int64[Tensor, "n d"]:
    """Draw sequences of the study's length from a model of four letters.

    >>> samples_of(load_reference("weak"), 3, steps=2, seed=0).shape
    torch.Size([3, 80])
    """
    with torch.no_grad():
        return rollout(model, samples, sites=LENGTH, tokens=4, steps=steps, seed=seed).final


def measured(rows: Int64[Tensor, "n d"], reference: nn.Module) -> dict[str, float | None]:
    """Return each of `MEASURES` of sequences, rounded; None where a correlation is not defined.

    `reference`: the denoiser under which they are likely or not.

    >>> sorted(measured(references()[:20], load_reference("weak"))) == sorted(MEASURES)
    True
    """
    best = best_rows()
    found = {
        "reward": float(values(load_oracle("reward"), rows).mean()),
        "held_out": float(values(load_oracle("held_out"), rows).mean()),
        "truth": float(activity(rows).mean()),
        "kmers": float(kmer_correlation(rows, best)),
        "motifs": float(motif_correlation(rows, best)),
        "likelihood": float(likelihood(reference, rows).mean()),
        "hamming": float(hamming_diversity(rows)),
        "unique": float(unique_share(rows)),
        "gc": float(gc_share(rows).mean()),
    }
    return {name: round(one, DIGITS) if math.isfinite(one) else None for name, one in found.items()}


def counts(rows: Int64[Tensor, "n d"]) -> list[list[int]]:
    """Return how many rows have each of the four letters at each site, `[d][4]`.

    >>> counts(torch.tensor([[0, 3], [0, 1]]))
    [[2, 0, 0, 0], [0, 1, 0, 1]]
    """
    return torch.stack([(rows == letter).sum(0) for letter in range(4)], 1).tolist()


def data_rows() -> dict[str, dict[str, float | None]]:
    """Return the measures of new data, of the best training sequences and of random letters.

    Their likelihoods are under the strong reference.

    >>> sorted(data_rows())
    ['best', 'data', 'random']
    """
    strong = load_reference("strong")
    source = torch.Generator().manual_seed(ROWS_SEED)
    kinds = {
        "data": dna_sequences(ROWS, length=LENGTH, seed=ROWS_SEED),
        "best": best_rows(),
        "random": torch.randint(0, 4, (ROWS, LENGTH), generator=source),
    }
    return {name: measured(rows, strong) for name, rows in kinds.items()}
