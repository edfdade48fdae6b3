"""The paper's Figure 3: accuracy on conflicting lengths after Algorithm 1, over windows of lengths.

Run by `python -m softbook.induction.experiment.phase [--jobs N] [--cluster ADDRESS] [--out FILE]`, or as the sweep
`induction-windows` of `python -m softbook sweep`. One run trains all windows that start at one length, for one
number of triggers and one seed. The committed result is `data/phase.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from softbook.checks import count
from softbook.induction.model.evaluate import accuracy
from softbook.induction.model.two_steps import train_two_steps
from softbook.induction.theory import predicted_accuracy
from softbook.provenance import read_json, read_result, write_result
from softbook.sweep import sweep

__all__ = [
    "DATA",
    "FIRST",
    "GRID",
    "LAST",
    "PAPER",
    "SEEDS",
    "compare",
    "load",
    "main",
    "measured",
    "paper",
    "predicted",
    "row",
    "run",
    "windows",
]

DATA = Path(__file__).resolve().parents[1] / "data" / "phase.json"
"""The committed result."""
PAPER = DATA.with_name("figure3.json")
"""What the paper's figure shows, where it is known."""
FIRST, LAST = 3, 15
TRIGGERS = (1, 2, 4, 8)
SEEDS = (0, 1, 2)
GRID = {"triggers": list(TRIGGERS), "shortest": list(range(FIRST, LAST))}
SECONDS = 110
"""What the whole takes on one core of the machine that made the committed result, at most."""
VOCABULARY, SAMPLES, TESTS = 64, 8192, 1024
MODES = ("correct", "pseudo", "leftmost")


def windows(shortest: int) -> Float64[np.ndarray, "windows lengths"]:
    """Return the uniform laws on `shortest`..b for b up to 15, one a row, over the lengths 3..15.

    >>> windows(13).shape, windows(14)[0, -2:].tolist()
    ((2, 13), [0.5, 0.5])
    """
    lengths = np.arange(FIRST, LAST + 1)
    longest = np.arange(count("shortest", shortest, FIRST) + 1, LAST + 1)[:, None]
    inside = (lengths >= shortest) & (lengths <= longest)
    return inside / inside.sum(1, keepdims=True)


def row(
    triggers: int, shortest: int, seed: int, vocabulary: int = VOCABULARY, samples: int = SAMPLES
) -> dict[str, list[float]]:
    """Train on all windows that start at `shortest`, and test; shares in per cent, one a window.

    >>> sorted(row(1, 14, seed=0, samples=64))
    ['correct', 'leftmost', 'pseudo']
    """
    torch.set_num_threads(1)
    models = train_two_steps(
        windows(shortest),
        np.arange(FIRST, LAST + 1),
        vocabulary=vocabulary,
        triggers=triggers,
        samples=samples,
        seeds=[seed],
    )
    found = accuracy(models, samples=TESTS)
    return {
        mode: [round(100 * x, 3) for x in getattr(found, mode)[:, 0].tolist()] for mode in MODES
    }


def run(
    out: Path = DATA,
    *,
    jobs: int = 1,
    cluster: str | None = None,
    cache: str | Path | None = ".sweeps",
    seeds: Sequence[int] = SEEDS,
) -> dict[str, Any]:
    """Do all windows, write the result with its provenance to `out`, and return it."""
    results = sweep(row, GRID, seeds=seeds, jobs=jobs, cluster=cluster, cache=cache)
    if results.failed:
        raise RuntimeError(f"{len(results.failed)} runs failed: {results.failed[0].error}")
    rows = [dict(one.settings) | {"seed": one.seed, **one.value} for one in results]
    write_result(
        out,
        {"rows": rows},
        settings={
            "command": "python -m softbook.induction.experiment.phase",
            "vocabulary": VOCABULARY,
            "samples": SAMPLES,
            "tests": TESTS,
            "rates": [1e3, 1e4],
            "dtype": "float64",
        },
        seeds=list(seeds),
        seconds=sum(one.seconds for one in results),
    )
    return read_result(out)


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the committed result.

    >>> len(load()["rows"])
    144
    """
    return read_result(path)


def measured(
    triggers: int, shortest: int, mode: str = "correct", results: Any = None
) -> Float64[np.ndarray, "seeds windows"]:
    """Return shares in per cent, one row a seed, from the committed result (or `results`).

    >>> measured(4, 14).shape
    (3, 1)
    """
    rows = (load() if results is None else results)["rows"]
    found = [
        one[mode] for one in rows if (one["triggers"], one["shortest"]) == (triggers, shortest)
    ]
    return np.array(found, dtype=np.float64)


def paper(triggers: int, shortest: int) -> Float64[np.ndarray, " windows"]:
    """Return the paper's row in per cent; NaN where it is not known.

    >>> float(paper(4, 9)[0]), bool(np.isnan(paper(4, 10)).all())
    (8.7, True)
    """
    for one in read_json(PAPER)["rows"]:
        if (one["triggers"], one["shortest"]) == (triggers, shortest):
            return np.array(one["accuracy"], dtype=np.float64)
    return np.full(LAST - count("shortest", shortest, FIRST), np.nan)


def predicted(triggers: int, shortest: int) -> Float64[np.ndarray, " windows"]:
    """Return the predictor's row in per cent: nothing is fitted.

    >>> predicted(4, 9).round(1).tolist()
    [11.1, 10.6, 14.9, 44.8, 86.7, 100.0]
    """
    lengths = np.arange(FIRST, LAST + 1)
    return np.array([100 * predicted_accuracy(law, lengths, triggers) for law in windows(shortest)])


def compare(
    results: Any = None,
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Return how far the paper's cells and the prediction lie from the mean over seeds, row by row and in all.

    In points of accuracy, over the rows that the paper shows. `results`: as for `measured`. Each row has the mean and
    the worst of both differences, and the mean range between seeds.

    >>> rows, whole = compare()
    >>> len(rows), whole["cells"]
    (8, 75)
    """
    rows, gaps, errors = [], [], []
    for one in read_json(PAPER)["rows"]:
        place = one["triggers"], one["shortest"]
        found = measured(*place, results=results)
        ours = found.mean(0)
        gaps.append(paper(*place) - ours)
        errors.append(predicted(*place) - ours)
        rows.append(
            {
                "n": place[0],
                "from": place[1],
                "cells": len(ours),
                "paper": np.abs(gaps[-1]).mean(),
                "worst": np.abs(gaps[-1]).max(),
                "predicted": np.abs(errors[-1]).mean(),
                "worst ": np.abs(errors[-1]).max(),
                "seeds": np.ptp(found, axis=0).mean(),
            }
        )
    gap, error = np.concatenate(gaps), np.concatenate(errors)
    return rows, {
        "cells": len(gap),
        "paper_from_ours": np.abs(gap).mean(),
        "at_most": np.abs(gap).max(),
        "predicted_from_ours": np.abs(error).mean(),
        "predicted_at_most": np.abs(error).max(),
        "bias_of_ours": -gap.mean(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all windows from the command line."""
    parser = argparse.ArgumentParser(
        description="Accuracy after Algorithm 1 over windows of lengths."
    )
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--cluster", help="address of a dask scheduler")
    parser.add_argument(
        "--cache", type=Path, default=Path(".sweeps"), help="folder of finished runs"
    )
    options = parser.parse_args(arguments)
    runs = len(TRIGGERS) * len(GRID["shortest"]) * len(SEEDS)
    print(
        f"{runs} runs, at most {SECONDS} seconds of one core in all; stop it when you like.",
        flush=True,
    )
    made = run(options.out, jobs=options.jobs, cluster=options.cluster, cache=options.cache)
    print(f"written: {options.out}, {made['provenance']['seconds']} seconds of computing")


if __name__ == "__main__":
    main()
