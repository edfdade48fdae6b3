"""A reader's own sequences, of any length, from files to a steered sampler: three commands.

`python -m softbook.domino.experiment.own pretrain FILE.fa --out model.safetensors`: a masked denoiser from
FASTA. `... judge FILE.csv --out judge.safetensors`: a reward from sequences with activities. `... steer
model.safetensors judge.safetensors --out steered.safetensors`: fine-tuning, with a checkpoint beside it that
a later call goes on from. For 200 letters on a GPU: `--length 200 --channels 128 --layers 20 --device cuda`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from softbook.domino.experiment.loaders import (
    HEPG2,
    batches,
    read_activities,
    read_fasta,
    text,
    tokens_of,
)
from softbook.domino.experiment.weights import load_network, save_network
from softbook.domino.model.denoising import pretrain
from softbook.domino.model.finetune import finetune
from softbook.domino.model.network import MaskedNet, Oracle
from softbook.domino.model.regression import pearson, train_oracle, values
from softbook.domino.model.rollout import rollout

__all__ = ["learn", "main", "steer"]

HELD_OUT = 10
"""One sequence in so many is kept from a judge, to see how well it has learned."""


def learn(given: argparse.Namespace) -> str:
    """Train a denoiser from FASTA, or a judge from a table, write it, and return a sentence about it."""
    network = {"channels": given.channels, "layers": given.layers}
    training = {"steps": given.steps, "seed": given.seed}
    notes = {**training, "length": given.length, "source": given.data.name}
    if given.command == "pretrain":
        words = [word for _, word in read_fasta(given.data) if len(word) == given.length]
        rows = _some(words, given).to(given.device)
        model, losses = pretrain(rows, **training, **network)
        save_network(given.out, model.cpu(), {**notes, "rows": len(rows)})
        last = losses[-100:]
        return f"{given.out}: {len(rows)} sequences, {sum(last) / len(last):.4f} nats a site"
    found = list(batches(read_activities(given.data, [given.column], length=given.length)))
    _some(found, given)
    rows = torch.cat([tokens for tokens, _ in found]).to(given.device)
    targets = torch.cat([activities for _, activities in found])[:, 0].float().to(given.device)
    kept = torch.arange(len(rows), device=rows.device) % HELD_OUT == 0
    if len(rows) < 2 * HELD_OUT:
        raise ValueError(f"data: {len(rows)} sequences are given, but {2 * HELD_OUT} are needed")
    oracle = train_oracle(rows[~kept], targets[~kept], **training, **network)
    agreed = pearson(values(oracle, rows[kept]), targets[kept])
    save_network(given.out, oracle.cpu(), {**notes, "rows": len(rows), "pearson": agreed})
    return f"{given.out}: {len(rows)} sequences, correlation {agreed:.3f} on those kept back"


def _some(found: list[Any], given: argparse.Namespace) -> Tensor:
    """Return words as tokens; none of the length is a ValueError."""
    if not found:
        raise ValueError(f"length: {given.length} is given, but {given.data} has no such sequence")
    return tokens_of(found) if isinstance(found[0], str) else found[0][0]


def steer(given: argparse.Namespace) -> str:
    """Fine-tune a denoiser for a judge, write it, and return a sentence with one of its sequences."""
    model, notes = load_network(MaskedNet, given.model)
    oracle = load_network(Oracle, given.judge)[0].eval().to(given.device)
    place: dict[str, Any] = {"sites": int(notes["length"]), "tokens": model.tokens}

    def reward(tokens: Tensor) -> Tensor:
        return values(oracle, tokens)

    def drawn(tuned: nn.Module) -> Tensor:
        with torch.no_grad():
            return rollout(tuned, 256, **place, steps=32, seed=given.seed).final

    model.to(given.device)
    before = float(reward(drawn(model)).mean())
    finetune(
        model,
        reward,
        **place,
        method=given.method,
        epochs=1,
        iterations=given.iterations,
        strength=given.strength,
        seed=given.seed,
        checkpoint=given.out.with_suffix(".checkpoint.safetensors"),
        every=20,
    )
    after = drawn(model)
    now = float(reward(after).mean())
    save_network(given.out, model.cpu(), {**notes, "strength": given.strength})
    return f"{given.out}: mean reward {before:.3f} before, {now:.3f} after; {text(after[:1])[0]}"


def parser_of() -> argparse.ArgumentParser:
    """Return the parser of the three commands."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m " + __spec__.name)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, steps, layers in (("pretrain", 2500, 4), ("judge", 500, 3)):
        one = commands.add_parser(name)
        one.add_argument("data", type=Path, help="FASTA" if name == "pretrain" else "CSV")
        one.add_argument(
            "--length", type=int, default=200, help="only sequences of so many letters"
        )
        one.add_argument("--channels", type=int, default=48)
        one.add_argument("--layers", type=int, default=layers)
        one.add_argument("--steps", type=int, default=steps)
    one.add_argument("--column", default=HEPG2, help="the activity's column")
    last = commands.add_parser("steer")
    last.add_argument("model", type=Path)
    last.add_argument("judge", type=Path)
    last.add_argument("--method", default="grpo", choices=("grpo", "ppo", "reinforce"))
    last.add_argument("--iterations", type=int, default=200)
    last.add_argument("--strength", type=float, default=0.03, help="price of moving away")
    for each in commands.choices.values():
        each.add_argument("--out", type=Path, required=True)
        each.add_argument("--seed", type=int, default=0)
        each.add_argument("--device", default="cpu")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Do one of the three; what is wrong with a file or a setting is said in a sentence."""
    parser = parser_of()
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        print(steer(given) if given.command == "steer" else learn(given))
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
