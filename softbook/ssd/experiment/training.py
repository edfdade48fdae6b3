"""Training of one setting: repeatable, and resumed from its last checkpoint after a kill.

A checkpoint is one safetensors file (no pickle): the parameters and Adam's moments as tensors, the
number of finished steps and the losses so far as JSON in its header. Batches depend on seed and step
alone, so nothing else is needed to go on as if nothing had happened.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from softbook.ssd.experiment.network import Network
from softbook.ssd.experiment.setting import Setting
from softbook.ssd.experiment.tasks import SILENT, batch_of, held_out

__all__ = ["bits", "rate_at", "short", "train"]

WARM_UP, LAST = 0.05, 0.1
"""Fraction of the steps over which the rate rises; the rate's end as a fraction of its peak."""
MOMENTS = ("exp_avg", "exp_avg_sq", "step")
EVALUATED = 64
"""Held-out sequences in one pass."""


def bits(
    logits: Float[Tensor, "batch time symbols"], labels: Int[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of the labels that are asked for, in bits.

    >>> bits(torch.zeros(1, 2, 8), torch.tensor([[3, SILENT]])).item()
    3.0
    """
    nats = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=SILENT)
    return nats / math.log(2)


def rate_at(setting: Setting, step: int) -> float:
    """Return AdamW's rate for the step after `step` finished ones: a linear rise, then half a cosine.

    >>> s = Setting(steps=100, rate=1.0)
    >>> rate_at(s, 4), round(rate_at(s, 99), 3)
    (1.0, 0.1)
    """
    warm = max(1, round(WARM_UP * setting.steps))
    if step < warm:
        return setting.rate * (step + 1) / warm
    along = (step - warm) / max(1, setting.steps - warm)
    return setting.rate * (LAST + (1 - LAST) * (1 + math.cos(math.pi * along)) / 2)


@torch.no_grad()
def _evaluate(network: Network, data: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Return the held-out loss (bits) and the fraction of asked labels that get the largest logit."""
    loss, right, asked = 0.0, 0, 0
    for tokens, labels in zip(*(part.split(EVALUATED) for part in data), strict=True):
        logits, known = network(tokens), labels != SILENT
        loss += bits(logits, labels).item() * int(known.sum())
        right += int((logits.argmax(dim=-1) == labels)[known].sum())
        asked += int(known.sum())
    return loss / asked, right / asked


def short(value: float) -> float:
    """Round to six significant digits: far below the scatter between seeds, and a small file.

    >>> short(1 / 3)
    0.333333
    """
    return float(f"{value:.6g}")


def _save(
    file: Path, network: Network, optimiser: torch.optim.AdamW, state: dict[str, Any]
) -> None:
    tensors = {name: value.detach() for name, value in network.named_parameters()}
    for name, value in network.named_parameters():
        for moment in MOMENTS:
            tensors[f"{moment}:{name}"] = optimiser.state[value][moment]
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    save_file(tensors, part, metadata={"state": json.dumps(state, allow_nan=False)})
    os.replace(part, file)  # whole or not at all


def _restore(
    file: Path, network: Network, optimiser: torch.optim.AdamW, setting: Setting
) -> dict[str, Any] | None:
    """Fill network and optimiser from a checkpoint of the same setting, or return None."""
    if not file.exists():
        return None
    with safe_open(file, framework="pt") as stored:
        state: dict[str, Any] = json.loads(stored.metadata()["state"])
        if state["setting"] != asdict(setting):
            return None
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(stored.get_tensor(name))
                optimiser.state[value] = {
                    moment: stored.get_tensor(f"{moment}:{name}") for moment in MOMENTS
                }
    return state


def train(
    setting: Setting,
    *,
    checkpoint: Path | None = None,
    tick: Callable[[int], object] = lambda steps: None,
) -> dict[str, Any]:
    """Train one network and return JSON-ready figures.

    `step`: the logged numbers of finished steps; at each, `train`: mean training loss since the one
    before (at step 0 that of the first batch, before any update), `held_out`: held-out loss, both in bits
    an asked symbol, and `accuracy` on the held-out set; `parameters`; `seconds` of wall time, all
    stretches together; `setting`. `checkpoint`: a file that is written at every logged step and from
    which a later call goes on, to the same numbers. `tick` is told how many steps were finished.
    Adam's other constants: betas 0.9 and 0.98, weight decay 0.01, gradient norm cut at 1.

    >>> tiny = Setting(width=8, heads=2, state=4, length=8, steps=2, batch=2, mixer="softmax", logs=2)
    >>> train(tiny)["step"]
    [0, 1, 2]
    """
    network, data = Network(setting), held_out(setting)
    optimiser = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    state: dict[str, Any] | None = None
    if checkpoint is not None:
        state = _restore(checkpoint, network, optimiser, setting)
    if state is None:
        state = {"setting": asdict(setting), "seconds": 0.0}
        state |= {name: [] for name in ("step", "train", "held_out", "accuracy")}
    before, started = state["seconds"], time.perf_counter()
    done, losses = (state["step"] or [0])[-1], []
    tick(done)
    for step in range(done, setting.steps + 1):
        tokens, labels = batch_of(setting, step)
        if step in setting.logged and step not in state["step"]:
            if step == 0:
                with torch.no_grad():
                    losses = [bits(network(tokens), labels).item()]
            loss, accuracy = _evaluate(network, data)
            row = {"train": sum(losses) / len(losses), "held_out": loss, "accuracy": accuracy}
            state["step"].append(step)
            for name, value in row.items():
                state[name].append(short(value))
            state["seconds"], losses = before + time.perf_counter() - started, []
            if checkpoint is not None and step:
                _save(checkpoint, network, optimiser, state)
        if step < setting.steps:
            losses.append(_step(network, optimiser, setting, step, tokens, labels))
            tick(1)
    parameters = sum(value.numel() for value in network.parameters())
    return {**state, "seconds": round(state["seconds"], 1), "parameters": parameters}


def _step(
    network: Network,
    optimiser: torch.optim.AdamW,
    setting: Setting,
    step: int,
    tokens: Tensor,
    labels: Tensor,
) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate_at(setting, step)
    loss = bits(network(tokens), labels) * math.log(2)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return loss.item() / math.log(2)
