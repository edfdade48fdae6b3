"""What the browser loads: our own script and style, and copies of plotly.js and MathJax.

Third-party files are taken from pinned Python packages when the book is built. Nothing of them is
committed, and the built pages ask no other host for anything.

>>> text = runtime()
>>> text.startswith('(function () {') and len(text) < 40_000
True
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

__all__ = ["POLICY", "SCRIPTS", "STATIC", "install", "mathjax_folder", "plotly_script", "runtime"]

STATIC = Path(__file__).parent / "static"
# In this order: each file uses names of those before it.
SCRIPTS = (
    "decode.js", "dress.js", "names.js", "figure.js", "controls.js", "share.js", "play.js", "page.js",
)  # fmt: skip
# No other host may be asked for anything, whatever a page holds. A page from a disk has no self in
# every browser, hence its scheme beside it; Firefox fetches the next page ahead, by the default. The
# theme and MathJax write scripts and styles inline.
POLICY = (
    "default-src 'self' file:; object-src 'none'; frame-src 'none'; "
    "script-src 'self' file: 'unsafe-inline'; "
    "style-src 'self' file: 'unsafe-inline'; img-src 'self' file: data: blob:; "
    "font-src 'self' file: data:; connect-src 'self' file:; worker-src 'self' file: blob:; "
    "form-action 'self' file:; base-uri 'none'"
)
# MathJax's combined file, what it loads by itself when a formula needs it, and the fonts; the
# last three serve readers who ask MathJax's menu for speech.
MATHJAX_PARTS = (
    "tex-chtml.js",
    "input/tex/extensions",
    "output/chtml/fonts/woff-v2",
    "a11y",
    "sre",
    "ui",
)


def runtime() -> str:
    """Return the one script of the page: the parts in `static/`, in a scope of their own.

    Lines that are comments stay in the sources.
    """
    parts = "".join((STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS)
    code = re.sub(r"^\s*(//.*)?\n", "", parts, flags=re.MULTILINE)
    return f'(function () {{\n"use strict";\n{code}}})();\n'


def _package(name: str, place: str) -> Path:
    """Return a path inside an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} is not installed; requirements.txt names it")
    path = Path(next(iter(spec.submodule_search_locations))) / place
    if not path.exists():
        raise FileNotFoundError(f"the installed package {name} holds no {place}")
    return path


def plotly_script() -> Path:
    """Return plotly.min.js inside the installed plotly package."""
    return _package("plotly", "package_data/plotly.min.js")


def mathjax_folder() -> Path:
    """Return MathJax 3's `es5` folder inside the installed django-static-mathjax package."""
    return _package("mathjax", "static/mathjax/es5")


def _copy(source: Path, target: Path) -> None:
    """Copy a file unless `target` is already as new and as long."""
    there = source.stat()
    if target.exists():
        here = target.stat()
        if here.st_size == there.st_size and here.st_mtime >= there.st_mtime:
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def install(static: Path) -> None:
    """Put the script, the style, plotly.js and MathJax into `static`, the book's `_static` folder.

    The second build copies nothing. Raises a FileNotFoundError with a sentence if a package is
    missing.
    """
    own = static / "softbook"
    own.mkdir(parents=True, exist_ok=True)
    (own / "softbook.js").write_text(runtime(), encoding="utf-8")
    for name in ("softbook.css", "reading.js", "icon.svg"):
        _copy(STATIC / name, own / name)
    _copy(plotly_script(), own / "plotly.min.js")
    mathjax = mathjax_folder()
    for part in MATHJAX_PARTS:
        path = mathjax / part
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file():
                _copy(file, static / "mathjax" / file.relative_to(mathjax))
