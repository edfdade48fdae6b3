"""From a reader's input to the painted change, in Chromium, for each explorable of the built book."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from softbook.explore import explorables
from softbook.publish.browser import FLAGS, chromium

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
AIMS = {True: 17.0, False: 33.0}


def _harness() -> Any:
    """Return the browser tests' driver; it is a file of theirs and no part of the package."""
    spec = importlib.util.spec_from_file_location("harness", ROOT / "tests/browser/harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _turn(harness: Any, page: Any, key: str, knobs: list[dict[str, Any]], steps: int) -> None:
    """Walk each knob of one explorable a few places away from where it stands and back."""
    state = page.evaluate("(key) => softbook.explorables[key].state", key)
    for place, knob in enumerate(knobs):
        last = len(knob["values"]) - 1
        away = [
            min(last, max(0, state[place] + d)) for d in (*range(1, steps), *range(-1, -steps, -1))
        ]
        for index in (*away, state[place]):
            harness.move(page, key, knob, index)


def _row(page: Any, where: str, key: str) -> dict[str, Any]:
    found = page.evaluate(
        """(key) => { const e = softbook.explorables[key];
             return { times: e.timings, traces: e.payload.traces, id: e.payload.id }; }""",
        key,
    )
    times = sorted(found["times"])
    curves = all(kind == "scatter" for kind in found["traces"])
    return {
        "explorable": found["id"],
        "page": where,
        "moves": len(times),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(0.95 * len(times))], 1),
        "aim_ms": AIMS[curves],
    }


def measure(rounds: int = 4, steps: int = 5) -> list[dict[str, Any]]:
    """Return a row for each explorable with knobs; rounds go over all figures of a page in turn.

    Raises a FileNotFoundError if the book is not built or there is no Chromium.
    """
    harness = _harness()
    path = chromium()
    if path is None:
        raise FileNotFoundError("no Chromium found: install it or set SOFTBOOK_CHROMIUM")
    if not (HTML / "index.html").exists():
        raise FileNotFoundError(f"{HTML} holds no built book: run make book first")
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=list(FLAGS))
        for where in harness.toc_pages(ROOT / "_toc.yml"):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto((HTML / f"{where}.html").as_uri())
            keys = harness.load_all(page)
            of = {k: page.evaluate("(k) => softbook.explorables[k].payload.knobs", k) for k in keys}
            turned = [key for key in keys if of[key]]
            for _ in range(rounds):
                for key in turned:
                    _turn(harness, page, key, of[key], steps)
            rows += [_row(page, where, key) for key in turned]
            page.close()
        browser.close()
    known = explorables()
    return [row for row in rows if row["explorable"] in known]


def summary(rows: list[dict[str, Any]]) -> str:
    """Say how many explorables meet their aim, and which is the slowest."""
    slow = [row for row in rows if row["p95_ms"] > row["aim_ms"]]
    worst = max(rows, key=lambda row: row["p95_ms"] / row["aim_ms"], default=None)
    text = f"{len(rows) - len(slow)} of {len(rows)} figures meet their aim at p95"
    return f"{text}; the slowest is {worst['explorable']}" if worst else text
