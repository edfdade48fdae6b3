"""Sections far from the view rest: the page stays as long as it was, and the view where it stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from softbook.publish.browser import wait_for

from .conftest import HTML, _lack
from .harness import load_all, show_at, spoil

# A section rests 600 ms after its fonts and figures have come.
ALL_REST = """() => [...document.querySelectorAll('.bd-article > section > section')]
  .every(({ classList }) => classList.contains('softbook-rests'))"""
WAKE = """() => document.querySelectorAll('.softbook-rests')
  .forEach(({ classList }) => classList.remove('softbook-rests'))"""
LENGTHS = """() => [document.documentElement.scrollHeight,
  ...[...document.querySelectorAll('.bd-article > section > section')].map((one) => one.offsetHeight)]"""
SKIPPED = """() => [...document.querySelectorAll('.bd-article > section > section > h2')]
  .filter((one) => !one.checkVisibility({ contentVisibilityAuto: true })).length"""
BLOCKS = "[...document.querySelectorAll('.bd-article section > :not(section)')]"
# The first block below the page's head, and its place.
TOP = f"""() => {{
  const k = {BLOCKS}.findIndex((one) => one.getBoundingClientRect().bottom > 150);
  return [k, {BLOCKS}[k].getBoundingClientRect().top];
}}"""
PLACE = f"(k) => {BLOCKS}[k].getBoundingClientRect().top"


def changes(page: Any) -> list[int]:
    """Return by how much resting changes the lengths of a page and of its sections, in pixels."""
    wait_for(page, ALL_REST)
    resting = page.evaluate(LENGTHS)
    page.evaluate(WAKE)
    awake = page.evaluate(LENGTHS)
    return [before - after for before, after in zip(resting, awake, strict=True)]


def drift(page: Any, milliseconds: int) -> float:
    """Return how far what the reader sees moves by itself, in pixels."""
    k, place = page.evaluate(TOP)
    page.wait_for_timeout(milliseconds)
    return abs(page.evaluate(PLACE, k) - place)


def wandering(page: Any) -> list[float]:
    """Scroll at once, then by steps down and up; return how far the view moved after each step."""
    moved = []
    for step in (8000, 1500, 2500, -1300, -2600, -1500, -4000):
        page.evaluate("(top) => scrollBy({ top, behavior: 'instant' })", step)
        moved.append(drift(page, 1000))
    return moved


@pytest.fixture
def chapter() -> Path:
    """A long page of the real book."""
    page = HTML / "book" / "discrete_diffusion.html"
    if not page.exists():
        _lack(f"{HTML} does not hold {page.name}: run make book first")
    return page


@pytest.mark.parametrize("width", [1280, 360])
def test_a_page_is_as_long_with_resting_sections(where, width, html: Path, open_page):
    page, _ = open_page(
        f"{html.as_uri()}/{where[1]}.html", viewport={"width": width, "height": 900}
    )
    load_all(page)
    assert not any(changes(page))
    # Another width asks for heights anew.
    show_at(page, 700)
    assert not any(changes(page))


@pytest.mark.parametrize("width", [1280, 360])
def test_the_view_stays_where_a_reader_put_it(where, width, html: Path, open_page):
    page, _ = open_page(
        f"{html.as_uri()}/{where[1]}.html", viewport={"width": width, "height": 900}
    )
    load_all(page)
    moved = wandering(page)
    assert max(moved) < 1, moved


@pytest.mark.book
@pytest.mark.parametrize("width", [1280, 360])
def test_figures_that_come_move_the_view_by_no_more_than_their_words(chapter, width, open_page):
    page, _ = open_page(chapter.as_uri(), viewport={"width": width, "height": 900})
    moved = wandering(page)
    # A sentence beside the view's edge gets the room of the longest, some lines more.
    assert max(moved) < 100, moved


@pytest.mark.book
def test_a_section_stays_where_its_address_led(chapter, open_page):
    page, _ = open_page(f"{chapter.as_uri()}#break-it")
    page.wait_for_timeout(150)
    assert drift(page, 2000) < 1


@pytest.mark.book
def test_what_is_far_away_is_not_drawn(chapter, open_page):
    page, _ = open_page(chapter.as_uri())
    load_all(page)
    wait_for(page, ALL_REST)
    page.wait_for_timeout(100)
    sections = page.locator(".bd-article > section > section").count()
    assert sections / 2 < page.evaluate(SKIPPED) < sections
    page.emulate_media(media="print")
    assert page.evaluate(SKIPPED) == 0


@pytest.mark.book
def test_sections_that_forget_their_heights_go_red(spoiled_book, open_page):
    size = "contain-intrinsic-block-size: {}1px;"
    spoil(spoiled_book, "softbook.css", size.format("auto "), size.format(""))
    page, _ = open_page(f"{spoiled_book.as_uri()}/book/discrete_diffusion.html")
    load_all(page)
    assert max(wandering(page)) > 1
    assert any(changes(page))
