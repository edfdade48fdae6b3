"""`python -m softbook serve`: the built book with torch behind its figures, on this machine alone."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from softbook.commands.arguments import count
from softbook.explore import explorables
from softbook.live.pool import Pool
from softbook.live.runs import Runs
from softbook.live.server import application
from softbook.sweep import CACHE, experiments

HERE = "127.0.0.1"


def add(commands: Any) -> None:
    """Add the command and its options to argparse's `commands`."""
    parser = commands.add_parser("serve", help="serve the built book, live, on this machine")
    parser.add_argument("--html", type=Path, default=Path("_build/html"), help="(%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (%(default)s)")
    parser.add_argument("--workers", type=count, default=1, help="processes (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="limit of one computation (%(default)g)"
    )
    parser.add_argument("--cache", default=CACHE, help="where sweeps are kept (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return 0, or 2 with a sentence if there is no book or no such port."""
    if not (options.html / "index.html").is_file():
        print(f"{options.html} holds no built book; make book builds one", file=sys.stderr)
        return 2
    try:
        sockets = bind_sockets(options.port, HERE)
    except (OSError, OverflowError) as error:
        print(f"--port {options.port} cannot be taken: {error}", file=sys.stderr)
        return 2
    try:
        pool = Pool(options.workers, options.seconds)
    except ValueError as error:
        print(f"--seconds: {error}", file=sys.stderr)
        return 2
    asyncio.run(_serve(options, sockets, pool))
    return 0


async def _serve(options: argparse.Namespace, sockets: Any, pool: Pool) -> None:
    """Serve until the process is told to end; then end all that it started."""
    port = sockets[0].getsockname()[1]
    runs = Runs(experiments(), cache=options.cache)
    app = application(
        options.html.resolve(),
        explorables(),
        pool,
        runs,
        port=lambda: port,
        seconds=options.seconds,
    )
    server = HTTPServer(app)
    server.add_sockets(sockets)
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        # Windows has no handlers in a loop; there Ctrl-C ends the loop by itself.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(name, told.set)
    async with AsyncExitStack() as last:
        last.push_async_callback(pool.end)
        last.push_async_callback(runs.end)
        await pool.start()
        print(f"Open  http://{HERE}:{port}/  (Ctrl-C ends it)", flush=True)
        with suppress(asyncio.CancelledError):
            await told.wait()
        server.stop()
