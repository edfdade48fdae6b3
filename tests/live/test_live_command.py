"""`python -m softbook serve` as a terminal runs it: its first line, and its end by Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from softbook.__main__ import main


def test_without_a_book_it_says_how_to_build_one(tmp_path, capsys):
    assert main(["serve", "--html", str(tmp_path)]) == 2
    assert "holds no built book; make book builds one" in capsys.readouterr().err


def start_a_sweep(port: int) -> dict[str, object]:
    """Start a sweep as a page does; return the first that is heard of it."""

    async def story():
        origin = {"Origin": f"http://127.0.0.1:{port}"}
        address = f"ws://127.0.0.1:{port}/live/socket"
        socket = await websocket_connect(HTTPRequest(address, headers=origin))
        await socket.write_message(json.dumps({"sweep": "induction-windows", "do": "start"}))
        found = json.loads(await asyncio.wait_for(socket.read_message(), 60))
        socket.close()
        return next(one for one in found["sweeps"] if one["name"] == "induction-windows")

    return asyncio.run(story())


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal's process group is Unix")
@pytest.mark.parametrize("with_sweep", [True, False])
def test_ctrl_c_ends_it_without_a_word(with_sweep, tmp_path):
    (tmp_path / "index.html").write_text("<html><head></head></html>")
    command = [sys.executable, "-m", "softbook", "serve", "--html", str(tmp_path), "--port", "0"]
    command += ["--cache", str(tmp_path / "kept")]
    pipe = subprocess.PIPE
    serve = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        found = re.search(r"Open  http://127\.0\.0\.1:(\d+)/", serve.stdout.readline())
        assert found
        if with_sweep:
            state = start_a_sweep(int(found[1]))
            assert state["running"]
            assert str(state["words"]).startswith("starting")
        # As a terminal does, to all that run in it.
        os.killpg(serve.pid, signal.SIGINT)
        _, errors = serve.communicate(timeout=120)
    finally:
        serve.kill()
    assert serve.returncode == 0
    assert errors == ""
