"""Runs on the workers of a dask scheduler; dask is imported only here, and only when it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from softbook.sweep.code import Code
from softbook.sweep.engines import Outcome, Task, perform

__all__ = ["on_cluster"]

PATIENCE = 20
"""Seconds in which a scheduler must answer."""


def on_cluster(
    function: Callable[..., Any], tasks: Sequence[Task], code: Code, address: str
) -> Generator[tuple[int, Outcome], None, None]:
    """Yield place and outcome of every task as it is finished by the workers of `address`.

    A worker may die at any time: dask gives its runs to the others. Workers may join at any time. A run
    that kills every worker it meets has failed (dask's `KilledWorker`).

    Raises
    ------
    ConnectionError
        If no scheduler answers at `address`, or it goes away before the end.
    """
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"cluster: no dask scheduler answers at {address} ({error}); start one with `dask scheduler`, "
            "or give the address that it prints"
        ) from error
    try:
        if not client.nthreads():
            warnings.warn(
                f"cluster: the scheduler at {address} has no worker yet; the sweep waits for the first",
                RuntimeWarning,
                stacklevel=2,
            )
        places = {}
        for task in tasks:
            future = client.submit(perform, function, task, code, key=f"{code.name}-{task.key}")
            places[future] = task.place
        completed = as_completed(places, loop=client.loop)
        for future in completed:
            if future.status in ("pending", "lost"):
                # Its worker died with the result before it was fetched: another does the run again.
                completed.add(future)
                continue
            yield _outcome(future, places.pop(future), address)
            future.release()
    finally:
        client.close()


def _outcome(future: Any, place: int, address: str) -> tuple[int, Outcome]:
    from distributed.comm import CommClosedError

    try:
        # Another sweep on the same cluster may have asked for this run, from another place in its grid.
        return place, future.result()[1]
    except (CancelledError, CommClosedError) as error:
        raise ConnectionError(
            f"cluster: the scheduler at {address} went away before the end; what is done is kept"
        ) from error
    except Exception as error:
        # The function's own errors are outcomes: this one is of the run that kills its workers.
        return place, Outcome(None, f"{type(error).__name__}: {error}", "", 0.0)
