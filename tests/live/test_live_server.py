"""The server: whom it answers, what it hands out, and whose value wins."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import time
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from softbook.explore import explorables
from softbook.live.pool import Pool
from softbook.live.runs import Runs
from softbook.sweep import Experiment

from .serving import serving


@pytest.fixture
def html(tmp_path) -> Path:
    folder = tmp_path / "html"
    (folder / "book").mkdir(parents=True)
    (folder / "index.html").write_text("<html><head><title>A</title></head><body>ä</body></html>")
    (folder / "book" / "code.js").write_text("let x;")
    (tmp_path / "secret.txt").write_text("not for the page")
    return folder


def get(running, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


def test_pages_get_the_live_script_and_other_files_stay_as_they_are(html):
    with serving(html, {}) as running:
        status, headers, text = get(running, "/index.html")
        assert status == 200
        assert text.count('<script defer src="/live/live.js"></script></head>') == 1
        assert int(headers["Content-Length"]) == len(text.encode())
        assert get(running, "/")[2] == text
        assert get(running, "/book/code.js")[2] == "let x;"
        assert "javascript" in get(running, "/book/code.js")[1]["Content-Type"]
        assert get(running, "/live/live.js")[0] == 200
        again = get(running, "/index.html", **{"If-None-Match": headers["Etag"]})
        assert again[0] == 304


def test_nothing_outside_of_the_book_is_handed_out(html):
    with serving(html, {}) as running:
        for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/book/../../secret.txt", "/nowhere"):
            status, _, text = get(running, path)
            assert status in (403, 404), path
            assert "not for the page" not in text


@pytest.mark.parametrize("path", ["/index.html", "/live/hello", "/live/live.js", "/live/socket"])
def test_other_names_and_other_pages_are_refused(html, path):
    with serving(html, {}) as running:
        own = f"127.0.0.1:{running.port}"
        for headers in (
            {"Host": "evil.example"},
            {"Host": "evil.example:8000"},
            {"Host": f"127.0.0.1.evil.example:{running.port}"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": f"https://{own}"},
            {"Origin": "http://127.0.0.1:1"},
        ):
            assert get(running, path, **headers)[0] == 403, headers
        if path != "/live/socket":
            assert get(running, path, Origin=f"http://{own}")[0] == 200
            assert get(running, path, Host=f"localhost:{running.port}")[0] == 200


def talk(running, messages, count, origin=None):
    """Send messages over one socket; return the first `count` answers."""

    async def story():
        address = f"ws://127.0.0.1:{running.port}/live/socket"
        headers = {"Origin": origin or running.address}
        socket = await websocket_connect(HTTPRequest(address, headers=headers))
        for message in messages:
            await socket.write_message(message)
        found = [
            json.loads(await asyncio.wait_for(socket.read_message(), 60)) for _ in range(count)
        ]
        socket.close()
        return found

    return asyncio.run(story())


def asked(number, figure="two-keys", **settings):
    return json.dumps({"figure": figure, "ask": number, "settings": settings})


class Slow(Pool):
    """A pool that takes its time, and remembers what reached it and how many at once."""

    def __init__(self, first: float = 0.3) -> None:
        super().__init__(1, 1.0)
        self.wait = first
        self.seen: list[float] = []
        self.now = self.most = 0

    async def ask(self, message):
        self.now += 1
        self.most = max(self.most, self.now)
        self.seen.append(message["settings"]["beta"])
        wait, self.wait = self.wait, 0.3
        await asyncio.sleep(wait)
        self.now -= 1
        return {"figure": {}, "summary": str(message["settings"]["beta"])}


def test_one_computation_at_a_time_and_the_last_value_wins(html):
    # So long that all thirty are here before the first answer, on a busy machine too.
    pool = Slow(first=3.0)
    with serving(html, explorables(), pool=lambda: pool) as running:
        betas = [1.5 + k for k in range(30)]
        answers = talk(running, [asked(k, beta=b) for k, b in enumerate(betas)], 2)
    assert pool.most == 1
    assert pool.seen[0] == betas[0]
    assert pool.seen[-1] == betas[-1]
    assert len(pool.seen) == 2
    assert answers[-1] == {"id": "two-keys", "ask": 29, "figure": {}, "summary": str(betas[-1])}


def test_two_pages_do_not_take_each_others_turn(html):
    pool = Slow()

    async def story(running):
        address = f"ws://127.0.0.1:{running.port}/live/socket"
        request = HTTPRequest(address, headers={"Origin": running.address})
        sockets = [await websocket_connect(request) for _ in range(2)]
        for k, socket in enumerate(sockets):
            await socket.write_message(asked(k, beta=2.0 + k))
        return [
            json.loads(await asyncio.wait_for(socket.read_message(), 30))["summary"]
            for socket in sockets
        ]

    with serving(html, explorables(), pool=lambda: pool) as running:
        assert asyncio.run(story(running)) == ["2.0", "3.0"]


def test_what_is_refused_is_said_with_the_figures_name(html):
    pool = Slow()
    with serving(html, explorables(), pool=lambda: pool) as running:
        messages = [asked(7, beta=-3), asked(8, figure="os.system"), "no json", '{"sweep": "x"}']
        beta, unknown, broken, sweep = talk(running, messages, 4)
    assert beta["id"] == "two-keys"
    assert beta["ask"] == 7
    assert beta["error"].startswith("sharpness β: -3 is given")
    assert "is none of the book's" in unknown["error"]
    assert broken == {"error": "message: this is no JSON"}
    assert sweep["error"] == "sweep: 'x' is given; there are none"
    assert pool.seen == []


SLOWLY = "import sys, time\nopen(sys.argv[3] + '/begun', 'a').write('x')\ntime.sleep(600)"


def test_the_server_ends_while_a_sweep_runs(html, tmp_path, caplog):
    """Both the pages' follower and the server's end wait for the sweep's process."""
    sweeps = {"areas": Experiment("areas", "Areas", _area, {"width": [1, 2]}, (0,), 1.0)}
    runs = Runs(sweeps, cache=tmp_path, command=(sys.executable, "-c", SLOWLY))
    with serving(html, {}, runs=runs) as running:
        order = json.dumps({"sweep": "areas", "do": "start"})
        first, *_ = talk(running, [order, order], 1)
        assert first["sweeps"][0]["running"]
        until = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < until:
            time.sleep(0.05)
        running.stop()
        assert not running.thread.is_alive()
    assert running.failure is None
    assert (tmp_path / "begun").read_text() == "x"
    assert runs.states()[0]["words"] == "stopped; what is finished is kept"
    assert not caplog.records


def _area(seed, width):
    return width**2


def test_a_socket_is_for_this_servers_own_pages(html):
    with (
        serving(html, {}) as running,
        pytest.raises(HTTPClientError, match="403"),
    ):
        talk(running, [], 0, origin="http://evil.example")


def test_hello_names_the_figures_their_packages_and_the_limit(html):
    with serving(html, explorables(), seconds=7.0) as running:
        status, _, text = get(running, "/live/hello")
    hello = json.loads(text)
    assert status == 200
    assert hello["seconds"] == 7.0
    assert hello["sweeps"] == []
    assert hello["figures"].keys() == explorables().keys()
    assert hello["figures"]["two-keys"] == ["relu_softmax"]
