"""Each page at three widths and in both themes, kept as pictures in _build/screenshots to look at."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from .harness import ROOT, load_all, show_in

FOLDER = ROOT / "_build" / "screenshots"
WIDTHS = (360, 768, 1280)
THEMES = ("light", "dark")
# A browser's picture is at most some 16,000 pixels high: longer pages come in equal parts of less.
PART = 8000


def keep(page, name: str) -> list[Path]:
    """Write the page's pictures, from top to bottom; return the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob(f"{name}-*.png"):
        old.unlink()
    height = page.evaluate("document.documentElement.scrollHeight")
    width = page.viewport_size["width"]
    files = []
    parts = math.ceil(height / PART)
    for k in range(parts):
        file = FOLDER / f"{name}-{k + 1:02}.png"
        top, end = height * k // parts, height * (k + 1) // parts
        part = {"x": 0, "y": top, "width": width, "height": end - top}
        page.screenshot(path=file, full_page=True, clip=part)
        files.append(file)
    return files


@pytest.mark.parametrize("width", WIDTHS)
def test_pictures_of_each_page_are_kept(where, html: Path, width, open_page):
    page, _ = open_page(
        f"{html.as_uri()}/{where[1]}.html", viewport={"width": width, "height": 900}
    )
    load_all(page)
    for theme in THEMES:
        show_in(page, theme)
        # Nothing stands beside the page, at no width.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        empty = page.evaluate(
            """[...document.querySelectorAll('.softbook-plot')]
               .filter((plot) => !plot.querySelector('.main-svg')).length"""
        )
        assert empty == 0
        if where[0] == "book":
            name = f"{where[1].split('/')[-1]}-{width}-{theme}"
            assert all(file.stat().st_size > 5_000 for file in keep(page, name))
