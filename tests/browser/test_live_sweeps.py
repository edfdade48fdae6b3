"""Sweeps on the live page in Chromium: started, followed, stopped, and what is read out of them."""

from __future__ import annotations

import asyncio
import dataclasses

from softbook.live.runs import Runs
from softbook.publish.browser import wait_for

from ..live.serving import serving
from .harness import load_all
from .test_live import CURVES, live


class Told(Runs):
    """One sweep, whose progress the test sets."""

    def __init__(self) -> None:
        super().__init__({})
        self.sweeps = {"areas": None}
        self.kept, self.going, self.orders = 3, False, []

    def states(self):
        state = {"name": "areas", "title": "Areas of squares", "package": ["areas"], "runs": 10}
        state |= {"kept": self.kept, "seconds": 70.0, "running": self.going, "words": ""}
        return [state | {"place": "kept.jsonl"}]

    async def start(self, name):
        self.orders.append(("start", name))
        self.going = True

    def stop(self, name):
        self.orders.append(("stop", name))
        self.going = False

    async def settle(self, name):
        while self.going:
            await asyncio.sleep(0.02)


# What a screen reader is told of the panel from now on.
HEARD = """() => {
  window.heard = [];
  const panel = document.querySelector('.softbook-live-sweeps');
  new MutationObserver((all) => {
    for (const { target } of all) {
      const node = target.nodeType === 1 ? target : target.parentElement;
      const live = node && node.closest('[role=status], [role=alert], [aria-live]');
      if (live && live.textContent) heard.push(live.textContent);
    }
  }).observe(panel, { subtree: true, childList: true, characterData: true });
}"""


def of_package(entry, package):
    def function(**settings):
        return entry.function(**settings)

    function.__module__ = f"softbook.{package}.figures"
    return dataclasses.replace(entry, function=function)


def test_a_sweep_starts_shows_how_far_it_is_and_stops(mini, mini_entries, open_page):
    runs = Told()
    figures = {id: of_package(entry, "areas") for id, entry in mini_entries.items()}
    with serving(mini, figures, runs=runs) as running:
        page, watch = open_page(f"{running.address}/book/index.html")
        panel = page.locator(".softbook-live-sweeps")
        said = "document.querySelector('.softbook-sweeps li').textContent"
        wait_for(page, f"document.querySelector('.softbook-sweeps') && {said}.includes('3 of 10')")
        assert "about 70 s left on one core" in panel.text_content()
        panel.get_by_role("button", name="Go on: Areas of squares").click()
        wait_for(page, f"{said}.includes('Stop')")
        note = panel.locator("[role=status]")
        assert note.text_content() == "Areas of squares: started."
        page.evaluate(HEARD)
        runs.kept = 7
        wait_for(page, f"{said}.includes('7 of 10 runs')")
        assert page.evaluate("document.querySelector('.softbook-sweeps progress').value") == 7
        panel.get_by_role("button", name="Stop: Areas of squares").click()
        wait_for(page, f"{said}.includes('Go on')")
        assert runs.orders == [("start", "areas"), ("stop", "areas")]
        # How far it is was shown, and only the end was read out.
        assert page.evaluate("heard") == ["Areas of squares: ended."]
        panel.get_by_role("button", name="Go on: Areas of squares").click()
        wait_for(page, f"{said}.includes('Stop')")
        assert not watch.errors
        running.stop()
        wait_for(page, f"{said}.includes('Go on')")
        assert "does not answer; make serve starts it again" in note.text_content()


def test_a_page_of_another_chapter_shows_no_sweeps(mini, mini_entries, open_page):
    figures = {id: of_package(entry, "volumes") for id, entry in mini_entries.items()}
    with serving(mini, figures, runs=Told()) as running:
        page, _ = open_page(f"{running.address}/book/index.html")
        load_all(page)
        wait_for(page, live(CURVES, "on"))
        assert page.locator(".softbook-live-sweeps").count() == 0
