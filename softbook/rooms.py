"""Finding the rooms of the result packages: each package's `claims` and `figures`."""

from __future__ import annotations

import importlib
import pkgutil


def load_rooms(room: str) -> None:
    """Import the module `room` of every result package that has one, so that it can register.

    Packages without that room are not imported: some need what a reader need not have.

    >>> load_rooms("claims")
    """
    import softbook

    for folder in softbook.__path__:
        for package in pkgutil.iter_modules([folder]):
            rooms = pkgutil.iter_modules([f"{folder}/{package.name}"]) if package.ispkg else ()
            if room in (module.name for module in rooms):
                importlib.import_module(f"softbook.{package.name}.{room}")
