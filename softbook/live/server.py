"""The server: the built book on this machine's own address, and one socket a page.

Only this machine is served, and only its own pages: a request whose Host is another name, or whose
Origin is another page, is refused, so that no website that the reader visits can reach torch through
the browser. `/live/hello` says what can be asked; `/live/socket` takes the messages of `messages`.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from softbook.explore import Explorable
from softbook.live.messages import LARGEST, Ask, Order, parse
from softbook.live.pool import Pool
from softbook.live.runs import Runs

__all__ = ["SCRIPT", "application", "names_of", "script"]

STATIC = Path(__file__).parent / "static"
# In this order: each file uses names of those before it.
SCRIPTS = ("values.js", "frames.js", "sweeps.js", "spare.js", "page.js")
SCRIPT = b'<script defer src="/live/live.js"></script>'
# How often the pages hear how far a sweep is, in seconds.
BEAT = 1.0


def names_of(port: int) -> tuple[str, ...]:
    """Return the hosts by which a page on this machine names this server.

    >>> names_of(8000)
    ('127.0.0.1:8000', 'localhost:8000')
    """
    return (f"127.0.0.1:{port}", f"localhost:{port}")


def script() -> str:
    """Return the one script of the live page: the parts in `static/`, in a scope of their own.

    >>> script().startswith('(function () {')
    True
    """
    parts = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f'(function () {{\n"use strict";\n\n{parts}}})();\n'


class _Guarded(RequestHandler):
    """Refuses whoever is not a page of this server, and lets nothing grow old in a cache."""

    def prepare(self) -> None:
        hosts = self.settings["hosts"]()
        origin = self.request.headers.get("Origin")
        if self.request.host not in hosts:
            raise HTTPError(403, reason="This server answers to 127.0.0.1 and localhost alone")
        if origin is not None and origin not in [f"http://{host}" for host in hosts]:
            raise HTTPError(403, reason="This server answers to its own pages alone")

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}.\n")


class _Pages(_Guarded, StaticFileHandler):
    """The built book; its pages get one more script, which finds the server."""

    @classmethod
    def get_content(cls, abspath: str, start: int | None = None, end: int | None = None) -> Any:
        if not abspath.endswith(".html"):
            return super().get_content(abspath, start, end)
        return Path(abspath).read_bytes().replace(b"</head>", SCRIPT + b"</head>", 1)[start:end]

    def get_content_size(self) -> int:
        path = self.absolute_path
        assert path is not None
        return len(self.get_content(path)) if path.endswith(".html") else super().get_content_size()


class _Script(_Guarded):
    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.write(script())


class _Hello(_Guarded):
    """What the pages may ask for."""

    def get(self) -> None:
        figures: Mapping[str, Explorable] = self.settings["figures"]
        self.write(
            {
                "figures": {
                    id: entry.function.__module__.split(".")[1:2] for id, entry in figures.items()
                },
                "sweeps": self.settings["runs"].states(),
                "seconds": self.settings["seconds"],
            }
        )


class _Page(_Guarded, WebSocketHandler):
    """One open page: one computation at a time, and of each figure only the last value asked."""

    def check_origin(self, origin: str) -> bool:
        # `prepare` has refused all others; a page always sends one, another program need not.
        return True

    def open(self, *_: str, **__: str) -> None:
        self.waiting: dict[str, Ask] = {}
        self.task: asyncio.Task[None] | None = None
        self.settings["pages"].add(self)

    def on_close(self) -> None:
        self.settings["pages"].discard(self)
        self.waiting.clear()

    async def on_message(self, message: str | bytes) -> None:
        runs: Runs = self.settings["runs"]
        try:
            asked = parse(message, self.settings["figures"], runs.sweeps)
        except (TypeError, ValueError) as error:
            self.say({"error": str(error)} | _named(message))
            return
        if isinstance(asked, Order):
            await _obey(self.settings, asked)
            return
        self.waiting[asked.figure] = asked
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        pool: Pool = self.settings["pool"]
        while self.waiting:
            asked = self.waiting.pop(next(iter(self.waiting)))
            answer = await pool.ask({"figure": asked.figure, "settings": asked.sent})
            self.say({"id": asked.figure, "ask": asked.ask, **answer})

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a message; a page that has gone hears nothing."""
        try:
            self.write_message(json.dumps(message))
        except WebSocketClosedError:
            self.waiting.clear()


def _named(message: str | bytes) -> dict[str, Any]:
    """Return the figure and number of a message that was refused, as far as it has them."""
    try:
        content = json.loads(message)
        return {"id": content["figure"], "ask": content["ask"]}
    except (ValueError, RecursionError, TypeError, KeyError):
        return {}


async def _obey(settings: dict[str, Any], order: Order) -> None:
    runs: Runs = settings["runs"]
    if order.do == "stop":
        runs.stop(order.sweep)
        return
    await runs.start(order.sweep)
    # Two pages that start it at once are told by one follower.
    if order.sweep not in settings["followers"]:
        follower = asyncio.create_task(_follow(settings, order.sweep))
        settings["followers"][order.sweep] = follower


async def _follow(settings: dict[str, Any], name: str) -> None:
    """Tell all pages how far a sweep is, until it has ended."""
    runs: Runs = settings["runs"]
    ending = asyncio.create_task(runs.settle(name))
    while True:
        ended = ending.done()
        message = {"sweeps": runs.states()}
        for page in list(settings["pages"]):
            page.say(message)
        if ended:
            del settings["followers"][name]
            return
        await asyncio.wait([ending], timeout=BEAT)


def application(
    html: Path,
    figures: Mapping[str, Explorable],
    pool: Pool,
    runs: Runs,
    *,
    port: Any,
    seconds: float,
) -> Application:
    """Return tornado's application.

    Parameters
    ----------
    html
        The folder of the built book.
    figures
        The explorables that may be asked for, by id.
    pool
        Who computes them.
    runs
        Who runs the sweeps.
    port
        Called without arguments, returns the port that is listened to.
    seconds
        The time limit of one answer, which the page says.
    """
    # The type that a machine's own table gives to scripts may be one that browsers refuse.
    mimetypes.add_type("text/javascript", ".js")
    return Application(
        [
            (r"/live/hello", _Hello),
            (r"/live/live\.js", _Script),
            (r"/live/socket", _Page),
            (r"/(.*)", _Pages, {"path": str(html), "default_filename": "index.html"}),
        ],
        hosts=lambda: names_of(port()),
        figures=figures,
        pool=pool,
        runs=runs,
        seconds=seconds,
        pages=set(),
        followers={},
        websocket_max_message_size=LARGEST,
        log_function=lambda handler: None,
    )
