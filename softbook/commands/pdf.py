"""`python -m softbook pdf`: the whole book on paper, printed by a headless Chromium."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from softbook.publish.browser import FLAGS, READY, chromium, wait_for

# Drawing all figures of the book on one page takes a while on a slow machine.
PATIENCE = 600_000
FOOT = (
    '<div style="width:100%;text-align:center;font:8px sans-serif;color:#555">'
    '<span class="pageNumber"></span></div>'
)
MARGIN: Any = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
# Text at four fifths of its size on a screen; an A4 page then is so many pixels wide.
SCALE = 0.8
WIDTH = int((210 - 32) / 25.4 * 96 / SCALE)


def add(commands: Any) -> None:
    """Add the command and its options to argparse's `commands`."""
    parser = commands.add_parser("pdf", help="print the book, built as one page, to a PDF")
    parser.add_argument(
        "--html",
        type=Path,
        default=Path("_build/singlehtml"),
        help="the book as one page; make pdf builds it (%(default)s)",
    )
    parser.add_argument("--out", type=Path, default=Path("softbook.pdf"), help="(%(default)s)")


def page_of(html: Path) -> Path:
    """Return the one page of a book that was built as one page, as a file in its top folder.

    Its addresses count from there, wherever Sphinx has laid it.

    Raises a FileNotFoundError with a sentence if it is not there.

    >>> page_of(Path("nowhere"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: nowhere holds no book of one page; make pdf builds it
    """
    source, page = html / "book/index.html", html / "whole.html"
    if not source.is_file():
        raise FileNotFoundError(f"{html} holds no book of one page; make pdf builds it")
    shutil.copyfile(source, page)
    return page


def write(page: Path, out: Path, path: str) -> int:
    """Print `page` with the browser at `path`; return how many figures are drawn in it.

    Raises a RuntimeError if a figure could not be drawn.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=list(FLAGS))
        # Figures are drawn at the width that they have on paper.
        size: Any = {"width": WIDTH, "height": 1200}
        view = browser.new_page(viewport=size, color_scheme="light", reduced_motion="reduce")
        view.set_default_timeout(PATIENCE)
        view.goto(page.resolve().as_uri(), wait_until="load")
        view.emulate_media(media="print")
        view.evaluate("window.softbook && softbook.load()")
        wait_for(view, READY, timeout=PATIENCE)
        states = "all => all.map((shell) => shell.dataset.state)"
        drawn = view.eval_on_selector_all(".softbook-explorable", states)
        if "failed" in drawn:
            raise RuntimeError(f"{drawn.count('failed')} of {len(drawn)} figures cannot be drawn")
        view.pdf(
            path=out,
            format="A4",
            margin=MARGIN,
            scale=SCALE,
            print_background=True,
            display_header_footer=True,
            header_template="<div></div>",
            footer_template=FOOT,
            outline=True,
            tagged=True,
        )
        browser.close()
    return len(drawn)


def run(options: argparse.Namespace) -> int:
    """Write the PDF and say what it holds; return 0, or 2 with a sentence if something is missing."""
    path = chromium()
    if path is None:
        print(
            "pdf: no Chromium is found; install it, or name it in SOFTBOOK_CHROMIUM",
            file=sys.stderr,
        )
        return 2
    try:
        figures = write(page_of(options.html), options.out, path)
    except (FileNotFoundError, ModuleNotFoundError, RuntimeError) as error:
        print(f"pdf: {error}", file=sys.stderr)
        return 2
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {figures} figures at their defaults, {size:.1f} MB")
    return 0
