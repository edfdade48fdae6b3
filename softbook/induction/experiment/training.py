"""Trained by many steps: eleven laws on lengths, one step, Adam and plain gradient descent, five seeds.

Run by `python -m softbook.induction.experiment.training [--jobs N] [--cache FOLDER] [--out FILE]`. One run trains
all laws with one optimiser, one kind of values and one seed. The committed result is `data/training.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from softbook.checks import one_of
from softbook.induction.model.evaluate import accuracy
from softbook.induction.model.training import train
from softbook.induction.model.two_steps import train_two_steps
from softbook.provenance import read_result, write_result
from softbook.sweep import sweep

__all__ = [
    "DATA",
    "LAWS",
    "LENGTHS",
    "NAMES",
    "SEEDS",
    "SPOKEN",
    "STEPS",
    "final",
    "load",
    "main",
    "run",
    "runs",
    "seen",
]

DATA = Path(__file__).resolve().parents[1] / "data" / "training.json"
"""The committed result."""
LENGTHS = np.arange(1, 17)
SEEDS = (0, 1, 2, 3, 4)
MINUTES = 2
"""What the whole takes at most, on one core of the machine that made the committed result."""
POINTS = 20
VOCABULARY, TRIGGERS, BATCH, TESTS = 16, 1, 64, 1000
STEPS = {"one-step": 1, "adam": 600, "sgd": 1000}
RATES = {"adam": 1e-2, "sgd": 30.0}
# So large a rate that attention goes to the place with the greatest logit, which is what the theory speaks of;
# so small a one for the values that the output's softmax stays uniform.
ONE_STEP: dict[str, Any] = {"samples": 8192, "value_rate": 1.0, "attention_rate": 1e6}
MEASURES = ("loss", "correct", "on_output", "on_middle")


def _laws() -> dict[str, Float64[np.ndarray, " lengths"]]:
    eight, even = (LENGTHS == 8).astype(np.float64), np.full(len(LENGTHS), 1 / len(LENGTHS))

    def window(first: int, last: int) -> Float64[np.ndarray, " lengths"]:
        return ((first <= LENGTHS) & (last >= LENGTHS)) / (last - first + 1)

    power, linear = 1.0 / LENGTHS**2, 2.0 * LENGTHS + 3
    return {
        "8 only": eight,
        **{f"8, {w:.0%} any of 1–16": (1 - w) * eight + w * even for w in (0.02, 0.05, 0.1, 0.2)},
        "8 or 9": window(8, 9),
        "7 to 9": window(7, 9),
        "5 to 11": window(5, 11),
        "power law ℓ⁻²": power / power.sum(),
        "1 to 16": even,
        "linear, 2ℓ+3": linear / linear.sum(),
    }


LAWS = _laws()
"""Laws on the lengths 1 to 16, by name."""
NAMES = tuple(LAWS)
SPOKEN = (
    {name: name for name in NAMES}
    | {f"8, {part}% any of 1–16": f"8 with {part} % of 1 to 16" for part in (2, 5, 10, 20)}
    | {"power law ℓ⁻²": "by a power law", "linear, 2ℓ+3": "by a linear law"}
)
"""Their names after the word "lengths" in a sentence."""


def runs(optimiser: str, previous: bool, seed: int) -> dict[str, list[list[float]]]:
    """Train on every law, and return curves: for each measure, one row a law.

    `optimiser`: "one-step", "adam" or "sgd"; the first is not drawn as a curve: its rows have one number, and there
    is no loss.
    """
    torch.set_num_threads(1)
    one_of("optimiser", optimiser, tuple(STEPS))
    masses = np.stack(list(LAWS.values()))
    shared: dict[str, Any] = {"vocabulary": VOCABULARY, "triggers": TRIGGERS, "seeds": [seed]}
    shared["previous"] = previous
    if optimiser == "one-step":
        models = train_two_steps(masses, LENGTHS, **ONE_STEP, **shared)
        wide = np.tile(np.eye(len(LENGTHS))[-1], (len(masses), 1))
        found = accuracy(replace(models, masses=wide), family="pairs", samples=TESTS)
        values = {name: getattr(found, name) for name in ("correct", "on_output")}
    else:
        steps = STEPS[optimiser]
        curves = train(
            masses,
            LENGTHS,
            optimiser=optimiser,
            steps=steps,
            rate=RATES[optimiser],
            batch=BATCH,
            every=steps // POINTS,
            tests=TESTS,
            **shared,
        ).curves
        values = {name: getattr(curves, name)[..., 0].T for name in MEASURES}
    return {
        name: [[round(x, 3) for x in row] for row in part.tolist()] for name, part in values.items()
    }


def run(
    out: Path = DATA,
    *,
    jobs: int = 1,
    cache: str | Path | None = ".sweeps",
    seeds: Sequence[int] = SEEDS,
) -> dict[str, Any]:
    """Do all runs, write the result with its provenance to `out`, and return it.

    Finished runs, seconds each, are kept in `cache`: a later call goes on from there, to the same numbers.
    """
    grid = {"optimiser": list(STEPS), "previous": [True, False]}
    results = sweep(runs, grid, seeds=seeds, jobs=jobs, cache=cache)
    if results.failed:
        raise RuntimeError(f"{len(results.failed)} runs failed: {results.failed[0].error}")
    rows = [dict(one.settings) | {"seed": one.seed, **one.value} for one in results]
    write_result(
        out,
        {"laws": list(NAMES), "rows": rows},
        settings={
            "command": "python -m softbook.induction.experiment.training",
            "vocabulary": VOCABULARY,
            "triggers": TRIGGERS,
            "batch": BATCH,
            "tests": TESTS,
            "steps": STEPS,
            "rates": RATES,
            "one_step": ONE_STEP,
            "dtype": "float32",
        },
        seeds=list(seeds),
        seconds=sum(one.seconds for one in results),
    )
    return read_result(out)


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the committed result.

    >>> len(load()["rows"]), load()["laws"][0]
    (30, '8 only')
    """
    return read_result(path)


def seen(
    law: str, optimiser: str, previous: bool, measure: str = "correct", results: Any = None
) -> Float64[np.ndarray, "seeds points"]:
    """Return a measure along the training, one row a seed, from the committed result (or `results`).

    `law`: one of `NAMES`; `measure`: "loss", "correct", "on_output" or "on_middle", as in `Curves`.

    >>> seen("8 only", "adam", True).shape
    (5, 21)
    """
    whole = load() if results is None else results
    place = whole["laws"].index(one_of("law", law, NAMES))
    one_of("optimiser", optimiser, tuple(STEPS))
    one_of("measure", measure, MEASURES if optimiser != "one-step" else ("correct", "on_output"))
    rows = [
        row for row in whole["rows"] if (row["optimiser"], row["previous"]) == (optimiser, previous)
    ]
    return np.array([row[measure][place] for row in rows], dtype=np.float64)


def final(
    law: str, optimiser: str, previous: bool, measure: str = "correct", results: Any = None
) -> Float64[np.ndarray, " seeds"]:
    """Return a measure at the end of the training, one number a seed; arguments as for `seen`.

    >>> final("1 to 16", "adam", True).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    return seen(law, optimiser, previous, measure, results)[:, -1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(
        description="One-layer models trained on eleven laws on lengths."
    )
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--cache", type=Path, default=Path(".sweeps"), help="folder of finished runs"
    )
    options = parser.parse_args(arguments)
    models = 2 * len(STEPS) * len(LAWS) * len(SEEDS)
    print(
        f"{models} models: at most {MINUTES} minutes of one core. Stop it when you like: the same "
        f"command goes on from {options.cache}.",
        flush=True,
    )
    made = run(options.out, jobs=options.jobs, cache=options.cache)
    for optimiser in STEPS:
        worst = final(NAMES[0], optimiser, True, results=made).mean()
        print(f"{optimiser}, one length only: {worst:.3f} right out of distribution")
    print(f"written: {options.out}, {made['provenance']['seconds']} seconds of computing")


if __name__ == "__main__":
    main()
