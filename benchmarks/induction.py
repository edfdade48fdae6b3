"""Training of many one-layer models: stacked in one tensor against loops over the models.

Times are the best of several rounds in which all forms take turns, in one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from softbook.induction.model.network import outputs_of
from softbook.induction.model.task import sample_sequences
from softbook.induction.model.training import CHUNK, train

LENGTHS = np.arange(1, 17)
# Uniform on 1..k for k = 2, 4, 6, ..., 16: settings differ, as in a study.
LAWS = np.array([(top >= LENGTHS) / top for top in range(2, 17, 2)])
SEEDS = range(10)
STEPS, ROUNDS, VOCABULARY = 160, 5, 16
SETTING: dict[str, Any] = {
    "steps": STEPS,
    "every": STEPS,
    "tests": 1,
    "rate": 0.01,
    "vocabulary": VOCABULARY,
}
BATCHES = (32, 64)
AGREE = 1e-2


def stacked(batch: int) -> torch.Tensor:
    """Return the values of all models, trained together."""
    return train(LAWS, LENGTHS, batch=batch, seeds=SEEDS, **SETTING).value


def loop(batch: int) -> torch.Tensor:
    """Return the same, with one call of `train` for each model."""
    every = [
        train(law, LENGTHS, batch=batch, seeds=[seed], **SETTING).value
        for law in LAWS
        for seed in SEEDS
    ]
    return torch.cat(every).view(len(LAWS), len(SEEDS), *every[0].shape[2:])


def plain(batch: int) -> torch.Tensor:
    """Return the same, each model trained with automatic differentiation, and nothing tested."""
    every = [_plain(law, seed, batch) for law in LAWS for seed in SEEDS]
    return torch.stack(every).view(len(LAWS), len(SEEDS), *every[0].shape)


def _plain(law: np.ndarray, seed: int, batch: int) -> torch.Tensor:
    longest = 2 * int(LENGTHS.max()) + 3
    features = longest + 2 * VOCABULARY
    value = torch.zeros(VOCABULARY, features, requires_grad=True)
    attention = torch.zeros(features, features, requires_grad=True)
    update = torch.optim.Adam([value, attention], lr=SETTING["rate"], fused=True)
    source = torch.Generator().manual_seed(seed)
    for step in range(STEPS):
        now = step % CHUNK * batch
        if not now:
            chunk = sample_sequences(
                law,
                LENGTHS,
                batch * CHUNK,
                vocabulary=VOCABULARY,
                triggers=1,
                longest=longest,
                seed=source,
            )
        part = type(chunk)(*(field[now : now + batch] for field in vars(chunk).values()))
        update.zero_grad()
        logits = outputs_of(value, attention, part)
        torch.nn.functional.cross_entropy(logits, part.output).backward()
        update.step()
    return value.detach()


FORMS: dict[str, Callable[[int], torch.Tensor]] = {"stacked": stacked, "loop": loop, "plain": plain}


def measure() -> list[dict[str, Any]]:
    """Return the best seconds of each form; raises RuntimeError where two disagree."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    for batch in BATCHES:
        wanted = stacked(batch)
        for name, form in FORMS.items():
            if (form(batch) - wanted).abs().max() > AGREE * wanted.abs().max():
                raise RuntimeError(
                    f"{name} with {batch} sequences a step is wrong: nothing is timed"
                )
        best = dict.fromkeys(FORMS, float("inf"))
        for _ in tqdm(range(ROUNDS), unit="round", disable=None):
            for name, form in FORMS.items():
                start = time.perf_counter()
                form(batch)
                best[name] = min(best[name], time.perf_counter() - start)
        rows += [
            {
                "models": len(LAWS) * len(SEEDS),
                "batch": batch,
                "form": name,
                "ms_per_step": round(1e3 * seconds / STEPS, 2),
                "times_stacked": round(seconds / best["stacked"], 2),
            }
            for name, seconds in best.items()
        ]
    torch.set_num_threads(threads)
    return rows


def summary(rows: list[dict[str, Any]]) -> str:
    """Return what the rows say in one sentence."""
    at = {(row["batch"], row["form"]): row for row in rows}
    parts = [
        f"{batch} sequences a step: a loop takes {at[batch, 'loop']['times_stacked']} times as long "
        f"with the same code, {at[batch, 'plain']['times_stacked']} times with automatic differentiation"
        for batch in BATCHES
    ]
    return f"{rows[0]['models']} models, one thread; " + "; ".join(parts) + " (aim 5)"
