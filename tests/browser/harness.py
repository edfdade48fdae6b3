"""Driving a built book in Chromium, and comparing what is drawn with what Python computes."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from softbook.publish.browser import READY, wait_for

ROOT = Path(__file__).resolve().parents[2]
MINI = Path(__file__).parent / "minibook"
LOCAL = re.compile(r"^(file:|data:|blob:|about:|https?://127\.0\.0\.1[:/])")


def toc_pages(toc: Path) -> list[str]:
    """Return the pages that a table of contents names, in order."""
    return re.findall(r"^\s*(?:root|- file|file):\s*(\S+)", toc.read_text("utf-8"), re.MULTILINE)


def copy_mini(target: Path, **settings: str) -> Path:
    """Lay the small book's sources into `target`, with the real book's settings and its own claims."""
    shutil.copytree(MINI, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    lines = {"softbook_ledger": "miniclaims:ledger"} | settings
    added = "".join(f"    {name}: {value!r}\n" for name, value in lines.items())
    config = (ROOT / "_config.yml").read_text("utf-8")
    (target / "_config.yml").write_text(
        config.replace("  config:\n", f"  config:\n{added}"), "utf-8"
    )
    return target


def build(source: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the command that `make book` runs, and return its outcome."""
    run = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", run, "build", ".", "-W", "--keep-going", *flags]
    paths = [str(source / "book"), os.environ.get("PYTHONPATH", "")]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(
        command, cwd=source, env=variables, capture_output=True, text=True, timeout=300, check=False
    )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def spoil(html: Path, name: str, line: str, instead: str) -> None:
    """Plant a fault in a copy of a book: in one of its own scripts or sheets a line that stands there once."""
    file = html / "_static" / "softbook" / name
    text = file.read_text("utf-8")
    assert text.count(line) == 1
    file.write_text(text.replace(line, instead), "utf-8")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of 127.0.0.1 and yield its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Watch:
    """What a page must not do: log errors, or ask another host for anything."""

    def __init__(self, page: Any) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._note)
        page.context.route(re.compile(r"^https?://(?!127\.0\.0\.1[:/])"), lambda r: r.abort())

    def _note(self, request: Any) -> None:
        self.requests.append(request.url)
        if not LOCAL.match(request.url):
            self.outside.append(request.url)


def load_all(page: Any) -> list[str]:
    """Draw every explorable of the page; return their keys. A failed one is an error."""
    page.evaluate("window.softbook && softbook.load()")
    wait_for(page, READY, timeout=60_000)
    failed = page.eval_on_selector_all(".softbook-message", "all => all.map((m) => m.textContent)")
    assert not failed, failed
    keys: list[str] = page.evaluate("window.softbook ? Object.keys(softbook.explorables) : []")
    return keys


def show_in(page: Any, theme: str) -> None:
    """Let the reader's system turn dark or light, and wait until all figures have its colours."""
    page.emulate_media(color_scheme=theme)
    wait_for(
        page,
        """(theme) => {
          const root = document.documentElement;
          const colour = getComputedStyle(root).getPropertyValue("--pst-color-text-muted").trim();
          const figures = Object.values(window.softbook ? softbook.explorables : {});
          return root.dataset.theme === theme && figures.every(({ plot }) => plot.layout.font.color === colour);
        }""",
        theme,
    )


def show_at(page: Any, width: int) -> None:
    """Make the window so wide, and wait until all figures fill their room."""
    page.set_viewport_size({"width": width, "height": 900})
    wait_for(
        page,
        """() => Object.values(window.softbook ? softbook.explorables : {}).every(({ plot }) =>
             !plot.clientWidth ||
             Math.abs(plot.querySelector(".main-svg").getBoundingClientRect().width - plot.clientWidth) < 2)""",
    )


def settle(page: Any, key: str) -> None:
    """Wait until what was asked is painted."""
    page.evaluate("(key) => softbook.explorables[key].running", key)


def move(page: Any, key: str, knob: dict[str, Any], index: int) -> None:
    """Turn a knob through its native control, as a reader does."""
    control = page.locator(f"#{key} [data-knob='{knob['name']}']")
    folded = page.locator(f"#{key} .softbook-more")
    if folded.count() and not control.is_visible():
        folded.locator("summary").click()
    if knob["kind"] == "switch":
        control.set_checked(knob["values"][index])
    elif knob["kind"] == "choice":
        control.select_option(str(index))
    else:
        control.fill(str(index))
    settle(page, key)


def turn(page: Any, key: str, changes: Any) -> None:
    """Turn some knobs at once, each a place and an index, and wait until that is painted."""
    page.evaluate(
        """async ([key, changes]) => {
          const one = softbook.explorables[key];
          changes.forEach(([k, index]) => one.move(k, index, performance.now()));
          await one.running;
        }""",
        [key, changes],
    )


def turns(key: str, knobs: list[dict[str, Any]], moves: int = 8) -> list[list[list[int]]]:
    """Return some changes for `turn`, to be made in a row, mostly of a knob; the key is the seed."""
    rng = random.Random(zlib.crc32(key.encode()))
    some = []
    for n in range(moves):
        chosen = range(len(knobs)) if n % 3 == 2 else [rng.randrange(len(knobs))]
        some.append([[k, rng.randrange(len(knobs[k]["values"]))] for k in chosen])
    return some


def array_at(figure: Any, path: list[Any]) -> np.ndarray:
    """Return the array at `path` in a plotly figure as float64, with NaN for gaps."""
    node = figure.to_plotly_json()
    for step in path:
        node = node[step]
    if isinstance(node, dict) and "bdata" in node:
        raw = np.frombuffer(base64.b64decode(node["bdata"]), dtype=np.dtype(node["dtype"]))
        shape = [int(n) for n in str(node.get("shape", raw.size)).split(",")]
        return raw.reshape(shape).astype(float)
    return np.array(node, dtype=float)


def _off(channel: dict[str, Any], drawn: Any, exact: np.ndarray) -> str:
    """Say how far the drawn array is off, or return an empty string."""
    seen = np.array(drawn, dtype=float)
    if seen.shape != exact.shape:
        return f"shape {seen.shape} is drawn, {exact.shape} is computed"
    gaps = ~np.isfinite(exact) | ((exact <= 0) if channel["coding"] == "log" else False)
    if not np.array_equal(np.isnan(seen), gaps):
        return "gaps stand elsewhere"
    distance = np.abs(seen - exact)[~gaps]
    if channel["coding"] == "log":
        distance = distance / exact[~gaps]
    worst = float(distance.max(initial=0.0))
    # A stated error is no excuse: it must be half a step of 16 bits, up to rounding.
    span = abs(channel["high"] - channel["low"])
    if channel["coding"] == "linear" and channel["error"] > 0.51 * span / 65534 + 1e-9 * (1 + span):
        return f"states an error of {channel['error']:.3g} on a range of {span:.3g}"
    return (
        ""
        if worst <= channel["error"]
        else f"is off by {worst:.3g}, {channel['error']:.3g} is stated"
    )


def compare(page: Any, key: str, entry: Any) -> list[str]:
    """Compare the page's present state with Python's at the setting that the controls show."""
    state = page.evaluate(
        """(key) => {
          const e = softbook.explorables[key];
          const shell = document.getElementById(key);
          const controls = e.payload.knobs.map((knob) => {
            const control = shell.querySelector(`[data-knob="${knob.name}"]`);
            const output = shell.querySelector(`output[for="${control.id}"]`);
            const index = control.type === "checkbox" ? Number(control.checked) : Number(control.value);
            const option = control.selectedOptions ? control.selectedOptions[0].textContent : null;
            return { name: knob.name, index, said: output ? output.textContent : option,
                     spoken: control.getAttribute("aria-valuetext") };
          });
          return { controls, settings: e.settings(), channels: e.payload.channels,
                   drawn: e.payload.channels.map((_, k) => e.drawn(k)),
                   summary: shell.querySelector(".softbook-summary").textContent };
        }""",
        key,
    )
    settings, wrong = {}, []
    for control in state["controls"]:
        knob = entry.knobs[control["name"]]
        value = knob.grid()[control["index"]]
        settings[control["name"]] = value
        text = knob.text(value)
        said = {control["said"], control["spoken"]} - {None}
        if said - {text}:
            wrong.append(f"{key}: {control['name']} says {said}, Python says {text!r}")
    frame = entry(**settings)
    where = f"{key} at {settings}"
    if state["summary"] != frame.summary:
        wrong.append(f"{where}: says {state['summary']!r}, Python says {frame.summary!r}")
    for channel, drawn in zip(state["channels"], state["drawn"], strict=True):
        problem = _off(channel, drawn, array_at(frame.figure, channel["path"]))
        if problem:
            wrong.append(f"{where}: {'.'.join(map(str, channel['path']))} {problem}")
    return wrong


def turn_everything(page: Any, key: str, entry: Any) -> list[str]:
    """Move every control to both ends and the middle, then reset; return all that is wrong."""
    knobs = page.evaluate("(key) => softbook.explorables[key].payload.knobs", key)
    check = (lambda: compare(page, key, entry)) if entry is not None else (lambda: [])
    wrong = check()
    for knob in knobs:
        last = len(knob["values"]) - 1
        for index in sorted({0, last // 2, last}):
            move(page, key, knob, index)
            wrong += check()
    if knobs:
        page.locator(f"#{key} .softbook-reset").click()
        settle(page, key)
        indices = page.evaluate("(key) => softbook.explorables[key].state", key)
        if indices != [knob["index"] for knob in knobs]:
            wrong.append(f"{key}: reset leads to {indices}")
        wrong += check()
    return wrong
