"""The live page in Chromium: torch behind the figures, refusals in words, and a server that dies."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from softbook.publish.browser import wait_for

from ..live.serving import own_worker, serving
from .harness import array_at, load_all, settle

CURVES, KINDS = "explorable-mini-curves", "explorable-mini-kinds"


@pytest.fixture
def running(mini, mini_entries):
    command = own_worker(mini.parents[1] / "book", "minifigures")
    with serving(mini, mini_entries, command=command) as server:
        yield server


@pytest.fixture
def index(running, open_page):
    page, watch = open_page(f"{running.address}/book/index.html")
    load_all(page)
    wait_for(page, live(CURVES, "on"))
    yield page
    assert not watch.outside
    # Of a server that is gone the browser itself says so, when it looks for the page's icon too.
    over = ("WebSocket",) if running.thread.is_alive() else ("WebSocket", "ERR_CONNECTION_REFUSED")
    assert not [line for line in watch.errors if not any(words in line for words in over)]


def live(key, state):
    return f"document.getElementById('{key}').dataset.live === '{state}'"


def answered(page, key):
    page.wait_for_timeout(30)
    wait_for(page, f"document.getElementById('{key}').dataset.live !== 'computing'", timeout=60_000)
    settle(page, key)


def drawn(page, key, path):
    found = page.evaluate(
        "([key, path]) => path.reduce((n, k) => n[k], softbook.explorables[key].plot)", [key, path]
    )
    return np.array(found, dtype=float)


def differences(page, key, entry, settings):
    """Say where the page does not show, to rounding, what Python computes at `settings`."""
    frame = entry(**settings)
    wrong = []
    for trace in range(len(frame.figure.data)):
        for name in ("x", "y"):
            exact = array_at(frame.figure, ["data", trace, name])
            if not np.allclose(
                drawn(page, key, ["data", trace, name]), exact, 1e-12, 1e-12, equal_nan=True
            ):
                wrong.append(f"{trace}.{name}")
    said = page.locator(f"#{key} .softbook-summary").text_content()
    return wrong if said == frame.summary else [*wrong, said]


def test_a_slider_stops_anywhere_and_torch_draws_it(index, mini_entries):
    slider = index.locator(f"#{CURVES} [data-knob=beta]")
    slider.fill("3.37")
    answered(index, CURVES)
    settings = index.evaluate(f"softbook.explorables['{CURVES}'].settings()")
    assert settings["beta"] not in mini_entries["mini-curves"].knobs["beta"].grid()
    assert differences(index, CURVES, mini_entries["mini-curves"], settings) == []
    assert "computed by torch" in index.locator(f"#{CURVES} .softbook-mark").text_content()
    assert float(slider.input_value()) == pytest.approx(3.37, abs=0.01)
    wait_for(index, "location.hash.includes('mini-curves?beta=')")
    assert f"beta={settings['beta']}" in index.url
    # The comparison above can fail.
    other = settings | {"beta": settings["beta"] * 1.001}
    assert differences(index, CURVES, mini_entries["mini-curves"], other)


def test_a_number_is_typed_and_every_control_takes_part(index, mini_entries):
    field = index.locator(f"#{KINDS} :has(> [data-knob=scale]) + .softbook-value")
    index.locator(f"#{KINDS} .softbook-more summary").click()
    field.fill("2.71828")
    field.press("Enter")
    index.locator(f"#{KINDS} [data-knob=shape]").select_option("1")
    index.locator(f"#{KINDS} [data-knob=marked]").check()
    answered(index, KINDS)
    settings = {"n": 3, "shape": "square", "marked": True, "scale": 2.71828, "window": 2.0}
    assert index.evaluate(f"softbook.explorables['{KINDS}'].settings()") == settings
    assert differences(index, KINDS, mini_entries["mini-kinds"], settings) == []
    code = index.evaluate(f"softbook.explorables['{KINDS}'].setting()")
    assert "scale: 2.71828" in code


@pytest.mark.parametrize(
    ("typed", "words"),
    [("65", "sharpness β: 65 is given"), ("", "sharpness β: a number from 1 to 64 is needed")],
)
def test_what_is_refused_is_said_and_nothing_is_lost(index, typed, words):
    before = index.evaluate(f"softbook.explorables['{CURVES}'].settings()")
    field = index.locator(f"#{CURVES} :has(> [data-knob=beta]) + .softbook-value")
    field.fill(typed)
    field.press("Enter")
    answered(index, CURVES)
    refusal = index.locator(f"#{CURVES} .softbook-refusal")
    assert words in refusal.text_content()
    assert refusal.get_attribute("role") == "alert"
    assert field.input_value() == typed
    assert field.get_attribute("aria-invalid") == "true"
    assert index.evaluate(f"softbook.explorables['{CURVES}'].settings()") == before
    index.locator(f"#{CURVES} [data-knob=shift]").fill("1.5")
    answered(index, CURVES)
    assert refusal.text_content() == ""


def test_an_address_off_the_grid_comes_back_exactly(running, open_page, mini_entries):
    page, _ = open_page(f"{running.address}/book/index.html#mini-curves?beta=5.678&shift=-0.123")
    load_all(page)
    wait_for(page, f"softbook.explorables['{CURVES}'].settings().beta === 5.678")
    answered(page, CURVES)
    settings = {"beta": 5.678, "shift": -0.123}
    assert page.evaluate(f"softbook.explorables['{CURVES}'].settings()") == settings
    assert differences(page, CURVES, mini_entries["mini-curves"], settings) == []
    page.locator(f"#{CURVES} .softbook-reset").click()
    answered(page, CURVES)
    assert page.evaluate(f"softbook.explorables['{CURVES}'].settings()") == {"beta": 8, "shift": 0}


def test_the_grid_goes_on_when_the_server_dies(index, running, mini_entries):
    from .harness import compare, move

    index.locator(f"#{CURVES} [data-knob=beta]").fill("3.37")
    answered(index, CURVES)
    running.stop()
    wait_for(index, live(CURVES, "off"))
    assert "the grid goes on" in index.locator(f"#{CURVES} .softbook-mark").text_content()
    entry = mini_entries["mini-curves"]
    assert compare(index, CURVES, entry) == []
    knobs = index.evaluate(f"softbook.explorables['{CURVES}'].payload.knobs")
    move(index, CURVES, knobs[0], 11)
    assert compare(index, CURVES, entry) == []
    # Asked again, it says again that nobody is there.
    index.evaluate(f"document.querySelector('#{CURVES} .softbook-mark').textContent = ''")
    index.locator(f"#{CURVES}-live").click()
    mark = f"document.querySelector('#{CURVES} .softbook-mark').textContent"
    wait_for(index, f"{mark}.includes('does not answer: the grid goes on')")
    assert not index.locator(f"#{CURVES}-live").is_checked()


@pytest.mark.parametrize("idle", [True, False])
def test_a_figure_below_is_drawn_after_the_server_died(idle, running, open_page, mini_entries):
    from .harness import compare

    page, watch = open_page("about:blank", viewport={"width": 1280, "height": 200})
    if not idle:
        # The planted fault: a browser that never finds the time to read ahead.
        page.add_init_script("window.requestIdleCallback = () => 0")
    page.goto(f"{running.address}/book/index.html")
    wait_for(page, live(CURVES, "on"))
    undrawn = page.eval_on_selector_all(
        ".softbook-explorable:not([data-state])", "all => all.map((shell) => shell.dataset.key)"
    )
    assert KINDS in undrawn
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    asked = [url for url in watch.requests if "/mini-kinds-" in url]
    running.stop()
    wait_for(page, live(CURVES, "off"))
    page.locator(f"#{KINDS}").scroll_into_view_if_needed()
    wait_for(
        page, f"['ready', 'failed'].includes(document.getElementById('{KINDS}').dataset.state)"
    )
    if idle:
        assert len(asked) == 1
        assert compare(page, KINDS, mini_entries["mini-kinds"]) == []
        wait_for(page, live(KINDS, "off"))
        mark = page.locator(f"#{KINDS} .softbook-mark").text_content()
        assert "make serve starts it again" in mark
    else:
        assert "could not be loaded" in page.locator(f"#{KINDS} .softbook-message").text_content()


def test_live_can_be_switched_off_and_on(index, mini_entries):
    from .harness import compare

    switch = index.locator(f"#{CURVES}-live")
    index.locator(f"#{CURVES} [data-knob=beta]").fill("3.37")
    answered(index, CURVES)
    switch.uncheck()
    wait_for(index, live(CURVES, "off"))
    assert compare(index, CURVES, mini_entries["mini-curves"]) == []
    switch.check()
    wait_for(index, live(CURVES, "on"))


def test_a_computation_that_takes_too_long_leaves_the_grids_figure(
    mini, mini_entries, open_page, monkeypatch
):
    from .harness import compare

    monkeypatch.setattr("softbook.live.pool.BIRTH", 0.0)
    slow = (sys.executable, "-c", "import sys, time\nfor line in sys.stdin: time.sleep(60)")
    with serving(mini, mini_entries, command=slow, seconds=1.0) as running:
        page, _ = open_page(f"{running.address}/book/index.html")
        load_all(page)
        wait_for(page, live(CURVES, "on"))
        page.locator(f"#{CURVES} [data-knob=beta]").fill("4")
        words = f"document.querySelector('#{CURVES} .softbook-refusal').textContent"
        wait_for(page, f"{words}.includes('longer than 1 s')", timeout=20_000)
        settle(page, CURVES)
        assert compare(page, CURVES, mini_entries["mini-curves"]) == []


def test_the_live_page_is_accessible_in_both_themes(running, open_page):
    from axe_playwright_python.sync_playwright import Axe

    for theme in ("light", "dark"):
        page, _ = open_page(f"{running.address}/book/index.html", color_scheme=theme)
        load_all(page)
        wait_for(page, live(CURVES, "on"))
        field = page.locator(f"#{CURVES} :has(> [data-knob=beta]) + .softbook-value")
        field.fill("999")
        field.press("Enter")
        answered(page, CURVES)
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
