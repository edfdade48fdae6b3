r"""Formulas, typeset while the book is built: MathJax's own files, run by V8 inside of this process.

What MathJax would make in a reader's browser it makes here, once: boxes of its fonts, with MathML for
the ear inside of them. Pages then need its style sheet and its fonts, and none of its scripts.

>>> html = chtml("x < y^2")
>>> html.startswith('<mjx-container class="MathJax" jax="CHTML"'), "<mo>&lt;</mo>" in html
(True, True)
>>> chtml(r"\frac12 + \nonsense")
Traceback (most recent call last):
...
ValueError: the formula \frac12 + \nonsense: Undefined control sequence \nonsense
"""

from __future__ import annotations

import atexit
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from softbook.publish.vendored import package_file

__all__ = ["chtml", "mathjax_folder", "mathml", "stylesheet"]

# MathJax in parts, in this order: a tree without a browser, TeX in, boxes out, MathML beside them.
PARTS = (
    "loader.js",
    "core.js",
    "adaptors/liteDOM.js",
    "input/tex-full.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
)
# The parts look for these names; nothing starts by itself.
BEFORE = (
    "var global = globalThis; var MathJax = { startup: { typeset: false }, loader: { load: [] } };"
)


def mathjax_folder() -> Path:
    """Return MathJax 3's `es5` folder inside the installed django-static-mathjax package."""
    return package_file("mathjax", "static/mathjax/es5")


def _asked(function: Any, *arguments: Any) -> Any:
    """Call V8; what it refuses is said without the source that it quotes, a line of 200 kB."""
    from py_mini_racer import JSEvalException

    try:
        return function(*arguments)
    except JSEvalException as error:
        said = str(error).strip().partition("\n")[0][:200]
        raise RuntimeError(f"MathJax does not run: {said}") from None


@cache
def _engine(process: int) -> Any:
    """Return V8 with MathJax in it; a process that was forked off needs one of its own."""
    package_file("py_mini_racer", "__init__.py")
    from py_mini_racer import MiniRacer

    engine, folder = MiniRacer(), mathjax_folder()
    # Left to Python's last moments, it would wait for a thread that is no more.
    atexit.register(_close, engine, process)
    files = [*(folder / part for part in PARTS), Path(__file__).with_suffix(".js")]
    for text in [BEFORE, *(file.read_text(encoding="utf-8") for file in files)]:
        # The engine would hand back what stands last; a number is no trouble.
        _asked(engine.eval, f"{text}\n;0")
    return engine


def _close(engine: Any, process: int) -> None:
    if os.getpid() == process:
        engine.close()


def _call(name: str, *arguments: Any) -> Any:
    return _asked(_engine(os.getpid()).call, f"softbook.{name}", *arguments)


@cache
def _typeset(kind: str, tex: str, display: bool) -> str:
    found = _call(kind, tex, display)
    if "wrong" in found:
        raise ValueError(f"the formula {tex}: {found['wrong']}")
    text: str = found["done"]
    return text


def chtml(tex: str, *, display: bool = False) -> str:
    """Return a formula as HTML in MathJax's fonts, as its CHTML output has it, with MathML inside.

    Parameters
    ----------
    tex
        LaTeX without its dollars.
    display
        Whether it stands on lines of its own.

    Raises
    ------
    ValueError
        If MathJax cannot read it; names the formula and says what MathJax says.
    FileNotFoundError
        If a package is missing.
    """
    return _typeset("chtml", tex.strip(), display)


def mathml(tex: str, *, display: bool = False) -> str:
    """Return a formula as MathML, for a page without MathJax's fonts; else like `chtml`.

    >>> mathml("x_1")
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><msub><mi>x</mi><mn>1</mn></msub></math>'
    """
    # MathJax breaks the lines between elements, and never inside of words.
    return re.sub(r"\n\s*", "", _typeset("mathml", tex.strip(), display))


def stylesheet(fonts: str) -> str:
    """Return the style sheet of all formulas; it finds the fonts at the address `fonts`.

    >>> text = stylesheet("there")
    >>> 'url("there/MathJax_Main-Regular.woff")' in text, "mjx-assistive-mml" in text
    (True, True)
    """
    text: str = _call("stylesheet", fonts)
    return text
