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
        # One task each waits for the end: a pipe has one reader, and those who wait are many.
        self._endings: dict[str, asyncio.Task[None]] = {}
        self._starting = asyncio.Lock()
        self._first: dict[str, int] = {}
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
        done = self._done(name)
        words = self._words.get(name, "")
        # The process imports torch first, and its first run may take long: silence would look broken.
        if not words and name in self._running and done <= self._first[name]:
            words = "starting: its first run is not finished yet"
        return {
            "name": name,
            "title": one.title,
            "package": one.function.__module__.split(".")[1:2],
            "runs": one.runs,
            "kept": done,
            "seconds": one.cost_seconds * (one.runs - done) / one.runs,
            "running": name in self._running,
            "words": words,
            "place": str(self._plans[name].place),
        }

    def _done(self, name: str) -> int:
        """Count the runs that are kept on disk."""
        planned = self._plans[name]
        kept = planned.store.read() if planned.store else {}
        return sum(task.key in kept for task in planned.tasks)

    async def start(self, name: str) -> None:
        """Start a sweep; nothing happens if it runs."""
        # Two pages may ask at once, and a process is not there as soon as it is asked for.
        async with self._starting:
            if name in self._running:
                return
            self._words.pop(name, None)
            self._first[name] = self._done(name)
            process = await asyncio.create_subprocess_exec(
                *self.command,
                name,
                "--cache",
                str(self.cache),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            self._running[name] = process
            self._endings[name] = asyncio.create_task(self._ended(name, process))

    def stop(self, name: str) -> None:
        """Ask a sweep to end after what it does now; what is finished is kept."""
        process = self._running.get(name)
        if process is not None:
            self._words[name] = "stopping"
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

    async def settle(self, name: str) -> None:
        """Wait until a sweep that was started has ended; any number may wait."""
        if name in self._endings:
            # Who waits no longer does not keep the others from hearing of the end.
            await asyncio.shield(self._endings[name])

    async def _ended(self, name: str, process: asyncio.subprocess.Process) -> None:
        """Wait for a process, and keep what it said last."""
        _, errors = await process.communicate()
        lines = errors.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else "it said nothing"
        code = process.returncode
        if code == 0:
            words = "all runs are done"
        # It says 130 itself; while it still imports, the signal ends it in one of two other ways.
        elif code in (130, -signal.SIGINT) or last == "KeyboardInterrupt":
            words = "stopped; what is finished is kept"
        else:
            words = f"ended with exit code {code}: {last}"
        self._words[name] = words
        del self._running[name], self._endings[name]

    async def end(self) -> None:
        """Stop all, and wait for them."""
        for name in list(self._running):
            self.stop(name)
        await asyncio.gather(*(self.settle(name) for name in list(self._running)))
