"""The same pages in Firefox: every figure is drawn, and turned it draws what Python computes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import MISSING
from .firefox import Firefox, firefox
from .harness import LOCAL, load_all, served
from .test_random import differences

# Of each figure; the thousand are drawn in Chromium.
SETTINGS = 3


@pytest.fixture(scope="module")
def page() -> Iterator[Firefox]:
    path = firefox()
    if path is None:
        MISSING.append("Firefox was not tested: none found (install it or set SOFTBOOK_FIREFOX)")
        pytest.skip(MISSING[-1])
    running = Firefox(path)
    yield running
    running.close()


def test_figures_draw_and_turn(where, html: Path, entries, page, report):
    page.errors.clear()
    page.requests.clear()
    with served(html) as address:
        page.goto(f"{address}/{where[1]}.html")
        keys, total, wrong = load_all(page), 0, []
        for key in keys:
            id = page.evaluate("(key) => softbook.explorables[key].payload.id", key)
            if id in entries:
                count, found = differences(page, key, entries[id], SETTINGS)
                total, wrong = total + count, wrong + found
    assert not wrong, "\n".join(wrong[:12])
    assert page.errors == []
    assert page.requests
    assert [url for url in page.requests if not LOCAL.match(url)] == []
    if total:
        report.append(f"Firefox, {where[0]}:{where[1]}: {total} settings, {len(keys)} figures")


def test_figures_draw_from_the_disk(where, html: Path, page):
    page.errors.clear()
    page.goto(f"{html.as_uri()}/{where[1]}.html")
    drawn = load_all(page)
    paths = "(key) => document.querySelectorAll(`#${key} .softbook-plot .main-svg`).length"
    assert all(page.evaluate(paths, key) for key in drawn)
    assert page.errors == []


def test_a_wrong_curve_goes_red_here_too(mini, mini_entries, page):
    page.goto(f"{mini.as_uri()}/book/index.html")
    load_all(page)
    key = "explorable-mini-curves"
    page.evaluate(f"void (softbook.explorables['{key}'].apply = () => Promise.resolve())")
    _, wrong = differences(page, key, mini_entries["mini-curves"], SETTINGS)
    assert any("is off by" in line for line in wrong)
    page.goto(f"{mini.as_uri()}/book/index.html")
    page.evaluate("void setTimeout(() => nowhere())")
    page.wait_for_timeout(300)
    page.evaluate("0")
    assert any("nowhere" in line for line in page.errors)
