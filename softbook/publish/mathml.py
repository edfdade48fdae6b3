"""A claim's statement as HTML that needs no script: its formulas become MathML, which browsers draw.

The book's pages have MathJax; a single file has docutils' own converter, for the part of LaTeX that
statements use.

>>> words_html("For *all* $z < 1$")
'<p>For <em>all</em> <math xmlns="http://www.w3.org/1998/Math/MathML"><mi>z</mi><mo>&lt;</mo><mn>1</mn></math></p>'
"""

from __future__ import annotations

import re
from html import escape

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

__all__ = ["formula", "words_html"]

# What the converter does not know, or reads otherwise than TeX does: there an argument without
# braces is one digit, not a number.
SPELLINGS = (
    (r"\\dots(?![a-zA-Z])", r"\\ldots"),
    # It would make one group of what stands between two large brackets, across the cells of a table.
    (r"\\[bB]igg?[lrm]?(?![a-zA-Z])", ""),
    (r"'\^(\\?\w+)", r"^{\\prime\1}"),
    (r"'", r"^{\\prime}"),
    (r"\{\\rm\s+([^{}]*)\}", r"{\\mathrm{\1}}"),
    (r"(\\[td]?frac|\\binom|\\sqrt|[_^])\s*(\d)", r"\1{\2}"),
    (r"(\\(?:[td]?frac|binom)(?:\{[^{}]*\}|\s*[a-zA-Z]))\s*(\d)", r"\1{\2}"),
)
PART = re.compile(
    r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>.+?)\$|`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*",
    re.DOTALL,
)


def formula(tex: str, *, display: bool = False) -> str:
    r"""Return LaTeX as MathML; what the converter cannot read stays LaTeX, marked as code.

    >>> "<mn>1</mn>" in formula(r"\tfrac12 x"), formula(r"\nonsense <")
    (True, '<code>\\nonsense &lt;</code>')
    """
    spelt = tex.strip()
    for pattern, other in SPELLINGS:
        spelt = re.sub(pattern, other, spelt)
    try:
        # White space between its elements means nothing.
        found = re.sub(r">\s+<", "><", tex2mathml(spelt, as_block=display))
    except MathError:
        return f"<code>{escape(tex.strip())}</code>"
    # Bars of a modulus stand close to what they hold; \mid has a sign and a space of its own.
    return found.replace(
        '<mo stretchy="false">|</mo>', '<mo stretchy="false" lspace="0" rspace="0">|</mo>'
    )


def _part(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    text = match[kind]
    if kind in ("display", "inline"):
        return formula(text, display=kind == "display")
    inside = escape(text) if kind == "code" else _line(text)
    return f"<{kind}>{inside}</{kind}>"


def _line(text: str) -> str:
    parts, at = [], 0
    for match in PART.finditer(text):
        parts += [escape(text[at : match.start()]), _part(match)]
        at = match.end()
    return "".join([*parts, escape(text[at:])])


def words_html(text: str) -> str:
    """Return a statement's paragraphs, with formulas, emphasis and code, as HTML.

    Parameters
    ----------
    text
        MyST as statements use it: `$...$`, `$$...$$`, `*...*`, `**...**`, code in back ticks.
    """
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text))
    return "".join(f"<p>{_line(block)}</p>" for block in blocks if block)
