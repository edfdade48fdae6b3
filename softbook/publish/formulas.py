r"""Formulas in the book: Sphinx hands over each math node, and gets what MathJax makes of it.

Classes, names, numbers and links are those of Sphinx's own renderer for MathJax, and environments such
as `align` may stand without dollars, as MyST reads them.

>>> tex_of("a &= b\\\\ c &= d")
'\\begin{split}a &= b\\\\ c &= d\\end{split}'
>>> tex_of("a = b\n\nc = d")
'\\begin{align}\\begin{aligned}a = b\\\\c = d\\end{aligned}\\end{align}'
"""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from softbook.publish import assets, typeset

__all__ = ["RENDERER", "connect", "tex_of"]

RENDERER = "typeset"
CLASSES = "math notranslate nohighlight"
LOGGER = logging.getLogger(__name__)


def tex_of(text: str) -> str:
    """Return a display's TeX: its lines and its paragraphs stand one above the other, as Sphinx has it."""
    parts = [part for part in text.split("\n\n") if part.strip()]
    parts = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    if len(parts) < 2:
        return "".join(parts)
    lines = r"\\".join(parts)
    return rf"\begin{{align}}\begin{{aligned}}{lines}\end{{aligned}}\end{{align}}"


def _html(node: nodes.Element, tex: str, display: bool) -> str:
    """Return a formula's HTML; a wrong one is a warning with its place, and stays as it is written."""
    try:
        return typeset.chtml(tex, display=display)
    except ValueError as error:
        LOGGER.warning(str(error), location=node, type="softbook", subtype="formula")
        return f"<code>{escape(tex)}</code>"


def _visit_math(self: Any, node: nodes.math) -> None:
    formula = _html(node, node.astext(), False)
    self.body.append(f"{self.starttag(node, 'span', '', CLASS=CLASSES)}{formula}</span>")
    raise nodes.SkipNode


def _visit_display(self: Any, node: nodes.math_block) -> None:
    text = node.astext()
    # An environment of its own is not to be wrapped; MyST's have a number nevertheless.
    whole = node["nowrap"]
    self.body.append(self.starttag(node, "div", CLASS=CLASSES))
    if node["number"] and (not whole or "amsmath" in node["classes"]):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append(f"{_html(node, text if whole else tex_of(text), True)}</div>\n")
    raise nodes.SkipNode


def connect(app: Sphinx) -> None:
    """Register the renderer, and link its style sheet from every page, after the theme's."""
    app.add_html_math_renderer(RENDERER, (_visit_math, None), (_visit_display, None))
    app.add_css_file(assets.SHEET, priority=890)
