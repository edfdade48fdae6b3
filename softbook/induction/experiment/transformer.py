"""The paper's Figure 4 in small: three-layer transformers on windows of lengths, two sizes of positions.

Run by `python -m softbook.induction.experiment.transformer [--jobs N] [--cache FOLDER] [--out FILE]`. One run trains
all windows from one length on, with one size of positions and one seed. The committed result is
`data/transformer.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from softbook.checks import one_of
from softbook.induction.model.transformer import train_transformers
from softbook.provenance import read_result, write_result
from softbook.sweep import sweep

__all__ = [
    "DATA",
    "PLACES",
    "SEEDS",
    "WINDOWS",
    "final",
    "load",
    "main",
    "run",
    "runs",
    "seen",
    "windows",
]

DATA = Path(__file__).resolve().parents[1] / "data" / "transformer.json"
"""The committed result."""
LENGTHS = np.arange(1, 17)
WINDOWS = {2: (3, 4, 6, 8, 12, 16), 4: (5, 6, 8, 12, 16), 8: (9, 10, 12, 16)}
"""Shortest lengths, and the longest ones with each."""
PLACES = (0.1, 1.0)
"""Standard deviation of the positions' vectors at the start; that of the tokens' is 1."""
SEEDS = (0, 1, 2)
MINUTES = 25
"""What the whole takes at most, on one core of the machine that made the committed result."""
STEPS, POINTS, TESTS = 600, 6, 1000
SETTING: dict[str, Any] = {"rate": 3e-3, "batch": 64, "vocabulary": 32, "triggers": 1, "width": 32}
SETTING |= {"layers": 3, "decay": 0.01}
MEASURES = ("within", "correct", "pseudo")


def windows(shortest: int) -> Float64[np.ndarray, "windows lengths"]:
    """Return the uniform laws from `shortest` on, one a row, over the lengths 1 to 16.

    >>> windows(8)[0].nonzero()[0] + 1
    array([8, 9])
    """
    last = np.array(WINDOWS[shortest])[:, None]
    inside = (shortest <= LENGTHS) & (last >= LENGTHS)
    return inside / inside.sum(1, keepdims=True)


def runs(places: float, shortest: int, seed: int) -> dict[str, list[list[float]]]:
    """Train on all windows from `shortest` on, and return what was seen: for each measure, one row a window."""
    torch.set_num_threads(1)
    found = train_transformers(
        windows(shortest),
        LENGTHS,
        steps=STEPS,
        every=STEPS // POINTS,
        tests=TESTS,
        places=places,
        seeds=[seed],
        **SETTING,
    )
    return {
        name: [[round(x, 3) for x in row] for row in getattr(found, name)[..., 0].T.tolist()]
        for name in MEASURES
    }


def run(
    out: Path = DATA,
    *,
    jobs: int = 1,
    cache: str | Path | None = ".sweeps",
    seeds: Sequence[int] = SEEDS,
) -> dict[str, Any]:
    """Do all runs, write the result with its provenance to `out`, and return it.

    Finished runs, a minute each, are kept in `cache`: a later call goes on from there, to the same numbers.
    """
    grid = {"places": list(PLACES), "shortest": list(WINDOWS)}
    results = sweep(runs, grid, seeds=seeds, jobs=jobs, cache=cache)
    if results.failed:
        raise RuntimeError(f"{len(results.failed)} runs failed: {results.failed[0].error}")
    rows = [dict(one.settings) | {"seed": one.seed, **one.value} for one in results]
    write_result(
        out,
        {"rows": rows},
        settings={
            "command": "python -m softbook.induction.experiment.transformer",
            "steps": STEPS,
            "tests": TESTS,
            **SETTING,
            "dtype": "float32",
        },
        seeds=list(seeds),
        seconds=sum(one.seconds for one in results),
    )
    return read_result(out)


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the committed result.

    >>> len(load()["rows"])
    18
    """
    return read_result(path)


def seen(
    shortest: int, places: float, measure: str = "correct", results: Any = None
) -> Float64[np.ndarray, "seeds windows points"]:
    """Return a measure along the training, from the committed result (or `results`).

    `measure`: "within", "correct" or "pseudo", as in `Transformers`.

    >>> seen(8, 0.1).shape
    (3, 4, 7)
    """
    one_of("measure", measure, MEASURES)
    rows = (load() if results is None else results)["rows"]
    found = [row[measure] for row in rows if (row["shortest"], row["places"]) == (shortest, places)]
    if not found:
        raise ValueError(f"shortest, places: {shortest}, {places} are given, but were not measured")
    return np.array(found, dtype=np.float64)


def final(
    shortest: int, places: float, measure: str = "correct", results: Any = None
) -> Float64[np.ndarray, "seeds windows"]:
    """Return a measure at the end of the training; arguments as for `seen`."""
    return seen(shortest, places, measure, results)[..., -1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="Small transformers on windows of lengths.")
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--cache", type=Path, default=Path(".sweeps"), help="folder of finished runs"
    )
    options = parser.parse_args(arguments)
    models = len(PLACES) * len(SEEDS) * sum(map(len, WINDOWS.values()))
    print(
        f"{models} transformers: at most {MINUTES} minutes of one core. Stop it when you like: the "
        f"same command goes on from {options.cache}.",
        flush=True,
    )
    made = run(options.out, jobs=options.jobs, cache=options.cache)
    for places in PLACES:
        for shortest, last in WINDOWS.items():
            shares = final(shortest, places, results=made).mean(0)
            told = ", ".join(f"{end}: {x:.2f}" for end, x in zip(last, shares, strict=True))
            print(f"positions {places}, lengths from {shortest} to {told}")
    print(f"written: {options.out}, {made['provenance']['seconds']} seconds of computing")


if __name__ == "__main__":
    main()
