"""Runs on joblib's processes: one that dies takes only its own run with it, and none outlives the sweep."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import cache
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool

from softbook.sweep.code import Code
from softbook.sweep.engines import Outcome, Task, perform

__all__ = ["on_processes"]


def on_processes(
    function: Callable[..., Any], tasks: Sequence[Task], code: Code, jobs: int
) -> Generator[tuple[int, Outcome], None, None]:
    """Yield place and outcome of every task as it is finished, with `jobs` processes.

    A process that is killed (by a crash, or for want of memory) breaks joblib's whole pool. Those that
    may have been at work are then tried alone: the ones that die again have failed, and the rest goes on.
    """
    waiting = {task.place: task for task in tasks}
    while waiting:
        try:
            for place, outcome in _pool(function, list(waiting.values()), code, jobs):
                del waiting[place]
                yield place, outcome
        except BrokenProcessPool:
            for task in list(waiting.values())[:jobs]:
                yield _alone(function, task, code)
                del waiting[task.place]


def _pool(
    function: Callable[..., Any], tasks: Sequence[Task], code: Code, jobs: int
) -> Generator[tuple[int, Outcome], None, None]:
    # One run at a time to a process, and none ahead: a kill costs no more than what is being done.
    pool = Parallel(
        jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=jobs, backend="loky"
    )
    return pool(delayed(_perform)(function, task, code) for task in tasks)


def _perform(function: Callable[..., Any], task: Task, code: Code) -> tuple[int, Outcome]:
    _die_with_parent()
    return perform(function, task, code)


@cache
def _die_with_parent() -> None:
    """End this process when the one that started it is gone: after kill -9 nobody tells it to.

    On Windows the parent's number stays; there joblib's processes end when they have been idle.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _alone(function: Callable[..., Any], task: Task, code: Code) -> tuple[int, Outcome]:
    try:
        return next(_pool(function, [task], code, 2))
    except BrokenProcessPool:
        error = "the process that did it was killed twice; a crash, or too little memory?"
        return task.place, Outcome(None, f"ProcessKilled: {error}", "", 0.0)
