"""The page's decoder against a payload that another hand wrote from the format's description."""

from __future__ import annotations

import numpy as np
import pytest

from softbook.publish.shell import shell
from softbook.publish.store import write

from ..publish.oracle import handmade
from .harness import load_all, settle

KEY = "explorable-handmade"


@pytest.fixture
def page(spoiled, open_page):
    payload, _ = handmade()
    file = write(payload, spoiled / "_static" / "softbook" / "data")
    html = (
        "<!DOCTYPE html><html lang='en' data-theme='light'><title>Made by hand</title><body>"
        f"{shell(payload, KEY, f'data/{file.name}')}"
        "<script defer src='../_static/softbook/softbook.js'></script></body></html>"
    )
    (spoiled / "book" / "handmade.html").write_text(html, "utf-8")
    page, watch = open_page(f"{spoiled.as_uri()}/book/handmade.html")
    load_all(page)
    yield page
    assert not watch.errors


def test_every_setting_draws_what_was_meant(page):
    payload, truth = handmade()
    for (a, b), meant in truth.items():
        page.evaluate(f"softbook.explorables['{KEY}'].set('a', {a})")
        page.evaluate(f"softbook.explorables['{KEY}'].set('b', {b})")
        settle(page, KEY)
        drawn = page.evaluate(f"[0, 1, 3].map((k) => softbook.explorables['{KEY}'].drawn(k))")
        assert drawn[0] == [0.1, 0.2, 1 / 3, 0.7]
        first, second = (np.array(y, dtype=float) for y in drawn[1:])
        np.testing.assert_allclose(first, meant["first"], rtol=2e-4)
        np.testing.assert_allclose(second, meant["second"], atol=1e-4)
        assert page.locator(".annotation-text").text_content() == f"a = {a + 1}"
        said = payload["summaries"]["values"][2 * a + b]
        assert page.locator(".softbook-summary").text_content() == said


def test_a_wrong_name_or_index_is_refused(page):
    for call, word in [("set('c', 0)", "no such knob"), ("set('a', 3)", "0 to 2 is allowed")]:
        with pytest.raises(Exception, match=word):
            page.evaluate(f"softbook.explorables['{KEY}'].{call}")
