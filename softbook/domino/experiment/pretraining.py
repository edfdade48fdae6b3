"""Pretraining of the masked references on synthetic DNA: a weak one, a strong one.

Run by `python -m softbook.domino.experiment.pretraining weak|strong [--out FILE]`. On one core the weak one
takes about half a minute, the strong one about a minute and a half. Committed: `data/weak.safetensors`,
`data/strong.safetensors`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from softbook.checks import one_of
from softbook.domino.experiment.grammar import dna_sequences
from softbook.domino.experiment.weights import DATA, load_network, save_network
from softbook.domino.model.denoising import pretrain
from softbook.domino.model.network import MaskedNet

__all__ = [
    "CHANNELS",
    "COUNT",
    "LENGTH",
    "SEED",
    "STEPS",
    "load_reference",
    "main",
    "references",
]

STEPS = {"weak": 800, "strong": 2500}
"""Steps of Adam of either reference."""
COUNT, LENGTH, SEED = 12_000, 80, 0
"""The training set: sequences, letters each, and the seed of both data and training."""
CHANNELS = 32
"""Width of the networks: small enough for a fine-tuning in well under a minute."""


def load_reference(name: str) -> MaskedNet:
    """Return the committed reference "weak" or "strong", in evaluation mode.

    >>> load_reference("weak").tokens
    4
    """
    one_of("name", name, tuple(STEPS))
    return load_network(MaskedNet, DATA / f"{name}.safetensors")[0].eval()


def references(seed: int = SEED) -> Int64[Tensor, "n d"]:
    """Return the sequences on which both references are trained.

    >>> references().shape
    torch.Size([12000, 80])
    """
    return dna_sequences(COUNT, length=LENGTH, seed=seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train one reference and write it."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m " + __spec__.name)
    parser.add_argument("name", choices=tuple(STEPS))
    parser.add_argument("--out", type=Path, help="default: the committed file")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    steps, started = STEPS[given.name], time.perf_counter()
    model, losses = pretrain(references(), steps=steps, seed=SEED, channels=CHANNELS)
    notes: dict[str, float] = {"steps": steps, "seed": SEED, "count": COUNT, "length": LENGTH}
    notes["nats_per_site"] = round(sum(losses[-100:]) / 100, 4)
    out = given.out or DATA / f"{given.name}.safetensors"
    save_network(out, model, notes)
    print(f"{out}: {notes['nats_per_site']} nats a site, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
