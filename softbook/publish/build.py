"""The build: assets in, data files out, the cache's key, and no address of another host left."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from softbook.publish import assets, cache, formulas
from softbook.publish.renderer import check_ids, data_folder, page_files
from softbook.publish.store import check_page, publish

__all__ = ["connect"]

# The theme's own, but for the title.
SIDEBAR = [
    "softbook-title.html",
    "icon-links.html",
    "search-button-field.html",
    "sbt-sidebar-nav.html",
]


def _configure(app: Sphinx, config: Config) -> None:
    """Choose our renderer of formulas, and point to the cache of this library's state."""
    config.html_math_renderer = formulas.RENDERER
    key = cache.library_key(Path(app.srcdir) / "book" / "data")
    config.nb_execution_cache_path = str(cache.cache_folder(Path(app.outdir).parent, key))
    config.softbook_publish_key = cache.publish_key()
    # The side bar has the search field already; a second one above it is one too many.
    config.html_theme_options.setdefault("navbar_persistent", [])
    config.templates_path.append(str(Path(__file__).parent / "templates"))
    config.html_sidebars.setdefault("**", SIDEBAR)


def _prepare_one_page(app: Sphinx) -> None:
    """Let a book of one page hold what a book of many pages can.

    Where any extension names a handler for that builder alone, Sphinx asks it for all others too.
    """
    handlers = app.registry.translation_handlers
    if app.builder.name == "singlehtml" and "singlehtml" in handlers:
        handlers["singlehtml"] = handlers.get("html", {}) | handlers["singlehtml"]


def _install(app: Sphinx) -> None:
    """Copy assets before any page is written, since pages carry their checksums."""
    if app.builder.format == "html":
        try:
            assets.install(Path(app.outdir) / "_static")
        except FileNotFoundError as error:
            raise ExtensionError(str(error)) from error


def _purge(app: Sphinx, env: Any, docname: str) -> None:
    page_files(env).pop(docname, None)


def _merge(app: Sphinx, env: Any, docnames: set[str], other: Any) -> None:
    page_files(env).update({k: v for k, v in page_files(other).items() if k in docnames})


def _check_budgets(app: Sphinx, env: Any) -> None:
    check_ids(page_files(env))
    for page, files in page_files(env).items():
        try:
            check_page(page, files)
        except ValueError as error:
            raise ExtensionError(str(error)) from error


def _add_script(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Only pages that hold an explorable load the script."""
    pages = page_files(app.env)
    if pages.get(page) or (app.builder.name == "singlehtml" and pages):
        app.add_js_file("softbook/softbook.js", loading_method="defer")


def _add_head(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Give each page its policy and its icon; the policy comes first, so that all else obeys it."""
    icon = context["pathto"]("_static/softbook/icon.svg", 1)
    context["metatags"] = (
        f'\n    <meta http-equiv="Content-Security-Policy" content="{assets.POLICY}">\n'
        f'    <link rel="icon" type="image/svg+xml" href="{icon}">\n{context.get("metatags", "")}'
    )


def _drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Drop the launcher's scripts: they are declared twice, log an error, and reach for a server."""
    kept = []
    for script in context.get("script_files", []):
        attributes = getattr(script, "attributes", {})
        if "thebe" not in f"{script} {attributes.get('body', '')}".lower():
            kept.append(script)
    context["script_files"] = kept


def _repair_roles(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any
) -> None:
    """Give a bibliography roles that a list may hold; docutils writes deprecated ones."""
    body = context.get("body", "")
    body = body.replace(' role="doc-biblioentry"', ' role="listitem"')
    context["body"] = body.replace(' role="doc-backlink"', "")


def _write_start(app: Sphinx, exception: Exception | None) -> None:
    """Lead from the top folder to the first page, by a page that is as sound as the others."""
    root = app.config.root_doc
    if exception is not None or app.builder.name != "html" or root == "index":
        return
    page, title = f"{root}.html", escape(app.config.html_title or app.config.project)
    text = (
        f'<!doctype html>\n<html lang="{app.config.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{assets.POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<meta http-equiv="refresh" content="0; url={page}">\n</head>\n'
        f'<body><main><h1>{title}</h1><p><a href="{page}">Open the book</a></p></main></body>\n</html>\n'
    )
    (Path(app.outdir) / "index.html").write_text(text, encoding="utf-8")


def _publish(app: Sphinx, exception: Exception | None) -> None:
    """Copy the data files of all pages, read now or before, into the built book."""
    if exception is None and app.builder.format == "html":
        names = {file.name for files in page_files(app.env).values() for file in files.values()}
        target = Path(app.outdir) / "_static" / "softbook" / "data"
        publish(names, data_folder(app.doctreedir), target)


def connect(app: Sphinx) -> None:
    """Connect to Sphinx's events, and tell the kernels that the book is being built."""
    os.environ["SOFTBOOK_BUILD"] = "1"
    # A plotly figure shown by a cell is data to be drawn by the page, not a page of its own.
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"
    app.add_config_value("softbook_publish_key", "", "env")
    app.add_css_file("softbook/softbook.css", priority=900)
    # The theme's icons are drawn once: what they would watch for is each word that changes in a page.
    still: dict[str, Any] = {"data-observe-mutations": "false"}
    app.add_js_file("softbook/reading.js", loading_method="defer", **still)
    app.connect("config-inited", _configure)
    app.connect("builder-inited", _prepare_one_page)
    app.connect("builder-inited", _install)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.connect("env-check-consistency", _check_budgets)
    app.connect("html-page-context", _add_script)
    app.connect("html-page-context", _repair_roles)
    app.connect("html-page-context", _add_head)
    app.connect("html-page-context", _drop_thebe, priority=900)
    app.connect("build-finished", _publish)
    app.connect("build-finished", _write_start)
