"""The pages' Content-Security-Policy: whatever is planted in a page, no other host hears of it."""

from __future__ import annotations

import http.server
import re
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from softbook.publish.assets import POLICY

from .harness import load_all, served

# One of each kind of request that a page can make by itself.
PLANTED = """
<script src="{0}/script.js"></script>
<link rel="stylesheet" href="{0}/style.css">
<img src="{0}/image.png" alt="">
<iframe src="{0}/frame.html" title="frame"></iframe>
<object data="{0}/object.html"></object>
<video src="{0}/video.mp4"></video>
<style>@font-face {{ font-family: F; src: url({0}/font.woff2) }} body {{ font-family: F; background: url({0}/b.png) }}</style>
<script>
  fetch("{0}/fetch").catch(() => 0);
  navigator.sendBeacon("{0}/beacon", "x");
  try {{ new WebSocket("{0}/socket".replace("http", "ws")); }} catch (error) {{ }}
  try {{ new EventSource("{0}/events"); }} catch (error) {{ }}
  try {{ new Worker(URL.createObjectURL(new Blob(["fetch('{0}/worker')"]))); }} catch (error) {{ }}
  import("{0}/module.js").catch(() => 0);
</script>
</body>"""


@contextmanager
def other_host():
    """A server at another port, which is another origin; yields its address and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def plant(html: Path, other: str, policy: bool) -> None:
    file = html / "book" / "index.html"
    text = file.read_text("utf-8").replace("</body>", PLANTED.format(other), 1)
    if not policy:
        text, count = re.subn(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)
        assert count == 1
    file.write_text(text, "utf-8")


@pytest.mark.parametrize("way", ["http", "file"])
def test_nothing_planted_reaches_another_host(spoiled, open_page, way):
    with other_host() as (other, asked), served(spoiled) as address:
        plant(spoiled, other, policy=True)
        site = address if way == "http" else spoiled.as_uri()
        page, watch = open_page(f"{site}/book/index.html")
        # The page itself goes on.
        assert load_all(page)
        page.wait_for_timeout(500)
        assert asked == []
    assert any("Content Security Policy" in line for line in watch.errors)


def test_without_the_policy_the_planted_requests_go_out(spoiled, open_page):
    with other_host() as (other, asked), served(spoiled) as address:
        plant(spoiled, other, policy=False)
        page, _ = open_page(f"{address}/book/index.html")
        page.wait_for_timeout(1000)
    kinds = {path.strip("/").split(".")[0] for path in asked}
    wanted = {"script", "style", "image", "frame", "object", "fetch", "beacon", "socket", "worker"}
    assert wanted <= kinds


def test_every_page_states_the_policy_before_it_loads_anything(where, html):
    text = (html / f"{where[1]}.html").read_text("utf-8")
    stated = text.index(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">')
    first = min(text.find(part) for part in ("<script", "<link", "<img") if part in text)
    assert stated < first


def test_the_top_page_is_a_page(mini, open_page):
    text = (mini / "index.html").read_text("utf-8")
    assert f'content="{POLICY}"' in text
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert "<title>Softbook</title>" in text
    page, watch = open_page((mini / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    assert not watch.errors


def test_the_policy_names_no_host():
    sources = set(re.findall(r"[^\s;]+", re.sub(r"\b[a-z]+-(src|action|uri)\b", "", POLICY)))
    assert sources == {"'none'", "'self'", "'unsafe-inline'", "file:", "data:", "blob:"}
