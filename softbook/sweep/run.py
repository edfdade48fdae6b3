"""The sweep itself: what is to be done, what is kept already, and the loop that does the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from tqdm import tqdm

from softbook.checks import count
from softbook.provenance import digest
from softbook.sweep import plain
from softbook.sweep.code import Code, code_of
from softbook.sweep.engines import Outcome, Task, outcomes
from softbook.sweep.grid import Grid, axes, check_call, distinct_seeds
from softbook.sweep.results import Record, Results
from softbook.sweep.store import Store

__all__ = ["CACHE", "Plan", "Stopped", "plan", "sweep"]

CACHE = ".sweeps"
"""The folder below the working one where finished runs are kept."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C came during a sweep; its text says what is kept and how to go on."""


@dataclass(frozen=True)
class Plan:
    """What a sweep will do: all its runs in order, and what is kept of them already."""

    function: Callable[..., Any]
    code: Code
    tasks: tuple[Task, ...]
    shape: tuple[int, ...]
    store: Store | None

    @property
    def place(self) -> Path | None:
        """The file in which finished runs are kept."""
        return None if self.store is None else self.store.path

    @cached_property
    def kept(self) -> dict[int, Record]:
        """The runs that are on disk, by place."""
        runs = self.store.read() if self.store else {}
        return {
            task.place: Record(**runs[task.key], kept=True)
            for task in self.tasks
            if task.key in runs
        }

    @property
    def missing(self) -> list[Task]:
        """The runs that are still to be done, in order."""
        return [task for task in self.tasks if task.place not in self.kept]


def plan(
    function: Callable[..., Any],
    grid: Grid,
    *,
    seeds: Iterable[int],
    cache: str | PathLike[str] | None = CACHE,
) -> Plan:
    """Return what `sweep` with the same arguments would do, without doing it.

    >>> def area(seed, width, height):
    ...     return width * height
    >>> len(plan(area, {"width": [1, 2], "height": [3, 4, 5]}, seeds=range(4), cache=None).missing)
    24
    """
    settings, shape = axes(grid)
    chosen = distinct_seeds(seeds)
    code = code_of(function)
    check_call(function, settings)
    texts = [plain.text(one, "grid") for one in settings]
    runs = [(text, seed) for text in texts for seed in chosen]
    tasks = tuple(
        Task(place, digest([code.key, text, seed]), text, seed)
        for place, (text, seed) in enumerate(runs)
    )
    store = None
    if cache is not None:
        about = {"function": code.name, "code": code.key, "versions": dict(code.versions)}
        name = "".join(letter if letter.isalnum() else "-" for letter in function.__name__)
        store = Store(Path(cache) / f"{name}-{code.key}.jsonl", about)
    return Plan(function, code, tasks, (*shape, len(chosen)), store)


def sweep(
    function: Callable[..., Any],
    grid: Grid,
    *,
    seeds: Iterable[int],
    cluster: str | None = None,
    jobs: int = 1,
    cache: str | PathLike[str] | None = CACHE,
    progress: bool = True,
) -> Results:
    """Map a function over settings and seeds; what is finished is kept, and never done twice.

    Parameters
    ----------
    function
        Called as `function(seed=..., **settings)`; returns what JSON can hold, arrays included. All its
        randomness must come from `seed`. Its code, and that of what it imports from `softbook`, is
        part of the key: after a change all runs are done anew. An edited file counts once Python is
        started anew.
    grid
        Values by name (a sequence or a `Knob`; their product is taken), or a sequence of settings.
    seeds
        Distinct integers >= 0; each setting is run with each.
    cluster
        The address of a dask scheduler, such as "tcp://10.0.0.1:8786": its workers do the runs.
    jobs
        Processes on this machine, >= 1; with `cluster`, it must be 1.
    cache
        The folder where finished runs are kept, or None to keep none. One sweep at a time writes there
        for one function.
    progress
        Whether a bar with the time left is shown, where there is a terminal.

    Returns
    -------
    Results
        One record a setting and seed in the grid's order, whatever the order in which they were finished.
        A run that failed holds its error; it is not kept, and tried again by the next call.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above, or the file of kept runs contradicts itself.
    ConnectionError
        If the scheduler does not answer, or goes away; what is done is kept.
    RuntimeError
        If another process is writing the same file.
    Stopped
        On Ctrl-C (it is a KeyboardInterrupt); what is done is kept, and the same call goes on from there.

    Notes
    -----
    The results are the same in every way of running as far as the function is repeatable: sums in
    another number of threads may differ in their last bits (OMP_NUM_THREADS=1 prevents that).

    Examples
    --------
    >>> def area(seed, width, height):
    ...     return width * height
    >>> results = sweep(area, {"width": [1, 2], "height": [3, 4, 5]}, seeds=[0], cache=None)
    >>> results.value(width=2, height=4), results.array()[..., 0].tolist()
    (8, [[3.0, 4.0, 5.0], [6.0, 8.0, 10.0]])
    """
    if count("jobs", jobs) > 1 and cluster is not None:
        raise ValueError(
            f"jobs: {jobs} is given with a cluster, but its workers are set where it is started"
        )
    planned = plan(function, grid, seeds=seeds, cache=cache)
    found: dict[int, Record] = {}
    try:
        with (
            planned.store or nullcontext(),
            closing(_run(planned, jobs, cluster, progress)) as runs,
        ):
            found |= planned.kept
            for place, record in runs:
                found[place] = record
    except KeyboardInterrupt:
        raise Stopped(_stopped(planned, found)) from None
    results = Results((found[task.place] for task in planned.tasks), planned.shape)
    if results.failed:
        first = results.failed[0]
        warnings.warn(
            f"{len(results.failed)} of {len(results)} runs failed and are tried again by the next call; "
            f"the first, at {first.text}: {first.error}",
            RuntimeWarning,
            stacklevel=2,
        )
    return results


def _run(
    planned: Plan, jobs: int, cluster: str | None, progress: bool
) -> Generator[tuple[int, Record], None, None]:
    """Do what is missing; yield place and record of each run when it is on disk."""
    by_place = {task.place: task for task in planned.missing}
    if not by_place:
        return
    tasks, failed = list(by_place.values()), 0
    engine = outcomes(planned.function, tasks, planned.code, jobs=jobs, cluster=cluster)
    bar = tqdm(
        desc=planned.function.__name__,
        total=len(planned.tasks),
        initial=len(planned.kept),
        unit="run",
        disable=None if progress else True,
    )
    with bar, closing(engine):
        for place, outcome in engine:
            task = by_place[place]
            record = _record(task, outcome)
            if record.error is not None:
                failed += 1
                bar.set_postfix(failed=failed)
            elif planned.store is not None:
                planned.store.append(task.key, _kept(record))
            yield place, record
            bar.update()


def _record(task: Task, outcome: Outcome) -> Record:
    return Record(
        plain.value(task.settings),
        task.seed,
        None if outcome.text is None else plain.value(outcome.text),
        outcome.error,
        outcome.seconds,
        trace=outcome.trace,
    )


def _kept(record: Record) -> dict[str, Any]:
    return {
        "settings": record.settings,
        "seed": record.seed,
        "value": record.value,
        "seconds": round(record.seconds, 6),
    }


def _stopped(planned: Plan, found: Mapping[int, Record]) -> str:
    done = sum(record.error is None for record in found.values())
    if planned.store is None:
        return (
            f"stopped with {done} of {len(planned.tasks)} runs done; none is kept, as cache is None"
        )
    return (
        f"stopped; {done} of {len(planned.tasks)} runs are kept in {planned.store.path}, and the same "
        "call goes on from there"
    )
