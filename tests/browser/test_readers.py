"""Readers without a mouse, and readers who listen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from softbook.publish.browser import wait_for
from softbook.publish.typeset import chtml

from .harness import load_all, settle

KINDS = "explorable-mini-kinds"
# What stands under the focus: its name for the ear, and whether the eye can see where it is.
FOCUS = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  return { html: node.outerHTML.slice(0, 90), tag: node.tagName,
           figure: node.closest(".softbook-explorable")?.id || "",
           knob: node.dataset?.knob || "", take: node.dataset?.take || "",
           mark: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none" };
}"""


def walk(page, most=120):
    """Press Tab from the top of the page to its end; return what had the focus."""
    page.evaluate("document.querySelector('article').setAttribute('tabindex', '-1')")
    page.evaluate("document.querySelector('article').focus()")
    stops = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop["tag"] == "BODY":
            break
        stops.append(stop)
    return stops


@pytest.fixture
def index(mini_site, open_page):
    page, watch = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    page.evaluate(
        "document.querySelectorAll('.softbook-explorable details').forEach((d) => d.open = true)"
    )
    yield page
    assert not watch.errors


def test_the_tab_key_reaches_every_control_and_shows_where_it_is(index):
    stops = [stop for stop in walk(index) if stop["figure"] == KINDS]
    assert [stop["knob"] for stop in stops if stop["knob"]] == [
        "n",
        "shape",
        "marked",
        "scale",
        "window",
    ]
    taken = [stop["take"] for stop in stops if stop["take"]]
    assert taken == ["link", "csv", "png", "svg"]
    assert any("softbook-reset" in stop["html"] for stop in stops)
    assert any("softbook-table" in stop["html"] for stop in stops)
    unseen = [stop["html"] for stop in stops if not stop["mark"]]
    assert unseen == []


def test_keys_alone_turn_every_kind_of_control(index):
    def state():
        settle(index, KINDS)
        return index.evaluate(f"softbook.explorables['{KINDS}'].settings()")

    presses = {
        "n": "ArrowRight",
        "shape": "ArrowDown",
        "marked": "Space",
        "scale": "End",
        "window": "Home",
    }
    for knob, key in presses.items():
        index.locator(f"#{KINDS} [data-knob={knob}]").focus()
        index.keyboard.press(key)
    assert state() == {"n": 4, "shape": "square", "marked": True, "scale": 10, "window": 1}
    index.locator(f"#{KINDS} .softbook-reset").focus()
    index.keyboard.press("Enter")
    assert state() == {"n": 3, "shape": "sine", "marked": False, "scale": 1, "window": 2}


def test_the_live_summary_says_what_changed(index):
    summary = index.locator(f"#{KINDS} .softbook-summary")
    assert summary.get_attribute("role") == "status"
    before = summary.text_content()
    index.locator(f"#{KINDS} [data-knob=n]").focus()
    index.keyboard.press("ArrowRight")
    settle(index, KINDS)
    assert summary.text_content() != before
    # It was not moved by the reader, and keeps still.
    other = index.locator("#explorable-mini-curves .softbook-summary")
    assert "At β = 8" in other.text_content()


def test_a_control_that_the_tab_key_passes_by_goes_red(index):
    index.evaluate(f"document.querySelector('#{KINDS} [data-knob=shape]').tabIndex = -1")
    knobs = [stop["knob"] for stop in walk(index) if stop["figure"] == KINDS and stop["knob"]]
    assert "shape" not in knobs


@pytest.mark.parametrize("width", [1280, 360])
def test_only_formulas_that_scroll_stop_the_tab_key(where, html: Path, width, open_page):
    size = {"width": width, "height": 800}
    page, watch = open_page(f"{html.as_uri()}/{where[1]}.html", viewport=size)
    page.evaluate(
        "document.querySelectorAll('article details').forEach((one) => (one.open = true))"
    )
    wait_for(
        page,
        """[...document.querySelectorAll("mjx-container")].every((one) => {
             const scrolls = one.hasAttribute("display") && one.scrollWidth > one.clientWidth + 1;
             return (one.tabIndex === 0) === (scrolls && one.clientWidth > 0);
           })""",
    )
    assert not watch.errors


def test_a_wide_formula_scrolls_by_keys(index):
    index.evaluate(
        """(html) => {
          const box = document.createElement("div");
          box.innerHTML = html;
          document.querySelector("article").append(box);
        }""",
        chtml("x+" * 200 + "x", display=True),
    )
    wide = "document.querySelector('article > div:last-child mjx-container')"
    # The page's own formulas are watched from its start on; this one comes later.
    index.evaluate("window.dispatchEvent(new Event('load'))")
    wait_for(index, f"{wide}.tabIndex === 0")
    index.evaluate(f"{wide}.focus()")
    index.keyboard.press("ArrowRight")
    wait_for(index, f"{wide}.scrollLeft > 0")


def test_each_button_says_what_it_unfolds(where, html: Path, open_page):
    page, _ = open_page(f"{html.as_uri()}/{where[1]}.html")
    names = page.eval_on_selector_all(
        ".toggle-button", "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    assert len(set(names)) == len(names)
    assert all(name.startswith("Show or hide: Solution to Exercise") for name in names)


def test_each_table_names_all_its_columns(where, html: Path, open_page):
    page, _ = open_page(f"{html.as_uri()}/{where[1]}.html")
    for key in load_all(page):
        heads = page.evaluate(
            """async (key) => {
              const folder = document.querySelector(`#${key} .softbook-data`);
              folder.open = true;
              while (!folder.querySelector("table, p")) await new Promise((resolve) => setTimeout(resolve, 20));
              return [...folder.querySelectorAll("table")].map((one) =>
                [one.caption.textContent, ...[...one.querySelectorAll("thead th")].map((th) => th.textContent)]);
            }""",
            key,
        )
        captions = [head[0] for head in heads]
        assert captions
        assert len(set(captions)) == len(captions)
        for caption, *names in heads:
            assert all(names), caption
            assert len(set(names)) == len(names), caption
            assert not re.search(r"undefined|NaN|\$", " ".join([caption, *names]))
