"""From a reader's input to the painted change, in Chromium, for each explorable of the built book."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import Any

from softbook.explore import explorables
from softbook.publish.browser import FLAGS, chromium

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
# Milliseconds at p95, for curves and for maps, by how much slower the processor is made.
AIMS = {1: {True: 17.0, False: 33.0}, 4: {True: 25.0, False: 80.0}}


def harness_of() -> Any:
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


def _row(page: Any, where: str, key: str, slower: int) -> dict[str, Any]:
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
        "slower": slower,
        "moves": len(times),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(0.95 * len(times))], 1),
        "aim_ms": AIMS[slower][curves],
    }


def measure(rounds: int = 1, steps: int = 5) -> list[dict[str, Any]]:
    """Return a row for each explorable with knobs; rounds go over all figures of a page in turn.

    Raises a FileNotFoundError if the book is not built or there is no Chromium.
    """
    harness = harness_of()
    path = chromium()
    if path is None:
        raise FileNotFoundError("no Chromium found: install it or set SOFTBOOK_CHROMIUM")
    if not (HTML / "index.html").exists():
        raise FileNotFoundError(f"{HTML} holds no built book: run make book first")
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=list(FLAGS))
        cases = itertools.product(harness.toc_pages(ROOT / "_toc.yml"), AIMS)
        for where, slower in cases:
            page = browser.new_page(
                viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
            )
            page.goto((HTML / f"{where}.html").as_uri())
            keys = harness.load_all(page)
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
            of = {k: page.evaluate("(k) => softbook.explorables[k].payload.knobs", k) for k in keys}
            turned = [key for key in keys if of[key]]
            for _ in range(rounds):
                for key in turned:
                    _turn(harness, page, key, of[key], steps)
            rows += [_row(page, where, key, slower) for key in turned]
            page.close()
        browser.close()
    known = explorables()
    return [row for row in rows if row["explorable"] in known]


def summary(rows: list[dict[str, Any]]) -> str:
    """Say how many explorables meet their aim, and which is the slowest."""
    texts = []
    for slower in AIMS:
        own = [row for row in rows if row["slower"] == slower]
        met = sum(row["p95_ms"] <= row["aim_ms"] for row in own)
        worst = max(own, key=lambda row: row["p95_ms"] / row["aim_ms"], default=None)
        text = f"slowed {slower} times, {met} of {len(own)} figures meet their aim at p95"
        texts.append(f"{text}; the slowest is {worst['explorable']}" if worst else text)
    return "\n  ".join(texts)
