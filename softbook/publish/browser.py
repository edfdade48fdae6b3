"""Chromium on this machine, for what only a browser can do: the book on paper, and its tests."""

from __future__ import annotations

import os
import shutil
import time
from typing import Any

__all__ = ["FLAGS", "READY", "chromium", "wait_for"]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other hosts do not resolve, whatever asks for them.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
READY = """[...document.querySelectorAll('.softbook-explorable')]
  .every((shell) => ['ready', 'failed'].includes(shell.dataset.state))"""
"""JavaScript that is true when every explorable of a page is drawn, or has said that it cannot be."""


def chromium() -> str | None:
    """Return the browser's path: SOFTBOOK_CHROMIUM, or what the machine has; None if it has none."""
    named = os.environ.get("SOFTBOOK_CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def wait_for(page: Any, expression: str, arg: Any = None, *, timeout: float = 30_000) -> None:
    """Wait until JavaScript is true in a playwright page, at most `timeout` milliseconds.

    playwright's own function evaluates text inside of the page, which our pages' policy forbids.

    Raises a TimeoutError that names the expression.
    """
    end = time.monotonic() + timeout / 1000
    while not page.evaluate(expression, arg):
        if time.monotonic() > end:
            raise TimeoutError(f"after {timeout / 1000:g} s this is still not true: {expression}")
        page.wait_for_timeout(20)
