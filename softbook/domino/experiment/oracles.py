"""Two learned rewards on disjoint halves of labelled synthetic DNA: one to steer by, one held out.

Run by `python -m softbook.domino.experiment.oracles [--out FOLDER]`, about half a minute on one core. Committed:
`data/oracle_reward.safetensors`, `data/oracle_held_out.safetensors`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from softbook.checks import one_of
from softbook.domino.experiment.grammar import activity, dna_sequences, labels
from softbook.domino.experiment.pretraining import LENGTH, SEED, references
from softbook.domino.experiment.weights import DATA, load_network, save_network
from softbook.domino.model.network import Oracle
from softbook.domino.model.regression import pearson, train_oracle, values

__all__ = ["HALVES", "halves", "load_oracle", "main"]

HALVES = ("reward", "held_out")
STEPS, NEW, NEW_SEED = 500, 1500, 10**6
"""Steps of training; new sequences on which an oracle is held against the truth, and their seed."""


def halves(
    rows: Int64[Tensor, "n d"], seed: int = SEED
) -> dict[str, tuple[Int64[Tensor, "m d"], Float[Tensor, " m"]]]:
    """Return the labelled rows of each oracle: the first half, then the second; no row is in both.

    >>> {name: len(targets) for name, (_, targets) in halves(references()[:100]).items()}
    {'reward': 50, 'held_out': 50}
    """
    targets, middle = labels(rows, seed), len(rows) // 2
    parts = (slice(None, middle), slice(middle, 2 * middle))
    return {
        name: (rows[part], targets[part].float()) for name, part in zip(HALVES, parts, strict=True)
    }


def load_oracle(name: str) -> Oracle:
    """Return the committed oracle "reward" or "held_out", in evaluation mode.

    >>> load_oracle("reward").tokens
    4
    """
    one_of("name", name, HALVES)
    return load_network(Oracle, DATA / f"oracle_{name}.safetensors")[0].eval()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train both oracles and write them."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m " + __spec__.name)
    parser.add_argument("--out", type=Path, default=DATA, help="folder; default: the committed one")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    new = dna_sequences(NEW, length=LENGTH, seed=NEW_SEED)
    truth = activity(new)
    for turn, (name, (rows, targets)) in enumerate(halves(references()).items()):
        started = time.perf_counter()
        oracle = train_oracle(rows, targets, steps=STEPS, seed=SEED + turn)
        notes: dict[str, float] = {
            "steps": STEPS,
            "seed": SEED + turn,
            "rows": len(rows),
            "length": LENGTH,
        }
        notes["pearson"] = round(pearson(values(oracle, new), truth), 4)
        out = given.out / f"oracle_{name}.safetensors"
        save_network(out, oracle, notes)
        took = time.perf_counter() - started
        print(f"{out}: correlation with the truth {notes['pearson']}, {took:.0f} s")


if __name__ == "__main__":
    main()
