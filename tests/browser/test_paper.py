"""The book on paper: settings in words, nothing folded, and the whole of it as a PDF."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zlib

import pytest

from softbook.commands.pdf import page_of, write
from softbook.publish.browser import chromium, wait_for

from .harness import build, copy_mini, load_all, move

CURVES = "explorable-mini-curves"


@pytest.fixture
def printed(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    page.emulate_media(media="print")
    return page


def test_controls_give_way_to_their_settings(printed):
    setting = printed.locator(f"#{CURVES} .softbook-setting")
    assert setting.is_visible()
    assert setting.text_content() == "sharpness β: 8, shift: 0 x"
    for part in (".softbook-controls", ".softbook-share", ".softbook-data"):
        assert not printed.locator(f"#{CURVES} {part}").is_visible()
    printed.emulate_media(media="screen")
    assert not setting.is_visible()
    knobs = printed.evaluate(f"softbook.explorables['{CURVES}'].payload.knobs")
    move(printed, CURVES, knobs[0], 12)
    printed.emulate_media(media="print")
    assert setting.text_content() == "sharpness β: 64, shift: 0 x"


def test_what_is_folded_opens_for_paper_and_closes_again(printed):
    answers = "[...document.querySelectorAll('article details:not(.softbook-explorable details)')]"
    states = f"{answers}.map((one) => one.open)"
    before = printed.evaluate(states)
    assert before
    assert not all(before)
    printed.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert all(printed.evaluate(states))
    printed.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert printed.evaluate(states) == before


def test_the_dark_theme_gives_way_to_paper(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html", color_scheme="dark")
    load_all(page)
    colours = f"""(() => {{
      const words = document.querySelector("#{CURVES} .xtick text");
      return [getComputedStyle(document.querySelector("article p")).color, words.style.fill];
    }})()"""
    dark = page.evaluate(colours)
    # A sheet is taken as soon as those who listen are done: nothing may come later.
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    printed = page.evaluate(colours)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    wait_for(page, f"JSON.stringify({colours}) === '{json.dumps(dark, separators=(',', ':'))}'")
    light, _ = open_page(f"{mini_site}/book/index.html", color_scheme="light")
    load_all(light)
    assert printed == light.evaluate(colours)
    assert printed != dark


def test_a_sheet_says_which_figures_it_lacks(mini_site, open_page):
    page, _ = open_page(f"{mini_site}/book/index.html")
    load_all(page)
    # As it is while the data of the second one are on their way.
    page.evaluate("document.getElementById('explorable-mini-kinds').dataset.state = 'loading'")
    page.emulate_media(media="print")
    said = page.locator(".softbook-undrawn")
    assert [said.nth(k).is_visible() for k in range(2)] == [False, True]
    page.evaluate("document.getElementById('explorable-mini-kinds').dataset.state = 'ready'")
    assert not any(said.nth(k).is_visible() for k in range(2))
    page.emulate_media(media="screen")
    assert not said.first.is_visible()


@pytest.fixture(scope="module")
def one_page(tmp_path_factory):
    """The small book, built as one page."""
    source = copy_mini(tmp_path_factory.mktemp("paper"))
    outcome = build(source, "--builder", "singlehtml")
    assert outcome.returncode == 0, outcome.stderr[-1500:]
    return source / "_build" / "singlehtml"


def test_the_whole_book_becomes_a_pdf(browser, one_page, tmp_path):
    path = chromium()
    assert path is not None
    out = tmp_path / "mini.pdf"
    run = [sys.executable, "-m", "softbook", "pdf", "--html", str(one_page), "--out", str(out)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    figures = len(re.findall(r'class="softbook-explorable"', page_of(one_page).read_text("utf-8")))
    assert f"{figures} figures at their defaults" in done.stdout
    data = out.read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) >= 3
    # Tagged, with an outline, for who reads it by ear.
    assert b"/StructTreeRoot" in data
    assert b"/Outlines" in data
    # Formulas are set in MathJax's fonts, and curves are lines and not pictures.
    assert b"MJXZERO" in data or b"MathJax" in data
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    drawn = 0
    for stream in streams:
        try:
            drawn += zlib.decompress(stream).count(b" l\n")
        except zlib.error:
            continue
    assert drawn > 500


def test_a_figure_that_cannot_be_drawn_stops_the_pdf(browser, one_page, tmp_path):
    spoiled = tmp_path / "html"
    shutil.copytree(one_page, spoiled)
    for file in (spoiled / "_static" / "softbook" / "data").glob("mini-curves-*.js"):
        file.unlink()
    run = [sys.executable, "-m", "softbook", "pdf", "--html", str(spoiled)]
    done = subprocess.run(
        run, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "1 of" in done.stderr
    assert not (tmp_path / "softbook.pdf").exists()


def test_what_is_missing_is_said(tmp_path, monkeypatch, capsys):
    from softbook.__main__ import main

    monkeypatch.setenv("SOFTBOOK_CHROMIUM", "/nowhere/chromium")
    assert main(["pdf", "--html", str(tmp_path)]) == 2
    assert "make pdf builds it" in capsys.readouterr().err
    monkeypatch.delenv("SOFTBOOK_CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["pdf", "--html", str(tmp_path)]) == 2
    assert "no Chromium is found" in capsys.readouterr().err
    assert callable(write)
