"""The whole book, live: each control of a number by the keyboard, and pages that hold no figure."""

from __future__ import annotations

import re

import numpy as np
import pytest

from softbook.explore import explorables
from softbook.explore.parts import figure_parts
from softbook.live.pool import Pool
from softbook.live.runs import Runs
from softbook.publish.browser import wait_for
from softbook.sweep import experiments

from ..live.serving import serving
from .conftest import HTML, _lack
from .harness import ROOT, load_all, settle, toc_pages

RANGED = ("linear", "log", "integer")
PAGES = toc_pages(ROOT / "_toc.yml")
pytestmark = pytest.mark.book


@pytest.fixture(scope="module")
def running():
    """One server for all pages: torch is imported once."""
    if not (HTML / "index.html").exists():
        _lack(f"{HTML} holds no book: run make book first")
    with serving(HTML, explorables(), pool=lambda: Pool(1, 60.0)) as server:
        yield server


def wrong(page, key, entry):
    """Say where the page does not show what Python computes at its settings."""
    settings = page.evaluate("(key) => softbook.explorables[key].settings()", key)
    for name, knob in entry.knobs.items():
        if knob.kind == "choice":
            place = (
                f"softbook.explorables['{key}'].payload.knobs.findIndex((k) => k.name === '{name}')"
            )
            settings[name] = knob.grid()[
                page.evaluate(f"softbook.explorables['{key}'].state[{place}]")
            ]
    frame = entry(**settings)
    found = []
    for path, part in figure_parts(frame.figure).items():
        if not isinstance(part, np.ndarray):
            continue
        drawn = page.evaluate(
            "([key, path]) => path.reduce((n, k) => n[k], softbook.explorables[key].plot)",
            [key, list(path)],
        )
        # Two processes may sum in another order.
        if not np.allclose(np.array(drawn, dtype=float), part, 1e-6, 1e-9, equal_nan=True):
            found.append(f"{key} at {settings}: {path} is another")
    said = page.locator(f"#{key} .softbook-summary").text_content()
    return found if said == frame.summary else [*found, f"{said!r}, not {frame.summary!r}"]


def press(page, key, knob):
    """Move a knob by one arrow key, as a reader does; return what is wrong then."""
    slider = page.locator(f"#{key} [data-knob='{knob['name']}']")
    folded = page.locator(f"#{key} .softbook-more")
    if folded.count() and not slider.is_visible():
        folded.locator("summary").click()
    value = f"softbook.explorables['{key}'].settings()[{knob['name']!r}]"
    before = page.evaluate(value)
    slider.focus()
    slider.press("ArrowLeft" if before == knob["values"][-1] else "ArrowRight")
    page.wait_for_timeout(30)
    wait_for(page, f"document.getElementById('{key}').dataset.live !== 'computing'", timeout=90_000)
    settle(page, key)
    after = page.evaluate(value)
    refusal = page.locator(f"#{key} .softbook-refusal").text_content()
    found = [f"{key}: {knob['name']}: {refusal}"] if refusal else []
    if after == before:
        found.append(f"{key}: {knob['name']} stays at {before}")
    if knob["kind"] == "integer":
        ladder = knob["values"].index
        if abs(ladder(after) - ladder(before)) != 1:
            found.append(f"{key}: {knob['name']} goes from {before} to {after}")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_one_arrow_key_moves_each_number_and_torch_draws_it(name, running, open_page):
    entries = explorables()
    page, watch = open_page(f"{running.address}/{name}.html")
    found, moved = [], 0
    for key in load_all(page):
        wait_for(page, f"document.getElementById('{key}').dataset.live === 'on'", timeout=90_000)
        payload = page.evaluate("(key) => softbook.explorables[key].payload", key)
        for knob in payload["knobs"]:
            if knob["kind"] not in RANGED:
                continue
            moved += 1
            found += press(page, key, knob) + wrong(page, key, entries[payload["id"]])
    source = (ROOT / f"{name}.md").read_text("utf-8")
    shown = {id for id in re.findall(r'^explore\("([a-z0-9-]+)"\)', source, re.MULTILINE)}
    wanted = sum(k.kind in RANGED for id in shown for k in entries[id].knobs.values())
    assert moved >= wanted
    assert not found
    assert not watch.errors


def test_a_key_that_does_nothing_is_noticed(running, open_page):
    page, _ = open_page(f"{running.address}/book/index.html")
    (key,) = load_all(page)
    wait_for(page, f"document.getElementById('{key}').dataset.live === 'on'", timeout=90_000)
    (knob,) = page.evaluate("(key) => softbook.explorables[key].payload.knobs", key)
    page.evaluate("window.addEventListener('input', (event) => event.stopPropagation(), true)")
    assert press(page, key, knob) == [f"{key}: beta stays at {knob['values'][knob['index']]:g}"]


def test_a_training_is_looked_at_in_its_own_steps(running, open_page):
    page, _ = open_page(f"{running.address}/book/state_space_duality.html")
    key = "explorable-ssd-training"
    page.locator(f"#{key}").scroll_into_view_if_needed()
    wait_for(page, f"document.getElementById('{key}').dataset.live === 'on'", timeout=90_000)
    field = page.locator(f"#{key} :has(> [data-knob=step]) + .softbook-value")
    before = int(field.input_value())
    field.press("ArrowDown")
    wait_for(page, f"softbook.explorables['{key}'].settings().step === {before - 20}")
    field.fill("776")
    field.press("Enter")
    refusal = page.locator(f"#{key} .softbook-refusal")
    wait_for(page, f"document.querySelector('#{key} .softbook-refusal').textContent")
    assert "776 is given, but an integer from 0 to 800 in steps of 20" in refusal.text_content()
    assert page.evaluate(f"softbook.explorables['{key}'].settings().step") == before - 20


@pytest.mark.parametrize(
    ("name", "package"),
    [("shortcut_or_induction", "induction-"), ("steering_a_discrete_flow", "domino-")],
)
def test_sweeps_stand_after_the_experiment_and_in_the_contents(name, package, open_page, tmp_path):
    runs = Runs(experiments(), cache=tmp_path)
    with serving(HTML, explorables(), runs=runs) as server:
        page, watch = open_page(f"{server.address}/book/{name}.html")
        page.wait_for_selector("#the-experiment + .softbook-live-sweeps", timeout=60_000)
        link = page.locator('.bd-sidebar-secondary .toc-entry > a[href="#live-sweeps"]')
        assert link.text_content() == "Run it on this machine"
        link.click()
        page.wait_for_timeout(500)
        top = "document.getElementById('live-sweeps').getBoundingClientRect().top"
        assert 0 <= page.evaluate(top) < 300
        assert not watch.errors
        words = page.locator(".softbook-sweeps li").all_text_contents()
        assert all("Start" in one and "0 of " in one for one in words)
        assert len(words) == sum(one.startswith(package) for one in runs.sweeps)


@pytest.mark.parametrize("name", ["book/ledger", "book/glossary", "search"])
def test_a_page_without_figures_asks_for_nothing_and_throws_nothing(name, running, open_page):
    page, watch = open_page(f"{running.address}/{name}.html")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(200)
    assert watch.errors == []
    assert any(url.endswith("/live/live.js") for url in watch.requests)
    assert not any(url.endswith("/live/hello") for url in watch.requests)
