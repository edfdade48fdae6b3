"""Fine-tuning of both references on DNA: strengths of the regulariser, seeds, other methods beside it.

Run by `python -m softbook.domino.experiment.study [--jobs N] [--cache FOLDER] [--out FILE]`, about a quarter
of an hour on two cores; it goes on from the cache after a stop. The committed result is `data/study.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from softbook.checks import one_of
from softbook.domino.experiment.study_measures import MEASURES, data_rows
from softbook.domino.experiment.study_runs import (
    BACK_ITERATIONS,
    BACK_STRENGTH,
    BEST_OF,
    BETA,
    FINAL,
    FINAL_STEPS,
    ITERATIONS,
    OTHERS,
    SEEN,
    SETTINGS,
    other,
    tuned,
)
from softbook.provenance import read_result, write_result
from softbook.sweep import sweep

__all__ = [
    "DATA",
    "SEEDS",
    "STRENGTHS",
    "Line",
    "curves",
    "load",
    "main",
    "run",
    "table",
]

DATA = Path(__file__).resolve().parents[1] / "data" / "study.json"
"""The committed result."""
METHOD = "grpo"
STRENGTHS = (0.0, 0.03, 0.1)
SEEDS = (0, 1, 2)
GRID: tuple[dict[str, Any], ...] = (
    *(
        {"reference": name, "strength": strength, "method": METHOD}
        for name in ITERATIONS
        for strength in STRENGTHS
    ),
    *({"reference": "strong", "strength": 0.1, "method": method} for method in ("ppo",)),
)
"""All fine-tunings; those of one method are compared, the others stand beside it."""
OTHER_GRID: tuple[dict[str, Any], ...] = (
    {"reference": "weak", "method": "pretrained"},
    *({"reference": "strong", "method": method} for method in OTHERS),
)


class Line(NamedTuple):
    """One line of the final table.

    `reference` is "weak", "strong" or "" (data); `strength` None where nothing is regularised by it;
    `mean`, `low`, `high`: a dict by measure of mean, least and greatest over the seeds (None: undefined in
    each of them); `seeds`: how many.
    """

    reference: str
    method: str
    strength: float | None
    mean: dict[str, float | None]
    low: dict[str, float | None]
    high: dict[str, float | None]
    seeds: int


@lru_cache(maxsize=1)
def load() -> dict[str, Any]:
    """Return the committed result: `rows`, `others`, `data`, `provenance`.

    >>> sorted(load())
    ['data', 'others', 'provenance', 'rows']
    """
    return read_result(DATA)


def curves(reference: str, strength: float, seed: int, method: str = METHOD) -> dict[str, Any]:
    """Return one fine-tuning as committed; see `tuned` for the keys.

    Raises a ValueError that lists what there is if there is no such run.

    >>> curves("weak", 0.1, 0)["iteration"][:2]
    [0, 25]
    """
    one_of("reference", reference, tuple(ITERATIONS))
    wanted = (reference, method, strength, seed)
    runs = {
        (row["reference"], row["method"], row["strength"], row["seed"]): row
        for row in load()["rows"]
    }
    if wanted not in runs:
        raise ValueError(
            f"strength, seed, method: {strength}, {seed}, {method!r} are given, but one of"
            f" {sorted((row[2], row[3], row[1]) for row in runs if row[0] == reference)} is needed"
        )
    return runs[wanted]


def table() -> list[Line]:
    """Return the final table: the data, what is not tuned, and every fine-tuning, over its seeds.

    >>> [line.method for line in table()][:3]
    ['data', 'best', 'random']
    """
    result = load()
    lines = [_line("", name, None, [row]) for name, row in result["data"].items()]
    groups: dict[tuple[str, str, float | None], list[dict[str, float | None]]] = {}
    for row in (*result["others"], *result["rows"]):
        place = (row["reference"], row["method"], row.get("strength"))
        groups.setdefault(place, []).append(row["final"])
    return lines + [_line(*place, finals) for place, finals in groups.items()]


def _line(
    reference: str, method: str, strength: float | None, finals: list[dict[str, float | None]]
) -> Line:
    """Summarise the seeds' final measures."""
    known = {
        name: [value for row in finals if (value := row[name]) is not None] for name in MEASURES
    }
    return Line(
        reference,
        method,
        strength,
        {name: sum(some) / len(some) if some else None for name, some in known.items()},
        {name: min(some, default=None) for name, some in known.items()},
        {name: max(some, default=None) for name, some in known.items()},
        len(finals),
    )


def run(
    out: Path = DATA,
    *,
    jobs: int = 1,
    cache: str | Path | None = ".sweeps",
    seeds: Sequence[int] = SEEDS,
    grid: Sequence[dict[str, Any]] = GRID,
    others: Sequence[dict[str, Any]] = OTHER_GRID,
) -> dict[str, Any]:
    """Do all runs, write the result with its provenance to `out`, and return it.

    Finished runs are kept in `cache`: a later call goes on from there, to the same numbers. Raises a
    RuntimeError if a run failed.
    """
    found = sweep(tuned, list(grid), seeds=seeds, jobs=jobs, cache=cache)
    beside = sweep(other, list(others), seeds=seeds, jobs=jobs, cache=cache)
    for results in (found, beside):
        if results.failed:
            raise RuntimeError(f"{len(results.failed)} runs failed: {results.failed[0].error}")
    rows, more = (
        [{**one.settings, "seed": one.seed, **one.value} for one in results]
        for results in (found, beside)
    )
    write_result(
        out,
        {"rows": rows, "others": more, "data": data_rows()},
        settings={
            "command": "python -m softbook.domino.experiment.study",
            "iterations": ITERATIONS,
            "strengths": list(STRENGTHS),
            "fine_tuning": SETTINGS,
            "samples": [SEEN, FINAL],
            "final_steps": FINAL_STEPS,
            "best_of": BEST_OF,
            "beta": BETA,
            "backpropagation": {"iterations": BACK_ITERATIONS, "strength": BACK_STRENGTH},
        },
        seeds=list(seeds),
        seconds=sum(one.seconds for results in (found, beside) for one in results),
    )
    return read_result(out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the study and print its final table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m " + __spec__.name)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--cache", default=".sweeps", help="folder of finished runs")
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    result = run(given.out, jobs=given.jobs, cache=given.cache)
    print(f"{given.out}: {len(result['rows'])} fine-tunings, {len(result['others'])} other runs")


if __name__ == "__main__":
    main()
