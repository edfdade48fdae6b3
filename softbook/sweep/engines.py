"""Where the runs are done: in this process, on joblib's processes, or by a dask scheduler's workers.

Each engine takes the same tasks and yields the same outcomes, in whatever order they are finished.

>>> from softbook.sweep.code import code_of
>>> def divide(seed, n):
...     return n / seed
>>> tasks = [Task(place, f"key {place}", '{"n":12}', seed) for place, seed in enumerate((3, 0))]
>>> for place, outcome in outcomes(divide, tasks, code_of(divide)):
...     print(place, outcome.text, outcome.error)
0 4.0 None
1 None ZeroDivisionError: division by zero
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from softbook.sweep import plain
from softbook.sweep.code import Code

__all__ = ["Outcome", "Task", "outcomes", "perform"]


@dataclass(frozen=True)
class Task:
    """One run to be done: its place in the grid, its key, its settings as text, its seed."""

    place: int
    key: str
    settings: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the value as text or the error, where it was raised, and the time it took."""

    text: str | None
    error: str | None
    trace: str
    seconds: float


def perform(
    function: Callable[..., Any], task: Task, code: Code | None = None
) -> tuple[int, Outcome]:
    """Do one run, and return its place and outcome; an error of the function is an outcome, too.

    With `code`, the run is refused where this process has other code. The settings are made anew from
    their text, so that a function that changes its arguments changes nothing else.
    """
    start = time.perf_counter()
    try:
        if code is not None:
            code.check_here()
        given = function(**plain.value(task.settings), seed=task.seed)
        text, error, trace = plain.text(given), None, ""
    except (Exception, SystemExit) as caught:
        text, error, trace = None, _sentence(caught), traceback.format_exc()
    return task.place, Outcome(text, error, trace, time.perf_counter() - start)


def _sentence(error: BaseException) -> str:
    message = str(error).strip()
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def outcomes(
    function: Callable[..., Any],
    tasks: Sequence[Task],
    code: Code,
    *,
    jobs: int = 1,
    cluster: str | None = None,
) -> Generator[tuple[int, Outcome], None, None]:
    """Yield place and outcome of every task as it is finished; closing the iterator stops the rest.

    `jobs` processes of joblib where it is more than 1; the workers of the dask scheduler at `cluster`
    where that is given; this process otherwise.
    """
    if cluster is not None:
        from softbook.sweep.cluster import on_cluster

        return on_cluster(function, tasks, code, cluster)
    if jobs > 1:
        from softbook.sweep.processes import on_processes

        return on_processes(function, tasks, code, jobs)
    return (perform(function, task) for task in tasks)
