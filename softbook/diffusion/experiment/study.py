"""The committed study: three denoisers of digits, their samples against steps, and what a budget says.

Run it by `python -m softbook.diffusion.experiment`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor
from tqdm import tqdm

from softbook.diffusion.experiment.digits import SITES, coarse, pixels
from softbook.diffusion.experiment.training import Denoiser, Setting, nats, train
from softbook.diffusion.model.budget import error_budget
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.samplers import masked_sampler_law
from softbook.kernels.jump import jump
from softbook.provenance import read_result, write_result

__all__ = ["DATA", "coarse_run", "coarse_table", "load", "model_conditionals", "run", "sample"]

DATA = Path(__file__).parents[1] / "data" / "digits.json"
SEEDS = (0, 1, 2)
STEPS = (1, 2, 4, 8, 16, 32, 64)
SAMPLES, SHOWN, MINUTES = 4000, 12, 2
COARSE = Setting(steps=1500, width=64)
COARSE_STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@torch.no_grad()
def sample(model: Denoiser, count: int, steps: int | None, seed: int) -> Int64[Tensor, "count d"]:
    """Draw `count` rows in K = `steps` parallel steps, or one site at a time in random order (None).

    >>> sample(Denoiser(3, 2, 4), 5, 2, seed=0).max() < 2
    tensor(True)
    """
    sites, mask = model.sites, model.tokens
    rows = torch.full((count, sites), mask)
    if steps is None:
        generator = torch.Generator().manual_seed(seed)
        ranks = torch.rand((count, sites), generator=generator).argsort(1).argsort(1)
        for turn in range(sites):
            stay = (ranks != turn).float()
            rows, _ = jump(model(rows), rows, stay, seed=seed, offset=turn * count * sites)
        return rows
    for k in range(steps):
        offset = k * count * sites
        rows, _ = jump(model(rows), rows, step=1 / steps, time=k / steps, seed=seed, offset=offset)
    return rows


def pair_error(rows: Tensor, others: Tensor) -> float:
    """Return the root mean square difference of P(both pixels are ink), over all pairs of pixels.

    >>> pair_error(torch.eye(2), torch.eye(2))
    0.0
    """
    upper = torch.triu_indices(rows.shape[1], rows.shape[1], 1)
    both = [(x.float().T @ x.float() / len(x))[upper[0], upper[1]] for x in (rows, others)]
    return float((both[0] - both[1]).square().mean().sqrt())


def nearest(rows: Tensor, others: Tensor) -> float:
    """Return the mean number of pixels by which a row differs from the nearest of `others`.

    >>> nearest(torch.eye(2), torch.ones(1, 2))
    1.0
    """
    return float(torch.cdist(rows.float(), others.float(), p=1).min(1).values.mean())


def _one(seed: int) -> dict[str, Any]:
    """Train on one seed, sample, and measure."""
    learned, kept = pixels()
    pictures: list[Any] = []

    def look(step: int, model: Denoiser) -> None:
        pictures.append(sample(model, SHOWN, SITES, seed=7).tolist())

    setting = Setting(seed=seed)
    model, curves = train(learned, 2, setting, held_out=kept, look=look)
    samples, shown = [], []
    for steps in (*STEPS, None):
        rows = sample(model, SAMPLES, steps, seed=100 + seed)
        samples.append({"pairs": pair_error(rows, learned), "nearest": nearest(rows, learned)})
        shown.append(rows[:SHOWN].tolist())
    found = {"setting": asdict(setting), "curves": curves, "samples": samples}
    found["nats"] = {"train": nats(model, learned), "held_out": nats(model, kept)}
    if seed == 0:
        found |= {"pictures": pictures, "shown": shown}
        budget = error_budget(model, learned.numpy(), 64, tokens=2, samples=400, seed=seed)
        found["budget"] = {
            key: getattr(budget, key)
            for key in ("score", "score_low", "score_high", "discretisation", "total")
        }
    return found


def coarse_table() -> np.ndarray:
    """Return the law of the digits' quadrants, a table of 3x3x3x3 shares of 1,797 digits.

    >>> coarse_table().shape
    (3, 3, 3, 3)
    """
    table = np.zeros((3,) * 4)
    np.add.at(table, tuple(coarse().numpy().T), 1 / len(coarse()))
    return table


def model_conditionals(model: Denoiser):
    """Return a denoiser as conditionals of the exact laws: (tokens, time) -> probabilities."""

    @torch.no_grad()
    def ask(tokens: np.ndarray, time: float) -> np.ndarray:
        return model(torch.from_numpy(tokens), time).double().softmax(-1).numpy()

    return ask


def coarse_run(setting: Setting = COARSE) -> list[dict[str, Any]]:
    """Train on the quadrants; return, for each number of steps, the budget and the exact error."""
    table = coarse_table()
    model, _ = train(coarse(), 3, setting)
    found = []
    for steps in COARSE_STEPS:
        budget = error_budget(model, table, steps, samples=20_000, seed=setting.seed)
        law = masked_sampler_law(table, steps, conditionals=model_conditionals(model))
        exact = masked_sampler_law(table, steps)
        found.append(
            {
                "steps": steps,
                "score": budget.score,
                "score_high": budget.score_high,
                "discretisation": budget.discretisation,
                "measured": total_variation(law, table),
                "exact_conditionals": total_variation(exact, table),
            }
        )
    return found


def run(out: Path = DATA, seeds: Sequence[int] = SEEDS, *, progress: bool = True) -> dict[str, Any]:
    """Train, sample and measure all seeds; write `out` and return what was written.

    About two minutes of one core. It is short enough to be started anew: nothing is kept between.
    """
    if not len(seeds):
        raise ValueError("seeds: none is given, but at least one is needed")
    start = time.perf_counter()
    learned, kept = pixels()
    results = [_one(seed) for seed in tqdm(seeds, unit="seed", disable=not progress)]
    write_result(
        out,
        {
            "results": results,
            "coarse": coarse_run(),
            "held_out": {"pairs": pair_error(kept, learned), "nearest": nearest(kept, learned)},
            "rows": {"learned": len(learned), "distinct": len(learned.unique(dim=0))},
        },
        settings={
            "command": "python -m softbook.diffusion.experiment",
            "samples": SAMPLES,
            "steps": [*STEPS, "one at a time"],
            "threads": torch.get_num_threads(),
        },
        seeds=list(seeds),
        seconds=time.perf_counter() - start,
        packages=["scikit-learn"],
    )
    return read_result(out)


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the committed study.

    >>> len(load()["results"]) == len(SEEDS)
    True
    """
    return read_result(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="Three masked denoisers of digits, and samples.")
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"{len(SEEDS)} denoisers, one after the other: some {MINUTES} minutes of one core.")
    result = run(options.out)
    for one in result["results"]:
        ends = one["nats"]
        print(f"seed {one['setting']['seed']}: held out {ends['held_out']:.2f} nats a digit")
    print(f"written: {options.out}")
