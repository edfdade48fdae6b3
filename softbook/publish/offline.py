"""Finding addresses of other hosts that a built page would ask for.

A link that a reader may follow is no request; a script, a style, an image, a font, a frame or a
preload is.

>>> requests_of('<script src="https://cdn.example.org/x.js"></script><a href="https://example.org">')
['https://cdn.example.org/x.js']
>>> style_requests('@import "https://example.org/a.css"; b { background: url(data:image/png;base64,AA) }')
['https://example.org/a.css']
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

__all__ = ["remote_addresses", "requests_of", "style_requests"]

REMOTE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
# Of these, the browser loads `href` by itself when it draws the page.
LOADED_LINKS = {
    "stylesheet",
    "preload",
    "prefetch",
    "modulepreload",
    "icon",
    "manifest",
    "preconnect",
}
STYLE = re.compile(r"""(?:url\(\s*|@import\s+)["']?\s*((?:https?:)?//[^"')\s;]+)""", re.IGNORECASE)


def style_requests(css: str) -> list[str]:
    """Return the addresses of other hosts that a style sheet loads."""
    return STYLE.findall(css)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        loads = [values.get("src", ""), values.get("poster", ""), values.get("data-src", "")]
        loads += [part.split()[0] for part in values.get("srcset", "").split(",") if part.split()]
        if tag == "link" and LOADED_LINKS & set(values.get("rel", "").lower().split()):
            loads.append(values.get("href", ""))
        if tag in ("use", "image"):
            loads += [values.get("href", ""), values.get("xlink:href", "")]
        if tag == "object":
            loads.append(values.get("data", ""))
        self.found += [address for address in loads if REMOTE.match(address)]
        self.found += style_requests(values.get("style", ""))
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += style_requests(data)


def requests_of(html: str) -> list[str]:
    """Return the addresses of other hosts that a page loads when it is drawn."""
    reader = _Reader()
    reader.feed(html)
    return reader.found


def remote_addresses(folder: Path) -> list[str]:
    """Return "file: address" for every request to another host in a built book.

    Scripts are not read, since any text may stand in them: the browser tests count what they ask
    for.
    """
    found = []
    for file in sorted(folder.rglob("*.html")):
        found += [f"{file.relative_to(folder)}: {a}" for a in requests_of(file.read_text("utf-8"))]
    for file in sorted(folder.rglob("*.css")):
        found += [
            f"{file.relative_to(folder)}: {a}" for a in style_requests(file.read_text("utf-8"))
        ]
    return found
