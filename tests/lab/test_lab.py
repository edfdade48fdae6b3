"""JupyterLab in Chromium: a notebook is run, a slider moved by key, and the drawn figure follows."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from softbook.explore import explore
from softbook.knobs import Choice, Switch

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*_*.ipynb"))
MOVES = 21  # back and forth, and in the end elsewhere
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SMALL = """
import numpy as np
from softbook.explore import explore
from softbook.knobs import Linear
from softbook.plotting import chart, curve

X = np.linspace(-3, 3, 161)

def gate(shift):
    y = 1 / (1 + np.exp(-4 * (X - shift)))
    figure = chart([curve(X, y, "measured", "gate")], title="A gate", x="x", y="y",
                   x_range=(-3, 3), y_range=(0, 1))
    return figure, f"The gate opens at {shift:.2f}."

explore(gate, shift=Linear(-2, 2, default=0, label="shift", points=81))
"""
# Cells that are run before the kernel is there make JupyterLab ask for one.
CONNECTED = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
  const kernel = context?.isReady && context.session?.kernel;
  return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
# Resolves with the milliseconds from the next key to the first frame with another curve or map.
WATCH = """() => {
  const drawn = () => [...document.querySelectorAll('.js-plotly-plot .cartesianlayer')]
    .map((marks) => marks.innerHTML).join(';');
  window.moved = new Promise((resolve) => {
    document.addEventListener('keydown', () => {
      const before = drawn(), start = performance.now();
      const look = () => drawn() !== before ? resolve(performance.now() - start)
        : performance.now() - start > 5000 ? resolve(null) : requestAnimationFrame(look);
      requestAnimationFrame(look);
    }, { once: true, capture: true });
  });
}"""


def chromium() -> str:
    """The browser's path; without one the test is skipped, loudly, or fails where it is required."""
    named = os.environ.get("SOFTBOOK_CHROMIUM")
    path = named or shutil.which("chromium") or shutil.which("chromium-browser")
    path = path or shutil.which("google-chrome")
    if path is None:
        sentence = (
            "JupyterLab was not tested: no Chromium found (install it or set SOFTBOOK_CHROMIUM)"
        )
        if os.environ.get("SOFTBOOK_REQUIRE_BROWSER") == "1":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


@contextmanager
def jupyter_lab(folder: Path) -> Iterator[str]:
    """Start JupyterLab on a free port, with settings of its own, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        f"JUPYTER_{name}_DIR": str(folder / f".{name.lower()}")
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={folder}"),
        *(["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []),
    ]
    # The offer of news would take the focus.
    page = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (folder / ".config" / "labconfig").mkdir(parents=True)
    (folder / ".config" / "labconfig" / "page_config.json").write_text(json.dumps(page), "utf-8")
    variables = os.environ | own | {"IPYTHONDIR": str(folder / ".ipython"), "OMP_NUM_THREADS": "1"}
    variables.pop("SOFTBOOK_BUILD", None)
    log = folder / "lab.log"
    with log.open("w") as sink:
        server = subprocess.Popen(command, cwd=folder, env=variables, stdout=sink, stderr=sink)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, log.read_text()[-2000:]
                time.sleep(0.1)
        yield address
    finally:
        # The server shuts its kernels down when it is asked to end.
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def notebook(source: str) -> str:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    # Without the kernel's name JupyterLab asks for one.
    return json.dumps(
        {
            "cells": [cell | {"source": source}],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def explorables_of(path: Path) -> str:
    """A notebook with the chapter's first explorable that has a slider, as the chapter shows it."""
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        shown = re.search(r'^explore\("([\w-]+)"\)', source, re.MULTILINE)
        if cell["cell_type"] == "code" and shown:
            knobs = explore(shown[1]).knobs.values()
            if not all(isinstance(knob, Choice | Switch) for knob in knobs):
                return source
    raise AssertionError(f"{path.name} shows no explorable with a slider")


def drive(address: str, file: str) -> dict:
    """Open a notebook, run it, move its first slider; return what was seen."""
    from playwright.sync_api import sync_playwright

    outside: list[str] = []

    def note(request):
        # Names of other hosts do not resolve (FLAGS): what asks for them is counted, and gets nothing.
        if not re.match(r"^(data:|blob:|(https?|wss?)://127\.0\.0\.1[:/])", request.url):
            outside.append(request.url)

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(60_000)
        page.on("request", note)
        page.goto(f"{address}/lab/tree/{file}?reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.wait_for_function(CONNECTED)
        # Not its promise: that may wait for more than the cells.
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.wait_for_selector(".js-plotly-plot .cartesianlayer", state="attached")
        page.locator(".widget-hslider .noUi-handle").first.focus()
        said = page.locator("p[role=status]").first
        before, times = said.inner_text(), []
        for move in range(MOVES):
            page.evaluate(WATCH)
            page.keyboard.press("ArrowRight" if move % 2 else "ArrowLeft")
            times.append(page.evaluate("() => window.moved"))
        # The sentence is a message of its own, which comes after the figure's.
        for _ in range(100):
            if said.inner_text() != before:
                break
            page.wait_for_timeout(50)
        seen = {"outside": outside, "times": times, "before": before, "after": said.inner_text()}
        browser.close()
    return seen


# A chapter as a whole takes minutes; one explorable of it shows that it is live.
@pytest.mark.parametrize("case", ["small", *(path.stem for path in CHAPTERS)])
def test_a_slider_moves_the_figure(case, tmp_path, report):
    source = SMALL if case == "small" else explorables_of(ROOT / "book" / f"{case}.ipynb")
    if case != "small" and "import explore" not in source:
        source = f"from softbook.explore import explore\n\n{source}"
    (tmp_path / "live.ipynb").write_text(notebook(source), "utf-8")
    try:
        chromium()
    except pytest.skip.Exception as skipped:
        report.append(f"WARNING: {skipped}")
        raise
    # playwright refuses to start where a loop is running, as it is once other tests have used it.
    with jupyter_lab(tmp_path) as address, ThreadPoolExecutor(1) as thread:
        seen = thread.submit(drive, address, "live.ipynb").result()
    assert None not in seen["times"], "a key was pressed and the figure did not move"
    assert seen["before"] != seen["after"]
    middle, slow = np.percentile(seen["times"], [50, 95])
    report.append(
        f"JupyterLab, {case}: key to redrawn figure p50 {middle:.0f} ms, p95 {slow:.0f} ms over "
        f"{MOVES} moves; {len(seen['outside'])} requests to other hosts (all blocked)"
    )
    assert seen["outside"] == []
