"""Every page of the book, every control on it, over http and from the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from softbook.publish.browser import wait_for

from .conftest import HTML
from .harness import load_all, served, show_at, turn_everything

THEMES = ("light", "dark")
WIDTHS = (1280, 360)
OPTIONS = {"resultTypes": ["violations"]}


def test_every_control_draws_what_python_computes(where, site, entries, open_page):
    page, watch = open_page(f"{site}/{where[1]}.html")
    wrong = []
    for key in load_all(page):
        id = page.evaluate("(key) => softbook.explorables[key].payload.id", key)
        wrong += turn_everything(page, key, entries.get(id))
    assert not wrong, f"{len(wrong)} differences, the first of them:\n" + "\n".join(wrong[:12])
    assert not watch.errors
    assert not watch.outside


@pytest.mark.parametrize("way", ["http", "file"])
@pytest.mark.parametrize("which", ["mini", pytest.param("book", marks=pytest.mark.book)])
def test_a_search_finds_and_logs_no_error(which, way, mini, open_page):
    folder = mini if which == "mini" else HTML
    with served(folder) as address:
        site = address if way == "http" else folder.as_uri()
        page, watch = open_page(f"{site}/search.html?q=attention")
        wait_for(page, "document.querySelectorAll('#search-results li').length > 0")
        # From a disk no page may read another.
        excerpts = "document.querySelectorAll('#search-results li p.context').length"
        if way == "http":
            wait_for(page, f"{excerpts} > 0")
        page.wait_for_timeout(300)
        assert (page.evaluate(excerpts) > 0) is (way == "http")
        assert not watch.errors


def test_a_search_that_wants_excerpts_from_a_disk_is_noticed(spoiled, open_page):
    """The planted fault: the search page does not know that it stands on a disk."""
    (spoiled / "_static" / "softbook" / "reading.js").write_text("")
    page, watch = open_page(f"{spoiled.as_uri()}/search.html?q=attention")
    wait_for(page, "document.querySelectorAll('#search-results li').length > 0")
    page.wait_for_timeout(300)
    assert watch.errors


@pytest.mark.parametrize("theme", THEMES)
def test_page_is_accessible(where, html: Path, theme, open_page):
    from axe_playwright_python.sync_playwright import Axe

    page, _ = open_page(f"{html.as_uri()}/{where[1]}.html", color_scheme=theme)
    load_all(page)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    # What is folded must be sound too; one table stands for all, which are long.
    page.evaluate(
        """() => {
          const folded = document.querySelectorAll('.softbook-more');
          const table = document.querySelector('.softbook-data');
          [...folded, table].forEach((d) => d && (d.open = true));
        }"""
    )
    wait_for(
        page,
        "[...document.querySelectorAll('.softbook-data[open]')].every((d) => d.querySelector('table, p'))",
    )
    for width in WIDTHS:
        show_at(page, width)
        # The theme looks some time later which of its boxes have come to scroll.
        wait_for(
            page,
            """[...document.querySelectorAll('pre')].every((box) =>
                 box.tabIndex === 0 || box.scrollWidth <= box.clientWidth)""",
        )
        found = Axe().run(page, options=OPTIONS)
        assert found.violations_count == 0, f"{width} px\n{found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_targets_are_large_enough_for_a_finger(where, html: Path, open_page):
    page, _ = open_page(f"{html.as_uri()}/{where[1]}.html", viewport={"width": 360, "height": 800})
    load_all(page)
    small = page.evaluate(
        """[...document.querySelectorAll(
             '.softbook-controls :is(input[type=range], select, button), .softbook-explorable summary, '
             + '.softbook-switch, .sd-summary-title, .toggle-button')]
           .filter((n) => n.offsetParent && n.getBoundingClientRect().height < 43.5)
           .map((n) => n.outerHTML.slice(0, 80))"""
    )
    assert not small
