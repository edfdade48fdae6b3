"""Worker processes, each held to a time limit; one that exceeds it is ended and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from softbook.checks import number

__all__ = ["COMMAND", "Pool", "Worker"]

COMMAND = (sys.executable, "-m", "softbook.live.worker")
# A frame is at most some megabytes of JSON on one line.
LINE = 2**26
# Importing torch takes seconds, on a slow disk many; it is not the reader's figure that takes them.
BIRTH = 120.0


class Worker:
    """One process, started when it is first needed, and again after its end."""

    def __init__(self, command: Sequence[str], limit: float) -> None:
        self.command, self.limit = tuple(command), limit
        self._process: asyncio.subprocess.Process | None = None
        self._born = False

    async def start(self) -> asyncio.subprocess.Process:
        """Return the process, started if it does not run."""
        if self._process is None or self._process.returncode is not None:
            self._born = False
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE,
                # A terminal sends Ctrl-C to all that run in it; this one ends with the server's pipe.
                start_new_session=True,
            )
        return self._process

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to `message`, or {"error": sentence} if there is none in time."""
        process = await self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
            wait = self.limit + (0.0 if self._born else BIRTH)
            line = await asyncio.wait_for(process.stdout.readline(), wait)
            self._born = True
        except TimeoutError:
            await self.end()
            return {
                "error": f"this setting took longer than {self.limit:g} s and was stopped; "
                "the figure stays at the nearest one of its grid"
            }
        # A pipe that breaks is a process that ended, which an empty line says too.
        except ConnectionError:
            line = b""
        if not line:
            code = await process.wait()
            return {"error": f"the computation ended without an answer (exit code {code})"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Pool:
    """Some workers behind one door: a question goes to one that is free.

    Parameters
    ----------
    size
        Processes, >= 1. Each holds torch: about 0.5 GB.
    limit
        Seconds for one answer, > 0; the start of a process does not count.
    command
        How a worker is started.
    """

    def __init__(self, size: int, limit: float, command: Sequence[str] = COMMAND) -> None:
        if not number("limit", limit, 0) > 0:
            raise ValueError(f"limit: {limit} is given, but a time > 0 is needed")
        self._all = [Worker(command, float(limit)) for _ in range(size)]
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in self._all:
            self._free.put_nowait(worker)

    async def start(self) -> None:
        """Start all processes, so that the first question need not wait for torch."""
        for worker in self._all:
            await worker.start()

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a worker's answer."""
        worker = await self._free.get()
        try:
            return await worker.ask(message)
        finally:
            self._free.put_nowait(worker)

    async def end(self) -> None:
        """End all processes."""
        await asyncio.gather(*(worker.end() for worker in self._all))
