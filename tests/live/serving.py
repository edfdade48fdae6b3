"""A live server in a thread, for tests: on a free port, with figures and workers of the test's own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from softbook.live.pool import COMMAND, Pool
from softbook.live.runs import Runs
from softbook.live.server import application

# What a worker runs for figures that only a module in `folder` knows.
OWN = """import sys
sys.path.insert(0, {folder!r})
import {module}
from softbook.explore import Explorable
from softbook.live.worker import main
figures = {{one.id: one for one in vars({module}).values() if isinstance(one, Explorable)}}
main(figures, sys.stdin, lambda text: print(text, flush=True))
"""


def own_worker(folder: Path, module: str) -> tuple[str, ...]:
    return (sys.executable, "-c", OWN.format(folder=str(folder), module=module))


class Serving:
    """A running server: its address, and a `stop` that may be called before the end."""

    def __init__(self, html: Path, figures: Any, pool: Any, runs: Any, seconds: float) -> None:
        self.html, self.figures, self.pool, self.runs = html, figures, pool, runs
        self.seconds = seconds
        self.loop: asyncio.AbstractEventLoop | None = None
        self.failure: BaseException | None = None
        self.up = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.up.wait(20)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            self.failure = failure
            raise

    async def _serve(self) -> None:
        sockets = bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.app = application(
            self.html,
            self.figures,
            self.pool(),
            self.runs,
            port=lambda: self.port,
            seconds=self.seconds,
        )
        server = HTTPServer(self.app)
        server.add_sockets(sockets)
        self.loop, self.told = asyncio.get_running_loop(), asyncio.Event()
        self.up.set()
        await self.told.wait()
        server.stop()
        await server.close_all_connections()
        await self.runs.end()
        await self.app.settings["pool"].end()

    def stop(self) -> None:
        if self.thread.is_alive():
            assert self.loop is not None
            self.loop.call_soon_threadsafe(self.told.set)
            self.thread.join(20)


@contextmanager
def serving(
    html: Path,
    figures: Any,
    *,
    command: tuple[str, ...] = COMMAND,
    runs: Any = None,
    pool: Any = None,
    seconds: float = 20.0,
) -> Iterator[Serving]:
    """Serve `html` with `figures`; the pool is made in the server's own loop."""
    made = pool or (lambda: Pool(1, seconds, command))
    running = Serving(html, figures, made, runs or Runs({}), seconds)
    try:
        yield running
    finally:
        running.stop()
