"""From a cell's output to the page: the renderer of explorables and of plain plotly figures.

myst-nb finds `ExplorableRenderer` through the entry point `myst_nb.mime_renderers` and asks it
about every output. An explorable, or a plotly figure, becomes its shell in the page and a data
file; a builder that writes no HTML takes the output's `text/plain`, which is the summary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.errors import ExtensionError

from softbook.explore.explorable import MIME
from softbook.explore.payload import from_figure
from softbook.publish.shell import shell
from softbook.publish.store import DataFile, write

__all__ = ["PLOTLY", "ExplorableRenderer", "data_folder", "page_files"]

PLOTLY = "application/vnd.plotly.v1+json"
BUILDERS = ("html", "dirhtml", "singlehtml")


def data_folder(doctrees: str | Path) -> Path:
    """Return where data files wait, beside the doctrees, until the book is built."""
    return Path(doctrees) / "softbook"


def page_files(env: Any) -> dict[str, dict[str, DataFile]]:
    """Return the build environment's register: page to element key to data file."""
    if not hasattr(env, "softbook_files"):
        env.softbook_files = {}
    files: dict[str, dict[str, DataFile]] = env.softbook_files
    return files


def _key(id: str, taken: Mapping[str, Any]) -> str:
    """Return an element id for one more showing of an explorable on a page."""
    key, count = f"explorable-{id}", 1
    while key in taken:
        count += 1
        key = f"explorable-{id}-{count}"
    return key


def check_ids(pages: Mapping[str, Mapping[str, DataFile]]) -> None:
    """Raise an ExtensionError if one id stands for different data on two pages.

    Asked when all pages are read: before that, a page still to be read again holds its old data.
    """
    seen: dict[str, tuple[str, DataFile]] = {}
    for page, files in pages.items():
        for file in files.values():
            first, known = seen.setdefault(file.id, (page, file))
            if known.name != file.name:
                raise ExtensionError(
                    f"{page}: the id {file.id!r} stands for another explorable on {first}; "
                    "give one of them its own id"
                )


def _place(env: Any, payload: Mapping[str, Any]) -> str:
    """Write the data file, enter it for the page being read, and return the shell."""
    try:
        file = write(payload, data_folder(env.doctreedir))
    except ValueError as error:
        raise ExtensionError(f"{env.docname}: {error}") from error
    own = page_files(env).setdefault(env.docname, {})
    key = _key(file.id, own)
    own[key] = file
    return shell(payload, key, f"data/{file.name}")


class ExplorableRenderer:
    """myst-nb's plugin for the two MIME types; see the module."""

    # Before text/html, which plotly figures may carry too.
    mime_priority_overrides: ClassVar = [
        (builder, mime, 1) for builder in BUILDERS for mime in (MIME, PLOTLY)
    ]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the nodes of an output, or None if it is neither MIME type.

        Parameters
        ----------
        renderer
            myst-nb's renderer of the page; under plain docutils there is no build to write into.
        data
            The output's MIME type and content.
        inline
            True inside a sentence, where no figure can stand.

        Raises
        ------
        sphinx.errors.ExtensionError
            If the data exceed their budget, or the id stands for something else elsewhere.
        """
        if inline or data.mime_type not in (MIME, PLOTLY):
            return None
        env = getattr(renderer.renderer, "sphinx_env", None)
        if env is None:
            return None
        content = json.loads(data.content) if isinstance(data.content, str) else data.content
        payload = from_figure(content) if data.mime_type == PLOTLY else content
        return [nodes.raw("", _place(env, payload), format="html")]
