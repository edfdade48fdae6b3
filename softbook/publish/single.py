"""One explorable as one HTML file that needs nothing else: for a talk, a mail, a disk without a book."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from softbook.publish.assets import STATIC, boxes, plotly_script, runtime
from softbook.publish.mathml import words_html
from softbook.publish.shell import shell
from softbook.publish.store import script

__all__ = ["page"]

# The book's theme gives these; a single file brings its own, in both themes.
COLOURS = """
:root { color-scheme: light; --pst-color-background: #ffffff; --pst-color-surface: #f3f4f5;
  --pst-color-text-base: #222832; --pst-color-text-muted: #48566b; --pst-color-border: #d1d5da;
  --pst-color-primary: #0a5aa8; --pst-color-danger: #b3261e; --pst-font-family-monospace: monospace; }
:root[data-theme="dark"] { color-scheme: dark; --pst-color-background: #121212;
  --pst-color-surface: #29313d; --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af;
  --pst-color-border: #48566b; --pst-color-primary: #6cb6ff; --pst-color-danger: #ffb4ab; }
body { margin: 0 auto; padding: 0.5rem 1rem; max-width: 60rem; font: 1rem/1.5 system-ui, sans-serif;
  background: var(--pst-color-background); color: var(--pst-color-text-base); }
"""
# Whatever a later hand adds to the file: nothing is asked of any host.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
THEME = """
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");
dark.addEventListener("change", follow);
follow();
"""


def _inline(code: str) -> str:
    # An end tag inside of a script's text would end the script.
    return f"<script>{code.replace('</script', '<' + chr(92) + '/script')}</script>"


def page(payload: Mapping[str, Any], words: str = "") -> str:
    """Return the file's text: controls, figure, summary and table as in the book, all parts inside.

    Parameters
    ----------
    payload
        What `Explorable.payload` or `from_figure` returns.
    words
        A line below the figure, as `mathml.words_html` reads it.

    About 5 MB, nearly all of it plotly.

    >>> from softbook.explore.payload import from_figure
    >>> text = page(from_figure({"data": [{"y": [1, 2]}], "layout": {"title": {"text": "Two"}}}))
    >>> text.startswith("<!doctype html>"), "https://cdn" in text.split("<main")[1].split("<script")[0]
    (True, False)
    """
    title = escape(payload["title"])
    style = COLOURS + (STATIC / "softbook.css").read_text(encoding="utf-8")
    plotly = plotly_script().read_text(encoding="utf-8")
    reading = (STATIC / "reading.js").read_text(encoding="utf-8")
    note = words_html(words)
    return (
        '<!doctype html>\n<html lang="en" data-theme="light">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n{_inline(THEME)}\n</head>\n<body>\n"
        f'<main class="bd-article">\n{shell(payload, "explorable-" + payload["id"], "")}\n{note}</main>\n'
        f"{_inline(plotly)}\n{_inline(reading)}\n{_inline(runtime())}\n{_inline(boxes())}\n"
        f"{_inline(script(payload))}\n</body>\n</html>\n"
    )
