"""Finding the rooms of the result packages: each package's `claims` and `figures`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil


def load_rooms(room: str) -> None:
    """Import the module `room` of every result package that has one, so that it can register.

    >>> load_rooms("claims")
    """
    import softbook

    for package in pkgutil.iter_modules(softbook.__path__):
        name = f"softbook.{package.name}"
        if package.ispkg and importlib.util.find_spec(f"{name}.{room}"):
            importlib.import_module(f"{name}.{room}")
