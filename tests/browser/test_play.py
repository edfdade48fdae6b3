"""The figure that moves by itself: until it is touched, and never for who wants no motion."""

from __future__ import annotations

import itertools
import re

import pytest

from softbook.publish.browser import wait_for

CURVES = "explorable-mini-curves"
STATE = f"softbook.explorables['{CURVES}'].state[0]"


@pytest.fixture
def played(spoiled):
    """The small book with its first figure marked as one that plays."""
    file = spoiled / "book" / "index.html"
    text = re.sub(r'class="cell ', 'class="cell tag_plays ', file.read_text("utf-8"), count=1)
    assert "tag_plays" in text
    file.write_text(text, "utf-8")
    return f"{spoiled.as_uri()}/book/index.html"


def opened(open_page, address, motion="no-preference"):
    page, watch = open_page(address, reduced_motion=motion)
    wait_for(page, f"document.getElementById('{CURVES}').dataset.state === 'ready'")
    page.locator(f"#{CURVES}").scroll_into_view_if_needed()
    return page, watch


def places(page, count=12):
    """Return the slider's places over time."""
    found = []
    for _ in range(count):
        found.append(page.evaluate(STATE))
        page.wait_for_timeout(150)
    return found


def test_it_moves_there_and_back_and_keeps_its_peace(played, open_page):
    page, watch = opened(open_page, played)
    seen = places(page, 40)
    assert len(set(seen)) > 8
    steps = {b - a for a, b in itertools.pairwise(seen)}
    assert max(steps) > 0 > min(steps)
    assert page.locator(f"#{CURVES} .softbook-summary").get_attribute("aria-live") == "off"
    # What moves by itself is no setting of the reader's.
    assert "#" not in page.url
    assert not watch.errors


def test_it_turns_round_where_the_page_says(played, spoiled, open_page):
    file = spoiled / "book" / "index.html"
    file.write_text(file.read_text("utf-8").replace("tag_plays ", "tag_plays-to-16 "), "utf-8")
    page, _ = opened(open_page, played)
    values = page.evaluate(f"softbook.explorables['{CURVES}'].payload.knobs[0].values")
    seen = places(page, 30)
    assert max(values[place] for place in seen) == max(v for v in values if v <= 16) < values[-1]


@pytest.mark.parametrize("touch", ["pause", "key", "press"])
def test_a_touch_ends_it_for_good(played, open_page, touch):
    page, _ = opened(open_page, played)
    assert len(set(places(page))) > 1
    slider = page.locator(f"#{CURVES} [data-knob=beta]")
    if touch == "pause":
        page.locator(f"#{CURVES} .softbook-pause").click()
    elif touch == "key":
        slider.press("ArrowRight")
    else:
        page.locator(f"#{CURVES} .softbook-plot").click()
    page.wait_for_timeout(300)
    assert len(set(places(page))) == 1
    assert page.locator(f"#{CURVES} .softbook-pause").count() == 0
    assert page.locator(f"#{CURVES} .softbook-summary").get_attribute("aria-live") == "polite"


def test_who_wants_no_motion_sees_none(played, open_page):
    page, _ = opened(open_page, played, motion="reduce")
    assert len(set(places(page))) == 1
    assert page.locator(".softbook-pause").count() == 0


def test_an_address_with_a_setting_is_shown_as_it_says(played, open_page):
    page, _ = opened(open_page, f"{played}#mini-curves?beta=64&shift=0")
    assert set(places(page)) == {page.evaluate(STATE)}
    assert page.evaluate(f"softbook.explorables['{CURVES}'].settings().beta") == 64


def test_no_other_figure_moves(mini_site, open_page):
    page, _ = opened(open_page, f"{mini_site}/book/index.html")
    assert len(set(places(page))) == 1


@pytest.mark.book
def test_the_front_page_has_one_that_does(open_page):
    from .conftest import HTML

    address = f"{HTML.as_uri()}/book/index.html"
    page, watch = open_page(address, reduced_motion="no-preference")
    wait_for(page, "window.softbook && softbook.explorables['explorable-two-keys']")
    key = "softbook.explorables['explorable-two-keys'].state[0]"
    page.locator("#explorable-two-keys").scroll_into_view_if_needed()
    first = page.evaluate(key)
    wait_for(page, f"{key} !== {first}")
    assert not watch.errors
