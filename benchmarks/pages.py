"""What each page of the built book weighs and how soon it is seen: bytes, first paint, memory.

Bytes are after gzip, of what the page brings beyond the files that all pages share (the theme, the
fonts of formulas, plotly.js, our script and styles). First paint is over http on a cold cache. Memory is
that of the page's own process with every figure drawn and the page scrolled to its end: on Linux what the
process alone has, which Chromium's task manager calls its footprint; with its share of what it has in
common with others, the proportional set size; and the part that JavaScript holds.
"""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path
from typing import Any

from benchmarks.latency import HTML, ROOT, harness_of
from softbook.publish.browser import FLAGS, chromium

ROUNDS = 5
PAINT = """() => performance.getEntriesByName("first-contentful-paint").map((entry) => entry.startTime)[0]"""


def _own_bytes(page: str) -> int:
    """Return the gzipped bytes of the page's text and of its figures' data."""
    file = HTML / f"{page}.html"
    text = file.read_bytes()
    data = re.findall(rb'data-src="(data/[^"]+)"', text)
    files = [HTML / "_static" / "softbook" / name.decode() for name in dict.fromkeys(data)]
    bodies = [text, *(path.read_bytes() for path in files)]
    return sum(len(gzip.compress(body, 9, mtime=0)) for body in bodies)


def _renderers(root: int) -> list[int]:
    """Return the processes below `root` that draw pages."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        if b"--type=renderer" in command:
            found.append(int(folder.name))

    def below(process: int) -> bool:
        while process in parents:
            if process == root:
                return True
            process = parents[process]
        return False

    return [process for process in found if below(process)]


def _held(process: int) -> tuple[float, float]:
    """Return the MB that a process alone has written to, and its proportional set size."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    found = dict(re.findall(r"^(Private_Dirty|Swap|Pss):\s+(\d+) kB", text, re.MULTILINE))
    return (int(found["Private_Dirty"]) + int(found["Swap"])) / 1000, int(found["Pss"]) / 1000


def _memory(harness: Any, player: Any, path: str, address: str) -> dict[str, Any]:
    """Return how many figures a page draws, and the MB that its process and its JavaScript hold."""
    browser = player.chromium.launch(executable_path=path, args=list(FLAGS))
    view = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    view.goto(address)
    figures = len(harness.load_all(view))
    height = view.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 800):
        view.evaluate("(top) => window.scrollTo(0, top)", top)
        view.wait_for_timeout(50)
    session = view.context.new_cdp_session(view)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    there = Path("/proc/self/smaps_rollup").exists()
    # The browser has processes without a page, too; they hold little.
    own, whole = max(map(_held, _renderers(os.getpid()) if there else []), default=(None, None))
    browser.close()
    return {
        "figures": figures,
        "script_MB": round(metrics["JSHeapUsedSize"] / 1e6, 1),
        "own_MB": own and round(own),
        "process_MB": whole and round(whole),
    }


def measure() -> list[dict[str, Any]]:
    """Return a row for each page; first paint is the median of rounds over all pages in turn.

    Raises a FileNotFoundError if the book is not built or there is no Chromium.
    """
    harness, path = harness_of(), chromium()
    if path is None:
        raise FileNotFoundError("no Chromium found: install it or set SOFTBOOK_CHROMIUM")
    if not (HTML / "index.html").exists():
        raise FileNotFoundError(f"{HTML} holds no built book: run make book first")
    from playwright.sync_api import sync_playwright

    pages = harness.toc_pages(ROOT / "_toc.yml")
    paints: dict[str, list[float]] = {page: [] for page in pages}
    with sync_playwright() as player, harness.served(HTML) as address:
        browser = player.chromium.launch(executable_path=path, args=list(FLAGS))
        for _ in range(ROUNDS):
            for page in pages:
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                view = context.new_page()
                view.goto(f"{address}/{page}.html")
                view.wait_for_timeout(300)
                paints[page].append(view.evaluate(PAINT))
                context.close()
        browser.close()
        memory = {
            page: _memory(harness, player, path, (HTML / f"{page}.html").as_uri()) for page in pages
        }
    return [
        {
            "page": page,
            "gzipped_kB": round(_own_bytes(page) / 1000, 1),
            "first_paint_ms": round(sorted(paints[page])[ROUNDS // 2]),
            **memory[page],
        }
        for page in pages
    ]


def summary(rows: list[dict[str, Any]]) -> str:
    """Name the heaviest and the slowest page."""
    heavy = max(rows, key=lambda row: row["gzipped_kB"])
    slow = max(rows, key=lambda row: row["first_paint_ms"])
    held = max(rows, key=lambda row: row["own_MB"] or row["script_MB"])
    return (
        f"the heaviest page is {heavy['page']} with {heavy['gzipped_kB']} kB, the slowest to show "
        f"{slow['page']} with {slow['first_paint_ms']} ms, the largest {held['page']} with "
        f"{held['own_MB'] or held['script_MB']} MB"
    )
