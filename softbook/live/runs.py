"""The book's sweeps, started from a page: what is kept, what runs, and a stop that loses nothing.

Each runs as `python -m softbook sweep NAME`, as a reader would run it in a terminal; its progress is
the number of finished runs on disk, and a stop is its Ctrl-C.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from softbook.sweep import CACHE, Experiment, plan

__all__ = ["Runs"]


class Runs:
    """The state of all sweeps, and their processes.

    >>> Runs({}).states()
    []
    """

    def __init__(
        self,
        sweeps: Mapping[str, Experiment],
        *,
        cache: str | PathLike[str] = CACHE,
        command: Sequence[str] = (sys.executable, "-m", "softbook", "sweep"),
    ) -> None:
        self.sweeps, self.cache, self.command = dict(sweeps), cache, tuple(command)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._words: dict[str, str] = {}
        # What the code makes of a sweep is read once: an edited file counts after a new start.
        self._plans = {
            name: plan(one.function, one.grid, seeds=one.seeds, cache=cache)
            for name, one in self.sweeps.items()
        }

    def states(self) -> list[dict[str, Any]]:
        """Return for each sweep its name, title, result package, runs, those kept, cost and state."""
        return [self._state(name, one) for name, one in self.sweeps.items()]

    def _state(self, name: str, one: Experiment) -> dict[str, Any]:
        planned = self._plans[name]
        kept = planned.store.read() if planned.store else {}
        done = sum(task.key in kept for task in planned.tasks)
        return {
            "name": name,
            "title": one.title,
            "package": one.function.__module__.split(".")[1:2],
            "runs": one.runs,
            "kept": done,
            "seconds": one.cost_seconds * (one.runs - done) / one.runs,
            "running": name in self._running,
            "words": self._words.get(name, ""),
            "place": str(planned.place),
        }

    async def start(self, name: str) -> None:
        """Start a sweep; nothing happens if it runs."""
        if name in self._running:
            return
        self._words.pop(name, None)
        self._running[name] = await asyncio.create_subprocess_exec(
            *self.command,
            name,
            "--cache",
            str(self.cache),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    def stop(self, name: str) -> None:
        """Ask a sweep to end after what it does now; what is finished is kept."""
        process = self._running.get(name)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

    async def settle(self, name: str) -> None:
        """Wait until a sweep that was started has ended, and keep what it said last."""
        process = self._running.get(name)
        if process is None:
            return
        _, errors = await process.communicate()
        lines = errors.decode(errors="replace").strip().splitlines()
        self._running.pop(name, None)
        ended = {0: "all runs are done", 130: "stopped; what is finished is kept"}
        last = lines[-1] if lines else "it said nothing"
        code = process.returncode
        self._words[name] = ended.get(code or 0, f"ended with exit code {code}: {last}")

    async def end(self) -> None:
        """Stop all, and wait for them."""
        for name in list(self._running):
            self.stop(name)
        await asyncio.gather(*(self.settle(name) for name in list(self._running)))
