"""A claim's statement as HTML that needs no script: its formulas become MathML, which browsers draw.

The book's pages have MathJax's boxes and fonts; a single file has its MathML, and no fonts to carry.

>>> words_html("For *all* $z < 1$")
'<p>For <em>all</em> <math xmlns="http://www.w3.org/1998/Math/MathML"><mi>z</mi><mo>&lt;</mo><mn>1</mn></math></p>'
"""

from __future__ import annotations

import re
import unicodedata
from html import escape, unescape

from softbook.publish import typeset

__all__ = ["formula", "words_html"]

VARIANT = re.compile(r' mathvariant="(?!normal")([a-z-]+)"([^>]*)>([^<]*)<')
# Where Unicode's name for a style is not MathML's in capitals.
STYLES = {
    "bold-italic": "BOLD ITALIC",
    "bold-script": "BOLD SCRIPT",
    "bold-fraktur": "BOLD FRAKTUR",
    "bold-sans-serif": "SANS-SERIF BOLD",
}
PART = re.compile(
    r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>.+?)\$|`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*",
    re.DOTALL,
)


def _letter(style: str, letter: str) -> str:
    """Return a letter in a style as the one character that Unicode has for it, or as it is.

    >>> _letter("double-struck", "E"), _letter("fraktur", "H"), _letter("bold", "1"), _letter("bold", "+")
    ('𝔼', 'ℌ', '𝟏', '+')
    """
    style = STYLES.get(style, style.upper())
    name = re.sub("LATIN |GREEK | LETTER", "", unicodedata.name(letter, ""))
    # Letters that were there before the alphabets of mathematics kept their names.
    older = style.replace("FRAKTUR", "BLACK-LETTER")
    for found in (f"MATHEMATICAL {style} {name}", f"{older} {name}"):
        try:
            return unicodedata.lookup(found)
        except KeyError:
            continue
    return letter


def _spelt(match: re.Match[str]) -> str:
    style, others, text = match.groups()
    return f"{others}>{escape(''.join(_letter(style, one) for one in unescape(text)))}<"


def formula(tex: str, *, display: bool = False) -> str:
    r"""Return LaTeX as MathML; what MathJax cannot read stays LaTeX, marked as code.

    >>> "<mi>𝔼</mi>" in formula(r"\mathbb E f"), formula(r"\nonsense <")
    (True, '<code>\\nonsense &lt;</code>')
    """
    try:
        found = typeset.mathml(tex, display=display)
    except ValueError:
        return f"<code>{escape(tex.strip())}</code>"
    # Browsers know no styles of letters, only the letters.
    return VARIANT.sub(_spelt, found)


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
