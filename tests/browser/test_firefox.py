"""The same pages in Firefox: every figure is drawn, and turned it draws what Python computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .firefox import Firefox, firefox
from .harness import LOCAL, load_all, served
from .test_random import differences

# Of each figure; the thousand are drawn in Chromium.
SETTINGS = 3
# Firefox may lay out a formula of which half has arrived, and says so; in `errors` the whole is looked at.
HALF = re.compile(r"Invalid markup: Incorrect number of children for <\w+/> tag\.")
MISCOUNTED = """(() => {
  const two = "mfrac mroot msub msup munder mover".split(" ");
  const children = { ...Object.fromEntries(two.map((tag) => [tag, 2])), msubsup: 3, munderover: 3 };
  return [...document.querySelectorAll("math *")]
    .filter((one) => children[one.localName] && one.children.length !== children[one.localName])
    .map((one) => `children are missing or too many: ${one.outerHTML}`);
})()"""


@pytest.fixture(scope="module")
def page(report: list[str]) -> Iterator[Firefox]:
    path = firefox()
    if path is None:
        lacking = "Firefox was not tested: none found (install it or set SOFTBOOK_FIREFOX)"
        report.append(f"WARNING: {lacking}")
        pytest.skip(lacking)
    running = Firefox(path)
    yield running
    running.close()


def errors(page: Firefox) -> list[str]:
    """What the page logged, but for formulas on their way; these are counted as they arrived."""
    lasting = [line for line in page.errors if not HALF.fullmatch(line)]
    return lasting + list(page.evaluate(MISCOUNTED))


def test_figures_draw_and_turn(where, html: Path, entries, page, report):
    with served(html) as address:
        page.goto(f"{address}/{where[1]}.html")
        keys, total, wrong = load_all(page), 0, []
        for key in keys:
            id = page.evaluate("(key) => softbook.explorables[key].payload.id", key)
            if id in entries:
                count, found = differences(page, key, entries[id], SETTINGS)
                total, wrong = total + count, wrong + found
    assert not wrong, "\n".join(wrong[:12])
    assert errors(page) == []
    assert page.requests
    assert [url for url in page.requests if not LOCAL.match(url)] == []
    if total:
        report.append(f"Firefox, {where[0]}:{where[1]}: {total} settings, {len(keys)} figures")


def test_figures_draw_from_the_disk(where, html: Path, page):
    page.goto(f"{html.as_uri()}/{where[1]}.html")
    drawn = load_all(page)
    paths = "(key) => document.querySelectorAll(`#${key} .softbook-plot .main-svg`).length"
    assert all(page.evaluate(paths, key) for key in drawn)
    assert errors(page) == []


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
    assert any("nowhere" in line for line in errors(page))


def test_half_a_formula_is_an_error_if_it_stays_so(mini, page):
    page.goto(f"{mini.as_uri()}/book/index.html")
    assert errors(page) == []
    half = "<math><msub><mi>x</mi></msub></math>"
    page.evaluate(
        f"void document.querySelector('article').insertAdjacentHTML('beforeend', '{half}')"
    )
    page.wait_for_timeout(300)
    assert [line.endswith("<msub><mi>x</mi></msub>") for line in errors(page)] == [True]
    # The browser itself said so, in the words that are passed over.
    assert any(HALF.fullmatch(line) for line in page.errors)
