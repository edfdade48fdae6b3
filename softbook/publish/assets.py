"""What the browser loads: our own script and style, plotly.js, and MathJax's fonts and style sheet.

Third-party files are taken from pinned Python packages when the book is built. Nothing of them is
committed, and the built pages ask no other host for anything.

>>> text = runtime()
>>> text.startswith('(function () {') and len(text) < 40_000
True
"""

from __future__ import annotations

import shutil
from pathlib import Path

from softbook.publish.typeset import mathjax_folder, stylesheet
from softbook.publish.vendored import package_file

__all__ = ["POLICY", "SCRIPTS", "SHEET", "STATIC", "boxes", "install", "plotly_script", "runtime"]

STATIC = Path(__file__).parent / "static"
# In this order: each file uses names of those before it.
SCRIPTS = (
    "decode.js", "dress.js", "redraw.js", "figure.js", "controls.js", "share.js", "play.js", "page.js",
)  # fmt: skip
# Behind the folded boxes: the numbers as tables, and what a reader takes along.
BOXES = ("parts.js", "names.js", "tables.js", "take.js")
# No other host may be asked for anything, whatever a page holds. A page from a disk has no self in
# every browser, hence its scheme beside it; Firefox fetches the next page ahead, by the default. The
# theme writes scripts inline, and formulas their sizes.
POLICY = (
    "default-src 'self' file:; object-src 'none'; frame-src 'none'; "
    "script-src 'self' file: 'unsafe-inline'; "
    "style-src 'self' file: 'unsafe-inline'; img-src 'self' file: data: blob:; "
    "font-src 'self' file: data:; connect-src 'self' file:; worker-src 'self' file: blob:; "
    "form-action 'self' file:; base-uri 'none'"
)
FONTS = "output/chtml/fonts/woff-v2"
SHEET = "mathjax/mathjax.css"
"""Where the style sheet of formulas lies below the book's `_static`."""


def _code(*names: str) -> str:
    """Return parts of `static/` in a scope of their own.

    Lines that are comments stay in the sources, and so does the space before the others.
    """
    parts = "".join((STATIC / name).read_text(encoding="utf-8") for name in names)
    lines = (line.strip() for line in parts.splitlines())
    code = "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))
    return f'(function () {{\n"use strict";\n{code}}})();\n'


def runtime() -> str:
    """Return the one script of the page."""
    return _code(*SCRIPTS)


def boxes() -> str:
    """Return the script behind the folded boxes, which a page loads when one is first opened."""
    return _code(*BOXES)


def plotly_script() -> Path:
    """Return plotly.min.js inside the installed plotly package."""
    return package_file("plotly", "package_data/plotly.min.js")


def _copy(source: Path, target: Path) -> None:
    """Copy a file unless `target` is already as new and as long."""
    there = source.stat()
    if target.exists():
        here = target.stat()
        if here.st_size == there.st_size and here.st_mtime >= there.st_mtime:
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _install_formulas(sheet: Path) -> None:
    """Write the style sheet of formulas, and lay its fonts beside it."""
    for file in (mathjax_folder() / FONTS).iterdir():
        _copy(file, sheet.parent / "fonts" / file.name)
    # Books that were built before have MathJax's scripts there.
    for there in sheet.parent.iterdir():
        if there.is_dir() and there.name != "fonts":
            shutil.rmtree(there)
        elif there.is_file() and there != sheet:
            there.unlink()
    text = stylesheet("fonts")
    if not sheet.exists() or sheet.read_text(encoding="utf-8") != text:
        sheet.write_text(text, encoding="utf-8")


def install(static: Path) -> None:
    """Put the script, the styles, plotly.js and the fonts into `static`, the book's `_static` folder.

    The second build copies nothing. Raises a FileNotFoundError with a sentence if a package is
    missing.
    """
    own = static / "softbook"
    own.mkdir(parents=True, exist_ok=True)
    (own / "softbook.js").write_text(runtime(), encoding="utf-8")
    (own / "boxes.js").write_text(boxes(), encoding="utf-8")
    for name in ("softbook.css", "reading.js", "icon.svg"):
        _copy(STATIC / name, own / name)
    _copy(plotly_script(), own / "plotly.min.js")
    _install_formulas(static / SHEET)
