"""Data files of explorables: one classic script each, so that a page opened from a disk can load it.

A browser lets no page from `file://` fetch a file, but it lets it load a script. Each data file
therefore calls `softbook.receive(id, payload)`. Files are written beside the doctrees when a page
is read and copied into the built book at the end, so that a page that is not read again keeps its
data.

>>> script({"id": "line", "title": "A line"})
'softbook.receive("line",{"id":"line","title":"A line"});\\n'
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "EXPLORABLE_BUDGET",
    "PAGE_BUDGET",
    "DataFile",
    "check_page",
    "publish",
    "script",
    "write",
]

EXPLORABLE_BUDGET = 120_000
PAGE_BUDGET = 500_000


@dataclass(frozen=True)
class DataFile:
    """A written data file: the explorable's id, the file's name, its bytes after gzip."""

    id: str
    name: str
    gzipped: int


def script(payload: Mapping[str, Any]) -> str:
    """Return the text of the data file: ASCII only, so that no server's charset can spoil it.

    Keys are sorted, since an output from the execution cache comes in another order than a fresh one.
    """
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=True, sort_keys=True)
    return f"softbook.receive({json.dumps(payload['id'])},{body});\n"


def write(payload: Mapping[str, Any], folder: Path, budget: int = EXPLORABLE_BUDGET) -> DataFile:
    """Write the data file of `payload` into `folder` and return what was written.

    Raises
    ------
    ValueError
        If the file takes more than `budget` bytes after gzip.
    """
    text = script(payload).encode()
    size = len(gzip.compress(text, 9, mtime=0))
    if size > budget:
        raise ValueError(
            f"{payload['id']}: its data take {size} bytes after gzip, but {budget} are allowed; "
            "give its knobs or its curves fewer points"
        )
    name = f"{payload['id']}-{hashlib.sha256(text).hexdigest()[:12]}.js"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text)
    return DataFile(payload["id"], name, size)


def check_page(page: str, files: Mapping[str, DataFile], budget: int = PAGE_BUDGET) -> None:
    """Raise a ValueError if the data files of one page take more than `budget` bytes after gzip."""
    total = sum(file.gzipped for file in files.values())
    if total > budget:
        largest = max(files.values(), key=lambda file: file.gzipped)
        raise ValueError(
            f"{page}: its explorables take {total} bytes after gzip, but {budget} are allowed; "
            f"the largest is {largest.id} with {largest.gzipped}"
        )


def publish(names: set[str], source: Path, target: Path) -> None:
    """Make `target` hold exactly the named data files of `source`."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.js"):
        if old.name not in names:
            old.unlink()
    for name in names:
        if not (target / name).exists():
            shutil.copyfile(source / name, target / name)
