"""Firefox over WebDriver BiDi, which it speaks by itself: as much of a page as the harness asks for."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import tempfile
import threading
import time
from typing import Any

from tornado.websocket import websocket_connect

LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
PATIENCE = 120.0


def firefox() -> str | None:
    """Return the browser's path: SOFTBOOK_FIREFOX, or what the machine has."""
    named = os.environ.get("SOFTBOOK_FIREFOX")
    return named or shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """A headless Firefox with one page; what it logs and asks for is kept.

    `evaluate`, `eval_on_selector_all` and `wait_for_timeout` mean what they mean in playwright.
    """

    def __init__(self, path: str) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._loop = asyncio.new_event_loop()
        # A loop of its own: playwright's may be running in the main thread.
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._await(self._start(path))

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _start(self, path: str) -> None:
        flags = ("--headless", "--no-remote", "--profile", self._profile.name)
        self._process = await asyncio.create_subprocess_exec(
            *(path, *flags, "--remote-debugging-port", "0"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        found = None
        while found is None:
            line = await asyncio.wait_for(self._process.stderr.readline(), PATIENCE)
            assert line, "Firefox ended before it listened"
            found = LISTENING.search(line.decode(errors="replace"))
        self._socket = await websocket_connect(f"{found[1]}/session", max_message_size=2**28)
        await self._call("session.new", capabilities={})
        tree = await self._call("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        events = ["log.entryAdded", "network.beforeRequestSent"]
        await self._call("session.subscribe", events=events)

    async def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        await self._socket.write_message(json.dumps(message))
        while True:
            text = await asyncio.wait_for(self._socket.read_message(), PATIENCE)
            answer = json.loads(text)
            if answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "log.entryAdded" and event["params"]["level"] == "error":
            self.errors.append(str(event["params"].get("text")))
        # Firefox has errands of its own, which belong to no page.
        asked = event.get("method") == "network.beforeRequestSent"
        if asked and event["params"].get("context") == self._context:
            self.requests.append(event["params"]["request"]["url"])

    def goto(self, address: str) -> None:
        """Open a page; from then on nothing that was logged or asked for before is kept.

        The page before has all its fonts first: breaking off their way here would be an error later.
        """
        self.evaluate("document.fonts.ready.then(() => 0)")
        for url in ("about:blank", address):
            self.errors.clear()
            self.requests.clear()
            self._await(
                self._call(
                    "browsingContext.navigate", context=self._context, url=url, wait="complete"
                )
            )

    def evaluate(self, text: str, arg: Any = None) -> Any:
        code = (
            f"(async () => {{ const found = ({text}); const value = typeof found === 'function'"
            f" ? await found({json.dumps(arg)}) : await found; return JSON.stringify(value); }})()"
        )
        target = {"context": self._context}
        found = self._await(
            self._call("script.evaluate", expression=code, target=target, awaitPromise=True)
        )
        assert found["type"] == "success", found
        value = found["result"].get("value")
        return None if value is None else json.loads(value)

    def eval_on_selector_all(self, selector: str, function: str) -> Any:
        return self.evaluate(
            f"({function})([...document.querySelectorAll({json.dumps(selector)})])"
        )

    def wait_for_timeout(self, milliseconds: float) -> None:
        time.sleep(milliseconds / 1000)

    def close(self) -> None:
        async def end() -> None:
            self._socket.close()
            self._process.terminate()
            await self._process.wait()

        self._await(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._profile.cleanup()
