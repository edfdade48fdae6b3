"""One seed's training and everything that is measured on it: on 64 pixels, and on four quadrants.

On the pixels no law can be written down; what is measured are samples. On the quadrants, 81 states, every
law is exact: there the error budget meets the error itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64
from scipy.special import rel_entr
from torch import Tensor

from softbook.diffusion.experiment.digits import coarse, pixels
from softbook.diffusion.experiment.sampling import noise, sample
from softbook.diffusion.experiment.statistics import nearest, of_mean, of_share, pair_error
from softbook.diffusion.experiment.training import Denoiser, Setting, nats, train
from softbook.diffusion.model.budget import error_budget
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.samplers import continuous_law, masked_sampler_law
from softbook.diffusion.theory.bounds import parallel_unmasking_bound, pinsker_bound

__all__ = ["of_pixels", "of_quadrants", "picture", "table", "text"]

PIXELS = Setting()
QUADRANTS = Setting(width=64)
SAMPLES = 4000
"""Samples of each number of steps."""
SHOWN, FRAMES = 24, 12
"""Pictures that are kept of each number of steps, and of each logged place of training."""
STEPS = {"pixels": tuple(2**k for k in range(13)), "quadrants": tuple(2**k for k in range(11))}
"""Numbers of steps K that are measured."""


def text(row: Int64[Tensor, "64"]) -> str:
    """Return a picture's 64 pixels as 16 hexadecimal digits.

    >>> text(torch.ones(64, dtype=torch.int64))
    'ffffffffffffffff'
    """
    return f"{int(''.join(map(str, row.tolist())), 2):016x}"


def picture(word: str) -> Int64[np.ndarray, "8 8"]:
    """Return the pixels of a picture's 16 hexadecimal digits.

    >>> picture("8000000000000001")[[0, 0, 7], [0, 1, 7]].tolist()
    [1, 0, 1]
    """
    return np.array([int(bit) for bit in f"{int(word, 16):064b}"]).reshape(8, 8)


def table(rows: Int64[Tensor, "n d"], tokens: int) -> Float64[np.ndarray, "..."]:
    """Return the law of one of the rows, drawn evenly, of shape (tokens,)*d.

    >>> table(torch.tensor([[0, 1], [1, 1]]), 2).tolist()
    [[0.0, 0.5], [0.0, 0.5]]
    """
    law = np.zeros((tokens,) * rows.shape[1])
    np.add.at(law, tuple(rows.T.numpy()), 1 / len(rows))
    return law


def _short(value: Any) -> Any:
    """Round to six significant digits: far below the scatter between seeds, and a small file."""
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_short(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _score(model: Denoiser, data: Any, steps: int, samples: int) -> list[float]:
    """Return the score part of the error budget with its interval."""
    budget = error_budget(model, data, steps, tokens=model.tokens, samples=samples)
    return [budget.score, budget.score_low, budget.score_high]


def of_pixels(
    setting: Setting = PIXELS, *, tick: Callable[[], object] = lambda: None, samples: int = SAMPLES
) -> dict[str, Any]:
    """Train on the digits' pixels, sample, and return JSON-ready figures.

    `curves` of training; `nats` a picture, "train" and "held_out"; `frames`: pictures at each logged place,
    from the same random numbers; for each K of `steps`, and last one site at a time: `pictures`, `pairs`
    to held-out and `nearest` to training images (see `statistics`), `copied`, the share of samples that are
    training images (1 − this is at most TV(sampler, training images)); for each K: `differ`, the share of runs that end otherwise than the coupled
    run of one site at a time, and `changed`, the mean number of pixels in which they differ; the budget: `score`, and
    bounds on the cost of steps, `birthday` and `pairs_bound`; `pinsker` for one site at a time. Three numbers are a value
    and its 95 % interval. Distances in `score` and `pinsker` are to the law of one of the training images, drawn evenly.
    """
    rows, held_out = pixels()
    few, many = noise(FRAMES, rows.shape[1], 1), noise(samples, rows.shape[1], setting.seed)
    frames: list[list[str]] = []
    model, curves = train(
        rows,
        2,
        setting,
        held_out=held_out,
        look=lambda step, seen: frames.append([text(row) for row in sample(seen, *few)]),
        tick=tick,
    )
    alone, kinds = sample(model, *many), STEPS["pixels"]
    measured: dict[str, list[Any]] = {
        name: [] for name in ("pictures", "pairs", "nearest", "copied")
    }
    coupled: dict[str, list[Any]] = {name: [] for name in ("differ", "changed", "score")}
    for steps in (*kinds, None):
        found = alone if steps is None else sample(model, *many, steps)
        measured["pictures"].append([text(row) for row in found[:SHOWN]])
        measured["pairs"].append(pair_error(found, held_out))
        away = nearest(found, rows)
        measured["nearest"].append(of_mean(away))
        measured["copied"].append(of_share(int((away == 0).sum()), samples))
        if steps is not None:
            other = (found != alone).sum(1)
            coupled["differ"].append(of_share(int((other > 0).sum()), samples))
            coupled["changed"].append(of_mean(other.float()))
            coupled["score"].append(_score(model, rows.numpy(), steps, samples))
    likelihood = {
        name: of_mean(rows.shape[1] * nats(model, part))
        for name, part in (("train", rows), ("held_out", held_out))
    }
    shares = rows.unique(dim=0, return_counts=True)[1].double() / len(rows)
    entropy = -float((shares * shares.log()).sum())
    return _short(
        {"curves": curves, "nats": likelihood, "entropy": entropy, "frames": frames}
        | {"steps": list(kinds), **measured, **coupled}
        | {"pinsker": [pinsker_bound(max(0.0, x - entropy)) for x in likelihood["train"]]}
        | _bounds(rows.shape[1], kinds)
    )


def _bounds(sites: int, kinds: tuple[int, ...]) -> dict[str, list[float]]:
    names = {"birthday": "birthday", "pairs_bound": "pairs"}
    return {
        name: [parallel_unmasking_bound(sites, steps, form=form) for steps in kinds]
        for name, form in names.items()
    }


def of_quadrants(
    setting: Setting = QUADRANTS, *, tick: Callable[[], object] = lambda: None, samples: int = 20000
) -> dict[str, Any]:
    """Train on the digits' quadrants and return JSON-ready figures: the budget, and the exact errors.

    For each K of `steps`: `score` (value and 95 % interval, from `samples` contexts), `birthday`,
    `pairs_bound`; exactly, `total` = TV(sampler, data), `parallel` = TV(sampler, one at a time), `exact` =
    TV(sampler with the true conditionals, data). `alone` = TV(one at a time, data), and `pinsker` its bound by
    the exact divergence. The data are the law of one of all 1,797 digits, drawn evenly.
    """
    rows = coarse()
    model, curves = train(rows, 3, setting, tick=tick)
    law, kinds = table(rows, 3), STEPS["quadrants"]

    def conditionals(tokens: Int64[np.ndarray, "n d"], time: float) -> Float64[np.ndarray, "n d S"]:
        with torch.no_grad():
            return model(torch.from_numpy(tokens), time).double().softmax(-1).numpy()

    alone = continuous_law(law, conditionals=conditionals)
    divergence = float(rel_entr(law, alone).sum())
    found: dict[str, list[Any]] = {name: [] for name in ("score", "total", "parallel", "exact")}
    for steps in kinds:
        sampled = masked_sampler_law(law, steps, conditionals=conditionals)
        found["score"].append(_score(model, law, steps, samples))
        found["total"].append(total_variation(sampled, law))
        found["parallel"].append(total_variation(sampled, alone))
        found["exact"].append(total_variation(masked_sampler_law(law, steps), law))
    return _short(
        {"curves": curves, "steps": list(kinds), **found, **_bounds(rows.shape[1], kinds)}
        | {"alone": total_variation(alone, law), "pinsker": pinsker_bound(divergence)}
    )
