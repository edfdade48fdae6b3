"""The single file and the archive in Chromium, from the disk, with no other host to be reached."""

from __future__ import annotations

import zipfile

import pytest

from softbook.__main__ import main
from softbook.commands.bundle import START
from softbook.explore import explore

from .harness import load_all, turn_everything


def test_an_exported_figure_is_the_books(tmp_path, open_page):
    out = tmp_path / "one.html"
    main(["export", "anchor-ramp", "--out", str(out)])
    page, watch = open_page(out.as_uri())
    (key,) = load_all(page)
    assert turn_everything(page, key, explore("anchor-ramp")) == []
    assert not watch.errors
    assert not watch.outside
    assert [url for url in watch.requests if url.startswith("file:")] == [out.as_uri()]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_exported_figure_is_accessible(tmp_path, open_page, theme):
    from axe_playwright_python.sync_playwright import Axe

    out = tmp_path / "one.html"
    main(["export", "dom-telescope", "--out", str(out)])
    page, watch = open_page(out.as_uri(), color_scheme=theme)
    load_all(page)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    found = Axe().run(
        page,
        options={
            "resultTypes": ["violations"],
            "rules": {"region": {"enabled": False}, "page-has-heading-one": {"enabled": False}},
        },
    )
    assert found.violations_count == 0, found.generate_report()
    assert not watch.errors


def test_an_exported_claim_draws_its_formulas_and_decades(tmp_path, open_page):
    out = tmp_path / "one.html"
    main(["export", "relu-two-keys", "--out", str(out)])
    page, watch = open_page(out.as_uri())
    (key,) = load_all(page)
    assert page.locator("main > p math").first.bounding_box()["height"] > 5
    assert "\\" not in page.locator("main").inner_text()
    assert page.evaluate("(k) => softbook.explorables[k].plot.layout.yaxis.type", key) == "log"
    assert not watch.errors


def test_a_remote_script_in_the_file_is_stopped_and_seen(tmp_path, open_page):
    """The planted fault: a script of another host; the policy stops it, and the watch sees an error."""
    out = tmp_path / "one.html"
    main(["export", "two-keys", "--out", str(out)])
    text = out.read_text("utf-8")
    out.write_text(
        text.replace("</body>", '<script src="https://example.org/x.js"></script></body>')
    )
    page, watch = open_page(out.as_uri())
    load_all(page)
    assert any("Content Security Policy" in error for error in watch.errors)


def test_the_unpacked_archive_opens(mini, mini_entries, tmp_path, open_page):
    archive = tmp_path / "softbook.zip"
    assert main(["zip", "--html", str(mini), "--out", str(archive)]) == 0
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "there")
    page, watch = open_page((tmp_path / "there" / START).as_uri())
    page.wait_for_url("**/book/index.html")
    key = load_all(page)[0]
    id = page.evaluate("(key) => softbook.explorables[key].payload.id", key)
    assert turn_everything(page, key, mini_entries[id]) == []
    assert not watch.errors
    assert not watch.outside
