"""A page stands still while its figures move: below them nothing shifts, whatever their words say."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pytest

from .harness import load_all, spoil, turn, turns

HEIGHT = "(key) => document.getElementById(key).offsetHeight"
CUT = """(key) => {
  const summary = document.querySelector(`#${key} .softbook-summary`);
  return summary.scrollHeight > summary.clientHeight;
}"""


def laid_out(browser: Any, page: Any, act: Callable[[], Any]) -> list[bool]:
    """Return of each layout that an act asks for, some times, whether it was one of a few blocks alone."""
    page.wait_for_timeout(200)
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    for _ in range(3):
        act()
        page.wait_for_timeout(100)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    given = [event["args"].get("beginData") for event in events if event["name"] == "Layout"]
    seen = [data["partialLayout"] for data in given if data]
    assert seen
    return seen


def to_and_fro(control: Any) -> Callable[[], None]:
    """Return what turns a knob by a step and back, by turns."""
    keys = cycle(["ArrowRight", "ArrowLeft"])
    return lambda: control.press(next(keys))


def alone(browser: Any, page: Any, act: Callable[[], Any]) -> bool:
    """Return whether an act lays out no more than a few blocks.

    What a page does by itself, when a font arrives or a list of headings moves on, may fall into a row
    of acts and lays out all of it; what an act causes is in each row.
    """
    return any(all(laid_out(browser, page, act)) for _ in range(3))


def heights(page: Any, key: str) -> set[int]:
    """Return the heights that a figure's box has over some settings."""
    knobs = page.evaluate("(key) => softbook.explorables[key].payload.knobs", key)
    seen = {page.evaluate(HEIGHT, key)}
    for changes in turns(key, knobs) if knobs else []:
        turn(page, key, changes)
        seen.add(page.evaluate(HEIGHT, key))
    return seen


def shrinking(page: Any, key: str) -> bool:
    """Return whether a panel's sides move back at some setting, after labels that took more room."""
    sides = """(key) => {
      const { l, r } = softbook.explorables[key].plot._fullLayout._size;
      return [l, r];
    }"""
    knobs = page.evaluate("(key) => softbook.explorables[key].payload.knobs", key)
    seen = [page.evaluate(sides, key)]
    for changes in turns(key, knobs, moves=12) if knobs else []:
        turn(page, key, changes)
        seen.append(page.evaluate(sides, key))
    return any(
        b < a for before, after in pairwise(seen) for a, b in zip(before, after, strict=True)
    )


@pytest.mark.parametrize("width", [1280, 360])
def test_a_figure_keeps_its_height(where, width, html: Path, open_page):
    page, _ = open_page(
        f"{html.as_uri()}/{where[1]}.html", viewport={"width": width, "height": 900}
    )
    found = {key: heights(page, key) for key in load_all(page)}
    assert not {key: seen for key, seen in found.items() if len(seen) > 1}


def test_a_panel_takes_no_room_back(where, html: Path, open_page):
    page, _ = open_page(f"{html.as_uri()}/{where[1]}.html")
    assert not [key for key in load_all(page) if shrinking(page, key)]


@pytest.mark.book
def test_a_panel_that_follows_its_labels_goes_red(spoiled_book, open_page):
    kept = "plot.layout.margin[side] = margin[side] = Math.max(margin[side], _size[side]);"
    spoil(spoiled_book, "softbook.js", kept, "{}")
    page, _ = open_page(f"{spoiled_book.as_uri()}/book/discrete_diffusion.html")
    load_all(page)
    assert shrinking(page, "explorable-diff-vocabulary")


def test_words_that_need_more_room_get_it(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    key = "explorable-mini-curves"
    large = "(key) => (document.querySelector(`#${key} .softbook-summary`).style.fontSize = '60px')"
    page.evaluate(large, key)
    assert page.evaluate(CUT, key)
    turn(page, key, [[0, 0]])
    assert not page.evaluate(CUT, key)


def test_on_paper_words_have_the_paper_s_room(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    narrow = "(key) => (document.getElementById(key).style.width = '220px')"
    page.emulate_media(media="print")
    page.evaluate(narrow, "explorable-mini-curves")
    assert not page.evaluate(CUT, "explorable-mini-curves")


def test_words_without_room_go_red(spoiled, open_page):
    spoil(spoiled, "softbook.js", "summary.style.height = `${Math.max(...heights)}px`;", "")
    page, _ = open_page(
        f"{spoiled.as_uri()}/book/index.html", viewport={"width": 360, "height": 900}
    )
    load_all(page)
    # One setting says much more than the others.
    page.evaluate(
        """() => {
          const { values, index } = softbook.explorables['explorable-mini-curves'].payload.summaries;
          values[index[0]] += ' and more'.repeat(30);
        }"""
    )
    turn(page, "explorable-mini-curves", [[0, 0], [1, 0]])
    small = page.evaluate(HEIGHT, "explorable-mini-curves")
    turn(page, "explorable-mini-curves", [[0, 5]])
    assert page.evaluate(HEIGHT, "explorable-mini-curves") != small


def test_a_turned_knob_lays_out_its_figure_alone(mini_site, browser, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    for knob in ("beta", "shift"):
        control = page.locator(f"#explorable-mini-curves-{knob}")
        assert alone(browser, page, to_and_fro(control))
    choice = page.locator("#explorable-mini-kinds-shape")
    other = "(choice) => { choice.selectedIndex = 1 - choice.selectedIndex; }"
    assert alone(browser, page, lambda: choice.evaluate(other))


@pytest.mark.parametrize(
    ("rule", "instead"),
    [("contain: layout size;", ""), ('"layout size"', '""'), ("; contain: layout size`", "`")],
)
def test_a_page_laid_out_at_each_turn_goes_red(spoiled, browser, open_page, rule, instead):
    for name in ("softbook.css", "softbook.js"):
        file = spoiled / "_static" / "softbook" / name
        text = file.read_text("utf-8")
        file.write_text(text.replace(rule, instead), "utf-8")
    page, _ = open_page(f"{spoiled.as_uri()}/book/index.html")
    load_all(page)
    control = page.locator("#explorable-mini-curves-beta")
    assert not alone(browser, page, to_and_fro(control))
