"""Prose: the decimal numbers that a chapter's text states, wherever a reader would read them.

Numbers in code, in formulas, in addresses and in the options of directives are not prose. A number
that is somebody else's, or a name (a version), is followed by the comment `<!-- quoted -->`, which
neither the page nor JupyterLab shows.

>>> [number for number, _ in prose_numbers("κ is 0.278, not `0.5` or $0.6$; Python 3.11<!-- quoted -->.")]
['0.278']
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

__all__ = ["decimals", "prose_numbers"]

QUOTED = re.compile(r"<!--\s*quoted\s*-->")
# 1,234.5 and 1.2e-3 are one number; the 1.2 of v1.2.3 or of x1.2 is none.
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*\.\d+(?:[eE][-+]?\d+)?(?![\w]|\.\d)")
# Directives whose body is not prose: it is run, typeset, or a list of keys.
BARE = {
    "code-cell",
    "code",
    "code-block",
    "math",
    "literalinclude",
    "bibliography",
    "figure",
    "image",
}
DIRECTIVE = re.compile(r"^\{([\w:-]+)\}(.*)$", re.DOTALL)
AROUND = 40


def decimals(text: str) -> list[tuple[int, tuple[int, ...], int]]:
    """Return each decimal number of `text` as sign, digits and exponent: 0.50 is not 0.5.

    >>> decimals("1.2e-03") == decimals("1.2E-3"), decimals("0.5") == decimals("0.50")
    (True, False)
    """
    found = [Decimal(match.group().replace(",", "")).as_tuple() for match in NUMBER.finditer(text)]
    return [(number.sign, number.digits, int(number.exponent)) for number in found]


def prose_numbers(markdown: str) -> list[tuple[str, str]]:
    """Return the decimal numbers in the prose of MyST text, each with the words around it.

    >>> prose_numbers(":::{dropdown} About 2.5\\n:name: v1.5\\n\\nNot [3.5](p4.5.html).\\n:::")
    [('2.5', 'About 2.5'), ('3.5', 'Not 3.5.')]
    """
    found = []
    for text in _prose(markdown):
        for match in NUMBER.finditer(text):
            # The mark may follow a unit, up to the next number.
            rest = NUMBER.split(text[match.end() :], maxsplit=1)[0]
            if not QUOTED.search(rest):
                context = text[max(0, match.start() - AROUND) : match.end() + AROUND]
                found.append((match.group(), " ".join(QUOTED.sub("", context).split())))
    return found


def _parser() -> Any:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.amsmath import amsmath_plugin
    from mdit_py_plugins.colon_fence import colon_fence_plugin
    from mdit_py_plugins.deflist import deflist_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin
    from mdit_py_plugins.myst_blocks import myst_block_plugin
    from mdit_py_plugins.myst_role import myst_role_plugin

    parser = MarkdownIt("commonmark").enable("table")
    for plugin in (
        amsmath_plugin,
        colon_fence_plugin,
        deflist_plugin,
        dollarmath_plugin,
        front_matter_plugin,
        myst_block_plugin,
        myst_role_plugin,
    ):
        parser.use(plugin)
    return parser


def _prose(markdown: str) -> Iterator[str]:
    """Yield each paragraph, heading and table cell as plain text; directives are entered."""
    for token in _parser().parse(markdown):
        if token.type == "inline":
            yield "".join(_inline(token.children or []))
        elif token.type in ("fence", "colon_fence"):
            yield from _directive(token.info.strip(), token.content)


def _inline(children: list[Any]) -> Iterator[str]:
    for child in children:
        mark = child.type == "html_inline" and QUOTED.fullmatch(child.content)
        if child.type == "text" or mark:
            yield child.content
        elif child.type in ("softbreak", "hardbreak"):
            yield "\n"
        else:
            # What is left out still separates: the 1 and .5 around a formula are no number.
            yield " " if child.nesting == 0 else ""


def _directive(info: str, content: str) -> Iterator[str]:
    match = DIRECTIVE.match(info)
    if match is None or match.group(1) in BARE:
        return
    yield from _prose(match.group(2).strip())
    lines = content.splitlines()
    if lines and lines[0].strip() == "---":
        end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
        lines = lines[end + 1 :]
    else:
        while lines and re.match(r"^:[\w-]+:", lines[0]):
            lines.pop(0)
    yield from _prose("\n".join(lines))
