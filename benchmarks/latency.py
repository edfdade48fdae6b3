"""From a reader's input to the painted change, in Chromium, for each knob of the built book."""

from __future__ import annotations

import importlib.util
import itertools
import math
from pathlib import Path
from typing import Any

from softbook.explore import explorables
from softbook.publish.browser import FLAGS, chromium

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
# Keys that a reader presses, as the browser sends them; where a control stands at its end, one does nothing.
SLIDE = ("Home", *["ArrowRight"] * 4, "End", *["ArrowLeft"] * 4)
KEYS = {"choice": ("Home", *["ArrowDown"] * 4, "End", *["ArrowUp"] * 4), "switch": ("Space",) * 10}
# Of fewer moves the 95th percentile would be the largest: a key in twenty may meet what else the machine does.
ROUNDS = 4
# Milliseconds of a rest after a key, and after a control is chosen.
PAUSE, REST = 50, 150
# Milliseconds at p95, for curves and for maps, by how much slower the processor is made.
AIMS = {1: {True: 17.0, False: 33.0}, 4: {True: 25.0, False: 80.0}}
# What the browser takes here at the least: a page of one slider, which bends one path.
BARE = {"name": "bend", "kind": "linear"}
BARE_PAGE = """<!DOCTYPE html><div id="bare"><input type="range" data-knob="bend" min="0" max="40">
<svg width="700" height="420"><path fill="none" stroke="blue" stroke-width="2"></path></svg></div>
<script>
const bare = { timings: [], payload: { id: "bare page", traces: ["scatter"] } };
window.softbook = { explorables: { bare } };
const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = resolve;
  channel.port2.postMessage(0);
}));
document.querySelector("input").addEventListener("input", async ({ target, timeStamp }) => {
  const points = Array.from({ length: 161 }, (_, i) => [4 * i, 200 + 150 * Math.tanh((i - 80) * target.value / 200)]);
  document.querySelector("path").setAttribute("d", `M${points.join("L")}`);
  await painted();
  bare.timings.push(performance.now() - timeStamp);
});
</script>"""


def harness_of() -> Any:
    """Return the browser tests' driver; it is a file of theirs and no part of the package."""
    spec = importlib.util.spec_from_file_location("harness", ROOT / "tests/browser/harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _turn(page: Any, key: str, knob: dict[str, Any], slower: int) -> None:
    """Press keys in one control, from its first value to its last and back, by steps and by jumps, some times."""
    control = page.locator(f"#{key} [data-knob='{knob['name']}']")
    folded = page.locator(f"#{key} .softbook-more")
    if folded.count() and not control.is_visible():
        folded.locator("summary").click()
    control.scroll_into_view_if_needed()
    control.focus()
    page.wait_for_timeout(REST * slower)
    page.evaluate("(key) => { softbook.explorables[key].timings.length = 0; }", key)
    for press in KEYS.get(knob["kind"], SLIDE) * ROUNDS:
        page.keyboard.press(press)
        # Nothing is asked of the page meanwhile: that would take its time.
        page.wait_for_timeout(PAUSE * (1 + slower) // 2)


def _row(page: Any, where: str, key: str, knob: str, slower: int) -> dict[str, Any]:
    found = page.evaluate(
        """(key) => { const e = softbook.explorables[key];
             return { times: e.timings, traces: e.payload.traces, id: e.payload.id }; }""",
        key,
    )
    times = sorted(found["times"])
    curves = all(kind == "scatter" for kind in found["traces"])
    return {
        "explorable": found["id"],
        "knob": knob,
        "page": where,
        "slower": slower,
        "moves": len(times),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[math.ceil(0.95 * len(times)) - 1], 1),
        "aim_ms": AIMS[slower][curves],
    }


def _least(browser: Any, slower: int) -> dict[str, Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_content(BARE_PAGE)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    _turn(page, "bare", BARE, slower)
    row = _row(page, "no page of the book", "bare", BARE["name"], slower)
    page.close()
    return row


def measure() -> list[dict[str, Any]]:
    """Return a row for each knob of each explorable, on its full page with all its figures drawn.

    Two rows more say what a page that holds one slider and one path takes, at either speed.

    Raises a FileNotFoundError if the book is not built or there is no Chromium.
    """
    harness = harness_of()
    path = chromium()
    if path is None:
        raise FileNotFoundError("no Chromium found: install it or set SOFTBOOK_CHROMIUM")
    if not (HTML / "index.html").exists():
        raise FileNotFoundError(f"{HTML} holds no built book: run make book first")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=list(FLAGS))
        least = [_least(browser, slower) for slower in AIMS]
        rows = []
        cases = itertools.product(harness.toc_pages(ROOT / "_toc.yml"), AIMS)
        for where, slower in cases:
            page = browser.new_page(
                viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
            )
            page.goto((HTML / f"{where}.html").as_uri())
            keys = harness.load_all(page)
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
            for key in keys:
                for knob in page.evaluate("(k) => softbook.explorables[k].payload.knobs", key):
                    _turn(page, key, knob, slower)
                    rows.append(_row(page, where, key, knob["name"], slower))
            page.close()
        browser.close()
    known = explorables()
    return least + [row for row in rows if row["explorable"] in known]


def summary(rows: list[dict[str, Any]]) -> str:
    """Say how many knobs meet their aim, and which is the slowest."""
    texts = []
    for slower in AIMS:
        [least, *own] = [row for row in rows if row["slower"] == slower]
        met = sum(row["p95_ms"] <= row["aim_ms"] for row in own)
        worst = max(own, key=lambda row: row["p95_ms"] / row["aim_ms"], default=None)
        text = f"slowed {slower} times, {met} of {len(own)} knobs meet their aim at p95"
        slowest = f"; the slowest is {worst['knob']} of {worst['explorable']}" if worst else ""
        floor = f"; a page of one slider and one path takes {least['p95_ms']} ms"
        texts.append(text + slowest + floor)
    return "\n  ".join(texts)
